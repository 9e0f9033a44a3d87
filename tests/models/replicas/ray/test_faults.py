"""Errors on their way from an actor to the driver, and versions that differ."""

from __future__ import annotations

import inspect
import pickle

import pytest

import evalkit.errors
from evalkit.errors import EvalkitError, MissingDependencyError, UnknownNameError, UserError
from evalkit.models.replicas.ray._checks import difference
from evalkit.models.replicas.ray._faults import Failure

KINDS = [
    kind for _, kind in inspect.getmembers(evalkit.errors, inspect.isclass)
    if issubclass(kind, EvalkitError) and kind not in (UnknownNameError, MissingDependencyError)
]  # fmt: skip


def travelled(error: Exception) -> Exception:
    """The error as the driver has it."""
    failure: Failure = pickle.loads(pickle.dumps(Failure.of(error)))
    return failure.error()


@pytest.mark.parametrize(
    "error",
    [
        *(kind("what to do") for kind in KINDS),
        UnknownNameError("card", "x", ["y"]),
        MissingDependencyError("torch", "hf", "running"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_evalkit_come_as_themselves(error: Exception) -> None:
    """Whatever their constructors take."""
    found = travelled(error)

    assert (type(error), str(error)) == (type(found), str(found))


def test_a_kind_that_only_the_actor_knows_comes_as_the_nearest_known() -> None:
    """The message is what matters."""

    class OwnError(UserError):
        pass

    assert (UserError, "mine") == (type(found := travelled(OwnError("mine"))), str(found))


def test_a_bug_keeps_its_kind_and_its_place() -> None:
    """Whoever mends it needs both."""
    try:
        {}["absent"]
    except KeyError as error:
        found = travelled(error)

    assert "KeyError: 'absent'" == str(found)
    assert "test_a_bug_keeps_its_kind_and_its_place" in found.__notes__[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"numpy": "0.1"}, None),
        ({"torch": "2.0"}, "has torch 2.0, and this machine 2.6"),
        ({"vllm": "0.30"}, "has vllm 0.30, and this machine none"),
        ({"torch": None}, "has torch none, and this machine 2.6"),
        ({"python": "3.12.1"}, "has python 3.12.1, and this machine 3.11.9"),
    ],
)
def test_versions_that_change_answers_must_be_alike(change: dict[str, str | None], said: str | None) -> None:
    """The first that is not is named, with both."""
    here = {"python": "3.11.9", "evalkit": "1", "torch": "2.6", "numpy": "2.0"}
    there = {name: version for name, version in {**here, **change}.items() if version is not None}

    assert said == difference(here, there)
