"""What evalkit downloads: every file pinned by digest, listed in `sources/*.yaml`.

A source is one upstream release: a git repository at a commit, a hub data set at a revision, or a wheel.
"""

from __future__ import annotations

import functools
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from evalkit.errors import UnknownNameError
from evalkit.records import FrozenRecord

__all__ = ["GitOrigin", "HubOrigin", "Origin", "Source", "SourceFile", "WheelOrigin", "source", "sources"]

_FOLDER = Path(__file__).resolve().parent / "sources"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class GitOrigin(FrozenRecord):
    """A git repository at a commit, read through the host's raw file addresses."""

    kind: Literal["git"] = "git"
    repo: str
    """Owner and name."""
    commit: Commit
    """The full commit id; a branch name would not be a pin."""


class HubOrigin(FrozenRecord):
    """A repository of the Hugging Face hub at a revision; `HF_ENDPOINT` and tokens work as usual."""

    kind: Literal["hub"] = "hub"
    repo: str
    """Owner and name."""
    revision: Commit
    """The full commit id of the hub repository."""
    repo_type: Literal["dataset", "model"] = "dataset"
    """The hub's kind of repository."""


class WheelOrigin(FrozenRecord):
    """A release on the package index, fetched by pip and never installed."""

    kind: Literal["wheel"] = "wheel"
    project: str
    """Name on the package index."""
    version: str
    """Exact release."""


Origin = Annotated[GitOrigin | HubOrigin | WheelOrigin, Field(discriminator="kind")]


class SourceFile(FrozenRecord):
    """One pinned file."""

    path: str
    """Local path below the source's folder, with `/`."""
    upstream: str
    """Path inside the origin."""
    sha256: Sha256 | None
    """Digest of the bytes; null = unknown when the list was written: recorded at the first fetch, then enforced."""
    bytes: int | None
    """Size; null where the digest is null."""
    records: int | None
    """Number of JSON lines; null where unknown or where the file holds none."""
    also: tuple[Sha256, ...] = ()
    """Digests of other versions that circulate and are accepted as well; a run records which it used."""
    archive: str | None = None
    """Local path of the zip file of this source that holds the file; `upstream` is then its name in there."""

    @field_validator("path")
    @classmethod
    def _stay_below_the_folder(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or value != str(path):
            raise ValueError(f"{value!r} is not a plain relative path")
        return value


class Source(FrozenRecord):
    """One upstream release and its files."""

    name: str
    """What users type, e.g. `evalkit data fetch NAME`."""
    title: str
    """Name for people."""
    homepage: str
    """Web page of the release."""
    licence: str
    """Licence, as the origin states it."""
    folder: str
    """Folder of its files below `EVALKIT_DATA` and below the cache."""
    origin: Origin
    """Where the bytes come from."""
    files: tuple[SourceFile, ...]
    """All files, in listing order."""

    def file(self, path: str) -> SourceFile:
        """The file with this local path."""
        for file in self.files:
            if file.path == path:
                return file
        raise UnknownNameError(f"file of {self.name}", path, [file.path for file in self.files])


@functools.cache
def sources() -> tuple[Source, ...]:
    """All sources that ship with evalkit, by name."""
    import yaml

    texts = (path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.yaml")))
    return tuple(sorted((Source.model_validate(yaml.safe_load(text)) for text in texts), key=lambda item: item.name))


def source(name: str) -> Source:
    """The source of that name."""
    by_name = {item.name: item for item in sources()}
    if name not in by_name:
        raise UnknownNameError("data source", name, by_name)
    return by_name[name]
