"""The list of shapes for readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.endpoint.scripted_server import REPLY_SHAPES
from tests.wild import CONFIGS, MODELS, TEMPLATES, TOKENIZERS


@pytest.mark.parametrize("shapes", [TOKENIZERS, TEMPLATES, CONFIGS, MODELS, REPLY_SHAPES])
def test_every_shape_is_listed(shapes: dict[str, object]) -> None:
    """Who looks for a shape finds it in the README, with where it is met."""
    listed = Path(__file__).with_name("README.md").read_text("utf-8")

    assert [] == [name for name in shapes if f"\n| {name} |" not in listed]
