"""Knobs of our runs and of published ones: the same, another value, or nobody knows."""

from __future__ import annotations

import pytest

from evalkit.published import KNOBS, Knob
from evalkit.verdicts._knobs import compare_knobs, own_knobs, published_knobs

from .made import right
from .sides import made_manifest, made_row, made_side


def knob(name: str, value: str) -> Knob:
    return Knob(name, value, "stated", "")


@pytest.mark.parametrize(
    ("name", "ours", "published", "state"),
    [
        ("dtype", "bfloat16", "bf16", "same"),
        ("dtype", "bfloat16", "float16 (half)", "differs"),
        ("dtype", "bfloat16", "as the card says", "unknown"),
        ("sampling", "greedy", "do_sample False", "same"),
        ("sampling", "greedy", "whatever the server does", "unknown"),
        ("sampling", "greedy", "temperature 0", "same"),
        ("sampling", "greedy", "temperature 0.7, top-p 0.9", "differs"),
        ("window", "32768", "32,768", "same"),
        ("window", "4096", "8192", "differs"),
        ("rope", "dynamic:8", "dynamic:8.0", "same"),
        ("rope", "native", "dynamic:8", "differs"),
        ("rope", "dynamic:8 as the engine itself does it", "dynamic:8", "same"),
        ("rope", "dynamic:8 as the engine itself does it", "dynamic:4", "differs"),
        ("rope", "native", "NTK by hand", "unknown"),
        ("truncation", "middle", "middle, of the prompt", "same"),
        ("truncation", "middle", "index", "differs"),
        ("truncation", "middle", "the authors' own", "unknown"),
        ("prompt", "opencompass", "opencompass-0.2.6", "same"),
        ("prompt", "official", "lemma", "differs"),
        ("thinking", "none", "off", "same"),
        ("thinking", "none", "on", "differs"),
        ("engine", "hf", "transformers 4.31", "same"),
        ("engine", "vllm", "hf", "differs"),
        ("chat_template", "tokenizer (d847d83d1ca0)", "tokenizer", "same"),
        ("chat_template", "none", "tokenizer", "differs"),
        ("chat_template", "tokenizer (d847d83d1ca0)", "[INST]…[/INST]", "unknown"),
        ("data", "leval@cd34b0502691", "cd34b050269148aed75acbbe4a599873ad0f37e9", "same"),
        ("data", "leval@cd34b0502691", "1234567890", "differs"),
        ("data", "leval, altered: tpo.jsonl", "cd34b0502691", "differs"),
        ("data", "evalkit, seed 0", "evalkit, seed 1", "differs"),
        ("generation_limit", "protocol", "protocol", "same"),
        ("generation_limit", "64", "512", "differs"),
    ],
)
def test_two_values_are_the_same_where_they_mean_the_same(name: str, ours: str, published: str, state: str) -> None:
    """What a program cannot hold against each other is unknown, never a difference."""
    nothing = {each: Knob(each, "unknown", "unknown", "") for each in KNOBS}

    pairs = compare_knobs({**nothing, name: knob(name, ours)}, {name: knob(name, published)})

    assert state == next(pair.state for pair in pairs if pair.name == name)


def test_a_run_says_how_it_was_made_and_outputs_do_not() -> None:
    """Of outputs only that they are one run's, with all digits."""
    run = own_knobs(made_side({"trec": right(1, 2)}, manifest=made_manifest()))
    outputs = own_knobs(made_side({"trec": right(1, 2)}))

    assert ("official", "longbench-official", "4096", "float32", "hf") == tuple(
        run[name].value for name in ("prompt", "truncation", "window", "dtype", "engine")
    )
    assert {"runs", "digits"} == {name for name, each in outputs.items() if each.basis != "unknown"}


def test_the_rope_of_a_row_stands_in_for_what_its_set_up_leaves_open() -> None:
    """A user's own file has a column for it, and no set-up."""
    assert "dynamic:8" == published_knobs(made_row("trec", "1", rope="dynamic:8"))["rope"].value
    assert "native" == published_knobs(made_row("trec", "1", rope="x", knobs={"rope": "native"}))["rope"].value
