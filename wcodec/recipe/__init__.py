"""The whole way from a Keras model and data to a small `.wcz`: what `wcodec.train.fit_compressed` is made of."""

from .curve import CompressedFit, CurvePoint
from .fit import fit_compressed
from .options import Recipe, Target
from .refine import Refinement, refine

__all__ = ["CompressedFit", "CurvePoint", "Recipe", "Refinement", "Target", "fit_compressed", "refine"]
