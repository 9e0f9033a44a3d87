"""The folder that an engine loads: the published one, or a converted copy in the cache."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evalkit.cards import Card, read_config, weight_files, weights_digest
from evalkit.errors import CardError, shown
from evalkit.printable import amount

from .._base import BackendOptions
from .._folder_code import read_configuration
from ._check import check_plans, expected_tensors
from ._copy import GENERATION, Copy, check_room, is_whole, locked, write_copy
from ._forms import Form, form_for
from ._kept import copies_root
from ._plan import ShardPlan, plan_shards

__all__ = ["Loadable", "loadable"]

SAME_BASE = 1e-6
_FORMAT = 1  # of what is written: another number makes every copy anew
_LONGEST_NAME = 40  # characters of a card's name in that of its copy, whose unfinished folder has room for 60
_MOST_FIELDS = 8  # that a note names


@dataclass(frozen=True)
class Loadable:
    """What `from_pretrained` or an engine takes."""

    place: str
    """Folder, or a hub id where no commit was looked up."""
    revision: str | None
    """Of the hub id; None for a folder."""
    is_converted: bool = False
    """Whether it is a converted copy, whose code and tokenizer are not those published."""
    runs_as: str | None = None
    """The architecture that stands in for the published one; None where it is the published one."""

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one."""
        return Path(self.place) if self.revision is None else None


def loadable(card: Card, options: BackendOptions, engine: Literal["hf", "vllm"]) -> Loadable:
    """What `engine` loads for a card; converts once, and says so by `options.note`.

    `CardError` for weights that cannot be read or converted, with what to do.
    """
    place = card.require_weights()
    folder = card.weights_path
    if folder is None:
        return Loadable(place, card.revision or "main")
    if options.trust_remote_code:
        return Loadable(place, None)
    config = read_configuration(card)
    form = form_for(folder, config, engine)
    if form is None:
        return Loadable(place, None)
    _check_base(card, folder, form)
    if form.unknown:
        fields = ", ".join(map(shown, form.unknown[:_MOST_FIELDS]))
        more = f" and {len(form.unknown) - _MOST_FIELDS} more" if len(form.unknown) > _MOST_FIELDS else ""
        options.note(f"{folder / 'config.json'}: not known here, and left out: {fields}{more}")
    copy = _converted(card, folder, config, form, options)
    return Loadable(str(copy), None, is_converted=True, runs_as=form.runs_as)


def _check_base(card: Card, folder: Path, form: Form) -> None:
    """Refuse a model whose rotation its `config.json` does not state as the card does: some have it in their code."""
    rope = form.config.get("rope_parameters")
    base = rope.get("rope_theta") if isinstance(rope, dict) else None
    stated = card.rope.theta
    if stated is not None and isinstance(base, int | float) and not math.isclose(stated, base, rel_tol=SAME_BASE):
        raise CardError(
            f"{folder}/config.json: makes a RoPE base of {base:,.0f}, and card {card.name} says {stated:,.0f}: write "
            f'"rope_theta": {stated:.1f} there if that is what the model was trained with, correct rope.theta, or pass '
            "--trust-remote-code to run the model's own code"
        )


def _converted(card: Card, folder: Path, config: dict[str, Any], form: Form, options: BackendOptions) -> Path:
    """The copy of a model in a form, made where it is not there."""
    published = weights_digest(card)
    generation = read_config(folder / GENERATION) if (folder / GENERATION).is_file() else None
    what = [_FORMAT, published, form.name, dict(form.config), config, generation]  # a commit pins its weights alone
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    target = copies_root() / f"{card.name[:_LONGEST_NAME]}-{digest[:16]}"
    if is_whole(target, digest):
        return target

    def wait() -> None:
        options.note(f"{card.name}: another process is converting it: waiting")

    with locked(target, wait):
        if is_whole(target, digest):
            return target
        if target.exists():
            options.note(f"{target}: the converted copy is damaged and is made anew")
        plans = _planned(folder, config, form)
        copy = Copy(target, folder, digest, config, form.config, generation, form.convert, plans)
        check_room(copy)
        size = amount(copy.size) if copy.size else "its shards are the published ones"
        listing = "`evalkit cards copies` lists and removes them"
        options.note(f"{card.name}: {form.name}; converted copy in {target} ({size}; {listing})")
        write_copy(copy, check=lambda: _check_unchanged(card, folder, published))
    return target


def _check_unchanged(card: Card, folder: Path, published: str) -> None:
    """Raise a `CardError` where the files are no longer those whose digest names the copy."""
    if weights_digest(card) != published:
        raise CardError(f"{folder}: the files changed while they were converted: run again when they are all there")


def _planned(folder: Path, config: dict[str, Any], form: Form) -> list[ShardPlan]:
    """What becomes of the files, held against the architecture that is to load them."""
    plans = plan_shards(weight_files(folder), form.convert, config)
    if form.checked is not None:
        tensors = sum(len(plan.results) for plan in plans)
        check_plans(folder, form.checked, plans, expected_tensors(folder, form.checked, tensors))
    return plans
