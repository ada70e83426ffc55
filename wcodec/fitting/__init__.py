"""How factors are found where that takes more than a decomposition: loaded when something is fitted, never to decode.

The files use SciPy and scikit-learn where these have what is needed (extra: factor), and import them in use.
"""
