"""Progress of what takes long."""

from __future__ import annotations

import pytest

from evalkit.cli import _progress
from evalkit.cli._progress import prompts_built


def test_a_long_plan_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where output is no terminal."""
    monkeypatch.setattr(_progress, "PLAIN_EVERY_SECONDS", 0.0)

    with prompts_built() as built:
        built(1500)

    assert "evalkit: planning: 1,500 prompts built\n" == capsys.readouterr().err


def test_a_short_plan_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is told before a minute is over."""
    with prompts_built() as built:
        built(1500)

    assert "" == capsys.readouterr().err
