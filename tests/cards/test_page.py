"""docs/cards.md: every field of a card is there, nothing else is, and its examples are cards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from evalkit.cards import (
    Architecture,
    Card,
    CardSampling,
    ChatRoles,
    ChatTemplate,
    Endpoint,
    Engine,
    FactSource,
    Prices,
    Profile,
    ReasoningTags,
    Rope,
    load_card,
)

PAGE = (Path(__file__).parents[2] / "docs" / "cards.md").read_text("utf-8")
SECTIONS: dict[str, tuple[type[BaseModel], ...]] = {
    "Card": (Card,), "Architecture": (Architecture,), "Rope": (Rope,), "Chat": (ChatTemplate, ChatRoles),
    "Reasoning": (ReasoningTags,), "Profiles": (Profile,), "Sampling": (CardSampling,),
    "Engine": (Engine,), "Endpoint": (Endpoint,), "Prices": (Prices,), "Sources": (FactSource,),
}  # fmt: skip
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def rows(section: str) -> dict[str, list[str]]:
    """Field → cells of its row."""
    text = re.split(r"^##+ ", PAGE.partition(f"\n### {section}\n")[2], flags=re.MULTILINE)[0]
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row] for row in cells}


def fields(section: str) -> dict[str, Any]:
    """Field → what pydantic knows of it."""
    return {name: info for record in SECTIONS[section] for name, info in record.model_fields.items()}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_is_on_the_page_and_every_row_a_field(section: str) -> None:
    """With type, default, source and meaning, none of them empty."""
    found = rows(section)

    assert set(fields(section)) == set(found)
    assert {5} == {len(row) for row in found.values()}
    assert all(all(row) for row in found.values())


@pytest.mark.parametrize("section", SECTIONS)
def test_the_defaults_are_those_of_the_code(section: str) -> None:
    """`must be given` where there is none; records stand for their own defaults."""
    for name, info in fields(section).items():
        written = rows(section)[name][2].strip("`")
        if info.default is PydanticUndefined:
            assert "must be given" == written, name
        elif isinstance(info.default, BaseModel):
            assert type(info.default)() == info.default
            assert written in {"all null", "its defaults"}, name
        else:
            default = list(info.default) if isinstance(info.default, tuple) else info.default
            assert default == yaml.safe_load(written), name


def test_the_sources_that_are_required_are_the_ones_checked() -> None:
    """A fact of `rope` without a source is refused; the page says so of these alone."""
    required = {name for section in SECTIONS for name, row in rows(section).items() if row[3] == "**required**"}

    assert {"rope", *Rope.model_fields} == required


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_cards(example: str, tmp_path: Path) -> None:
    """As they stand on the page."""
    path = tmp_path / "card.yaml"
    path.write_text(example, "utf-8")

    assert yaml.safe_load(example)["title"] == load_card(path).title


def test_one_example_gives_every_field_but_a_template() -> None:
    """So that nothing has to be looked up elsewhere."""
    given = yaml.safe_load(EXAMPLES[1])
    endpoint = given["endpoint"]
    profile = given["profiles"]["long"]
    parts = (given, given["architecture"], given["rope"], given["engine"], endpoint, endpoint["prices"], profile)
    parts += (given["sampling"],)
    records = (Card, Architecture, Rope, Engine, Endpoint, Prices, Profile, CardSampling)

    assert [set(record.model_fields) for record in records] == [set(part) for part in parts]


def test_the_smallest_example_has_nothing_to_leave_out(tmp_path: Path) -> None:
    """Without any one of its lines it is refused."""
    for line in EXAMPLES[0].splitlines():
        path = tmp_path / "card.yaml"
        path.write_text(EXAMPLES[0].replace(line, ""), "utf-8")

        with pytest.raises(Exception, match=line.partition(":")[0]):
            load_card(path)
