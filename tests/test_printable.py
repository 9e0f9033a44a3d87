"""Texts of others: no sign of them acts, and keys are not in them."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import EvalkitError, UserError
from evalkit.printable import is_printable, printable, printable_json, printable_lines, safe_message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[2Jb\x07", r"a\x1b[2Jb\x07"),
        ("a\x9b31mb", r"a\x9b31mb"),
        ("abc\r\ndef\tg\nh", "abc def g h"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("zero\u200bwidth\u2066\ufeff", r"zero\u200bwidth\u2066\ufeff"),
        ("half\ud800", r"half\ud800"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("中文 · Ünïcode – 🙂 א", "中文 · Ünïcode – 🙂 א"),
    ],
)
def test_signs_that_act_become_escapes(text: str, expected: str) -> None:
    """Controls, turns of direction, hidden signs and half pairs; scripts of people stay as they are."""
    assert expected == printable(text)


def test_every_control_and_format_character_is_known() -> None:
    """The list in the code holds what Unicode calls control, format, surrogate or a line's end."""
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    odd = [sign for sign in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(sign) in kinds]

    assert [] == [f"{ord(sign):x}" for sign in odd if is_printable(sign)]


@given(st.text(alphabet=st.characters()))
def test_a_printable_text_stays_what_it_is(text: str) -> None:
    """What was made printable once is printed the same again, on one line that any file holds."""
    once = printable(text)

    assert (once, True) == (printable(once), is_printable(once))
    assert 1 >= len(once.splitlines())
    assert once == once.encode().decode()


def test_lines_that_are_meant_stay() -> None:
    """Only the signs in between change."""
    assert "a\n\\x1bb\n" == printable_lines("a\n\x1bb\n")


@given(st.dictionaries(st.text(alphabet=st.characters()), st.text(alphabet=st.characters())))
def test_json_on_the_terminal_is_the_same_json(value: dict[str, str]) -> None:
    """The value reads back; C1 controls, which JSON lets through, and turns of direction are escapes."""
    shown = printable_json(json.dumps(value, ensure_ascii=False, indent=2))

    assert value == json.loads(shown)
    assert is_printable(shown.replace("\n", ""))


def test_a_message_never_holds_a_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wrote the key into it; addresses lose user and password."""
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")

    shown = safe_message("token hf_0123456789 at https://me:pass%20word@mirror/x\x1b[0m")

    assert r"token [HF_TOKEN] at https://mirror/x\x1b[0m" == shown


def test_an_error_can_be_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a traceback, or in a record: the message is made harmless where the error is made."""
    monkeypatch.setenv("MY_SECRET", "swordfish-1")

    assert r"a\x1bb [MY_SECRET]" == str(UserError("a\x1bb\nswordfish-1"))
    assert issubclass(UserError, EvalkitError)
