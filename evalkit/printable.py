"""Text of others made harmless to print: signs that would act are shown as escapes, keys are taken out.

Names and messages come from servers, cards, model folders and benchmark files. A terminal obeys control characters, a
reader is misled by signs that turn or hide text, and a file cannot hold half a surrogate pair.

    printable("a\\x1b[2Jb")   'a\\\\x1b[2Jb'
"""

from __future__ import annotations

import re

from evalkit.secrecy import without_secrets

__all__ = ["amount", "counted", "is_printable", "printable", "printable_json", "printable_lines", "safe_message"]

LINE_ENDS = re.compile(r"\r\n|[\n\r\t\v\f\u2028\u2029]")

# Unicode 16, DerivedGeneralCategory: Cc (controls), Cf (format: bidirectional, zero-width, tags), Cs (surrogates), Zl
# and Zp (line and paragraph ends); then letters and signs without a glyph, and the noncharacters that XML forbids.
ODD = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def is_printable(text: str) -> bool:
    """Whether the text can be printed as it is."""
    return ODD.search(text) is None


def printable(text: str) -> str:
    """The text on one line in which no sign does anything but stand there: others become escapes (`\\x1b`).

    Line ends and tabs become blanks. The same text comes back from a text that is printable.
    """
    return text if is_printable(text) else ODD.sub(_escape, LINE_ENDS.sub(" ", text))


def printable_lines(text: str) -> str:
    """As `printable`, of a text whose line ends are meant."""
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    """The same JSON with odd signs as JSON's own escapes; line ends of its layout stay."""
    return ODD.sub(lambda found: found[0] if found[0] == "\n" else _json_escape(found[0]), text)


def counted(number: int, noun: str) -> str:
    """`1 cell`, `2 cells`, `1,000 cells`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def amount(size: int) -> str:
    """Bytes as people say them: `3.8 GB`, `0.9 MB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def safe_message(text: str) -> str:
    """A message as it may be shown: printable, without values of the environment that are keys."""
    return printable(without_secrets(text))


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    return rf"\x{number:02x}" if number < 0x100 else rf"\u{number:04x}" if number < 0x10000 else rf"\U{number:08x}"


def _json_escape(sign: str) -> str:
    number = ord(sign)
    if number < 0x10000:
        return rf"\u{number:04x}"
    number -= 0x10000
    return rf"\u{0xD800 + (number >> 10):04x}\u{0xDC00 + (number & 0x3FF):04x}"
