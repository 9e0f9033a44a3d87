"""The loop that decodes several answers at once, over passes that are made up: nothing is lost, whatever breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
import torch

from evalkit.models import Completion, GenerationRequest, RopeGroup
from evalkit.models._stopping import AnswerEnd
from evalkit.models.huggingface._batch import Batch, Row
from evalkit.models.huggingface._room import Room
from evalkit.prompts import PromptTokenizer, token_array
from evalkit.rope import RopeSetting

VOCABULARY = 300
EOS = 1


class Passes:
    """A model whose answer to a prompt is its first token, counted up, as many times as its second token says."""

    def __init__(self, tokenizer: PromptTokenizer) -> None:
        self._tokenizer = tokenizer
        self.widths: list[int] = []
        """Rows of each pass."""
        self.forgotten = 0
        """How often what is kept for later prompts was dropped."""
        self.check: Callable[[list[Row]], None] = lambda _: None
        """Raises where a pass is to fail."""

    def begin(self, rope: RopeSetting, request: GenerationRequest) -> Row:
        return Row(rope, request, AnswerEnd(self._tokenizer, frozenset({EOS}), ()), lambda logits, _: logits)

    def first(self, row: Row) -> torch.Tensor:
        self.check([row])
        row.cache = row.ids.tolist()
        return self._logits(row)

    def next(self, rows: Sequence[Row]) -> torch.Tensor:
        self.check(list(rows))
        self.widths.append(len(rows))
        for row in rows:
            row.cache = row.cache[: len(row.request.ids) + len(row.generated) - 1] + row.generated[-1:]
        return torch.stack([self._logits(row) for row in rows])

    def forget(self) -> None:
        self.forgotten += 1

    def _logits(self, row: Row) -> torch.Tensor:
        """One token is far likelier than all others; it follows from all tokens that the cache holds."""
        start, count = row.cache[:2]
        logits = torch.zeros(VOCABULARY)
        said = len(row.cache) - len(row.request.ids)
        assert row.cache[len(row.request.ids) :] == [start + place for place in range(said)]
        logits[EOS if said >= count else start + said] = 9.0
        return logits


@pytest.fixture
def passes(tokenizer: PromptTokenizer) -> Passes:
    """A made-up model."""
    return Passes(tokenizer)


def asked(*counts: int, limit: int = 20) -> list[GenerationRequest]:
    """One request for each length of an answer; prompts are of different lengths."""
    return [
        GenerationRequest(index, token_array([20 * index + 20, count, *[7] * index]), limit)
        for index, count in enumerate(counts)
    ]


def group(requests: Sequence[GenerationRequest]) -> list[RopeGroup]:
    """The requests as those of one group."""
    return [RopeGroup(RopeSetting("native"), requests)]


def room(rows: int, notes: list[str] | None = None, tokens: int | None = None) -> Room:
    """Room for so many rows."""
    return Room(rows, tokens, notes.append if notes is not None else lambda _: None)


def expected(tokenizer: PromptTokenizer, requests: Sequence[GenerationRequest]) -> dict[int, str]:
    """The answers, by index."""
    made = {request.index: request.ids.tolist()[:2] for request in requests}
    return {index: tokenizer.decode(list(range(a, a + n)), skip_special=False) for index, (a, n) in made.items()}


def texts(done: Sequence[Completion]) -> dict[int, str]:
    """Index → answer, of answers that are none of them errors."""
    assert [None] * len(done) == [each.error for each in done]
    return {each.index: each.text for each in done}


def short_of_memory(most: int) -> Callable[[list[Row]], None]:
    """Fails each pass over more rows than that."""

    def check(rows: list[Row]) -> None:
        if len(rows) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    return check


@pytest.mark.parametrize("rows", [1, 2, 3, 8])
def test_every_answer_is_the_one_it_would_be_alone(passes: Passes, tokenizer: PromptTokenizer, rows: int) -> None:
    """Whatever ends first, and however many there are at once."""
    requests = asked(3, 0, 5, 1, 9, 2, 2)

    done = list(Batch(passes, room(rows)).answers(group(requests)))

    assert expected(tokenizer, requests) == texts(done)
    assert max(passes.widths) == min(rows, 6)  # one of them ends with its first token


def test_rows_leave_as_they_end_and_others_take_their_place(passes: Passes) -> None:
    """The short answers come while the long one goes on."""
    done = list(Batch(passes, room(2)).answers(group(asked(12, 1, 1, 1))))

    assert [1, 2, 3, 0] == [each.index for each in done]
    assert [2] * 3 + [1] * 9 == passes.widths


def test_an_answer_ends_at_its_own_limit(passes: Passes) -> None:
    """Without an end of text it was cut off, and says so."""
    requests = [*asked(9, limit=4), *asked(9, 3)[1:]]

    first, second = sorted(Batch(passes, room(4)).answers(group(requests)), key=lambda each: each.index)

    assert (4, "length") == (first.output_tokens, first.finish_reason)
    assert (4, "stop") == (second.output_tokens, second.finish_reason)


def test_a_limit_of_nothing_is_an_empty_answer(passes: Passes) -> None:
    """No pass is made for it."""
    (done,) = Batch(passes, room(4)).answers(group(asked(3, limit=0)))

    assert ("", 0, "length", None) == (done.text, done.output_tokens, done.finish_reason, done.error)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_lack_of_memory_in_a_pass_halves_the_batch_and_loses_nothing(
    passes: Passes, tokenizer: PromptTokenizer, most: int
) -> None:
    """Rows that make room go on later from the tokens they have; one line says so."""
    notes: list[str] = []
    requests, space = asked(8, 9, 7, 5, 6, 8, 3), room(6, notes)
    passes.check = short_of_memory(most)

    done = list(Batch(passes, space).answers(group(requests)))

    assert expected(tokenizer, requests) == texts(done)
    assert most >= max(passes.widths)
    assert most >= space.rows
    assert 1 == len(notes)
    assert "out of memory with 6 answers at once: going on with 3" in notes[0]


def test_lack_of_memory_for_a_prompt_beside_others_makes_it_wait(passes: Passes, tokenizer: PromptTokenizer) -> None:
    """The answers under way are not touched, and the prompt is computed when there are fewer."""
    requests, space = asked(6, 6, 6, 6), room(8)
    under_way: set[int] = set()

    def check(rows: list[Row]) -> None:
        if len(rows) == 1 and not rows[0].generated and len(under_way - {rows[0].request.index}) >= 3:
            raise RuntimeError("MPS backend out of memory (MPS allocated: 17.0 GB)")
        under_way.update(row.request.index for row in rows)

    passes.check = check
    answers = Batch(passes, space).answers(group(requests))
    found = []
    for each in answers:
        under_way.discard(each.index)
        found.append(each)

    assert expected(tokenizer, requests) == texts(found)
    assert 2 == space.rows


def test_what_does_not_fit_alone_fails_that_sample_only(passes: Passes, tokenizer: PromptTokenizer) -> None:
    """After a second try with nothing else in memory."""
    requests = asked(3, 4, 5)

    def check(rows: list[Row]) -> None:
        if any(row.request.index == 1 for row in rows):
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")

    passes.check = check

    done = {each.index: each for each in Batch(passes, room(3)).answers(group(requests))}

    assert "can't allocate memory" in (done[1].error or "")
    assert (True, True) == (done[1].is_of_memory, done[1].is_of_prompt)  # another engine may have more, others fit
    assert {0: None, 2: None} == {index: done[index].error for index in (0, 2)}
    assert expected(tokenizer, requests)[2] == done[2].text


def test_an_answer_that_outgrows_memory_alone_fails_at_the_second_try(passes: Passes) -> None:
    """No loop that never ends."""

    def check(rows: list[Row]) -> None:
        if len(rows[0].generated) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    passes.check = check

    (done,) = Batch(passes, room(4)).answers(group(asked(5)))

    assert ("error", "OutOfMemoryError: CUDA out of memory.") == (done.finish_reason, done.error)
    assert done.is_of_memory
    assert 2 == passes.forgotten


def test_a_row_that_breaks_a_pass_fails_alone(passes: Passes, tokenizer: PromptTokenizer) -> None:
    """The others get the tokens of that pass one by one, and go on together."""
    requests = asked(6, 6, 6)

    def check(rows: list[Row]) -> None:
        if any(row.request.index == 1 and len(row.generated) == 3 for row in rows):
            raise IndexError("index out of range in self")

    passes.check = check

    done = {each.index: each for each in Batch(passes, room(3)).answers(group(requests))}

    assert "IndexError: index out of range in self" == done[1].error
    assert [expected(tokenizer, requests)[index] for index in (0, 2)] == [done[index].text for index in (0, 2)]
    assert 2 == passes.widths[-1]


def test_logits_that_are_no_numbers_fail_their_row_only(
    passes: Passes, tokenizer: PromptTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that overflows gives no answer, not a wrong one."""
    requests, logits = asked(4, 4, 4), passes._logits
    monkeypatch.setattr(
        passes, "_logits",
        lambda row: logits(row) * (float("nan") if row.request.index == 2 and len(row.generated) == 2 else 1.0),
    )  # fmt: skip

    done = {each.index: each for each in Batch(passes, room(3)).answers(group(requests))}

    assert "not finite" in (done[2].error or "")
    assert [expected(tokenizer, requests)[index] for index in (0, 1)] == [done[index].text for index in (0, 1)]


def test_an_interrupt_comes_through_and_what_was_finished_is_out(passes: Passes) -> None:
    """Completions are handed over before the next pass begins."""

    def check(rows: list[Row]) -> None:
        if any(len(row.generated) == 4 for row in rows):
            raise KeyboardInterrupt

    passes.check = check
    found: list[int] = []

    def collect(answers: Iterator[Completion]) -> None:
        found.extend(each.index for each in answers)

    with pytest.raises(KeyboardInterrupt):
        collect(Batch(passes, room(3)).answers(group(asked(9, 2, 1))))

    assert [2, 1] == found


def test_a_full_memory_keeps_prompts_waiting(passes: Passes, tokenizer: PromptTokenizer) -> None:
    """Rows count with all they will hold; the order of prompts stays."""
    requests = asked(5, 5, 5, 5)

    done = list(Batch(passes, room(8, tokens=2 * 1024 + 60)).answers(group(requests)))

    assert expected(tokenizer, requests) == texts(done)
    assert {1, 2} >= set(passes.widths)
    assert 2 in passes.widths


def test_seconds_are_those_since_the_answer_before(passes: Passes) -> None:
    """So that they add up to the time of all."""
    import time

    start = time.perf_counter()
    done = list(Batch(passes, room(3)).answers(group(asked(9, 2, 1, 0))))
    passed = time.perf_counter() - start

    assert all(each.seconds > 0 for each in done)
    assert sum(each.seconds for each in done) <= passed


@pytest.mark.parametrize("place", ["reached", "parts"])
def test_tokens_that_make_no_text_fail_their_answer_only(
    passes: Passes, tokenizer: PromptTokenizer, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it grows or when it ends; the others go on."""
    requests = asked(4, 6, 5)
    genuine = getattr(AnswerEnd, place)

    def unreadable(end: AnswerEnd, generated: list[int]) -> object:
        if generated[0] == 40 and len(generated) > 2:
            raise ValueError("no such piece")
        return genuine(end, generated)

    monkeypatch.setattr(AnswerEnd, place, unreadable)

    done = list(Batch(passes, room(3)).answers(group(requests)))

    assert {1: "ValueError: no such piece"} == {each.index: each.error for each in done if each.error is not None}
    monkeypatch.undo()
    whole = expected(tokenizer, requests)
    assert {index: whole[index] for index in (0, 2)} == {each.index: each.text for each in done if each.error is None}
