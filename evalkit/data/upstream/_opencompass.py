"""Prompts, limits and scoring names of OpenCompass's data set configurations, read from its pinned wheel.

The wheel is opened as a zip file and its files are parsed, never imported or run (see `_literals`). What was read is
kept as JSON in the cache with its provenance, so the wheel is needed once; `verify_upstream` proves that both agree.
"""

from __future__ import annotations

import ast
import hashlib
import json
import posixpath
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from evalkit.data._files import writing_errors
from evalkit.data._locate import locate
from evalkit.data._sources import source
from evalkit.data.upstream._literals import Symbol, assignments, evaluate
from evalkit.errors import DataError, UnknownNameError, one_line
from evalkit.files import json_text, replace_text
from evalkit.paths import cache_root
from evalkit.records import FrozenRecord

__all__ = [
    "COLLECTIONS",
    "DatasetConfig",
    "Turn",
    "UpstreamCheck",
    "dataset_configs",
    "read_wheel_text",
    "verify_upstream",
]

COLLECTIONS: Mapping[str, str] = {
    "leval": "opencompass/configs/datasets/leval/leval.py",
    "longbench": "opencompass/configs/datasets/longbench/longbench.py",
    "longbenchv2": "opencompass/configs/datasets/longbenchv2/longbenchv2_gen.py",
}
"""Collection name → its file inside the wheel."""

_SCHEMA = 1


class Turn(FrozenRecord):
    """One turn of a prompt template."""

    role: str
    """`SYSTEM`, `HUMAN` or `BOT`."""
    prompt: str
    """Text with `{column}` placeholders."""
    fallback_role: str | None = None
    """Role to use where the model has none of that name."""


class DatasetConfig(FrozenRecord):
    """How OpenCompass asks and scores one task."""

    abbr: str
    """OpenCompass's name of the task, e.g. `LEval_coursera`."""
    name: str | None
    """Name of the task in its data set; null where the data set has one task only."""
    begin: tuple[Turn, ...]
    """Turns before the round."""
    round: tuple[Turn, ...]
    """Turns of the question; the last `BOT` turn is where the model answers."""
    input_columns: tuple[str, ...]
    """Columns that are filled in; upstream scans in the order of the data set's columns, not in this one."""
    output_column: str
    """The reference; blanked when the prompt is built."""
    max_new_tokens: int | None
    """`max_out_len`; null where the configuration leaves it to the model."""
    evaluator: str
    """Type name of the evaluator."""
    pred_postprocessor: str | None
    """Name of the function that cleans predictions."""
    pred_postprocessor_options: dict[str, str]
    """Its keyword arguments."""
    dataset_postprocessor: str | None
    """Name of the function that cleans references."""
    file: str
    """File inside the wheel that holds this configuration."""


class _Provenance(FrozenRecord):
    project: str
    version: str
    sha256: str
    file: str


class _Kept(FrozenRecord):
    """What lies in the cache for one collection."""

    schema_version: int
    wheel: _Provenance
    digest: str
    """SHA-256 of the configurations below, so that a damaged cache is noticed."""
    datasets: tuple[DatasetConfig, ...]


class UpstreamCheck(FrozenRecord):
    """Whether the cached configurations of a collection equal the wheel's."""

    collection: str
    """Collection name."""
    state: Literal["ok", "missing", "differs"]
    """`missing` = nothing cached yet."""
    path: Path
    """The cache file."""
    detail: str
    """What differs; empty when ok."""


def dataset_configs(collection: str) -> dict[str, DatasetConfig]:
    """OpenCompass's configurations of `leval`, `longbench` or `longbenchv2`, by abbreviation, in upstream order."""
    _check_known(collection)
    kept = _load(collection)
    if kept is None:
        kept = _read(collection)
        path = _cache_path(collection)
        with writing_errors(path):
            replace_text(path, json_text(kept.model_dump(mode="json")))
    return {config.abbr: config for config in kept.datasets}


def verify_upstream() -> list[UpstreamCheck]:
    """One check per collection: the cache is compared with the wheel, which is fetched if it is not at hand."""
    return [_verify(collection) for collection in COLLECTIONS]


def read_wheel_text(path_inside: str) -> str:
    """The text of one file of the pinned OpenCompass wheel, e.g. `opencompass/datasets/needlebench/origin.py`."""
    with _open_wheel() as wheel:
        return _text(wheel, path_inside)


def _verify(collection: str) -> UpstreamCheck:
    path = _cache_path(collection)
    kept = _load(collection)
    if kept is None:
        detail = "damaged, or of another wheel; it is rebuilt at the next use" if path.exists() else "not read yet"
        return UpstreamCheck(
            collection=collection, state="differs" if path.exists() else "missing", path=path, detail=detail
        )
    fresh = _read(collection)
    ours, theirs = ({config.abbr: config for config in item.datasets} for item in (kept, fresh))
    changed = sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name))
    if kept == fresh:
        return UpstreamCheck(collection=collection, state="ok", path=path, detail="")
    return UpstreamCheck(
        collection=collection,
        state="differs",
        path=path,
        detail=f"not what the wheel says: {', '.join(changed) or 'order or provenance'}; delete the file",
    )


def _check_known(collection: str) -> None:
    if collection not in COLLECTIONS:
        raise UnknownNameError("upstream collection", collection, COLLECTIONS)


def _cache_path(collection: str) -> Path:
    provenance = _provenance(collection)
    return cache_root() / "upstream" / f"{provenance.project}-{provenance.version}" / f"{collection}.json"


def _provenance(collection: str) -> _Provenance:
    pinned = source("opencompass")
    assert pinned.origin.kind == "wheel" and pinned.files[0].sha256 is not None
    return _Provenance(
        project=pinned.origin.project,
        version=pinned.origin.version,
        sha256=pinned.files[0].sha256,
        file=COLLECTIONS[collection],
    )


def _load(collection: str) -> _Kept | None:
    """What the cache holds, or None where there is nothing, or nothing of use for this wheel."""
    path = _cache_path(collection)
    if not path.is_file():
        return None
    try:
        kept = _Kept.model_validate_json(path.read_bytes())
    except ValidationError:
        return None
    whole = (kept.schema_version, kept.wheel, kept.digest) == (_SCHEMA, _provenance(collection), _digest(kept.datasets))
    return kept if whole else None


def _digest(datasets: tuple[DatasetConfig, ...]) -> str:
    values = [config.model_dump(mode="json") for config in datasets]
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _read(collection: str) -> _Kept:
    with _open_wheel() as wheel:
        datasets = tuple(_collected(wheel, COLLECTIONS[collection]))
    return _Kept(schema_version=_SCHEMA, wheel=_provenance(collection), digest=_digest(datasets), datasets=datasets)


def _open_wheel() -> zipfile.ZipFile:
    pinned = source("opencompass")
    return zipfile.ZipFile(locate(pinned, pinned.files[0].path).path)


def _text(wheel: zipfile.ZipFile, path_inside: str) -> str:
    try:
        return wheel.read(path_inside).decode("utf-8")
    except KeyError as error:
        raise DataError(f"{wheel.filename} has no file {path_inside}: the release is not the one expected") from error


def _collected(wheel: zipfile.ZipFile, file: str) -> Iterator[DatasetConfig]:
    for module, name in _base_imports(_text(wheel, file), file):
        yield from _followed(wheel, module, name)


def _followed(wheel: zipfile.ZipFile, file: str, name: str) -> Iterator[DatasetConfig]:
    """The configurations of list `name` in that file, or in the file it is taken from."""
    text = _text(wheel, file)
    imports = [(module, found) for module, found in _base_imports(text, file) if found == name]
    if imports:
        for module, found in imports:
            yield from _followed(wheel, module, found)
        return
    values = _value_of(name, text, file)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise DataError(f"{file}: {name} is not a list of configurations: the upstream release changed")
    for value in values:
        yield _config(value, file)


def _value_of(name: str, text: str, file: str) -> object:
    """What the file assigns to the name; None where it assigns nothing."""
    try:
        scope = assignments(_parsed(text, file).body, {})
        return evaluate(ast.parse(name, mode="eval").body, scope) if name in scope else None
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise DataError(f"{file}: an expression too deep to be read: the upstream release changed") from error


def _parsed(text: str, file: str) -> ast.Module:
    try:
        return ast.parse(text, filename=file)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"not Python ({one_line(error, 80)}): the upstream release changed") from error


def _base_imports(text: str, file: str) -> Iterator[tuple[str, str]]:
    """(file, name) of each `from .module import name` under `with read_base():`."""
    for block in _parsed(text, file).body:
        for statement in block.body if isinstance(block, ast.With) else ():
            if not isinstance(statement, ast.ImportFrom) or statement.level != 1 or statement.module is None:
                raise DataError(
                    f"{file}:{statement.lineno}: not an import of a neighbour: the upstream release changed"
                )
            module = posixpath.join(posixpath.dirname(file), *statement.module.split(".")) + ".py"
            yield from ((module, item.name) for item in statement.names)


def _config(value: Mapping[str, object], file: str) -> DatasetConfig:
    try:
        return _typed(value, file)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise DataError(f"{file}: {value.get('abbr')!r} has an unknown shape: the upstream release changed") from error


def _typed(value: Mapping[str, object], file: str) -> DatasetConfig:
    reader, infer, scoring = (_section(value, key) for key in ("reader_cfg", "infer_cfg", "eval_cfg"))
    template = _section(_section(infer, "prompt_template"), "template")
    cleaner = _section(scoring, "pred_postprocessor", optional=True)
    return DatasetConfig.model_validate(
        {
            "abbr": value["abbr"],
            "name": value.get("name"),
            "begin": template.get("begin", []),
            "round": template["round"],
            "input_columns": reader["input_columns"],
            "output_column": reader["output_column"],
            "max_new_tokens": _section(infer, "inferencer").get("max_out_len"),
            "evaluator": _type_name(_section(scoring, "evaluator")),
            "pred_postprocessor": _type_name(cleaner),
            "pred_postprocessor_options": {key: item for key, item in cleaner.items() if key != "type"},
            "dataset_postprocessor": _type_name(_section(scoring, "dataset_postprocessor", optional=True)),
            "file": file,
        }
    )


def _section(value: Mapping[str, object], key: str, *, optional: bool = False) -> Mapping[str, object]:
    section = value.get(key, {}) if optional else value[key]
    if not isinstance(section, dict):
        raise TypeError(f"{key} is not a section")
    return section


def _type_name(section: Mapping[str, object]) -> str | None:
    kind = section.get("type")
    return kind.name if isinstance(kind, Symbol) else None if kind is None else str(kind)
