"""docs/rope.md: its examples run and print what the page says, and its tables are computed again."""

from __future__ import annotations

import doctest
import re
from functools import partial
from pathlib import Path

import pytest

from evalkit.rope import RopeModel, parse_rope, rope_setting
from evalkit.rope.bounds import PUBLISHED_BOUNDS, scan_bases

from .engines import LENGTH, change, equal_tokens, tiny

PAGE = Path(__file__).parents[2] / "docs" / "rope.md"


def table(head: str) -> list[list[str]]:
    """The cells of the table whose first line begins so."""
    lines = PAGE.read_text("utf-8").split(head)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_examples_print_what_the_page_says() -> None:
    """All in one namespace, in order."""
    text = re.sub(r"^```.*$", "", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(text, {}, "rope.md", str(PAGE), 0)

    failed, tried = doctest.DocTestRunner().run(examples)

    assert (0, True) == (failed, tried > 30)


@pytest.mark.parametrize("row", table("| circumstance | tokens"), ids=" ".join)
def test_what_must_not_matter_moves_logits_as_the_page_has_it(row: list[str]) -> None:
    """Under the engine's own rule, and not under the effective base."""
    circumstance, tokens = row[0], int(row[1])
    base = rope_setting(parse_rope("dynamic:4"), RopeModel(10000.0, LENGTH, 32), tokens).base

    engine = change(partial(tiny, rope_type="dynamic", factor=4.0), circumstance, tokens)
    effective = change(partial(tiny, rope_type="default", rope_theta=base), circumstance, tokens)

    assert float(row[2]) == pytest.approx(engine, abs=0.02)
    assert float(row[3]) == pytest.approx(effective, abs=1e-4)


def test_a_growing_answer_is_written_by_two_bases_as_the_page_has_it() -> None:
    """The first token that differs, of 60 behind 240."""
    equal = equal_tokens(partial(tiny, rope_type="dynamic", factor=4.0), 240, 60)

    assert f"equal those of whole passes up to the {equal}th, {240 + equal - LENGTH} tokens beyond" in PAGE.read_text(
        "utf-8"
    )


@pytest.mark.parametrize("row", table("| tokens | first multiple of 50")[:4], ids=lambda row: row[0])
def test_first_admissible_bases_are_as_the_page_has_them(row: list[str]) -> None:
    """Found again, beside the printed bound; longer contexts in the tests of the criterion."""
    context = int(row[0].replace(",", ""))

    assert int(row[1].replace(",", "")) == scan_bases(context, 128).first
    assert float(row[2]) == PUBLISHED_BOUNDS[context]
