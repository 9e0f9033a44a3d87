"""A short run over every reader: each case is read, or refused in one line, in bounded time."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import EvalkitError
from evalkit.printable import is_printable
from evalkit.rope import RopeModel, parse_rope, rope_setting
from evalkit.settings import RunSettings, read_settings, settings_of
from tests.fuzz._contract import Reader, case_of, check
from tests.fuzz._mutation import json_bytes
from tests.fuzz._readers import READERS

CASES = 120
SLOW = {"tokenizer": 6, "template": 20, "model-folder": 60, "benchmark": 60, "published-model": 60}
"""Readers whose cases take long, and how many are tried here; `run.py` tries as many as it is told."""

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, 2**64, "9" * 5000])
)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_no_case_crashes_or_hangs(reader: Reader, tmp_path: Path) -> None:
    """What breaks the promise is shown with the command that reads it again."""
    for module in reader.needs:
        pytest.importorskip(module)
    if reader.name in {"model-folder", "tokenizer", "template"} and importlib.util.find_spec("transformers") is None:
        pytest.skip("needs transformers")

    kinds: Counter[str] = Counter()
    for number in range(SLOW.get(reader.name, CASES)):
        folder = tmp_path / str(number)
        folder.mkdir()
        case = case_of(reader, 0, number)
        outcome = check(reader, case, folder)
        kinds[outcome.kind] += 1
        assert outcome.kind in {"accepted", "refused"}, (
            f"python tests/fuzz/run.py --only {reader.name} --seed 0 --cases {number + 1}\n{outcome.detail}"
        )

    assert kinds["refused"]  # else the damage is none


def test_a_case_is_the_same_for_the_same_seed() -> None:
    """So that what was found can be found again."""
    for reader in READERS:
        assert case_of(reader, 3, 5) == case_of(reader, 3, 5)


@pytest.mark.parametrize(
    ("raises", "kind"),
    [
        (EvalkitError("one line"), "refused"), (EvalkitError(""), "crash"), (ValueError("x"), "crash"),
        (RecursionError(), "crash"), (BaseException("a panic"), "crash"), (None, "accepted"),
    ],
    ids=repr,
)  # fmt: skip
def test_the_contract_tells_refusals_from_crashes(tmp_path: Path, raises: BaseException | None, kind: str) -> None:
    """Panics of Rust, which are no `Exception`, included."""

    def read(case: bytes, folder: Path) -> None:  # noqa: ARG001
        if raises is not None:
            raise raises

    assert kind == check(Reader("x", lambda _: b"", read), b"", tmp_path).kind


def test_the_contract_ends_a_hang(tmp_path: Path) -> None:
    """After the reader's own limit."""

    def read(case: bytes, folder: Path) -> None:  # noqa: ARG001
        while True:
            pass

    assert "hang" == check(Reader("x", lambda _: b"", read, seconds=0.05), b"", tmp_path).kind


@given(values=st.dictionaries(st.sampled_from([*settings_of(RunSettings), "unknown"]), TREES, max_size=4))
def test_any_settings_are_taken_or_refused(values: dict[str, Any]) -> None:
    """Of whatever types, from Python."""
    model, benchmarks = values.pop("model", "m"), values.pop("benchmarks", ("leval",))
    try:
        read_settings(model, benchmarks, values).check()
    except EvalkitError as error:
        assert is_printable(str(error))


@given(
    kind=st.sampled_from(["linear", "ntk", "dynamic", "yarn", "base"]),
    number=st.floats() | st.integers() | st.text(max_size=5),
    tokens=st.integers(1, 2**25),
    grid=st.none() | st.floats(1, 100, exclude_min=True),
    dimension=st.integers(4, 1024),
)
def test_any_rope_spec_is_computed_or_refused(
    kind: str, number: object, tokens: int, grid: float | None, dimension: int
) -> None:
    """Powers stay in the range of a float."""
    try:
        spec = parse_rope(f"{kind}:{number}")
    except EvalkitError as error:
        assert is_printable(str(error))
        return

    setting = rope_setting(spec, RopeModel(1e18, 1, dimension), tokens, grid)

    assert setting.base is not None
    assert 0 < setting.base < float("inf")


@given(tree=TREES)
def test_trees_of_any_kind_can_be_written(tree: object) -> None:
    """Cases are made of such values."""
    assert json_bytes(tree)


def test_a_tree_deeper_than_python_writes_is_a_case_too() -> None:
    """Of two that are nested one makes one that is nested twice as deep."""
    tree: list[object] = []
    for _ in range(3000):
        tree = [tree]

    assert json_bytes(tree).startswith(b"[" * 3000)
