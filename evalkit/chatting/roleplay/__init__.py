"""Role play as Index-1.9B-Character does it: the nearest turns of a file of dialogues stand before the conversation."""

from ._examples import COUNT, Examples, fitting
from ._read import LARGEST_FILE, MOST_EXAMPLES, read_examples

__all__ = ["COUNT", "LARGEST_FILE", "MOST_EXAMPLES", "Examples", "fitting", "read_examples"]
