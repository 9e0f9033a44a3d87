"""A converted copy in the cache: written once, whole or not there, held against its digests before it is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cards import file_digest
from evalkit.errors import CardError, UserError
from evalkit.files import json_text, partial_of, replace_text, sha256_of, sync_folder
from evalkit.printable import amount
from evalkit.reading import read_json

from ._families import Convert
from ._formats import write_safetensors
from ._pickles import check_sums
from ._plan import ShardPlan
from ._shards import is_pickled, opened

if TYPE_CHECKING:
    import torch

__all__ = ["FACTS", "GENERATION", "Copy", "check_room", "is_whole", "lock_of", "locked", "write_copy"]

FACTS = "conversion.json"
"""Which file of a copy says what it is of, and that it is finished."""
GENERATION = "generation_config.json"
"""The one file of settings that a copy has as it was published."""
_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_HEADERS = 2**20  # bytes of room for configurations and the headers of files
_ADVICE = "make room there, or set EVALKIT_CACHE to another folder"


@dataclass(frozen=True)
class Copy:
    """What is to be written, and where from."""

    folder: Path
    """Folder of the copy."""
    source: Path
    """The published folder."""
    digest: str
    """What pins the published files and the form of the copy."""
    published: Mapping[str, object]
    """The published `config.json`."""
    config: Mapping[str, object]
    """The copy's `config.json`."""
    generation: Mapping[str, object] | None
    """The published `generation_config.json`, which the copy has too; None where there is none."""
    convert: Convert
    """What becomes of each tensor."""
    plans: Sequence[ShardPlan]
    """What becomes of each file of weights."""

    @property
    def size(self) -> int:
        """Bytes that it takes on the disk."""
        return sum(plan.size for plan in self.plans)


def is_whole(folder: Path, digest: str) -> bool:
    """Whether the folder is a finished copy under that digest and each of its files is the one that was written."""
    try:
        facts = read_json(folder / FACTS)
        files = facts["files"] if isinstance(facts, dict) and facts.get("digest") == digest else None
        found = {path.name for path in folder.iterdir() if not path.name.startswith(".")}  # those are no engine's
        if not isinstance(files, dict) or found != {FACTS, *files}:
            return False
        return all(file_digest(folder / name) == told for name, told in files.items())
    except (UserError, OSError, KeyError):
        return False


def lock_of(folder: Path) -> Path:
    """The file that whoever writes or removes the copy holds a lock on."""
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def locked(folder: Path, wait: Callable[[], None]) -> Iterator[None]:
    """One process writes the copy at a time; `wait` is called where another one does so now."""
    import filelock

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(lock_of(folder))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            wait()
            lock.acquire()
    except (OSError, NotImplementedError) as error:  # older filelock, where the file system has no locks
        raise _refusal(folder.parent, "no converted copy of a model can be written there", error) from error
    try:
        yield
    finally:
        lock.release()


def check_room(copy: Copy) -> None:
    """Raise a `CardError` where the disk has no room for the copy."""
    free = shutil.disk_usage(copy.folder.parent).free
    if free < copy.size + _HEADERS:
        raise CardError(
            f"{copy.folder.parent}: the converted copy of {copy.source} takes {amount(copy.size)} and {amount(free)} "
            f"are free: {_ADVICE}"
        )


def write_copy(copy: Copy, *, check: Callable[[], None]) -> None:
    """Write the copy, in place of a damaged one; under `locked`. `CardError` where the system refuses.

    `check` raises where what was written must not take its place.
    """
    try:
        _sweep(copy.folder)
        partial = partial_of(copy.folder)
        partial.mkdir()
        try:
            _fill(partial, copy)
            check()
            if copy.folder.exists():
                copy.folder.replace(partial_of(copy.folder))  # a folder cannot take the place of another in one step
            partial.replace(copy.folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_folder(copy.folder.parent)
        _sweep(copy.folder)
    except OSError as error:
        what = f"the converted copy of {copy.source} ({amount(copy.size)}) cannot be written"
        raise _refusal(copy.folder.parent, what, error) from error


def _refusal(place: Path, what: str, error: Exception) -> CardError:
    return CardError(f"{place}: {what} ({getattr(error, 'strerror', None) or error}): {_ADVICE}")


def _sweep(folder: Path) -> None:
    """Remove what killed processes left: nobody else writes this copy while its lock is held."""
    for left in folder.parent.glob(f".{folder.name}.*.part"):
        shutil.rmtree(left, ignore_errors=True)


def _fill(folder: Path, copy: Copy) -> None:
    plans = [plan for plan in copy.plans if plan.results]
    files, places = {}, {}
    for number, plan in enumerate(plans, 1):
        name = _WHOLE if len(plans) == 1 else f"model-{number:05}-of-{len(plans):05}.safetensors"
        files[name] = _shard(folder / name, plan, copy)
        places.update(dict.fromkeys((header.name for header in plan.results), name))
    settings: dict[str, object] = {"config.json": {**copy.config, **_stored_format(copy.config, plans)}}
    if copy.generation is not None:
        settings[GENERATION] = copy.generation
    if len(plans) > 1:
        total = sum(header.size for plan in plans for header in plan.results)
        settings[_INDEX] = {"metadata": {"total_size": total}, "weight_map": places}
    for name, value in settings.items():
        replace_text(folder / name, json_text(value))
        files[name] = sha256_of(folder / name)
    facts = {"digest": copy.digest, "source": str(copy.source), "files": files}
    replace_text(folder / FACTS, json_text(facts))  # last: a copy without it is none


def _stored_format(config: Mapping[str, object], plans: Sequence[ShardPlan]) -> dict[str, object]:
    """What `--dtype auto` means where no configuration says it: as transformers, the format of the first floats."""
    first = next((plan.stored for plan in plans if plan.stored is not None), None)
    is_said = config.get("dtype") is not None or config.get("torch_dtype") is not None
    return {} if first is None or is_said else {"dtype": str(first).removeprefix("torch.")}


def _shard(path: Path, plan: ShardPlan, copy: Copy) -> str:
    """Write or link one file; its SHA-256."""
    if plan.is_unchanged:
        try:
            path.symlink_to(plan.source.resolve())
        except OSError:  # a file system without links
            shutil.copyfile(plan.source, path)
        return file_digest(plan.source)
    if is_pickled(plan.source):
        check_sums(plan.source)
    with opened(plan.source) as shard:
        return write_safetensors(path, plan.results, _converted(plan, shard.tensor, copy))


def _converted(plan: ShardPlan, tensor: Callable[[str], torch.Tensor], copy: Copy) -> Iterator[torch.Tensor]:
    for name in plan.sources:
        for _, each in copy.convert(name, tensor(name), copy.published):
            yield each
