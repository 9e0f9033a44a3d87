"""Letters of a figure: fonts that have the glyphs, and lines that fit their place.

matplotlib brings one family, which knows neither Chinese, Japanese nor Korean. Installed families that do are added
behind it; characters that no installed family has are written as escapes, which can be read, and not as boxes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from evalkit.printable import counted, printable

__all__ = ["SEPARATOR", "Lettering", "Look", "lettering", "missing_glyphs", "text_width", "wrap"]

BASE_FAMILY = "DejaVu Sans"  # comes with matplotlib, so figures are the same on every machine

CJK_FAMILIES = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans CJK TC", "Noto Sans SC", "Noto Sans JP",
    "Noto Sans KR", "Source Han Sans SC", "Source Han Sans CN", "Source Han Sans", "PingFang SC", "Hiragino Sans GB",
    "Heiti SC", "STHeiti", "Apple SD Gothic Neo", "Microsoft YaHei", "SimHei", "SimSun", "Yu Gothic", "MS Gothic",
    "Malgun Gothic", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "AR PL UMing CN",
    "Noto Serif CJK SC", "Noto Serif CJK JP", "IPAexGothic", "IPAGothic", "TakaoGothic", "NanumGothic",
    "Arial Unicode MS", "Unifont",
)  # fmt: skip
"""Families in the order they are tried: those without serifs first, which go with the base family."""

SEPARATOR = " · "
PIECES = re.compile(r"[^\s+\-/_,:·|]*[\s+\-/_,:·|]+|[^\s+\-/_,:·|]+")  # a line may end behind any of these


@dataclass(frozen=True)
class Lettering:
    """How the texts of one figure are written."""

    families: tuple[str, ...]
    """Font families, the first that has a character draws it."""
    missing: frozenset[str]
    """Characters that none of them has."""

    def __call__(self, text: str) -> str:
        """The text with an escape for every character that cannot be drawn, or is no character of a line."""
        return "".join(_escape(sign) if sign in self.missing else sign for sign in printable(text))

    @property
    def note(self) -> str:
        """What stands below a figure with escapes; empty where there are none."""
        return f"escaped: no installed font has {counted(len(self.missing), 'character')}" if self.missing else ""


class Look(NamedTuple):
    """Size and weight of a text."""

    points: float
    """Font size."""
    weight: str = "normal"
    """Font weight."""


def lettering(texts: Iterable[str]) -> Lettering:
    """The families that draw these texts, as far as any that is installed can."""
    missing = set("".join(map(printable, texts))) - _glyphs(BASE_FAMILY)
    families = [BASE_FAMILY]
    for family in CJK_FAMILIES if missing else ():
        known = missing & _glyphs(family)
        if known:
            families.append(family)
            missing -= known
    return Lettering(tuple(families), frozenset(missing))


def missing_glyphs(text: str) -> str:
    """What to tell the user whose figures show escapes instead of some of the characters; empty where all are drawn."""
    missing = lettering([text]).missing
    if not missing:
        return ""
    signs = "".join(sorted(missing)[:8])
    return f"no installed font has {signs}{'…' if len(missing) > 8 else ''}: figures show escapes; install a CJK font"


@lru_cache(maxsize=64)
def _glyphs(family: str) -> frozenset[str]:
    """The characters of an installed family; none where it is not installed."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    if all(entry.name != family for entry in fontManager.ttflist):
        return frozenset()
    return frozenset(map(chr, get_font(findfont(FontProperties(family=family))).get_charmap()))


def _escape(sign: str) -> str:
    number = ord(sign)
    return rf"\u{number:04x}" if number < 0x10000 else rf"\U{number:08x}"


def wrap(text: str, room: float, look: Look, families: Sequence[str]) -> list[str]:
    """The text in lines of at most `room` points, ended behind `·` where possible, in a word where nothing else is."""
    lines: list[str] = []
    for part in text.split(SEPARATOR) if text else ():
        joined = f"{lines[-1]}{SEPARATOR}{part}" if lines else part
        if lines and text_width(joined, look, families) <= room:
            lines[-1] = joined
        else:
            lines += _wrapped_part(part, room, look, families)
    return lines


def _wrapped_part(part: str, room: float, look: Look, families: Sequence[str]) -> Iterator[str]:
    line = ""
    for piece in PIECES.findall(part):
        for bit in [piece] if text_width(piece.rstrip(), look, families) <= room else piece:
            if line and text_width((line + bit).rstrip(), look, families) > room:
                yield line.rstrip()
                line = ""
            line += bit
    if line.strip():
        yield line.rstrip()


def text_width(text: str, look: Look, families: Sequence[str]) -> float:
    """Points that a line takes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=list(families), size=look.points, weight=look.weight)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width)
