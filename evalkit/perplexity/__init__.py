"""Perplexity of texts by length under RoPE conditions."""

from ._curve import Curve, CurvePoint, SpecCurve, curves_of
from ._folder import CurveFolder, Progress, WindowRecord
from ._passes import Cell, Pass, Sums, cells_of, plan_passes, sums_of
from ._statistics import MIN_DOCUMENTS, Estimate, difference_of, loss_of
from ._texts import Document, Texts, find_texts
from ._windows import MODES, Mode, Walk, Window, WindowRule

__all__ = [
    "MIN_DOCUMENTS",
    "MODES",
    "Cell",
    "Curve",
    "CurveFolder",
    "CurvePoint",
    "Document",
    "Estimate",
    "Mode",
    "Pass",
    "Progress",
    "SpecCurve",
    "Sums",
    "Texts",
    "Walk",
    "Window",
    "WindowRecord",
    "WindowRule",
    "cells_of",
    "curves_of",
    "difference_of",
    "find_texts",
    "loss_of",
    "plan_passes",
    "sums_of",
]
