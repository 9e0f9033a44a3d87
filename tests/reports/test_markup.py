"""Names of others in CSV, Markdown and LaTeX: cells, and nothing else."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.reports._markup import csv_text, latex_cell, latex_row, markdown_line, markdown_row


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "﹦1", "﹫x"])
def test_a_text_is_never_a_formula(text: str) -> None:
    """An apostrophe stands before what a spreadsheet would compute."""
    (_, row) = csv.reader(io.StringIO(csv_text(pd.DataFrame({"name": [text]}))))

    assert row[0].startswith("'")


def test_a_text_is_no_formula_behind_a_semicolon() -> None:
    """Where lists are written with semicolons, a cell begins there, whatever commas and quotes say."""
    frame = pd.DataFrame({"name": ["x;=1+1", "a; @b;c", "1,;-2"]})

    assert "name\nx;'=1+1\na; '@b;c\n\"1,;'-2\"\n" == csv_text(frame)


def test_numbers_stay_numbers() -> None:
    """Negative ones too, also in a column that has gaps."""
    frame = pd.DataFrame({"score": [-1.5, None], "n": pd.array([-3, None], dtype="Int64"), "mixed": [-2.5, "-a"]})

    assert "score,n,mixed\n-1.5,-3,-2.5\n,,'-a\n" == csv_text(frame)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[click](http://evil)", r"\[click\](http\://evil)"),
        ("a|b\nc", r"a\|b c"),
        ("`code` *bold* __x__ ~~no~~", r"\`code\` \*bold\* \_\_x\_\_ \~\~no\~\~"),
        ("single_en", "single_en"),
        ("$x$ and 5$", r"\$x\$ and 5$"),
        ("costs 5$ & more", "costs 5$ & more"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("mail me@evil.org, www.evil.org", r"mail me\@evil.org, www\.evil.org"),
        ("# no heading", r"\# no heading"),
        ("1. no list", r"1\. no list"),
        ("- no list", r"\- no list"),
        ("\x1b[31m", r"\\x1b\[31m"),
    ],
)
def test_markdown_shows_the_text(text: str, expected: str) -> None:
    """No HTML, link, emphasis, heading or list comes of it."""
    assert expected == markdown_line(text)


@given(st.lists(st.text(alphabet=st.characters()), min_size=1, max_size=4))
def test_a_row_has_its_cells(cells: list[str]) -> None:
    """Whatever the texts are, a row is one line with as many bars as it needs."""
    row = markdown_row(cells)

    bars = row.replace("\\\\", "").replace(r"\|", "").count("|")
    assert (1, len(cells) + 1) == (len(row.splitlines()), bars)


def test_latex_prints_the_text() -> None:
    """Commands, unpaired braces and control characters are signs on the paper."""
    assert r"\textbackslash{}input\{x\} 5\% \textbackslash{}x1b \_ a" == latex_cell("\\input{x} 5% \x1b _\na")


@pytest.mark.parametrize("first", ["[1cm]", "*"])
def test_a_row_is_no_argument_of_the_line_before(first: str) -> None:
    r"""`\\` and `\midrule` take a bracket or star that follows for themselves."""
    assert f"{{}}{first} & b" + r" \\" == latex_row([first, "b"])
