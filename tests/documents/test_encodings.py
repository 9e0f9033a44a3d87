"""Encodings: what is written comes back, a guess is said, and what cannot be told is refused."""

from __future__ import annotations

import codecs

import pytest

from evalkit.documents import document_of
from evalkit.errors import DataError

CHINESE = (
    "北京是中华人民共和国的首都，位于华北平原的北部。\n城市的历史可以追溯到三千年前，今天有两千多万居民。"
    "每年都有许多来自世界各地的游客参观故宫、长城和颐和园。\n"
)
TRADITIONAL = "臺北市是中華民國的首都，位於臺灣北部的盆地。\n這座城市有兩百多萬居民，是全國的政治、文化與經濟中心。\n"
JAPANESE = (
    "東京は日本の首都であり、関東平野の南部に位置しています。\n人口は千四百万人を超え、世界でも有数の大都市です。\n"
)
KOREAN = "서울은 대한민국의 수도이며 한강을 끼고 있는 도시이다.\n인구는 약 천만 명이고 정치와 경제의 중심지이다.\n"
RUSSIAN = (
    "Москва — столица России, город федерального значения.\nВ городе проживает более тринадцати миллионов человек.\n"
)
ENGLISH = "The locker that belongs to Mona has the number 4711.\nShe said: “Don’t open it – it’s mine.”\n"
FRENCH = "La bibliothèque a été fermée à cause des travaux.\nElle rouvrira au début de l’été, espérons-le.\n"
SPANISH = "¿Dónde está el señor Núñez? Mañana será otro día.\nEl niño comió una manzana en el jardín.\n"

WRITTEN = [
    ("utf-8", CHINESE), ("utf-8-sig", ENGLISH), ("utf-16", CHINESE), ("utf-32", ENGLISH), ("utf-16-le", CHINESE),
    ("utf-16-be", ENGLISH), ("utf-16-be", KOREAN), ("utf-32-be", ENGLISH), ("utf-32-le", CHINESE), ("gb18030", CHINESE),
    ("gbk", CHINESE), ("big5", TRADITIONAL), ("cp932", JAPANESE), ("euc_jp", JAPANESE), ("iso2022_jp", JAPANESE),
    ("euc_kr", KOREAN), ("cp1251", RUSSIAN), ("koi8_r", RUSSIAN.replace("—", "-")), ("cp1252", ENGLISH),
    ("cp1252", FRENCH), ("cp1252", SPANISH), ("latin_1", SPANISH),
]  # fmt: skip
CERTAIN = {"utf-8", "utf-8-sig", "utf-16", "utf-32"}


@pytest.mark.parametrize(("encoding", "text"), WRITTEN, ids=[f"{name}-{text[:4]}" for name, text in WRITTEN])
def test_what_is_written_comes_back(encoding: str, text: str) -> None:
    """In each encoding; whatever the bytes do not say themselves is called a guess."""
    document = document_of("a.txt", text.encode(encoding))

    assert text == document.text
    assert document.encoding is not None
    assert (encoding in CERTAIN) == (not document.notes)
    assert all("guess" in note for note in document.notes)


def test_only_line_ends_are_changed() -> None:
    """Blanks, tabs, form feeds and empty lines are part of a prompt."""
    document = document_of("a.txt", b"  a\t \r\nb\rc\n\n\x0cd\r\n")

    assert "  a\t \nb\nc\n\n\x0cd\n" == document.text


def test_one_sign_in_a_long_text_is_read() -> None:
    """Longer than what is shown to the guesser, and in its middle."""
    plain = "The number of the locker is 4711.\n" * 20_000
    text = f"{plain}She said: “Don’t.”\n{plain}"

    assert text == document_of("a.txt", text.encode("cp1252")).text


def test_chinese_without_a_line_end_is_read() -> None:
    """In UTF-16 nothing of it is a NUL, and in pairs English is Chinese."""
    chinese = CHINESE.replace("\n", "")

    assert chinese == document_of("a.txt", chinese.encode("utf-16-be")).text
    assert "cp1252" == document_of("a.txt", ENGLISH.encode("cp1252")).encoding


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (("é" * 50 + "x").encode()[:-2], r"is UTF-8 but for 1 of its bytes, the first of them byte 99; "),
        (codecs.BOM_UTF16_LE + b"a\0b", r"begins as UTF-16-LE and is none from byte 5 on"),
        (bytes(range(128, 256)) * 20 + bytes(range(1, 32)) * 40, r"is no text, or in an encoding that cannot be told"),
        (b"text\0\0\1\2\3\0more", r"is no text \(byte 5 is a NUL\)"),
        (b"hello\0world " * 10, r"is no text \(byte 6 is a NUL\)"),
        (bytes(range(1, 9)) * 20, r"too many control characters"),
    ],
    ids=["cut", "odd UTF-16", "every byte", "NULs", "fields between NULs", "controls"],
)
def test_what_cannot_be_told_is_refused(data: bytes, reason: str) -> None:
    """One line that says where, and how to convert: text with wrong characters would be asked about unseen."""
    with pytest.raises(DataError, match=reason) as caught:
        document_of("a.txt", data)

    assert str(caught.value).startswith("a.txt: ")
    assert 1 == len(str(caught.value).splitlines())
