"""The converted copies in the cache: listed with what they take, and removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import filelock
import pytest

from evalkit.cards import load_card
from evalkit.errors import UserError
from evalkit.files import partial_of
from evalkit.models import BackendOptions
from evalkit.models.conversion import kept_copies, loadable, remove_copy
from tests.conftest import Command
from tests.models.conversion.checkpoints import INDEX, XVERSE, llama_state
from tests.models.conversion.conftest import Publish


def convert(folder: Path) -> Path:
    """The copy of a published folder."""
    found: Any = loadable(load_card(folder), BackendOptions(), "hf").folder
    return Path(found)


def test_copies_are_listed_with_their_source_and_size(publish: Publish) -> None:
    """Linked shards take no room; what a killed process left has no source."""
    whole, linked = publish(INDEX, llama_state(INDEX), "a"), publish(XVERSE, llama_state(XVERSE), "b", is_pickled=False)
    copies = [convert(whole), convert(linked)]
    left = partial_of(copies[0])
    left.mkdir()
    (left / "model.safetensors").write_bytes(bytes(1000))

    found = {copy.folder: copy for copy in kept_copies()}

    assert {*copies, left} == found.keys()
    assert [str(whole), str(linked), None] == [found[each].source for each in (*copies, left)]
    assert sum(path.stat().st_size for path in copies[0].iterdir()) == found[copies[0]].size
    assert found[copies[1]].size < 10_000 and 1000 == found[left].size


def test_a_copy_that_is_written_now_is_not_removed(publish: Publish, cache: Path) -> None:
    """Nor what is unfinished of it."""
    copy = convert(publish(INDEX, llama_state(INDEX)))
    partial_of(copy).mkdir()

    with filelock.FileLock(cache / f".{copy.name}.lock"):
        for each in kept_copies():
            with pytest.raises(UserError, match="another process writes it"):
                remove_copy(each)

    assert 2 == len(kept_copies())


def test_copies_are_shown_and_removed_from_the_command_line(evalkit: Command, publish: Publish) -> None:
    """One by its name, or all; the published folder stays."""
    folder = publish(INDEX, llama_state(INDEX), "a")
    copies = [convert(folder), convert(publish(INDEX, llama_state(INDEX), "b"))]

    shown, wrong = evalkit("cards", "copies"), evalkit("cards", "copies", "c", "--remove")
    one, rest = evalkit("cards", "copies", copies[0].name, "--remove"), evalkit("cards", "copies", "--remove")

    assert all(copy.name in shown.out for copy in copies) and str(folder) in shown.out
    assert (0, 2, 0, 0) == (shown.code, wrong.code, one.code, rest.code)
    assert "unknown copy 'c'" in wrong.err
    assert (1, 1) == (one.err.count("removed"), rest.err.count("removed"))
    assert "no converted copies" in evalkit("cards", "copies").err
    assert (folder / "pytorch_model-00001-of-00002.bin").is_file()
