"""Seeds made of content."""

from __future__ import annotations

import hashlib

from evalkit.seeds import content_seed


def test_the_seed_depends_on_content_alone() -> None:
    """The same in every process, and different where any part differs or is divided differently."""
    seeds = {content_seed(*parts) for parts in (("a", "b"), ("ab",), ("a", "c"), ("", "ab"), ("a", "b", ""))}

    assert 5 == len(seeds)
    assert int(hashlib.sha256(b"leval\0coursera").hexdigest()[:16], 16) == content_seed("leval", "coursera")


def test_numbers_count_as_they_are_written() -> None:
    """A needle count of 12 and its text give the same draws, so a seed does not hang on a type."""
    assert content_seed("needlebench-v1-4k", 12, "42") == content_seed("needlebench-v1-4k", "12", "42")
