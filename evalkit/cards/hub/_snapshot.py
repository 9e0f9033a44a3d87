"""One commit of a model on the hub, as a folder on this machine: the hub client's own cache.

Configuration and tokenizer come when a snapshot is opened, weights when they are asked for, code when the user allows
it. Pickles come only where a model has no safetensors, and only under the names that transformers gives to weights.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from evalkit.cards._weights import BIN, BIN_INDEX, INDEX, WHOLE, named_shards, said_of_pickles, weight_files
from evalkit.errors import CardError
from evalkit.files import replace_text

from ._client import HubAwayError, HubError, Listing, endpoint, fetch_file, is_offline, read_listing
from ._name import COMMIT, HubName

__all__ = ["Snapshot", "cached_snapshot", "open_snapshot"]

CONFIG = "config.json"
_LAYOUTS = ((WHOLE, INDEX), (BIN, BIN_INDEX))  # one file before shards, safetensors first, as transformers takes them
_SUFFIXES = {".json", ".model", ".jinja", ".tiktoken"}
_TEXTS = {"vocab.txt", "merges.txt"}
_TOKENIZERS = ("tokenizer.json", "*.model", "vocab.*", "*.tiktoken", "tokenizer_config.json")
_SMALL = 2**28  # bytes that are hashed without remembering: all but weights


@dataclass(frozen=True)
class Snapshot:
    """A commit of a model and its folder in the hub's cache."""

    name: HubName
    """The model, and the revision as the user asked for it."""
    commit: str
    """The commit that the revision stood for when it was asked."""
    folder: Path
    """Where its files are."""
    files: tuple[str, ...] | None
    """Paths of all its files; None where the hub was not asked."""
    licence: str | None = None
    """Licence by the tags of the model; None where nothing is known."""
    remarks: tuple[str, ...] = ()
    """What the user should know of how it was found."""

    @property
    def identity(self) -> str:
        """`hub:owner/name@commit`: what pins every file of it."""
        return f"hub:{self.name.repo}@{self.commit}"

    def fetch_code(self) -> None:
        """Download the code that comes with the model, which may run only where the user says so."""
        self._fetch(path for path in self.files or () if path.endswith(".py"))

    def fetch_weights(self) -> None:
        """Download the weights that are not here: one file, or the shards that an index names; safetensors if any.

        `CardError` where the model has none, or where the hub was not asked and some are missing.
        """
        if self.files is None:
            self._require_cached()
            return
        for whole, index in _LAYOUTS:
            if whole in self.files:
                self._fetch([whole])
                return
            if index in self.files:
                self._fetch([index])
                self._fetch(path for path in sorted(named_shards(self.folder / index)) if path in (self.files or ()))
                return
        raise CardError(f"{self.name}: no weights that evalkit reads ({WHOLE}, {BIN}){_found_instead(self.files)}")

    def _require_cached(self) -> None:
        """Raise where weights are missing and nobody may be asked for them."""
        is_known = any((self.folder / name).is_file() for layout in _LAYOUTS for name in layout)
        needed = weight_files(self.folder) if is_known else [self.folder / WHOLE]
        missing = sorted(path for path in needed if not path.is_file())
        if missing:
            raise CardError(
                f"{self.name}: {os.path.relpath(missing[0], self.folder)} is not in the hub's cache, and the hub was "
                "not asked: run once with it in reach, or give a model folder"
            )

    @property
    def pinned_weights(self) -> Iterator[tuple[Path, str]]:
        """The weights on this machine whose sha256 the hub tells, each with it."""
        for path in sorted({*self.folder.glob("*.safetensors"), *weight_files(self.folder)}):
            digest = _told_digest(path)
            if len(digest) == 64:
                yield path, digest

    def check_tokenizer(self) -> None:
        """Raise a `CardError` where the model brings no tokenizer."""
        if any(any(self.folder.glob(pattern)) for pattern in _TOKENIZERS):
            return
        missing = "is not in the hub's cache" if self.files is None else "comes without a tokenizer"
        where = "run once with the hub in reach, or " if self.files is None else ""
        raise CardError(
            f"{self.name}: {'its tokenizer ' if self.files is None else ''}{missing}: {where}write a card that names "
            "one (`weights`, `tokenizer`)"
        )

    def _fetch(self, paths: Iterable[str]) -> None:
        for path in paths:
            fetch_file(self.name, self.commit, path)


def open_snapshot(name: HubName) -> Snapshot:
    """The commit that a name stands for now, with configuration and tokenizer on this machine.

    Where the hub is switched off or does not answer, the copy in its cache is taken, and the remarks say so.
    `CardError` of one line where there is none.
    """
    if is_offline():
        return _of_cache(name, "HF_HUB_OFFLINE is set", "unset it, or give a model folder")
    try:
        listing = read_listing(name)
        folder = _fetch_configuration(name, listing)
    except HubError as error:
        try:
            return _of_cache(name, str(error).removeprefix(f"{name}: "), _ADVICE)
        except CardError:
            advice = f": {_ADVICE}" if isinstance(error, HubAwayError) else ""
            raise HubError(f"{error}{advice}") from error
    _remember_revision(name, listing.commit, folder)
    _check_files(name, folder)
    remarks = () if listing.repo == name.repo else (f"{name.repo} is called {listing.repo} on the hub now",)
    return Snapshot(name, listing.commit, folder, listing.files, listing.licence, remarks)


_ADVICE = "give a model folder, or set HF_ENDPOINT to a mirror"


def cached_snapshot(name: HubName) -> tuple[str, Path] | None:
    """Commit and folder of a model in the hub's cache, as the client left it; nothing is asked for or downloaded."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name.repo, CONFIG, revision=name.revision)
    return (Path(found).parent.name, Path(found).parent) if isinstance(found, str) else None


def _of_cache(name: HubName, reason: str, advice: str) -> Snapshot:
    """The copy that the hub's client left; `reason` says why the hub was not asked, `advice` what to do without one."""
    found = cached_snapshot(name)
    if found is None:
        raise HubError(f"{name}: {reason}, and no copy is in the hub's cache: {advice}")
    commit, folder = found
    _check_files(name, folder)
    remark = f"{name}: {reason}; the copy in the hub's cache is used, commit {commit}"
    return Snapshot(name, commit, folder, None, remarks=(remark,))


def _fetch_configuration(name: HubName, listing: Listing) -> Path:
    if CONFIG not in listing.files:
        if "adapter_config.json" in listing.files:
            raise CardError(f"{name}: an adapter (LoRA), no model: merge it into its base, and name the merged folder")
        raise CardError(f"{name}: no {CONFIG} at {endpoint()}{_found_instead(listing.files)}")
    folder = fetch_file(name, listing.commit, CONFIG).parent
    for path in listing.files:
        if path != CONFIG and _is_configuration(path):
            fetch_file(name, listing.commit, path)
    return folder


def _is_configuration(path: str) -> bool:
    """Whether a file at the top decides tokens, templates or settings; no weights, no code, nothing pickled."""
    pure = PurePosixPath(path)
    if len(pure.parts) == 2 and pure.parts[0] == "additional_chat_templates":
        return pure.suffix == ".jinja"
    is_wanted = pure.suffix in _SUFFIXES or path in _TEXTS
    return len(pure.parts) == 1 and is_wanted and not path.endswith(".index.json")


def _found_instead(files: tuple[str, ...]) -> str:
    """What is there in place of what was looked for, with the way out."""
    for suffix, way in (
        (".gguf", "serve it with llama.cpp and give the address, or name the safetensors model"),
        (".safetensors", "weights in another layout than transformers': name a repository that has it"),
    ):
        if found := next((path for path in files if path.endswith(suffix)), None):
            return f"; found {found}: {way}"
    return said_of_pickles(files) or ": is it a model?"


def _remember_revision(name: HubName, commit: str, folder: Path) -> None:
    """Note in the hub's cache what the revision stood for, as its client does, so that it is found offline."""
    revision = name.revision or "main"
    if COMMIT.fullmatch(revision):
        return
    with contextlib.suppress(OSError):  # a cache that cannot be written costs asking again, nothing else
        replace_text(folder.parent.parent / "refs" / revision, commit)


def _check_files(name: HubName, folder: Path) -> None:
    """Raise where a file of the cache is not the one that the hub sent: a copy cut short, or edited."""
    for path in sorted(folder.iterdir()):
        is_read = path.is_file() and (_is_configuration(path.name) or path.suffix == ".py")
        told = _told_digest(path) if is_read else ""
        if told and path.stat().st_size <= _SMALL and told not in _digests(path.read_bytes()):
            raise CardError(
                f"{name}: {path.name} in the hub's cache is not what the hub sent: delete {path.resolve()} and run "
                "again"
            )


def _told_digest(path: Path) -> str:
    """The digest that the hub gave a file: in its cache, the name of the blob; empty where none is told."""
    blob = path.resolve().name if path.is_symlink() else ""
    return blob if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", blob) else ""


def _digests(data: bytes) -> set[str]:
    """What the hub may call this content: sha256 of large files, git's own of small ones; mirrors tell plain sha1."""
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
    plain = hashlib.sha1(data, usedforsecurity=False)
    return {hashlib.sha256(data).hexdigest(), git.hexdigest(), plain.hexdigest()}
