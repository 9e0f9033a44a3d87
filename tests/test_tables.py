"""Tables in a terminal: names and numbers are never cut, free texts wrap."""

from __future__ import annotations

import io

from rich.console import Console

from evalkit.printable import counted
from evalkit.tables import LEAST_TEXT, fit, listing, room_of


def shown(room: int, *rows: tuple[str, ...]) -> list[str]:
    """The lines of a table of a name, a count and a text in a terminal of that many columns."""
    table = listing(("name", "count", "text"), texts=("text",), numbers=("count",))
    for row in rows:
        table.add_row(*row)
    text = io.StringIO()
    fit(table, room)
    Console(file=text, width=room).print(table)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_where_there_is_room_nothing_wraps() -> None:
    """Columns are as wide as their longest cell."""
    assert ["name          count  text", "my-model  172/1,000  some words"] == shown(
        80, ("my-model", "172/1,000", "some words")
    )


def test_the_text_wraps_first() -> None:
    """The name and the count stay whole, on one line."""
    lines = shown(44, ("a-name-of-twenty-two-x", "1/2", "words that go on and on"))

    assert "a-name-of-twenty-two-x    1/2  words that go" == lines[1]
    assert 44 >= max(map(len, lines))


def test_names_break_at_blanks_only() -> None:
    """Where even short texts leave too little room, a name of several words takes several lines."""
    lines = shown(28, ("Single-needle retrieval", "9", "words"))

    assert ["Single-needle       9  words", "retrieval"] == lines[1:]


def test_a_word_longer_than_its_text_column_is_folded() -> None:
    """An address is whole on several lines."""
    lines = shown(26, ("name", "1", "https://example.org/a/long/path"))

    assert "https://example.org/a/long/path" == "".join(line[13:].strip() for line in lines[1:])


def test_the_room_of_a_table_is_that_of_its_longest_words() -> None:
    """Two columns between two columns; a text needs little."""
    table = listing(("name", "text"), texts=("text",))
    table.add_row("two-words here", "x" * 50)

    assert len("two-words") + 2 + LEAST_TEXT == room_of(table)


def test_one_is_not_many() -> None:
    """A number carries its noun, with its thousands apart."""
    assert ("1 sample", "0 samples", "2,048 samples") == tuple(counted(count, "sample") for count in (1, 0, 2048))
