"""Names of attention, checked before the work that a misspelt one would make useless."""

from __future__ import annotations

from evalkit.errors import MissingDependencyError, UserError

__all__ = ["check_attention"]

_EVERYWHERE = ("auto", "eager", "sdpa")
"""Names that need no look into transformers."""


def check_attention(backend: str, name: str) -> None:
    """Raise `UserError` for attention of the hf backend that the installed transformers does not know.

    Imports transformers for a name that only it can know, those registered by the user's own code included.
    Kernels of the hub (`owner/kernel`) are told when they are loaded.
    """
    if backend != "hf" or name in _EVERYWHERE or "/" in name:
        return
    try:
        from transformers import AttentionInterface
    except ImportError as error:
        raise MissingDependencyError("torch and transformers", "hf", "running a model with --backend hf") from error
    # What evalkit registers for passes behind a prefix it chooses itself.
    there = (each for each in AttentionInterface().valid_keys() if not each.startswith("evalkit_"))
    known = {*_EVERYWHERE, *there}
    if name not in known:
        names = ", ".join(sorted(each for each in known if each.isidentifier()))  # not `paged|…`, for whole batches
        raise UserError(f"--attention {name}: must be one of {names}")
