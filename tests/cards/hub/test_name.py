"""What is a model on the hub, and what is a path or nothing."""

from __future__ import annotations

import pytest

from evalkit.cards.hub import HubName, hub_name
from evalkit.errors import CardError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Qwen/Qwen2-1.5B-Instruct", HubName("Qwen/Qwen2-1.5B-Instruct", None)),
        ("o/m@main", HubName("o/m", "main")),
        ("o/m@refs/pr/1", HubName("o/m", "refs/pr/1")),
        ("o/m@" + "a" * 40, HubName("o/m", "a" * 40)),
    ],
)
def test_an_owner_and_a_name_are_a_model(text: str, name: HubName) -> None:
    """With a revision behind @, or without; written back it is the same."""
    assert name == hub_name(text)
    assert text == str(name)


@pytest.mark.parametrize(
    "text",
    [
        "gpt2", "a/b/c", "../b", "a/..", "a/b..c", "./a/b", "/a/b", "~/b", "a/", "/b",
        "a b/c", "a/b;rm", "a/$(x)", "a\\b/c", "\u00e4/b",
        "cards/mine.yaml", "w/model.gguf", "a/b.git", "a--b/c", "a/" + "b" * 97, "a/b\n", "http://h/v1", "a%2f/b", "",
    ],
)  # fmt: skip
def test_paths_and_signs_of_a_shell_are_no_models(text: str) -> None:
    """Whatever could leave the cache's folder, or is a file, is never asked for."""
    assert hub_name(text) is None


@pytest.mark.parametrize("revision", ["", "..", "a/../b", "a b", "-x", "/a", "a//b", "a/", "$(x)", "a@b", "x" * 256])
def test_a_revision_that_nothing_can_have_is_one_line(revision: str) -> None:
    """Said with an example."""
    with pytest.raises(CardError, match=r"a commit, tag or branch stands after @ \(o/m@main\)"):
        hub_name(f"o/m@{revision}")
