"""What a run says it did: tokens planned and computed, money spent, and what each record shows of its prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from evalkit.cards import load_card
from evalkit.models import Completion, GenerationRequest
from evalkit.prompts import load_tokenizer
from evalkit.rope import RopeSetting
from evalkit.runs import RunOutcome, RunSettings, SampleRecord, open_session, plan_session, read_manifest
from evalkit.runs import _runner as module
from evalkit.runs import read_records_of_run as read

Start = Callable[..., RunOutcome]
Count = Callable[[GenerationRequest], dict[str, Any]]


class Counting:
    """A backend that says of each answer what `count` says of its request."""

    name = "counting"

    def __init__(self, count: Count, engine_info: dict[str, Any] | None = None) -> None:
        self.engine_info = engine_info or {}
        self.requests: list[GenerationRequest] = []
        self._count = count

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:  # noqa: ARG002
        for request in requests:
            self.requests.append(request)
            yield Completion(request.index, **{"text": "x", "output_tokens": 3} | self._count(request))

    def close(self) -> None: ...


class Money(NamedTuple):
    """A card with prices, and what its tokens cost."""

    card: Path
    input: float = 10.0
    output: float = 20.0
    cached: float = 1.0


@pytest.fixture
def money(tiny_model: Path, tmp_path: Path) -> Money:
    """The tiny model with a price list."""
    known = Money(tmp_path / "card.yaml")
    known.card.write_text(
        f"name: paid\ntitle: Paid\nweights: {tiny_model}\ncontext_length: 512\nlicence: none\n"
        "endpoint:\n  base_url: http://127.0.0.1:1/v1\n  model: toy\n"
        f"  prices: {{input: {known.input}, output: {known.output}, cached_input: {known.cached}, currency: EUR}}\n"
    )
    return known


def test_without_reuse_every_token_of_every_answer_was_computed(start: Start, watcher: Any) -> None:
    """What a failed prompt computed is not known and not counted; the plan is the least that could be."""
    failed = {"finish_reason": "error", "error": "broke"}
    backend = Counting(lambda request: {"cached_tokens": 0} | (failed if request.index == 1 else {}))

    outcome = start(backend, limit=2)

    sizes = {request.index: len(request.ids) for request in backend.requests}
    assert sum(sizes.values()) - sizes[1] == outcome.computed_tokens
    assert watcher.pending == [outcome.planned_tokens]
    assert 0 < outcome.planned_tokens < outcome.computed_tokens
    assert (3, 1, True) == (outcome.finished, outcome.failed, outcome.is_reuse_known)


def test_cached_tokens_are_not_computed(start: Start) -> None:
    """As far as the backend says; where it says nothing of one answer, the sum is only a bound."""
    backend = Counting(lambda request: {"cached_tokens": None if request.index == 3 else 7})

    outcome = start(backend, limit=2)

    assert sum(len(request.ids) for request in backend.requests) - 3 * 7 == outcome.computed_tokens
    assert outcome.is_reuse_known is False


def test_a_server_counts_what_it_read_and_what_it_cached_in_its_own_tokens(start: Start) -> None:
    """Three quarters of ours are computed, however many it makes of them; never fewer than none."""
    backend = Counting(lambda _: {"prompt_tokens": 4000, "cached_tokens": 1000})

    outcome = start(backend)

    assert sum(round(0.75 * len(request.ids)) for request in backend.requests) == outcome.computed_tokens


def test_a_failed_answer_leaves_what_is_known_of_reuse(start: Start) -> None:
    """It says nothing of caches, because there was no answer."""
    backend = Counting(lambda request: {"error": "broke"} if request.index == 0 else {"cached_tokens": 0})

    assert start(backend, limit=2).is_reuse_known is True


@pytest.mark.parametrize("counted", [None, 50])
def test_money_is_counted_by_the_servers_count_or_our_own(start: Start, money: Money, counted: int | None) -> None:
    """Prompt tokens as the server counted them, else as we did; those from a cache at their price; failures free."""
    failed = {"error": "broke"}
    backend = Counting(
        lambda request: {"prompt_tokens": counted, "cached_tokens": 8} | (failed if request.index == 0 else {})
    )

    outcome = start(backend, model=str(money.card), limit=2)

    tokens = [counted or len(request.ids) for request in backend.requests if request.index]
    expected = sum((each - 8) * money.input + 8 * money.cached + 3 * money.output for each in tokens) / 1e6
    assert pytest.approx(expected) == outcome.spent
    assert "EUR" == outcome.currency


def test_a_backend_that_counts_its_attempts_is_believed(start: Start, money: Money) -> None:
    """Failed attempts cost too, which only the backend knows."""
    backend = Counting(lambda _: {"error": "broke"})
    backend.spent = 1.25  # type: ignore[attr-defined]

    outcome = start(backend, model=str(money.card), limit=2)

    assert (1.25, "EUR") == (outcome.spent, outcome.currency)


def test_without_prices_nothing_is_spent(start: Start) -> None:
    """And no currency is made up."""
    outcome = start(limit=1)

    assert (0.0, None) == (outcome.spent, outcome.currency)


def test_a_record_shows_both_ends_of_a_prompt(start: Start, bare: Path, tiny_model: Path) -> None:
    """Three hundred characters each; a prompt of no more than both together is shown whole, and has no end apart."""
    backend, decode = Counting(lambda _: {}), load_tokenizer(load_card(tiny_model)).decode
    start(backend, tasks=("sagas",), limit=1, out=bare / "long")
    start(backend, tasks=("tales",), limit=1, max_seq_len=48 + 6, out=bare / "short")

    long, short = (next(iter(read(bare / name))) for name in ("long", "short"))

    first, second = (decode(request.ids.tolist(), skip_special=False) for request in backend.requests)
    assert len(first) > 600 > len(second)
    assert (first[:300], first[-300:]) == (long.preview, long.preview_end) == long.prompt_ends
    assert (second, "") == (short.preview, short.preview_end) == short.prompt_ends


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("", "", ""),
        ("short", "short", ""),
        ("." * 301, "." * 150, "." * 150),
        ("!" + "é" * 400, "!" + "é" * 74, "é" * 75),  # byte 150 is half a character, and the last ones are whole
        ("é" * 400 + "!", "é" * 75, "é" * 74 + "!"),
    ],
)
def test_ends_are_cheap_and_of_whole_characters(text: str, start: str, end: str) -> None:
    """Of tokens that are single bytes, 150 are read at each end; half a character at a cut is left out."""
    asked: list[int] = []

    def decode(ids: Sequence[int], *, skip_special: bool) -> str:
        assert not skip_special
        asked.append(len(ids))
        return bytes(ids).decode("utf-8", "replace")

    ends = module.prompt_ends(np.frombuffer(text.encode(), np.uint8).astype(np.int32), decode)

    assert max(asked) <= 300 >= sum(asked)
    assert (start, end) == ends


@pytest.mark.parametrize(
    ("preview", "after", "ends"),
    [
        ("the start … the end", 49, ("the start", "the end")),
        ("the start … of all", 48, ("the start … of all", "")),
        ("one … two … three", 400, ("one … two … three", "")),
        ("no gap", 400, ("no gap", "")),
        ("a … prompt", None, ("a … prompt", "")),
    ],
)
def test_a_record_of_before_is_parted_only_where_it_holds_two_ends(
    record: Callable[..., SampleRecord], preview: str, after: int | None, ends: tuple[str, str]
) -> None:
    """Up to 48 tokens it is the whole prompt; where the sign stands twice nobody knows which one is the gap."""
    ledger = after and {
        "mode": "middle", "before": 900, "after": after, "head": 0, "tail": 0, "kept": [], "evidence_kept": None,
    }  # fmt: skip

    older = record(0, preview=preview, ledger=ledger)

    assert older.preview_end is None
    assert ends == older.prompt_ends


def test_a_request_asks_what_its_prompt_says(start: Start) -> None:
    """Ids, limit and stop strings of the plan."""
    backend = Counting(lambda _: {})

    start(backend, limit=1, max_new_tokens=9)

    assert [9, 9] == [request.max_new_tokens for request in backend.requests]


@pytest.mark.parametrize(
    ("settings", "longest"),
    [({"tasks": ("tales",)}, None), ({"protocol": "chain"}, 512), ({"truncation": "none", "max_seq_len": 20}, 1)],
)
def test_the_backend_is_made_for_the_longest_sequence(
    toy: str, tiny_model: Path, bare: Path, watcher: Any, monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any], longest: int | None,
) -> None:  # fmt: skip
    """Prompt and answer together; the whole window where later prompts are not known yet; nothing of failed ones."""
    opened: list[Any] = []

    def load(*arguments: Any) -> Counting:
        opened.append(arguments[-1])
        return Counting(lambda _: {})

    monkeypatch.setattr("evalkit.runs._opening.load_model", load)
    session = open_session(
        RunSettings(str(tiny_model), (toy,), backend="toy", out=bare / "run", limit=2, device="cpu", **settings)
    )
    plan = plan_session(session)
    module._opener(session, plan, watcher)()

    expected = longest or max(prompt.tokens + prompt.max_new_tokens for prompt in plan.prompts)
    assert (expected, "cpu", True) == (
        opened[0].longest_sequence, opened[0].device, opened[0].is_reusing_prefixes
    )  # fmt: skip


def test_the_manifest_says_what_the_engine_ran_with(start: Start, bare: Path, watcher: Any) -> None:
    """From the first answer on; a change on resume is said, and what was known stays."""
    start(Counting(lambda _: {}, {"device": "cpu", "threads": 2}), limit=1)
    again = start(Counting(lambda _: {}, {"device": "gpu"}), limit=2)
    same = start(limit=2)

    assert {"device": "gpu", "threads": 2} == read_manifest(bare / "run").environment["engine"]
    assert ["toy: device changed since this run began: cpu → gpu"] == watcher.notes
    assert ({"device": "gpu"}, {}) == (again.engine_info, same.engine_info)


def test_a_plan_says_the_notes_of_the_session_to_whoever_watches(
    toy: str, tiny_model: Path, bare: Path, watcher: Any
) -> None:
    """A window beyond the model's, tasks without data; nobody has to watch."""
    session = open_session(RunSettings(str(tiny_model), (toy,), backend="toy", out=bare / "run", max_seq_len=600))

    plans = [plan_session(session, watcher), plan_session(session)]

    assert list(session.notes) == watcher.notes
    assert [48, 48] == [len(plan.prompts) for plan in plans]
