"""Arguments of the Python functions: everything that is no name is refused in one line that says what to pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evalkit
from evalkit import RunSettings, UserError
from evalkit._python import check_predictions, python_words, read_call
from evalkit.cards import load_card


class Pipeline:
    """What transformers' pipelines have."""

    model, tokenizer = object(), object()


class Tokenizer:
    """What tokenizers have."""

    def save_pretrained(self) -> None:
        """Not called."""


def complaint(model: object, *benchmarks: object, **options: object) -> str:
    """The one line that refuses a call; short, whatever was passed."""
    named = benchmarks or (() if isinstance(model, RunSettings) else ("needle",))
    with pytest.raises(UserError) as caught, python_words():
        read_call(model, named, options)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 300
    return line


def test_a_model_object_is_told_to_become_a_folder(tiny_model: Path) -> None:
    """Never printed: a model's text is a page."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_model)

    assert (
        "model: a LlamaForCausalLM (of transformers) object: save it with save_pretrained('my-model') and name the "
        "folder: './my-model'; pass a card's name"
    ) in complaint(model)
    assert "object without its model" in complaint(AutoTokenizer.from_pretrained(tiny_model))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (None, "model: None; pass a card's name, a model folder, a hub id ('owner/name') or a server's address"),
        (b"needle-tiny", "model: a bytes: decode it to text"),
        (3, "model: an int; pass"),
        (["a", "b"], "model: a list: one model a call"),
        (pd.DataFrame(), "model: a DataFrame (of pandas); pass"),
        (Pipeline(), "a Pipeline (of tests) object: save it"),
        (Tokenizer(), "object without its model: save it"),
        ("", "model: an empty text"),
        ("x" * 5000, "model: a text of 5,000 characters, no name"),
        ("a\nb", "no name"),
        ("needle-tiny\0", "no name"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_no_name_of_a_model_is_called_what_it_is(model: object, words: str) -> None:
    """With what to pass instead."""
    assert words in complaint(model)


def test_settings_made_by_hand_are_checked_too() -> None:
    """A dataclass takes anything."""
    assert "model: None; pass" in complaint(RunSettings(None, ("needle",)))  # type: ignore[arg-type]
    assert "benchmark: an int; pass" in complaint(RunSettings("m", (3,)))  # type: ignore[arg-type]


def test_a_card_is_passed_by_its_name() -> None:
    """A card object may hold changes that no run could be continued with."""
    assert "pass its name (card.name), or the path it was read from" in complaint(load_card("needle-tiny"))


def test_a_path_is_never_a_name() -> None:
    """`Path("needle-tiny")` is a folder here, not the shipped card."""
    assert ["./needle-tiny", "/a/b", "../b"] == [
        read_call(Path(path), ("needle",), {}).model for path in ("needle-tiny", "/a/b", "../b")
    ]


@pytest.mark.parametrize(
    ("benchmarks", "words"),
    [
        ((["leval", "needle"],), "names are arguments of their own: evaluate(model, 'leval', 'needle')"),
        ((None,), "benchmark: None; pass a name"),
        ((3,), "benchmark: an int; pass a name"),
        ((b"leval",), "benchmark: a bytes; pass a name"),
        (("",), "benchmark ''"),
    ],
)
def test_what_is_no_name_of_a_benchmark_is_called_what_it_is(benchmarks: tuple[object, ...], words: str) -> None:
    """A list of names too."""
    assert words in complaint("needle-tiny", *benchmarks)


def test_without_a_benchmark_the_call_is_shown() -> None:
    """Tasks are no benchmarks."""
    with pytest.raises(UserError, match=r"evaluate\('m', 'leval'\).*tasks= are parts of a benchmark"):
        read_call("m", (), {"tasks": ["leval"]})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 2.5}, "limit=2.5: "),
        ({"limit": True}, "limit=True: a number is meant"),
        ({"limit": "ten"}, "limit='ten': "),
        ({"limit": [1]}, "limit=[1]: "),
        ({"rope_grid": (2.0,)}, "rope_grid=[2.0]: "),
        ({"out": ["a", "b"]}, "out=['a', 'b']: "),
        ({"max_cost": False}, "max_cost=False: a number is meant"),
        ({"tasks": 5}, "tasks: an int; pass a name or a list of names"),
        ({"tasks": b"a"}, "tasks: a bytes; a text is meant"),
        ({"rope": b"none"}, "rope: a bytes; a text is meant"),
        ({"protocol": 3}, "protocol: an int; a text is meant"),
        ({"partial": "no"}, "partial='no': pass True or False"),
        ({"trust_remote_code": 1}, "trust_remote_code=1: pass True or False"),
        ({"options": "lengths=256"}, "options: a str; pass a dictionary: options={'name': value}"),
        ({"engine": [1]}, "engine: a list; pass a dictionary"),
        ({"lengths": [256]}, "lengths is an option of benchmarks: options={'lengths': …}"),
        ({"options": {"lengths": pd.DataFrame({"a": [1, 2]})}}, "options.lengths="),
        ({"limits": 3}, "unknown setting 'limits': did you mean 'limit'?"),
        ({"batch_size": 8}, "batch_size= is no setting: the hf backend answers one prompt at a time"),
        ({"pretrained": "x"}, "the model is the first argument"),
        ({"torch_dtype": "float16"}, "dtype='bfloat16' says it"),
        ({"do_sample": True}, "temperature= above 0 draws tokens"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_one_line(options: dict[str, object], words: str) -> None:
    """It names the argument as Python does; habits of other harnesses get a hint."""
    line = complaint("needle-tiny", "needle", **options)

    assert words in line
    assert "--" not in line


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"limit": np.int64(3)}, {"limit": 3}),
        ({"limit": None, "tasks": None, "rope": None, "options": None}, {}),
        ({"tasks": "single"}, {"tasks": ("single",)}),
        ({"options": {"lengths": [256, 512]}}, {"options": {"lengths": "256,512"}}),
        ({"options": {"lengths": np.array([256, 512])}}, {"options": {"lengths": "256,512"}}),
        ({"options": {"depths": [np.int64(0), np.int64(50)]}}, {"options": {"depths": "0,50"}}),
        ({"options": {"depths": range(0, 101, 50)}}, {"options": {"depths": "0,50,100"}}),
        ({"options": {"seed": 3, "lang": None}}, {"options": {"seed": "3"}}),
    ],
    ids=str,
)
def test_values_as_loose_as_a_caller_writes_them(given: dict[str, Any], meant: dict[str, Any]) -> None:
    """Lists and numbers of numpy are what they look like; None is not given."""
    assert RunSettings("m", ("needle",), **meant) == read_call("m", ("needle",), given)


@pytest.mark.parametrize(
    ("path", "output_format", "words"),
    [
        (None, "leval", "path: None; pass the folder"),
        (pd.DataFrame(), "leval", "path: a DataFrame (of pandas): write the answers to files first"),
        (["a"], "leval", "path: a list: write the answers"),
        (b"x", "leval", "path: a bytes; pass"),
        ("", "leval", "path: an empty text"),
        ("x", None, "output_format: None; pass a format's name"),
    ],
)
def test_outputs_are_named_by_a_path_and_a_format(path: object, output_format: object, words: str) -> None:
    """Before anything is looked for."""
    with pytest.raises(UserError) as caught:
        check_predictions(path, output_format)

    assert words in str(caught.value)


def test_the_functions_check_their_arguments(bare: Path) -> None:
    """All three."""
    calls = (
        lambda: evalkit.evaluate(None, "needle"),  # type: ignore[arg-type]
        lambda: evalkit.plan(None, "needle"),  # type: ignore[arg-type]
        lambda: evalkit.score_predictions(None, "leval"),  # type: ignore[arg-type]
    )

    for call in calls:
        with pytest.raises(UserError, match="None; pass"):
            call()
    assert [] == list(bare.iterdir())
