"""Digests that pin a model: of its files as they were published, remembered because weights are large."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from evalkit.cards._card import Card
from evalkit.cards._load import on_this_machine
from evalkit.cards._weights import loaded_files
from evalkit.cards.hub import Snapshot
from evalkit.errors import CardError, UserError
from evalkit.files import json_text, replace_text, sha256_of
from evalkit.paths import cache_root
from evalkit.reading import read_json

__all__ = ["file_digest", "weights_digest"]

REMEMBER_BYTES = 2**26  # smaller files are hashed faster than looked up
DIGESTS = "weight_digests.json"


def weights_digest(card: Card, *, trust_remote_code: bool = False) -> str:
    """What pins the model: `sha256:…` over every local file that is loaded, or `hub:repo@commit`.

    Code that comes with the weights counts where it may run. Raises `CardError` before a run folder is bound to weights
    that are not there.
    """
    card = on_this_machine(card)
    if card.snapshot is not None:
        return _snapshot_identity(card, card.snapshot)
    folder = Path(card.require_weights())
    total = hashlib.sha256()
    for path in loaded_files(folder, with_code=trust_remote_code):
        total.update(f"{os.path.relpath(path, folder)}:{file_digest(path)};".encode())
    return f"sha256:{total.hexdigest()}"


def file_digest(path: Path) -> str:
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


def _snapshot_identity(card: Card, snapshot: Snapshot) -> str:
    """The commit of weights that are here and are those of the hub, byte by byte."""
    card.require_weights()
    for path, told in snapshot.pinned_weights:
        if file_digest(path) != told:
            raise CardError(
                f"{snapshot.name}: {path.name} in the hub's cache is not what the hub sent: delete {path.resolve()} "
                "and run again"
            )
    return snapshot.identity
