"""The manifest of a run, `run.json`, and its copy, from which it is rebuilt: without it no record can be read.

Both carry a checksum of what they say. A file that says less than a manifest (empty, cut off, no JSON) is damaged, and
the copy takes its place. One that is a manifest but not the one written was changed by hand or by the disk: it counts,
because people do correct paths in it, and every score says so until it is repaired or loses its checksum.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from evalkit.errors import DataError, one_line
from evalkit.files import cannot_write, keep_aside, replace_text, write_text
from evalkit.lines import CHECKSUM, checksum_of
from evalkit.models import backend_name

from ._records import SCHEMA_VERSION, Manifest
from ._shards import only_parts

__all__ = [
    "COPY", "MANIFEST", "has_manifest", "manifest_note", "mend_manifest", "read_manifest", "restore_manifest",
    "write_manifest",
]  # fmt: skip

MANIFEST = "run.json"
COPY = "run.copy.json"
"""The same text beside it, so that a file which a power cut or a slip emptied costs no run."""

NEEDED = (
    ("identity", "data"),
    ("identity", "model"),
    ("identity", "protocol"),
    ("settings", "benchmark"),
    ("settings", "label"),
)
"""What of a manifest scoring relies on."""

MISSING = "missing"

KINDS: tuple[tuple[str, str, type], ...] = (
    ("identity", "data", dict),
    ("identity", "options", dict),
    ("identity", "max_seq_len", int),
    ("settings", "options", dict),
    ("settings", "files", dict),
    ("settings", "altered", list),
    ("settings", "tasks", list),
    ("settings", "missing", list),
    ("settings", "skipped", list),
    ("settings", "context_length", int),
)
"""What it must be where it is there."""


class _DamagedError(Exception):
    """A manifest's file is missing or says less than a manifest."""

    @property
    def state(self) -> str:
        """The file's state, for a sentence."""
        return MISSING if str(self) == MISSING else f"damaged ({self})"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Both files hold the manifest, forced to disk one after the other: one of them is whole whenever power fails."""
    text = _with_checksum(manifest)
    for name in (MANIFEST, COPY):
        write_text(folder / name, text)


def _with_checksum(manifest: Manifest) -> str:
    said = json.loads(manifest.model_dump_json())
    return json.dumps({**said, CHECKSUM: checksum_of(said)}, ensure_ascii=False, indent=2) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run folder, from its copy where `run.json` is damaged; `DataError` where neither can be read.

    `manifest_note` says that it was the copy.
    """
    try:
        manifest = _read(folder / MANIFEST)
    except _DamagedError as error:
        copy = _copy(folder)
        if copy is None:
            raise DataError(_refusal(folder, error)) from error
        manifest = _read(folder / COPY)
    return _with_current_names(manifest)


def _refusal(folder: Path, error: _DamagedError) -> str:
    path = folder / MANIFEST
    if (advice := only_parts(folder)) is not None:
        return f"{folder}: {advice}"
    if not path.exists():
        return f"{folder}: not a run folder (it has no {MANIFEST})"
    return f"{path}: damaged ({error}), and there is no whole {COPY} beside it; restore it, or start a new run"


def has_manifest(folder: Path) -> bool:
    """Whether the folder has a manifest that can be read; `DataError` for one of a later release."""
    try:
        _read(folder / MANIFEST)
    except _DamagedError:
        return _copy(folder) is not None
    return True


def restore_manifest(folder: Path) -> str | None:
    """Rebuild `run.json` from its copy where it is damaged; the line that says so, None where it was not rebuilt.

    In a folder where nothing can be written it stays as it is, and `manifest_note` says so.
    """
    path = folder / MANIFEST
    try:
        _read(path)
    except _DamagedError as error:
        if (copy := _copy(folder)) is None:
            return None
        try:
            kept = _replace(path, copy)
        except OSError:
            return None
        return f"{path} was {error.state} and is rebuilt from {COPY}{kept}"
    return None


def mend_manifest(folder: Path) -> list[str]:
    """Make both files the manifest that was written last; a line for each that was not, none where all was well."""
    said = list(filter(None, [restore_manifest(folder)]))
    path = folder / MANIFEST
    text, copy = path.read_text("utf-8"), _copy(folder)
    try:
        if _is_as_written(text):
            if copy is None and CHECKSUM in json.loads(text):
                replace_text(folder / COPY, text)
                said.append(f"{folder / COPY} was missing or damaged and is made again from {MANIFEST}")
        elif copy is not None:
            kept = _replace(path, copy)
            said.append(f"{path} was changed since evalkit wrote it{_difference(text, copy)} and is as written{kept}")
    except OSError as error:
        raise cannot_write(path, error) from error
    return said


def manifest_note(folder: Path) -> str | None:
    """A line where `run.json` is not the manifest that was written, though the run can be read; None where it is."""
    path = folder / MANIFEST
    try:
        _read(path)
    except _DamagedError as error:
        return None if _copy(folder) is None else f"{path}: {error.state}; {COPY} is read in its place"
    text = path.read_text("utf-8")
    if _is_as_written(text):
        return None
    return (
        f"{path}: changed since evalkit wrote it{_difference(text, _copy(folder))}, by hand or by the disk; "
        f"evalkit repair {folder} takes that back, without its line {CHECKSUM!r} it counts as it is"
    )


def _replace(path: Path, text: str) -> str:
    """Write the text in place of a damaged file; where that is kept, as the end of a sentence."""
    kept = ""
    if path.is_file() and path.read_bytes().strip(b"\0 \r\n"):
        kept = f"; what stood there is kept as {keep_aside(path).name}"
    replace_text(path, text)
    return kept


def _copy(folder: Path) -> str | None:
    """The text of the copy; None where it is missing or not as it was written."""
    try:
        text = (folder / COPY).read_text("utf-8")
        _parse(text, folder / COPY)
        return text if _is_as_written(text) else None
    except (OSError, ValueError, RecursionError, _DamagedError):
        return None


def _is_as_written(text: str) -> bool:
    """Whether a manifest says what its checksum stands for; those of older releases carry none."""
    said = json.loads(text)
    return CHECKSUM not in said or checksum_of(said) == said[CHECKSUM]


def _read(path: Path) -> Manifest:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _DamagedError(MISSING) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not content.strip(b"\0 \r\n"):
        raise _DamagedError("empty")
    try:
        return _parse(content.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        raise _DamagedError(f"not UTF-8 at byte {error.start}") from error


def _parse(text: str, path: Path) -> Manifest:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _DamagedError(f"not JSON: {one_line(error, 80)}") from error
    _check_version(said, path)
    try:
        manifest = Manifest.model_validate(said)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise _DamagedError(": ".join(filter(None, [where, problem["msg"]]))) from error
    _check_parts(manifest)
    return manifest


def _check_version(said: object, path: Path) -> None:
    """Raise `DataError` for a manifest of a later release, before anything of it is looked at."""
    version = said.get("schema_version") if isinstance(said, dict) else None
    try:
        is_later = version is not None and float(version) > SCHEMA_VERSION
    except (TypeError, ValueError, OverflowError):
        return  # no number: damage
    if is_later:
        raise DataError(
            f"{path}: written by a later evalkit (schema_version {version}, this one knows {SCHEMA_VERSION}); "
            "upgrade evalkit"
        )


def _check_parts(manifest: Manifest) -> None:
    """Raise `_DamagedError` for what scoring needs and the manifest lacks, or has as something else."""
    for part, name in NEEDED:
        if name not in getattr(manifest, part):
            raise _DamagedError(f"{part} lacks {name!r}")
    for part, name, kind in KINDS:
        value = getattr(manifest, part).get(name)
        if value is not None and not isinstance(value, kind):
            raise _DamagedError(f"{part}.{name} is a {type(value).__name__}, not a {kind.__name__}")
    for name in ("options", "files"):
        if not all(isinstance(value, str) for value in (manifest.settings.get(name) or {}).values()):
            raise _DamagedError(f"settings.{name} holds other values than texts")


def _with_current_names(manifest: Manifest) -> Manifest:
    """The manifest with its backend by the name that it has today, so that a folder of older days goes on."""
    backend = manifest.identity.get("backend")
    if not isinstance(backend, str):
        return manifest
    return manifest.model_copy(update={"identity": {**manifest.identity, "backend": backend_name(backend)}})


def _difference(text: str, copy: str | None) -> str:
    """The first place where two manifests differ, in brackets; nothing where there is no copy or they say the same."""
    if copy is None:
        return ""
    then, now = dict(_leaves(json.loads(copy))), dict(_leaves(json.loads(text)))
    places = [name for name in then.keys() | now.keys() if then.get(name) != now.get(name)]
    if not places:
        return ""
    name = min(places)
    shown = [one_line(repr(values.get(name)), 40) for values in (then, now)]
    return f" ({name}: {shown[0]} → {shown[1]})"


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, f"{name}.{key}" if name else str(key))
