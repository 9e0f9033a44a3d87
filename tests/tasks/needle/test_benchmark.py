"""Needle grids: the length asked for, the needle where it belongs, the user's own text and needles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.cards import load_card
from evalkit.errors import UserError
from evalkit.paths import shipped
from evalkit.prompts import (
    ChatFormat,
    PromptBuilder,
    PromptTokenizer,
    TruncationMode,
    chat_format,
    load_tokenizer,
)
from evalkit.tasks import (
    Answer,
    Benchmark,
    Haystack,
    NeedleContext,
    SizedBenchmark,
    encode_inside,
    expected_samples,
    load_benchmark,
)
from tests.tasks.needle.grids import prompts_of, samples_of


class Characters:
    """An encoder with one token per character."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [[ord(character) for character in text] for text in texts]

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:  # noqa: ARG002
        return "".join(map(chr, ids))


def context_of(depth: float, insertion: str, tokens: int = 60) -> str:
    """The context of a needle in a text of ten-character sentences, in characters."""
    text = Haystack("of a test", lambda: iter(["It rained."] + [" It rained."] * 50), " ")
    filled = NeedleContext(text, ("NEEDLE.",), tokens, (depth,), insertion).build(Characters(), 0)
    return Characters().decode(filled.ids.tolist(), skip_special=False)


def test_a_grid_is_the_product_of_its_axes() -> None:
    """Languages × lengths × depths × needles × repeats."""
    grid = load_benchmark(
        "needle", {"lengths": "200,300", "depths": "0:100:50", "repeats": "4", "lang": "en,zh", "needle-count": "5"}
    )

    ids = [sample.id for sample in samples_of(grid)]

    assert (2 * 2 * 3 * 5 * 4, len(ids)) == (len(ids), len(set(ids)))


@pytest.mark.parametrize(
    ("name", "samples", "lengths", "depths"),
    [
        ("needle", 165, (256, 1024, 3), (0, 100, 11)),
        ("needle-xverse-256k", 2176, (8000, 256_000, 32), (0, 100, 17)),
        ("needle-classic", 1225, (1000, 16_000, 35), (0, 100, 35)),
    ],
)
def test_shipped_grids_have_the_sizes_they_state(
    name: str, samples: int, lengths: tuple[int, int, int], depths: tuple[int, int, int]
) -> None:
    """The number of samples in the YAML file is what the options make, and so are the axes."""
    grid = load_benchmark(name)

    metadata = [sample.metadata for sample in samples_of(grid)]
    found = [sorted({entry[axis] for entry in metadata}) for axis in ("length", "depth")]

    stated = json.dumps(grid.spec.tasks["single"].expected)
    assert json.dumps({"keyword": samples, "edit-distance": samples}) == stated
    assert samples == expected_samples(grid, "single", "keyword")
    assert (samples, lengths, depths) == (len(metadata), *((axis[0], axis[-1], len(axis)) for axis in found))


def test_the_options_decide_how_many_samples_are_expected() -> None:
    """Whatever the YAML file states for the shipped grid: 2 lengths × 3 depths × 4 repeats × 5 needles."""
    grid = load_benchmark("needle", {"lengths": "200,300", "depths": "0:100:50", "repeats": "4", "needle-count": "5"})

    assert 2 * 3 * 4 * 5 == expected_samples(grid, "single", "keyword") == len(samples_of(grid))


@pytest.mark.parametrize("depths", [(0, 50, 100), (20, 20, 60), (0, 0, 0), (100, 100, 100), (5, 50, 51)])
def test_several_needles_stand_in_order_between_whole_sentences(depths: tuple[float, ...]) -> None:
    """Every needle is where its span says, in their order, and no sentence is cut but by the end of the context."""
    text = Haystack("of a test", lambda: iter(["It rained."] + [" It rained."] * 50), " ")
    needles = ("ONE IS A.", "TWO IS B.", "THREE IS C.")

    built = NeedleContext(text, needles, 150, depths).build(Characters(), 12)

    whole = Characters().decode(built.ids.tolist(), skip_special=False)
    assert 150 - 12 == len(whole)
    assert list(needles) == [whole[start:stop].strip() for start, stop in built.evidence]
    rest = whole
    for needle in needles:
        rest = rest.replace(needle, "")
    assert set("It rained. " * 20) >= set(rest)
    assert ("It rained. " * 20).startswith(" ".join(rest.split()))
    assert not whole.startswith(" ")
    assert "  " not in whole


@pytest.mark.parametrize("depths", [(), (50,), (60, 50), (10, 20, 30)])
def test_needles_without_depths_of_their_own_are_refused(depths: tuple[float, ...]) -> None:
    """One for each, in the order in which they stand."""
    text = Haystack("of a test", lambda: iter(["It rained."]), " ")

    with pytest.raises(ValueError, match="give each one, ascending"):
        NeedleContext(text, ("ONE.", "TWO."), 150, depths)


def test_ids_do_not_depend_on_the_rest_of_the_grid() -> None:
    """A cell has the same sample in a small grid and in a large one, so a run can go on with more cells."""
    small = load_benchmark("needle", {"lengths": "256", "depths": "50", "repeats": "1"})
    large = load_benchmark("needle", {"lengths": "128,256", "depths": "0:100:25", "repeats": "3"})

    assert set(samples_of_ids(small)) <= set(samples_of_ids(large))


def samples_of_ids(grid: Benchmark) -> list[tuple[str, tuple[str, ...]]]:
    return [(sample.id, sample.evidence) for sample in samples_of(grid)]


def test_cells_of_one_repeat_differ_in_length_and_depth_alone() -> None:
    """Needle and haystack belong to the repeat, so cells can be compared."""
    grid = load_benchmark("needle", {"repeats": "2"})

    metadata = {(sample.document, sample.evidence, sample.metadata["repeat"]) for sample in samples_of(grid)}

    assert len(metadata) == 2


def test_another_seed_gives_other_needles() -> None:
    """The seed decides, and nothing else does."""
    grids = [load_benchmark("needle", {"seed": seed}) for seed in ("0", "0", "1")]

    first, again, other = (samples_of(grid)[0].evidence for grid in grids)

    assert (True, False) == (first == again, first == other)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("insertion", ["sentence", "token"])
@pytest.mark.parametrize("position", ["end", "start", "both"])
def test_every_prompt_has_exactly_its_length_and_its_needle(
    builder: PromptBuilder, tokenizer: PromptTokenizer, lang: str, insertion: str, position: str
) -> None:
    """The length counts the whole prompt with its chat wrapping; the needle stands in it at every depth."""
    grid = load_benchmark(
        "needle",
        {
            "lengths": "600,901",
            "depths": "0,33,100",
            "repeats": "2",
            "lang": lang,
            "insertion": insertion,
            "question-position": position,
        },
    )

    for sample, prompt in prompts_of(grid, builder):
        text = tokenizer.decode(prompt.ids.tolist(), skip_special=False)
        times = text.count(sample.fields["question"])
        assert (sample.metadata["length"], True, 2 if position == "both" else 1) == (
            len(prompt.ids),
            sample.evidence[0] in text,
            times,
        )


def test_splicing_gives_the_tokens_of_the_whole_text(builder: PromptBuilder, tokenizer: PromptTokenizer) -> None:
    """Between sentences, spliced tokens are those that encoding the whole prompt would give."""
    grid = load_benchmark("needle", {"lengths": "500", "depths": "0:100:20", "repeats": "2"})

    for _, prompt in prompts_of(grid, builder):
        ids = prompt.ids.tolist()
        assert tokenizer.encode(tokenizer.decode(ids, skip_special=False)) == ids


def test_the_question_comes_first_where_it_is_wanted(builder: PromptBuilder, tokenizer: PromptTokenizer) -> None:
    """`start` puts the question before the text and ends with the text."""
    grid = load_benchmark("needle", {"lengths": "400", "depths": "50", "repeats": "1", "question-position": "start"})
    sample, prompt = next(prompts_of(grid, builder))

    text = tokenizer.decode(prompt.ids.tolist(), skip_special=False)

    assert text.index(sample.fields["question"]) < text.index(sample.evidence[0])


@pytest.mark.parametrize(
    ("depth", "insertion", "context"),
    [
        (0, "sentence", "NEEDLE. It rained. It rained. It rained. It rained. It raine"),
        (0, "token", "NEEDLE. It rained. It rained. It rained. It rained. It raine"),
        (10, "sentence", "NEEDLE. It rained. It rained. It rained. It rained. It raine"),
        (10, "token", "It ra NEEDLE.ined. It rained. It rained. It rained. It raine"),
        (50, "sentence", "It rained. It rained. NEEDLE. It rained. It rained. It raine"),
        (50, "token", "It rained. It rained. It r NEEDLE.ained. It rained. It raine"),
        (100, "sentence", "It rained. It rained. It rained. It rained. It raine NEEDLE."),
        (100, "token", "It rained. It rained. It rained. It rained. It raine NEEDLE."),
    ],
)
def test_the_needle_stands_where_the_rule_says(depth: float, insertion: str, context: str) -> None:
    """At its share of the haystack's tokens, moved back to the end of a sentence, or exactly there; 100 appends."""
    assert context == context_of(depth, insertion)


@pytest.mark.parametrize(
    ("depth", "insertion", "real"),
    [(0, "sentence", 0), (10, "sentence", 0), (50, "sentence", 100 * 21 / 53), (50, "token", 100 * 26 / 53),
        (100, "sentence", 100)],
)  # fmt: skip
def test_a_context_tells_where_its_needle_really_stands(depth: float, insertion: str, real: float) -> None:
    """In percent of the haystack's tokens, beside the depth that was asked for."""
    text = Haystack("of a test", lambda: iter(["It rained."] + [" It rained."] * 50), " ")

    built = NeedleContext(text, ("NEEDLE.",), 61, (depth,), insertion).build(Characters(), 0)

    assert built.depths == pytest.approx((real,))


def test_without_sentences_the_needle_stands_at_its_depth() -> None:
    """No text without full stops collapses to depth 0."""
    text = Haystack("of a test", lambda: iter(["rain "] * 500), " ")

    depths = [
        NeedleContext(text, ("N.",), 2000, (depth,), "sentence").build(Characters(), 0).depths[0] for depth in (25, 50)
    ]

    assert [25.0, 50.0] == pytest.approx(depths, abs=0.1)


@settings(max_examples=60)
@given(st.floats(0, 100), st.sampled_from(["sentence", "token"]), st.integers(8, 300))
def test_a_context_has_its_length_and_one_needle(depth: float, insertion: str, tokens: int) -> None:
    """Whatever depth and length, the tokens are as many as asked for and the needle is whole."""
    context = context_of(depth, insertion, tokens)

    assert (tokens, 1) == (len(context), context.count("NEEDLE."))


def test_a_deeper_needle_never_stands_earlier() -> None:
    """Depth is monotonous."""
    places = [context_of(depth, "sentence", 200).index("NEEDLE") for depth in range(101)]

    assert places == sorted(places)


def test_a_length_without_room_for_the_needle_is_refused() -> None:
    """The message has the length and what it would take."""
    with pytest.raises(UserError, match="length 5: too short, instruction, question and needle take 8 tokens"):
        context_of(50, "sentence", 5)


def test_truncation_that_cuts_the_needle_is_in_the_ledger(tokenizer: PromptTokenizer) -> None:
    """A middle cut removes needles of the middle, not those at the ends."""
    grid = load_benchmark("needle", {"lengths": "900", "depths": "0,50,100", "repeats": "1"})
    builder = PromptBuilder(tokenizer, ChatFormat("template"), TruncationMode.MIDDLE, 700)

    kept = {
        sample.metadata["depth"]: (len(prompt.ids), prompt.ledger and prompt.ledger.evidence_kept)
        for sample, prompt in prompts_of(grid, builder)
    }

    assert kept == {0: (636, True), 50: (636, False), 100: (636, True)}


@given(st.integers(70, 900))
@settings(max_examples=60, deadline=None)
def test_a_needle_that_truncation_cuts_through_is_not_kept(tokenizer: PromptTokenizer, window: int) -> None:
    """Half a needle is no needle: kept means that every token of it stands in one piece, in its order."""
    grid = load_benchmark("needle", {"lengths": "900", "depths": "30", "repeats": "1"})
    whole = PromptBuilder(tokenizer, ChatFormat("template"), TruncationMode.MIDDLE, 10**6)
    cut = PromptBuilder(tokenizer, ChatFormat("template"), TruncationMode.MIDDLE, window)
    ((sample, prompt),) = prompts_of(grid, whole)
    assert prompt.ledger is not None
    start = prompt.ledger.evidence_tokens[0]
    (inner,) = encode_inside(tokenizer, [" " + sample.evidence[0]])
    assert inner == prompt.ids[start : start + len(inner)].tolist()

    ((_, shorter),) = prompts_of(grid, cut)

    ids = shorter.ids.tolist()
    is_inside = any(ids[at : at + len(inner)] == inner for at in range(len(ids)))
    assert shorter.ledger is not None
    assert (is_inside, start) == (shorter.ledger.evidence_kept, shorter.ledger.evidence_tokens[0])


def test_a_needle_cut_after_its_first_token_is_lost(tokenizer: PromptTokenizer) -> None:
    """Also where most of it survives."""
    grid = load_benchmark("needle", {"lengths": "900", "depths": "30", "repeats": "1"})
    ((_, whole),) = prompts_of(grid, PromptBuilder(tokenizer, ChatFormat("template"), TruncationMode.MIDDLE, 10**6))
    assert whole.ledger is not None
    start = whole.ledger.evidence_tokens[0]

    kept = [
        prompt.ledger and (prompt.ledger.kept[0].stop - start, prompt.ledger.evidence_kept)
        for head in (start, start + 1, start + 5, start + 200)
        for _, prompt in prompts_of(
            grid, PromptBuilder(tokenizer, ChatFormat("template"), TruncationMode.MIDDLE, 2 * head + 64)
        )
    ]

    assert [(0, False), (1, False), (5, False), (200, True)] == kept


def test_a_mode_that_cuts_texts_is_refused(tokenizer: PromptTokenizer) -> None:
    """These prompts are made of tokens; there is no text to cut."""
    grid = load_benchmark("needle", {"lengths": "900"})
    builder = PromptBuilder(tokenizer, ChatFormat("template"), TruncationMode.LEVAL_OFFICIAL, 700)

    with pytest.raises(UserError, match="leval-official cuts texts"):
        next(prompts_of(grid, builder))


def test_context_middle_keeps_the_question_whole(tokenizer: PromptTokenizer) -> None:
    """Only the haystack gives way."""
    grid = load_benchmark("needle", {"lengths": "900", "depths": "50", "repeats": "1"})
    builder = PromptBuilder(tokenizer, ChatFormat("template"), TruncationMode.CONTEXT_MIDDLE, 400)

    sample, prompt = next(prompts_of(grid, builder))
    text = tokenizer.decode(prompt.ids.tolist(), skip_special=False)

    assert (336, True) == (len(prompt.ids), text.endswith(f"{sample.fields['question']}\n[assistant]"))


def test_another_tokenizer_may_count(builder: PromptBuilder) -> None:
    """With a named tokenizer the user's turn has the length in its tokens; the prompt's own count is another."""
    pytest.importorskip("tokenizers", reason="tokenizer files need the extra 'hf'")
    from tokenizers import Tokenizer

    path = shipped("model_cards") / "needle-tiny" / "tokenizer.json"
    counter = Tokenizer.from_file(str(path))
    grid = load_benchmark("needle", {"lengths": "400", "depths": "0,50", "repeats": "1", "length-tokenizer": str(path)})

    for sample, prompt in prompts_of(grid, builder):
        request = grid.request(sample, "keyword", ())
        assert request is not None
        length = len(counter.encode(request.text, add_special_tokens=False).ids)
        assert (400, True) == (length, len(prompt.ids) > 400)
        assert prompt.ledger is not None
        assert prompt.ledger.evidence_depths == pytest.approx((sample.metadata["depth"],), abs=8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": "0"}, "--lengths 0: 0 is not a whole number"),
        ({"lengths": "10.5"}, "--lengths 10.5: 10.5 is not a whole number"),
        ({"lengths": "256,256"}, "--lengths 256,256: 256 is given twice"),
        ({"lengths": "9" * 20}, "is not a whole number of tokens from 1 to 16,777,216"),
        ({"depths": "-1"}, "--depths -1: -1 is outside 0 to 100"),
        ({"depths": "0:110:10"}, "--depths 0:110:10: 110 is outside"),
        ({"repeats": "0"}, "--repeats 0: must be 1 or more"),
        ({"repeats": "1000000000"}, "--repeats 1000000000: must be at most 1,000,000"),
        ({"repeats": "99999999999999999999"}, "--repeats 99999999999999999999: expected a whole number"),
        (
            {"repeats": "1000000"},
            "3 lengths × 11 depths × 1,000,000 repeats × 1 needles in all languages are 33,000,000 samples",
        ),
        ({"lengths": "1:10000:1", "depths": "0:99.99:0.01"}, "10,000 lengths × 10,000 depths × 5 repeats"),
        ({"lengths": ",".join(["1:9999:1"] * 2)}, "more than 10,000 values"),
        ({"lengths": f"{'9' * 400}:{'9' * 400}:1"}, "a range FIRST:LAST:STEP needs"),
        ({"haystack": "~nobody-here/x"}, "no such file or folder"),
        ({"haystack": "a\0b"}, "cannot be looked for"),
        ({"needle-count": "0"}, "needle-count=0: must be 1 or more"),
        ({"length-tokenizer": "no-such"}, "unknown tiktoken encoding"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(options: dict[str, str], message: str) -> None:
    """Lengths, depths and counts have their limits; the message names the option and the value."""
    with pytest.raises(UserError) as caught:
        grid = load_benchmark("needle", options)
        grid.request(samples_of(grid)[0], "keyword", ())

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "prediction", "score"),
    [
        ("keyword", "I think it is 4823.", 100.0),
        ("keyword", "The code is 4824.", 0.0),
        ("edit-distance", "The code is 4823.", 100.0),
        ("edit-distance", "The code is 4824.", 100 * (1 - 1 / 14)),
    ],
)
def test_protocols_score_the_fact_or_the_sentence(protocol: str, prediction: str, score: float) -> None:
    """`keyword` asks for the entry alone, `edit-distance` for nearness to the sentence."""
    grid = load_benchmark("needle")
    answer = Answer("id", "document", prediction, ("The code is 4823.",), {"keyword": "4823"})

    assert (pytest.approx(score),) == grid.scorer("single", protocol, [answer]).score(answer)


def test_the_first_samples_show_the_whole_grid() -> None:
    """Repeat by repeat; of a repeat the corners first, then a map that gets finer, all languages of a cell together."""
    options = {"lengths": "100:500:100", "depths": "0:100:25", "repeats": "2", "lang": "en,zh"}

    samples = samples_of(load_benchmark("needle", options))

    places = [(each.metadata["length"], each.metadata["depth"], each.metadata["language"]) for each in samples]
    corners = {(length, depth, language) for length in (100, 500) for depth in (0, 100) for language in ("en", "zh")}
    coarse = {(length, depth) for length in (100, 300, 500) for depth in (0, 50, 100)}
    assert (corners, coarse) == (set(places[:8]), {place[:2] for place in places[:18]})
    assert ([0] * 50, [1] * 50) == tuple(
        [each.metadata["repeat"] for each in half] for half in (samples[:50], samples[50:])
    )


@pytest.mark.parametrize(("protocol", "metric"), [("keyword", "keyword"), ("edit-distance", "edit_similarity")])
def test_scores_are_given_by_length(protocol: str, metric: str) -> None:
    """Every length of the grid has its part, in ascending order, under each protocol."""
    grid = load_benchmark("needle", {"lengths": "300,100"})

    scorer = grid.scorer("single", protocol, ())

    assert scorer.bucket is not None
    answer = Answer("x", "d", "", ("",), {"length": 300, "keyword": "k"})
    assert (metric, ("100", "300"), "300") == (scorer.metric, scorer.bucket_names, scorer.bucket(answer))


@pytest.mark.parametrize(
    ("options", "prompts", "digest"),
    [
        ({"repeats": "3", "lengths": "128,256,2000"}, 99, "97738e644bf715ba"),
        ({"repeats": "2", "lengths": "300,1000", "lang": "en,zh", "needle-count": "2"}, 176, "05c90a2569f0c67f"),
        ({"repeats": "2", "insertion": "token", "question-position": "both", "seed": "7"}, 66, "c7e2c6f649a626c2"),
    ],
    ids=["english", "both languages", "at the token"],
)
def test_prompts_are_those_of_every_release(options: dict[str, str], prompts: int, digest: str) -> None:
    """The ids of a grid by the embedded model's tokenizer: a run that was begun long ago goes on."""
    card = load_card("needle-tiny")
    tokenizer = load_tokenizer(card)
    builder = PromptBuilder(tokenizer, chat_format(card, tokenizer), TruncationMode.MIDDLE, 10**6)

    found = [prompt.digest for _, prompt in prompts_of(load_benchmark("needle", options), builder)]

    assert (prompts, digest) == (len(found), hashlib.sha256("".join(found).encode()).hexdigest()[:16])


@pytest.mark.parametrize("repeats", ["1", "40000"])
def test_trying_the_lengths_costs_the_same_for_any_number_of_repeats(repeats: str) -> None:
    """One longest prompt and the shortest of each needle of the first repeat, at its first depth."""
    options = {"lengths": "100,200,400", "depths": "30,60", "needle-count": "2", "lang": "en,zh", "repeats": repeats}
    grid = load_benchmark("needle", options)
    assert isinstance(grid, SizedBenchmark)

    tried = [(each.sample.metadata["length"], each.sample.metadata["depth"]) for each in grid.extremes("keyword")]

    assert ([(400, 30), *[(100, 30)] * 4], 3 * 2 * 4 * int(repeats)) == (
        tried, expected_samples(grid, "single", "keyword"),
    )  # fmt: skip
