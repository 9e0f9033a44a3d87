"""Which libraries read quantised weights, told before a model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from evalkit.errors import UserError, shown

__all__ = ["check_quantisation"]

_NEEDS = {
    "awq": ("gptqmodel", "accelerate"),
    "bitsandbytes": ("bitsandbytes", "accelerate"),
    "compressed-tensors": ("compressed_tensors",),
    "fp8": ("accelerate",),
    "gptq": ("optimum", "gptqmodel"),
    "mxfp4": ("accelerate",),
}
"""Modules that transformers (5.16 to 5.19, `quantizers/`) imports for a method of `quantization_config`."""

_PACKAGES = {"compressed_tensors": "compressed-tensors"}
_EXTRA = {"accelerate", "bitsandbytes", "compressed_tensors"}  # those that `evalkit[quantised]` installs


def check_quantisation(place: str, config: Mapping[str, Any]) -> None:
    """Raise `UserError` where a library is missing that the weights of this `config.json` are read by."""
    given = config.get("quantization_config")
    if not isinstance(given, Mapping):
        return
    method = _method(given)
    missing = [name for name in _NEEDS.get(method, ()) if find_spec(name) is None]
    if not missing:
        return
    packages = " ".join(_PACKAGES.get(name, name) for name in missing)
    install = "'evalkit[quantised]'" if set(missing) <= _EXTRA else packages
    raise UserError(f"{place}: weights quantised by {shown(method)}, which {packages} reads: pip install {install}")


def _method(given: Mapping[str, Any]) -> str:
    """The method as transformers names it; old configurations of bitsandbytes have flags alone."""
    method = given.get("quant_method")
    if method is None and (given.get("load_in_8bit") or given.get("load_in_4bit")):
        return "bitsandbytes"
    return str(method).lower()
