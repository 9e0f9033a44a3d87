"""A user's own haystack and needles: read, checked, hidden."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.errors import DataError, UserError
from evalkit.prompts import PromptBuilder, PromptTokenizer
from evalkit.tasks import load_benchmark
from tests.tasks.needle.grids import prompts_of, samples_of

NEEDLES = """
- needle: The best thing to do in Lisbon is to ride tram 28 at dawn.
  question: What is the best thing to do in Lisbon?
  keyword: tram 28
- needle: The password of the archive is 0123.
  question: What is the password of the archive?
  keyword: 0123
"""


@pytest.fixture
def essays(tmp_path: Path) -> Path:
    """A folder of two short texts."""
    folder = tmp_path / "essays"
    folder.mkdir()
    (folder / "b.md").write_text("Rain fell on the hill. " * 40, encoding="utf-8")
    (folder / "a.txt").write_text("The sun was out. " * 40, encoding="utf-8")
    (folder / "ignored.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture
def own_needles(tmp_path: Path) -> Path:
    path = tmp_path / "needles.yaml"
    path.write_text(NEEDLES, encoding="utf-8")
    return path


def test_own_text_is_read_in_the_order_of_its_names(
    builder: PromptBuilder, tokenizer: PromptTokenizer, essays: Path, own_needles: Path
) -> None:
    """Each needle of the file is hidden once per cell, and files that are no text are left out."""
    grid = load_benchmark(
        "needle",
        {"lengths": "700", "depths": "0", "repeats": "1", "haystack": str(essays), "needles": str(own_needles)},
    )

    texts = [tokenizer.decode(prompt.ids.tolist(), skip_special=False) for _, prompt in prompts_of(grid, builder)]

    assert [True, True] == [
        needle + " The sun was out." in text
        for needle, text in zip(["ride tram 28 at dawn.", "archive is 0123."], texts, strict=True)
    ]


def test_json_lines_are_documents(tmp_path: Path, builder: PromptBuilder, tokenizer: PromptTokenizer) -> None:
    """A haystack may be JSON lines with a field `text`."""
    path = tmp_path / "text.jsonl"
    path.write_text("".join(json.dumps({"text": f"Day {number} was dry. " * 20}) + "\n" for number in range(9)))
    grid = load_benchmark("needle", {"lengths": "600", "depths": "100", "repeats": "1", "haystack": str(path)})

    _, prompt = next(prompts_of(grid, builder))

    assert "Day 0 was dry." in tokenizer.decode(prompt.ids.tolist(), skip_special=False)


def test_repeats_of_own_text_shuffle_its_documents(builder: PromptBuilder, tmp_path: Path) -> None:
    """Repeat 0 is the text as it is; later repeats have other orders, the same in every run."""
    path = tmp_path / "text.jsonl"
    path.write_text("".join(json.dumps({"text": f"Document {number}. "}) + "\n" for number in range(60)))
    grid = load_benchmark("needle", {"lengths": "300", "depths": "0", "repeats": "3", "haystack": str(path)})

    prompts = [prompt.digest for _, prompt in prompts_of(grid, builder)]

    assert (3, prompts) == (len(set(prompts)), [prompt.digest for _, prompt in prompts_of(grid, builder)])


def test_own_text_that_is_too_short_says_by_how_much(builder: PromptBuilder, essays: Path) -> None:
    """The message has the missing tokens and the way out."""
    grid = load_benchmark("needle", {"lengths": "5000", "depths": "0", "repeats": "1", "haystack": str(essays)})

    with pytest.raises(UserError, match=r"too few\); give more text, or repeat it with --repeat-haystack"):
        next(prompts_of(grid, builder))


def test_own_text_may_be_repeated(builder: PromptBuilder, essays: Path) -> None:
    """With --repeat-haystack a short text fills every length."""
    options = {"lengths": "5000", "depths": "0", "repeats": "1", "haystack": str(essays), "repeat-haystack": "yes"}

    _, prompt = next(prompts_of(load_benchmark("needle", options), builder))

    assert len(prompt.ids) == 5000


@pytest.mark.parametrize("said", ["The password of the archive is 0123.", "Room 0123 is empty."])
def test_a_needle_that_the_haystack_holds_already_is_refused(essays: Path, own_needles: Path, said: str) -> None:
    """Neither the needle nor its keyword may stand in the text, or an answer could come from there."""
    (essays / "c.txt").write_text(said)

    with pytest.raises(UserError, match=r"c\.txt: the haystack already contains the (needle|keyword)"):
        load_benchmark("needle", {"haystack": str(essays), "needles": str(own_needles), "repeats": "1"})


def test_needles_of_evalkit_avoid_numbers_of_the_users_text(tmp_path: Path) -> None:
    """A number that the text already has is not hidden in it."""
    first = samples_of(load_benchmark("needle", {"repeats": "1"}))[0].metadata["keyword"]
    path = tmp_path / "text.txt"
    path.write_text(f"There were {first} of them. ")

    second = samples_of(load_benchmark("needle", {"repeats": "1", "haystack": str(path)}))[0].metadata["keyword"]

    assert first != second


def test_repeats_that_would_be_equal_are_refused(tmp_path: Path, own_needles: Path) -> None:
    """One text with fixed needles has one sample per cell; more would count the same answer twice."""
    path = tmp_path / "text.txt"
    path.write_text("It rained. " * 100)

    with pytest.raises(UserError, match="--repeats 3: the haystack is one text and the needles are fixed"):
        load_benchmark("needle", {"haystack": str(path), "needles": str(own_needles), "repeats": "3"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no needles in it"),
        ("[]", "no needles in it"),
        ("needle: one", "expected a list, found dict"),
        ("- just text", "needle 1: expected fields"),
        ("- {needle: a b, question: c}", "needle 1: field 'keyword' is missing"),
        ("- {needle: a b, question: '', keyword: b}", "needle 1: field 'question' is ''"),
        ("- {needle: a b, question: c, keyword: d}", "keyword 'd' does not stand in the needle"),
        ("- {needle: a b, question: is it b, keyword: b}", "keyword 'b' stands in the question"),
        ("- {needle: a b, question: c, keyword: b, depth: 5}", "unknown field 'depth'"),
        ("- {needle: [", "not valid YAML"),
    ],
)
def test_a_wrong_needle_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    """The entry and the field are named."""
    path = tmp_path / "needles.yaml"
    path.write_text(text)

    with pytest.raises(DataError) as caught:
        load_benchmark("needle", {"needles": str(path)})

    assert (True, 1) == (message in str(caught.value), len(str(caught.value).splitlines()))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none", None, "no such file or folder"),
        ("empty.txt", b"", "no text in it"),
        ("latin.txt", b"caf\xe9", "not UTF-8"),
        ("bad.jsonl", b'{"txt": "a"}\n', "field 'text' is missing"),
    ],
)
def test_a_wrong_haystack_is_explained(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    """The file is named, and what is wrong with it."""
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=message):
        load_benchmark("needle", {"haystack": str(tmp_path / name)})
