"""Arguments of chat templates, tags and profiles, as cards and command lines write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cards import chat_args_text, is_shipped, load_card, read_chat_args, split_profile
from evalkit.errors import CardError, UnknownNameError, UserError

WriteCard = Callable[[str], Path]
CARD = (
    "name: a\ntitle: A\nweights: .\ncontext_length: 999\nlicence: x\nstop: [a]\nchat_args: {low: true, n: 1}\n"
    "notes: N\n"
)
PROFILES = (
    'profiles: {fast: {chat_args: {low: false, t: "1"}, stop: [], max_seq_len: 99, notes: M, title: Quick}, slow: {}}\n'
)


def test_values_are_read_as_json_writes_them() -> None:
    """All else is a text, quoted where it would be taken for another value."""
    given_texts = {"a": "false", "b": "1", "c": "-0.5", "d": "low", "e": '"true"', "f": "NaN", "g": "", "h": "{"}

    values = read_chat_args(given_texts)

    assert {"a": False, "b": 1, "c": -0.5, "d": "low", "e": "true", "f": "NaN", "g": "", "h": "{"} == values
    assert [bool, int, float] == [type(values[name]) for name in "abc"]
    assert 'a=false, b=1, c=-0.5, d=low, e="true", f=NaN, g=, h={' == chat_args_text(values)


SCALARS = st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(max_size=20)


@given(st.dictionaries(st.sampled_from(["a", "b2", "_c"]), SCALARS))
def test_what_is_written_is_read_back(values: dict[str, bool | int | float | str]) -> None:
    """So that equal lines are equal arguments."""
    written = {name: chat_args_text({name: value}).partition("=")[2] for name, value in values.items()}

    assert values == read_chat_args(written)


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"messages": "1"}, r"--chat-arg 'messages': a template is always given this by evalkit"),
        ({"eos_token": "1"}, "a template is always given this"),
        ({"a b": "1"}, "made of letters, digits and _"),
        ({"a": "null"}, "expected true or false, a number, or a text"),
        ({"a": "[]"}, "expected true or false, a number, or a text"),
        ({"a": "1e999"}, "expected true or false, a number, or a text"),
        ({"a": "x" * 10_001}, "expected true or false, a number, or a text"),
        ({f"a{i}": "1" for i in range(33)}, "at most 32"),
    ],
)
def test_what_no_template_takes_is_one_line(texts: dict[str, str], problem: str) -> None:
    """With how it is written."""
    with pytest.raises(UserError, match=problem):
        read_chat_args(texts)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("chat_args: {messages: 1}", "chat_args.messages"),
        ("chat_args: {a: [1]}", r"chat_args\.a: expected true or false, a number, or a text, found \[1\]"),
        ("chat_args: {a: .nan}", r"chat_args\.a: expected true or false"),
        ("reasoning: {open: a}", "reasoning.close: missing"),
        ("reasoning: {open: a, close: a}", "close: stands in open"),
        ("reasoning: {open: '<a><b>', close: '<b>'}", "close: stands in open"),
        ("reasoning: think", "reasoning: Input should be a valid dictionary"),
        ("profiles: {a@b: {}}", "profiles.a@b"),
        ("profiles: {a: {dtype: float32}}", "profiles.a.dtype: unknown field"),
    ],
)
def test_what_a_card_cannot_say_is_one_line(write_card: WriteCard, line: str, problem: str) -> None:
    """With the field."""
    with pytest.raises(CardError, match=problem):
        load_card(write_card(CARD.replace("chat_args: {low: true, n: 1}\n", "") + line))


def test_a_profile_is_the_card_with_what_it_says_instead(write_card: WriteCard) -> None:
    """Arguments are added to the card's; an empty list of stop strings is said, not left out."""
    path = write_card(CARD + PROFILES)

    fast, slow = load_card(f"{path}@fast"), load_card(f"{path}@slow")

    assert ("a@fast", "Quick", {"low": False, "n": 1, "t": "1"}, (), 99, "N\nM") == (
        fast.name, fast.title, fast.chat_args, fast.stop, fast.max_seq_len, fast.notes,
    )  # fmt: skip
    assert ("a@slow", "A (slow)", {"low": True, "n": 1}, ("a",), None, "N") == (
        slow.name, slow.title, slow.chat_args, slow.stop, slow.max_seq_len, slow.notes,
    )  # fmt: skip
    assert path == fast.origin
    shipped = [load_card(name).sampling for name in ("qwen3-8b", "qwen3-8b@thinking", "qwen3-8b@nonthinking")]
    assert [0.6, 0.6, 0.7] == [sampling.temperature for sampling in shipped if sampling is not None]
    assert fast.weights_path == slow.weights_path == path.parent


def test_a_profile_nobody_has_is_named_with_those_there_are(write_card: WriteCard) -> None:
    """In the file, in its folder, and for a card without any."""
    path = write_card(CARD + PROFILES)

    for name in (f"{path}@fats", f"{path.parent}@fats"):
        with pytest.raises(UnknownNameError, match="unknown profile of card a 'fats': did you mean 'fast'"):
            load_card(name)
    with pytest.raises(UnknownNameError, match="profile of card gpt-4 'x'"):
        load_card("gpt-4@x")


def test_a_path_with_the_sign_in_it_is_a_path(tmp_path: Path) -> None:
    """What is there is taken as it is called."""
    folder = tmp_path / "a@fast"
    folder.mkdir()
    (folder / "card.yaml").write_text(CARD, "utf-8")
    (folder / "b@c.yaml").write_text(CARD + PROFILES, "utf-8")

    assert ["a", "a@fast"] == [load_card(each).name for each in (folder, f"{folder}/b@c.yaml@fast")]
    assert (str(folder), None) == split_profile(str(folder))


def test_a_revision_of_the_hub_stays_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where a folder of that name has no profile so called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner/name").mkdir(parents=True)
    (tmp_path / "owner/name/card.yaml").write_text(CARD + PROFILES, "utf-8")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert "a@fast" == load_card("owner/name@fast").name
    with pytest.raises(CardError, match="owner/name@main"):
        load_card("owner/name@main")


def test_a_shipped_card_thinks_or_does_not() -> None:
    """By the argument of its template; its key may go where the card's may."""
    thinking, plain = load_card("qwen3-8b@thinking"), load_card("qwen3-8b@nonthinking")

    assert ({"enable_thinking": True}, {"enable_thinking": False}) == (thinking.chat_args, plain.chat_args)
    assert ("Qwen3-8B (thinking)", "Qwen3-8B (non-thinking)") == (thinking.title, plain.title)
    assert is_shipped("qwen3-8b@thinking")
    assert not is_shipped("./qwen3-8b@thinking")
