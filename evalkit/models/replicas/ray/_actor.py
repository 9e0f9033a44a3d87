"""What runs in the process of an actor: one ordinary adapter, loaded once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.cards import Card
from evalkit.cards.hub import HubName, open_snapshot
from evalkit.prompts import load_tokenizer
from evalkit.rope import RopeSetting

from ..._base import BackendOptions, Completion, GenerationRequest, HoldsRotations, ModelAdapter, RopeGroup
from ..._load import load_model
from ._faults import Failure

__all__ = ["Engine", "EngineFacts", "Said", "Work", "card_here"]


@dataclass(frozen=True)
class Work:
    """What an engine is to be."""

    backend: str
    """Name of the adapter."""
    card: Card
    """The model; its paths mean the same from every folder."""
    options: BackendOptions
    """The adapter's; its `note` is set where the adapter is."""
    threads: int | None
    """Threads that it computes with; None = the libraries' own choice."""
    output: Path | None
    """File for what libraries print; None = where Ray keeps it."""


class EngineFacts(NamedTuple):
    """What is known of an engine."""

    name: str
    """Backend name."""
    info: dict[str, Any]
    """`engine_info` of the adapter."""


class Said(NamedTuple):
    """One part of what an actor answers."""

    notes: tuple[str, ...] = ()
    """What the adapter noted since the part before."""
    facts: EngineFacts | None = None
    """Where they have changed since the part before."""
    answer: Completion | Failure | None = None
    """A completion, or why there are no more; None in the last part, which says that all are answered."""


class Engine:
    """The actor. Nothing is raised in it: what goes wrong travels as a `Failure`."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._notes: list[str] = []
        self._facts: EngineFacts | None = None
        self._model: ModelAdapter | None = None

    def load(self) -> Said:
        """Load tokenizer and model."""
        work = self._work
        if hasattr(signal, "SIGCHLD"):  # which Ray ignores, and then every process that ends seems to exit with 0
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if work.threads is not None:
            os.environ["OMP_NUM_THREADS"] = str(work.threads)  # read when torch is imported
        if work.output is not None and work.output.parent.is_dir():
            _print_to(work.output)
        try:
            card = card_here(work.card)
            tokenizer = load_tokenizer(card, trust_remote_code=work.options.trust_remote_code)
            options = replace(work.options, note=self._notes.append)
            self._model = load_model(work.backend, card, tokenizer, options)
        except Exception as error:
            return Said(tuple(self._notes), answer=Failure.of(error))
        return self._said()

    def holds(self, rope: RopeSetting) -> bool:
        """Whether the adapter holds that setting beside others."""
        return isinstance(self._model, HoldsRotations) and self._model.holds(rope)

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Said]:
        """Answers of one group."""
        yield from self._stream(lambda model: model.generate(rope, requests))

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Said]:
        """Answers of several groups, which the adapter holds."""
        yield from self._stream(lambda model: model.generate_together(groups))  # type: ignore[attr-defined]

    def close(self) -> None:
        """Give memory back, and end engines that run in processes of their own."""
        if self._model is not None:
            self._model.close()

    def _stream(self, answers: Callable[[ModelAdapter], Iterable[Completion]]) -> Iterator[Said]:
        assert self._model is not None
        try:
            for completion in answers(self._model):
                yield self._said(completion)
        except Exception as error:
            yield self._said(Failure.of(error))
            return
        yield self._said()

    def _said(self, answer: Completion | Failure | None = None) -> Said:
        notes, self._notes[:] = tuple(self._notes), []
        assert self._model is not None
        facts = EngineFacts(self._model.name, self._model.engine_info)
        is_news = facts != self._facts
        self._facts = facts
        return Said(notes, facts if is_news else None, answer)


def card_here(card: Card) -> Card:
    """The card with a commit of the hub as this machine has it, or can fetch it."""
    found = card.snapshot
    if found is None or found.folder.is_dir():
        return card
    return card.found(snapshot=open_snapshot(HubName(found.name.repo, found.commit)))


def _print_to(path: Path) -> None:
    """Whatever this process and its children print from now on goes to that file."""
    sys.stdout.flush()
    sys.stderr.flush()
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
