"""The golden files of the format: what each holds. `tools/make_vectors.py` writes them."""
