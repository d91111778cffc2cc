"""A music video of our own: computed from a few numbers, with its ground truth beside it."""

from stakazo.sample.compare import Comparison, compare, kept
from stakazo.sample.make import make
from stakazo.sample.spec import BadSpec, FormPart, Spec
from stakazo.sample.truth import Truth, truth_of, truth_path

__all__ = ["BadSpec", "Comparison", "FormPart", "Spec", "Truth", "compare", "kept", "make", "truth_of", "truth_path"]
