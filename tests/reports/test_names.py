"""The one name of a model."""

from __future__ import annotations

import pytest

from evalkit.reports._names import shown_model


@pytest.mark.parametrize(
    ("name", "title", "shown"),
    [
        ("my-qwen-", "my qwen 中文", "my qwen 中文 [my-qwen-]"),
        ("needle-tiny", "needle-tiny (embedded)", "needle-tiny (embedded)"),
        ("index-1.9b-32k", "Index-1.9B-32K", "Index-1.9B-32K"),
        ("predictions", "", "predictions"),
    ],
)
def test_a_title_has_the_name_behind_it_where_it_does_not_contain_it(name: str, title: str, shown: str) -> None:
    """Letter case aside."""
    assert shown == shown_model(name, title)
