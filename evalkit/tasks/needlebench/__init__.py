"""NeedleBench, versions 1 and 2, and its Ancestral Trace Challenge, as OpenCompass builds and scores them.

A grid sample hides needles in a haystack and asks for them at the end:

    {"context": "…essays…\\nHidden on Emerald Island is the legendary Magic Essence.\\n…essays…",
     "retrieval_question": "What legendary item is hidden on Emerald Island? Please answer in the format …"}

Facts and sources of every rule: `docs/benchmarks/needlebench.md`.
"""

from ._benchmark import NeedleBench

__all__ = ["NeedleBench"]
