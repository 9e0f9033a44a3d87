"""The needle grammar: pure, endless, and with needles that no haystack gives away."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.tasks.needle._grammar import TRAINING_SEEDS, Language, Needle, haystack, joiner, needle, needles, prompt

LANGUAGES: tuple[Language, ...] = ("en", "zh")
EVALUATION_SEEDS = st.integers(0, TRAINING_SEEDS.start - 1)


def some(seed: int, language: Language, count: int = 300, *, training: bool = False) -> list[str]:
    return list(itertools.islice(haystack(seed, language, training=training), count))


def test_a_seed_always_gives_the_same_text() -> None:
    """Text is pinned to its seed, so that published results stay comparable."""
    sentence, fact = next(haystack(0)), needle(0)

    assert sentence == "The sailor and the baker sailed back to the city because the road was closed."
    assert fact == Needle(
        statement="The locker that belongs to Mona has the number 39352.",
        question="Which number has the locker that belongs to Mona?",
        answer="The locker that belongs to Mona has the number 39352.",
        keyword="39352",
        subject="Mona",
        language="en",
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_calls_do_not_disturb_each_other(language: Language) -> None:
    """Two haystacks drawn in turn give what each gives alone."""
    first, second = haystack(1, language), haystack(2, language)

    mixed = [next(stream) for _ in range(50) for stream in (first, second)]

    assert mixed[::2] == some(1, language, 50)
    assert mixed[1::2] == some(2, language, 50)


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_seed_gives_another_haystack(language: Language) -> None:
    """No two of a hundred haystacks begin alike."""
    openings = {tuple(some(seed, language, 4)) for seed in range(100)}

    assert len(openings) == 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_complete(language: Language) -> None:
    """A sentence starts with a capital or a Han character, ends with a full stop and has no open slot."""
    whole = re.compile(r"[A-Z][^{}.]*\." if language == "en" else r"[\u4e00-\u9fff][^{}。]*。")

    odd = [sentence for sentence in some(3, language, 2000) if not whole.fullmatch(sentence)]

    assert odd == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_haystacks_hold_numbers_but_none_long_enough_for_a_keyword(language: Language) -> None:
    """Digits alone do not give a needle away, and no number of a haystack contains a keyword."""
    lengths = {len(number) for sentence in some(4, language, 3000) for number in re.findall(r"\d+", sentence)}

    assert max(lengths) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_haystacks_never_mention_a_needle_subject(language: Language) -> None:
    """A subject's name stands in its needle alone."""
    text = " ".join(some(5, language, 3000))
    subjects = {fact.subject for seed in range(300) for fact in needles(seed, 3, language)}

    mentioned = [name for name in subjects if re.search(rf"\b{name}\b" if language == "en" else name, text)]

    assert mentioned == []


@given(seed=EVALUATION_SEEDS, language=st.sampled_from(LANGUAGES))
@settings(max_examples=100, deadline=None)
def test_a_needle_says_asks_and_answers_the_same_fact(seed: int, language: Language) -> None:
    """Statement and answer hold the keyword once, the question holds the subject and not the keyword."""
    fact = needle(seed, language)

    assert re.fullmatch(r"[1-9]\d{3,4}", fact.keyword)
    assert [text.count(fact.keyword) for text in (fact.statement, fact.answer, fact.question)] == [1, 1, 0]
    assert all(fact.subject in text for text in (fact.statement, fact.answer, fact.question))


@given(seed=EVALUATION_SEEDS, language=st.sampled_from(LANGUAGES), count=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_needles_of_one_call_cannot_be_mistaken(seed: int, language: Language, count: int) -> None:
    """Subjects differ, and no keyword contains another."""
    facts = needles(seed, count, language)

    assert len({fact.subject for fact in facts}) == count
    pairs = itertools.permutations([fact.keyword for fact in facts], 2)
    assert [(one, other) for one, other in pairs if one in other] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_evaluation_needle_is_ever_a_training_needle(language: Language) -> None:
    """The facts of the two halves are disjoint, not only their seeds."""
    evaluation = {(fact.subject, fact.keyword) for seed in range(400) for fact in needles(seed, 8, language)}
    training = {
        (fact.subject, fact.keyword)
        for seed in range(TRAINING_SEEDS.start, TRAINING_SEEDS.start + 4000)
        for fact in needles(seed, 8, language, training=True)
    }

    assert set() == evaluation & training


@pytest.mark.parametrize(
    ("seed", "training"),
    [
        (TRAINING_SEEDS.start, False),
        (-1, False),
        (0, True),
        (TRAINING_SEEDS.start - 1, True),
        (TRAINING_SEEDS.stop, True),
    ],
)
def test_a_seed_of_the_other_half_is_refused(seed: int, training: bool) -> None:
    """Evaluation never draws a training seed nor training an evaluation seed; the message names the allowed range."""
    with pytest.raises(UserError, match=rf"seed {seed} is not in \d+\.\.\d+$"):
        needle(seed, training=training)
    with pytest.raises(UserError, match=rf"seed {seed} is not in \d+\.\.\d+$"):
        haystack(seed, training=training)


def test_an_unknown_language_is_named() -> None:
    """The message names the language and those there are."""
    with pytest.raises(UserError, match="language 'fr' is none of en, zh"):
        needle(0, "fr")  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, -1, 1000])
def test_an_impossible_count_of_needles_is_refused(count: int) -> None:
    """The message says how many there can be."""
    with pytest.raises(UserError, match=rf"{count} needles in language 'en': ask for 1 to \d+"):
        needles(0, count)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_prompt_holds_the_context_and_ends_with_the_question(language: Language) -> None:
    """The question comes last, as the embedded model was trained."""
    fact = needle(7, language)
    context = joiner(language).join([*some(7, language, 3), fact.statement])

    whole = prompt(context, fact.question, language)

    assert context in whole
    assert whole.endswith(fact.question)
