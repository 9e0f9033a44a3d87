"""What a run was asked for: cells, and whose tokens its lengths count."""

from __future__ import annotations

import pytest

from evalkit.reports import LengthAxis, Places, length_label
from evalkit.reports.heatmaps import asked_places
from evalkit.tasks import load_spec


def test_a_needle_grid_is_asked_for_by_options() -> None:
    """Ranges are written out."""
    found = asked_places(load_spec("needle"), ["single"], {"lengths": "256,512", "depths": "0:100:50", "seed": "0"})

    assert {"single": Places((256, 512), (0, 50, 100))} == found


def test_needlebench_asks_for_what_its_table_says() -> None:
    """Lengths and depths of the set, for the tasks that are there."""
    found = asked_places(load_spec("needlebench-32k"), ["single_en", "multi_retrieval_zh"], {"lang": "en,zh"})

    assert ["single_en", "multi_retrieval_zh"] == list(found)
    assert {((9000, 32_000), (0, 100), 8, 11)} == {
        (
            (places.lengths[0], places.lengths[-1]),
            (places.depths[0], places.depths[-1]),
            len(places.lengths),
            len(places.depths),
        )
        for places in found.values()
    }


@pytest.mark.parametrize("name", ["leval", "needlebench-atc"])
def test_benchmarks_without_lengths_and_depths_ask_for_no_cells(name: str) -> None:
    """They have no heatmap."""
    spec = load_spec(name)

    assert {} == asked_places(spec, spec.tasks, {})


@pytest.mark.parametrize(
    ("benchmark", "axis", "label"),
    [
        ("needlebench-4k", "nominal", "Length (cl100k tokens, nominal)"),
        ("needlebench-4k", "prompt", "Prompt tokens before truncation"),
        ("needlebench-4k", "kept", "Prompt tokens after truncation"),
        ("needle", "nominal", "Prompt length (the model's tokens)"),
        ("longbench", "nominal", "Length (as the benchmark counts it)"),
    ],
)
def test_an_axis_says_whose_tokens_it_counts(benchmark: str, axis: LengthAxis, label: str) -> None:
    """Nominal lengths of NeedleBench are nobody's prompt tokens."""
    assert label == length_label(load_spec(benchmark), axis)


def test_another_tokenizer_that_counts_lengths_is_named() -> None:
    """By the name of its file or encoding."""
    options = {"length-tokenizer": "/some/where/tokenizer.json"}

    assert "Prompt length (tokens of tokenizer.json)" == length_label(load_spec("needle"), "nominal", options)


def test_characters_are_not_called_tokens() -> None:
    """Where nobody knows the tokenizer, prompts are counted in characters; cl100k lengths stay what they are."""
    spec = load_spec("needlebench-4k")

    labels = [length_label(spec, axis, {}, "characters") for axis in ("prompt", "kept", "nominal")]

    assert [
        "Prompt characters before truncation", "Prompt characters after truncation", "Length (cl100k tokens, nominal)"
    ] == labels  # fmt: skip
