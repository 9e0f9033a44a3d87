"""A user's own file of published numbers, as tests write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.published import PublishedScore, read_published_file

Write = Callable[..., Path]
Read = Callable[..., tuple[PublishedScore, ...]]

HEADER = "benchmark,kind,task,model,score"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writer of a CSV file of these rows."""

    def write_rows(*rows: str, header: str = HEADER) -> Path:
        path = tmp_path / "own.csv"
        path.write_text("\n".join((header, *rows, "")), "utf-8")
        return path

    return write_rows


@pytest.fixture
def read(write: Write) -> Read:
    """The numbers of a CSV file of these rows."""
    return lambda *rows, header=HEADER: read_published_file(write(*rows, header=header))
