"""The option that OpenCompass reads from an answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evalkit.errors import DataError
from evalkit.tasks import _opencompass as module
from evalkit.tasks._opencompass import first_option

UPSTREAM = r"""
def first_option_postprocess(text: str, options: str, cushion=True) -> str:
    patterns = [
        f'answer is \s*([{options}])',
        f'boxed{{([{options}])}}'
        f' or ([{options}])$',
        f'(\s|^)[{options}][.]',
    ]
    cushion_patterns = [f'([{options}])']
    for pattern in patterns:
        pass
"""


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Upstream's file, made up; its text is the list's one item."""
    text = [UPSTREAM]
    monkeypatch.setattr(module, "read_wheel_text", lambda _: text[0])
    module._patterns.cache_clear()
    yield text
    module._patterns.cache_clear()


@pytest.mark.usefixtures("wheel")
@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("A or B: the answer is C", "C"),
        ("boxed{B} or A", "B"),
        ("B. is it", "B"),
        ("Because", "B"),
        ("no such letter", ""),
        ("", ""),
    ],
)
def test_patterns_are_tried_in_their_order(text: str, option: str) -> None:
    """The last ones take any letter; a pattern whose group is white space gives way to the next."""
    assert option == first_option(text, "ABCD")


@pytest.mark.parametrize(
    "changed", ["", "def first_option_postprocess(text):\n    patterns = 1\n    cushion_patterns = []\n"]
)
def test_a_changed_release_is_noticed(wheel: list[str], changed: str) -> None:
    """Patterns that are not where they were are an error, not an empty list."""
    wheel[0] = changed

    with pytest.raises(DataError, match="has no list patterns: the upstream release changed"):
        first_option("A", "ABCD")
