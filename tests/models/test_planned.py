"""What a run counts with is held against the model that answers it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import load_card
from evalkit.errors import UserError
from evalkit.models import BackendOptions
from evalkit.models._planned import check_planned
from evalkit.models.conversion import Loadable
from evalkit.models.vllm._configuration import overrides
from evalkit.models.vllm._loaded import Loaded
from evalkit.models.vllm._rope import RotaryTable
from evalkit.models.vllm._rotation import check_rotation
from evalkit.rope import RopeModel, RopeSetting

PLANNED = RopeModel(10000.0, 512, 16)
SETTING = RopeSetting("default", 20000.0)


@pytest.mark.parametrize("found", [{}, {"dimension": 16}, {"base": 10000.0}, {"dimension": 16, "base": 10040.0}])
def test_what_agrees_is_no_news(found: dict[str, Any]) -> None:
    """Within the precision of a table kept in bfloat16, and where a backend does not show it."""
    check_planned(PLANNED, **found)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"dimension": 8, "base": 10000.0}, "turns 8 dimensions of a head, and --rope counts with 16: correct arch"),
        ({"dimension": 16, "base": 500000.0}, "turns by base 500000, and --rope counts with 10000: correct rope.theta"),
        ({"base": 10100.0}, "turns by base 10100, and --rope counts with 10000"),
    ],
)
def test_what_differs_is_one_line_that_names_the_fact(found: dict[str, Any], message: str) -> None:
    """What was found, what was counted with, and which fact of the card to correct."""
    with pytest.raises(UserError) as caught:
        check_planned(PLANNED, **found)

    assert message in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_vllm_is_not_started_with_another_base_than_the_weights_have(save_model: Callable[..., Path]) -> None:
    """Its overrides would hide what the configuration says, so the two are compared before."""
    card = load_card(save_model())
    loaded = Loaded(Loadable(card.require_weights(), None))

    fitting = overrides(card, loaded, BackendOptions(rope_model=PLANNED), SETTING, 99)

    assert 20000.0 == fitting["rope_parameters"]["rope_theta"]
    with pytest.raises(UserError, match="by base 10000, and --rope counts with 320000"):
        overrides(card, loaded, BackendOptions(rope_model=RopeModel(320000.0, 512, 16)), SETTING, 99)


class Engine:
    """As much of an engine as tells its rotary tables."""

    class llm_engine:  # noqa: N801
        """The part of it that knows the window."""

        class model_config:  # noqa: N801
            """Its configuration."""

            max_model_len = 64

    def __init__(self, dimension: int) -> None:
        self._table = RotaryTable("MRotaryEmbedding", 64, dimension, "float32", {})

    def apply_model(self, _: object) -> list[list[RotaryTable]]:
        """The tables of one worker."""
        return [[self._table]]


def test_vllm_does_not_answer_with_other_turned_dimensions(save_model: Callable[..., Path]) -> None:
    """It obeys a factor of the file in families in which transformers does not, and the base counts with them."""
    card = load_card(save_model())

    assert not check_rotation(Engine(16), card, SETTING, PLANNED)
    with pytest.raises(UserError, match="turns 8 dimensions of a head, and --rope counts with 16"):
        check_rotation(Engine(8), card, SETTING, PLANNED)
