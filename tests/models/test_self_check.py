"""What `cards check --live` finds, in good models and in models that are wrong in one way each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import Card, load_card
from evalkit.models import Completion, GenerationRequest, LiveCheck, examine
from evalkit.prompts import ChatFormat, PromptTokenizer, chat_format, digest_ids, load_tokenizer
from evalkit.rope import RopeSetting, Rotation, rotation

NAMES = [
    "one BOS", "template", "window", "RoPE in force", "each token is that of a whole pass",
    "prefix reuse gives the same tokens", "order does not matter", "greedy is greedy",
]  # fmt: skip


class Healthy:
    """A model whose answer is a digest of its prompt and of nothing else."""

    name = "fake"

    def __init__(self, card: Card) -> None:
        self.engine_info: dict[str, Any] = {}
        self.rotations = [rotation(RopeSetting("default", card.rope.theta), card.architecture.head_dim or 2)]
        self.asked = 0

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        assert "native" == rope.key
        for place, request in enumerate(requests):
            self.asked += 1
            yield self.answer(request, place, len(requests))

    def answer(self, request: GenerationRequest, place: int, count: int) -> Completion:
        text = digest_ids(request.ids)[: self.seed(place, count)]
        cached = 10 if place else 0
        return Completion(request.index, text, 4, cached_tokens=cached, prompt_tokens=self.counted(len(request.ids)))

    def seed(self, place: int, count: int) -> int:  # noqa: ARG002
        return 8

    def counted(self, tokens: int) -> int:
        return tokens

    def count_departures(self, request: GenerationRequest) -> tuple[int, int] | None:
        return request.max_new_tokens, 0

    def close(self) -> None:
        pass


class AddsBos(Healthy):
    """A server that puts another BOS before the prompt."""

    def counted(self, tokens: int) -> int:
        return tokens + 1


class ForgetsThePrompt(Healthy):
    """Its loop feeds a cache that the model does not read."""

    def count_departures(self, request: GenerationRequest) -> tuple[int, int] | None:
        return request.max_new_tokens, 3


class FollowsTheLength(Healthy):
    """Its own scaling makes whole passes differ by design."""

    def count_departures(self, request: GenerationRequest) -> tuple[int, int] | None:  # noqa: ARG002
        return None


class CacheChangesIt(Healthy):
    """Answers depend on whether the stem was cached."""

    def seed(self, place: int, count: int) -> int:
        return 7 if place and count > 1 else 8


class OrderChangesIt(Healthy):
    """Answers depend on the requests before."""

    def seed(self, place: int, count: int) -> int:  # noqa: ARG002
        return 8 if place < 2 or self.asked < 9 else 6


class Dice(Healthy):
    """Answers are drawn."""

    def seed(self, place: int, count: int) -> int:  # noqa: ARG002
        return 5 + self.asked % 3


class Short(Healthy):
    """Long prompts fail."""

    def answer(self, request: GenerationRequest, place: int, count: int) -> Completion:
        if len(request.ids) > 400:
            return Completion(request.index, finish_reason="error", error="out of memory")
        return super().answer(request, place, count)


class OtherBase(Healthy):
    """Rotates by another base than the card says."""

    def __init__(self, card: Card) -> None:
        super().__init__(card)
        self.rotations = [Rotation(tuple(each / 2 for each in self.rotations[0].frequencies))]


@pytest.fixture(scope="module")
def card(tiny_model: Path) -> Card:
    """The tiny model's card."""
    return load_card(tiny_model)


@pytest.fixture(scope="module")
def tokenizer(card: Card) -> PromptTokenizer:
    """Its tokenizer."""
    return load_tokenizer(card)


def checks_of(model: Any, card: Card, tokenizer: PromptTokenizer, window: int = 512) -> dict[str, LiveCheck]:
    """Name → check."""
    return {check.name: check for check in examine(model, card, tokenizer, chat_format(card, tokenizer), window)}


def test_a_good_model_passes_every_check(card: Card, tokenizer: PromptTokenizer) -> None:
    """All eight are done, and all hold."""
    checks = checks_of(Healthy(card), card, tokenizer)

    assert NAMES == list(checks)
    assert {True} == {check.holds for check in checks.values()}


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (AddsBos, "one BOS"), (Short, "window"), (OtherBase, "RoPE in force"),
        (ForgetsThePrompt, "each token is that of a whole pass"),
        (CacheChangesIt, "prefix reuse gives the same tokens"), (OrderChangesIt, "order does not matter"),
        (Dice, "greedy is greedy"),
    ],
)  # fmt: skip
def test_each_fault_is_found(card: Card, tokenizer: PromptTokenizer, wrong: type[Healthy], name: str) -> None:
    """A model that is wrong in one way fails the check that is about it."""
    assert checks_of(wrong(card), card, tokenizer)[name].holds is False


@pytest.mark.parametrize(("dtype", "is_said"), [("bfloat16", True), ("float32", False)])
def test_answers_that_differ_by_few_digits_are_named_as_such(
    card: Card, tokenizer: PromptTokenizer, monkeypatch: pytest.MonkeyPatch, dtype: str, is_said: bool
) -> None:
    """Where the numbers are short that may be rounding; it fails all the same."""
    model = CacheChangesIt(card)
    monkeypatch.setattr(model, "engine_info", {**model.engine_info, "dtype": dtype})

    check = checks_of(model, card, tokenizer)["prefix reuse gives the same tokens"]

    assert (False, is_said) == (check.holds, "--dtype float32" in check.detail)


def test_a_template_that_loses_the_question_is_found(card: Card, tokenizer: PromptTokenizer) -> None:
    """A format that does not show the question does not hold."""
    from evalkit.cards import ChatTemplate

    blind = card.model_copy(update={"chat": ChatTemplate(template="Say something.")})

    assert checks_of(Healthy(card), blind, tokenizer)["template"].holds is False


def test_what_cannot_be_seen_is_not_called_well(card: Card, tokenizer: PromptTokenizer) -> None:
    """A model that shows no rotation, or a card that states none, is neither right nor wrong."""
    hidden = Healthy(card)
    del hidden.rotations
    silent = card.model_copy(update={"rope": card.rope.model_copy(update={"theta": None})})

    assert checks_of(hidden, card, tokenizer)["RoPE in force"].holds is None
    assert checks_of(Healthy(card), silent, tokenizer)["RoPE in force"].holds is None


def test_a_backend_without_whole_passes_is_not_called_well(card: Card, tokenizer: PromptTokenizer) -> None:
    """Neither where nobody can ask it without a cache, nor where the two differ by design."""

    class Behind:
        """A model with what every adapter has, and nothing more."""

        def __init__(self, inner: Healthy) -> None:
            self.name, self.engine_info, self.generate = inner.name, inner.engine_info, inner.generate

    name = "each token is that of a whole pass"

    assert checks_of(Behind(Healthy(card)), card, tokenizer)[name].holds is None
    assert checks_of(FollowsTheLength(card), card, tokenizer)[name].holds is None


def test_the_base_of_a_dynamic_scaling_is_seen(
    save_model: Callable[..., Path], evalkit: Any, card: Card, tokenizer: PromptTokenizer
) -> None:
    """Inside its original length such a model turns by its plain base, whatever the window's prompt left behind."""
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    other = card.model_copy(update={"rope": card.rope.model_copy(update={"scaling": "dynamic:4"})})

    done = evalkit("cards", "check", save_model(rope_parameters=rope), "--live", "--dtype", "float32")

    (line,) = [line for line in done.out.splitlines() if "RoPE in force" in line]
    assert line.startswith(
        "holds: RoPE in force (base 10000, scaling dynamic:4, which begins behind its original length"
    )
    assert checks_of(OtherBase(card), other, tokenizer)["RoPE in force"].holds is False


ORIGINAL = {"rope_theta": 10000.0, "original_max_position_embeddings": 128}
LISTS = {"short_factor": [1.0] * 8, "long_factor": [4.0] * 8}


@pytest.mark.parametrize(
    ("rope", "scaling"),
    [
        ({"rope_type": "yarn", "factor": 4.0, "beta_fast": 8.0, **ORIGINAL}, "yarn:4,beta_fast=8"),
        (
            {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, **ORIGINAL},
            "llama3:8,high_freq_factor=4,low_freq_factor=1",
        ),
        (
            {"rope_type": "longrope", "factor": 4.0, **ORIGINAL, **LISTS},
            "longrope, which changes behind its original length",
        ),
    ],
    ids=["yarn", "llama3", "longrope"],
)
def test_the_rotation_of_every_scaling_is_held_against_the_model(
    rope: dict[str, Any], scaling: str, save_model: Callable[..., Path], evalkit: Any, card: Card
) -> None:
    """As its own configuration states it, the factors of longrope included; another card's is told from it."""
    done = evalkit("cards", "check", save_model(rope_parameters=rope), "--live", "--dtype", "float32")

    (line,) = [line for line in done.out.splitlines() if "RoPE in force" in line]
    assert (
        line == f"holds: RoPE in force (base 10000, scaling {scaling}; frequencies and scale are off by 0.0% at most)"
    )
    own = load_card(save_model(rope_parameters=rope))
    assert False is next(
        each.holds
        for each in examine(Healthy(card), own, load_tokenizer(own), chat_format(own, load_tokenizer(own)), 512)
        if each.name == "RoPE in force"
    )


def test_the_command_checks_a_real_model(tiny_model: Path, evalkit: Any) -> None:
    """`cards check MODEL --live` loads the model, prints each check and ends with 0 when all hold."""
    done = evalkit("cards", "check", tiny_model, "--live", "--dtype", "float32")

    assert 0 == done.code
    assert [f"holds: {name}" for name in NAMES] == [line.partition(" (")[0] for line in done.out.splitlines()]


def test_a_missing_bos_does_not_pass_for_one(card: Card, new_tokenizer: Callable[..., Any]) -> None:
    """Where the tokenizer puts one before every text and the card forbids it, the model never saw such prompts."""
    without = PromptTokenizer(new_tokenizer(template=None, adds_bos=True), add_bos=False)

    check = next(examine(Healthy(card), card, without, ChatFormat("none"), 512))

    assert ("one BOS", False) == (check.name, check.holds)
    assert "add_bos" in check.detail


def test_a_window_that_nobody_knows_is_not_tried(tiny_model: Path) -> None:
    """No prompt of two thousand million tokens is built; where the server tells its window, that is tried."""
    card = load_card(str(tiny_model))
    tokenizer = load_tokenizer(card)
    silent, telling = Healthy(card), Healthy(card)
    telling.engine_info = {"window": 300}

    unknown, known = (
        next(
            check
            for check in examine(model, card, tokenizer, chat_format(card, tokenizer), 2**31 - 1)
            if check.name == "window"
        )
        for model in (silent, telling)
    )

    assert unknown.holds is None
    assert "neither the card nor the server says" in unknown.detail
    assert (True, "288 tokens and 4 new were answered") == (known.holds, known.detail)
