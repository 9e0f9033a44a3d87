"""Which counts of a server convict it of having read only a part, and which are another tokenizer's."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from evalkit.models import Completion
from evalkit.models.endpoint._truncation import MOST_HELD, CeilingWatch, Sent, code_points, least_tokens

PROSE = "Nobody knew why the astronomer repaired the drum during the festival of the old town. "


def text_of(characters: int) -> str:
    """English prose of that length."""
    return (PROSE * (characters // len(PROSE) + 1))[:characters]


class Scene:
    """A watch, what it noted and what it compared."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.compared: list[tuple[int, int]] = []
        self.watch = CeilingWatch(lambda ours, theirs: self.compared.append((ours, theirs)), self.notes.append)
        self.done: dict[int, Completion] = {}

    def take(self, ours: int, theirs: int | None, *, unit: str = "tokens", limit: int = 64, exact: bool = False) -> int:
        """One more answer; how many were handed on."""
        index = len(self.done) + len(self.held)
        points = code_points(text_of(ours if unit == "characters" else 4 * ours))
        sent = Sent(ours, limit, lambda: points, unit == "tokens", exact)
        return self._keep(self.watch.take(Completion(index, text="yes", prompt_tokens=theirs), sent))

    @property
    def held(self) -> list[int]:
        return [each.completion.index for top in self.watch._tops.values() for each in top.held]

    def end(self) -> list[bool]:
        """Whether each answer failed, in the order they came."""
        self._keep(list(self.watch.rest()))
        return [self.done[index].error is not None for index in sorted(self.done)]

    def _keep(self, completions: Sequence[Completion]) -> int:
        for completion in completions:
            assert completion.index not in self.done
            self.done[completion.index] = completion
        return len(completions)


def judged(pairs: Sequence[tuple[int, int | None]], **how: object) -> list[bool]:
    """Whether each answer failed: pairs of our length and the server's count."""
    scene = Scene()
    for ours, theirs in pairs:
        scene.take(ours, theirs, **how)  # type: ignore[arg-type]
    return scene.end()


@pytest.mark.parametrize("unit", ["tokens", "characters"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_one_count_for_prompts_of_different_lengths_is_a_ceiling(unit: str, order: tuple[int, ...]) -> None:
    """All of them fail, the first that came too; what was read whole does not."""
    scale = 1 if unit == "tokens" else 4
    pairs = [(400 * scale, 400), (5000 * scale, 2050), (6500 * scale, 2050), (9000 * scale, 2050)]

    failed = judged([pairs[place] for place in order], unit=unit)

    assert [place > 0 for place in order] == failed


def test_a_ceiling_need_not_be_met_to_the_token() -> None:
    """A server that cuts between sentences reads a little more or less."""
    assert [True] * 4 == judged([(5000, 2050), (6200, 2041), (7900, 2047), (9100, 2050)])


def test_two_very_different_prompts_convict() -> None:
    """Two are enough where no text could make up for the difference."""
    assert [True, True] == judged([(16_000, 2050), (25_000, 2050)], unit="characters")


def test_later_answers_at_a_known_ceiling_fail_at_once() -> None:
    """Nothing is held back any more once the ceiling is known, and nothing at it is scored."""
    scene = Scene()
    for ours in (16_000, 25_000):
        scene.take(ours, 2050, unit="characters")

    assert 1 == scene.take(18_000, 2050, unit="characters")
    assert [True] * 3 == scene.end()


def test_the_error_and_one_note_name_both_lengths() -> None:
    """What was read, and of how much, in its unit."""
    scene = Scene()
    for ours in (16_000, 25_000, 20_000):
        scene.take(ours, 2050, unit="characters")
    scene.end()

    assert "the server read 2050 tokens of a prompt of 16000 characters" in str(scene.done[0].error)
    assert ("", "error") == (scene.done[0].text, scene.done[0].finish_reason)
    assert 1 == len(scene.notes)


def test_each_generation_limit_has_its_own_ceiling() -> None:
    """Servers that take the answer off the window read less for longer answers."""
    scene = Scene()
    for limit in (32, 512):
        for ours in (5000, 7000):
            scene.take(ours, 4096 - limit, limit=limit)

    assert [True] * 4 == scene.end()


@pytest.mark.parametrize("factor", [0.55, 0.8, 0.97, 1.0, 1.2, 1.9])
@pytest.mark.parametrize("markup", [0, 9])
def test_another_tokenizer_is_no_truncation(factor: float, markup: int) -> None:
    """Counts in proportion, a few percent up or down by the text, fail nobody."""
    draw = random.Random(3)
    lengths = [draw.randrange(200, 9000) for _ in range(200)]
    pairs = [(ours, int(ours * factor * draw.uniform(0.95, 1.05)) + markup) for ours in lengths]

    assert [False] * 200 == judged(pairs)


@pytest.mark.parametrize("characters_per_token", [1.0, 2.5, 4.5, 6.0])
def test_texts_of_all_lengths_by_characters_fail_nobody(characters_per_token: float) -> None:
    """Without a tokenizer too: counts that rise with the lengths are nobody's ceiling."""
    draw = random.Random(4)
    lengths = [draw.randrange(600, 60_000) for _ in range(400)]
    pairs = [(ours, int(ours / characters_per_token * draw.uniform(0.9, 1.1))) for ours in lengths]

    assert [False] * 400 == judged(pairs, unit="characters")


def test_equal_prompts_have_equal_counts() -> None:
    """A grid of prompts of one length is no ceiling; few of its answers are held back."""
    scene = Scene()
    for _ in range(200):
        scene.take(20_000, 4_600, unit="characters")

    assert len(scene.held) <= MOST_HELD
    assert [False] * 200 == scene.end()


def test_prompts_read_whole_are_never_held_back() -> None:
    """Where the server counts what was sent, each answer is handed on as it comes."""
    scene = Scene()

    assert [1] * 5 == [scene.take(ours, ours + 3) for ours in (900, 5000, 2000, 5000, 7000)]


def test_a_higher_count_clears_what_was_held_back() -> None:
    """The server has read more of another prompt, so the earlier one met no ceiling."""
    scene = Scene()

    assert 0 == scene.take(12_000, 3000, unit="characters")
    assert 1 == scene.take(20_000, 5000, unit="characters")
    assert [False, False] == scene.end()


@pytest.mark.parametrize(
    ("text", "fewest"),
    [(text_of(16_000), 900), ("这是一个很长的故事" * 1000, 2200), ("-" * 50_000, 0), ("a" + " " * 9999, 0)],
    ids=["prose", "chinese", "dashes", "blanks"],
)
def test_the_fewest_tokens_of_a_text_are_known_without_its_tokenizer(text: str, fewest: int) -> None:
    """By letters and wide characters; runs of one character, which vocabularies hold, count once."""
    assert fewest <= least_tokens(code_points(text)) <= max(2, 1.2 * fewest)


def test_fewer_tokens_than_any_tokenizer_makes_fail_alone() -> None:
    """One prompt is enough where one token would have to hold more than a long word."""
    scene = Scene()
    scene.take(100_000, 2050, unit="characters")

    assert [True] == scene.end()


def test_a_count_that_is_odd_is_said() -> None:
    """One prompt that nothing else convicts is kept, with both numbers on the terminal."""
    scene = Scene()
    scene.take(20_000, 2050, unit="characters")

    assert [False] == scene.end()
    assert ["2050", "20000"] == [number for number in ("2050", "20000") if number in scene.notes[0]]


def test_far_fewer_than_our_tokens_fail_alone() -> None:
    """Two tokenizers of one script do not differ by so much."""
    assert [True] == judged([(5036, 2050)])


def test_somewhat_fewer_than_our_tokens_are_said() -> None:
    """One prompt may be another tokenizer's, or a little too long: it is kept, and named."""
    scene = Scene()
    scene.take(5036, 4096)

    assert [False] == scene.end()
    assert "read 4096 tokens of a prompt of 5036 tokens, where 5036 are usual" in scene.notes[0]


def test_ids_are_counted_one_by_one() -> None:
    """Where token ids were sent, a lower count is a part, however small the difference."""
    assert [False, True] == judged([(5000, 5000), (5100, 5050)], exact=True)


def test_a_server_that_does_not_count_is_not_judged() -> None:
    """No count convicts nobody."""
    assert [False, False] == judged([(5000, None), (9000, None)])


def test_failed_answers_say_nothing_of_the_tokenizer() -> None:
    """The comparison of tokenizers sees only prompts that were read whole."""
    scene = Scene()
    for ours, theirs in ((300, 300), (5000, 2050), (9000, 2050)):
        scene.take(ours, theirs)
    scene.end()

    assert [(300, 300)] == scene.compared


def test_code_points_are_those_of_the_text() -> None:
    """Beyond the basic plane too."""
    assert np.array_equal([97, 0x1F642, 0x4E2D], code_points("a🙂中"))
