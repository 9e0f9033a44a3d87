"""Published numbers by RoPE setting: which are held together, and how they are printed."""

from __future__ import annotations

import pytest

from evalkit.errors import UnknownNameError, UserError
from evalkit.published import Measure, conditions_of, published_conditions


def rows(measure: Measure) -> list[tuple[str, str, str]]:
    return [(score.model, score.rope, text) for score, text, _ in measure.numbers]


def test_the_reports_figure_is_found() -> None:
    """A model as released, under Dynamic NTK, and the one trained for long contexts, as one table prints them."""
    [measure] = published_conditions("longbench")

    assert [
        ("index-1.9b", "native", "7.65"),
        ("index-1.9b", "dynamic:8", "10.9"),
        ("index-1.9b-32k", "native", "35.23"),
    ] == rows(measure)
    assert {"index-report-extension"} == {source for _, _, source in measure.numbers}


def test_a_benchmark_without_an_overall_score_has_its_lengths() -> None:
    """Each length is a measure, with every setting that is published."""
    measures = published_conditions("needle")

    assert [("length", "2048"), ("length", "4096")] == [(each.kind, each.task) for each in measures]
    assert ["native", "dynamic:2", "dynamic:4", "dynamic:8", "linear:4", "linear:8"] == [
        rope for _, rope, _ in rows(measures[0])
    ]


def test_models_and_settings_can_be_chosen() -> None:
    """A spec may list several numbers; models stand in the order asked for."""
    [measure] = published_conditions("longbench", ["index-1.9b-32k", "index-1.9b"], ["native"])
    lengths = published_conditions("needle", specs=["native", "linear:4,8"])

    assert ["index-1.9b-32k", "index-1.9b"] == [model for model, _, _ in rows(measure)]
    assert ["native", "linear:4", "linear:8"] == [rope for _, rope, _ in rows(lengths[0])]


def test_a_model_alone_is_printed_by_its_own_source() -> None:
    """Digits of another table are for figures beside that table's numbers."""
    [measure] = published_conditions("longbench", ["index-1.9b-32k", "gpt-4"])

    assert "35.2356" == rows(measure)[0][2]


@pytest.mark.parametrize(
    ("benchmark", "models", "specs", "message"),
    [
        ("leval", [], [], "leval: no numbers under several RoPE settings; published .*longbench: index-1.9b"),
        ("longbench", ["gpt-4"], [], "longbench: gpt-4 alone has nothing to be compared with; published under"),
        ("longbench", [], ["dynamic:8"], "index-1.9b dynamic:8 alone has nothing"),
    ],
)
def test_nothing_to_compare_is_refused_with_what_there_is(
    benchmark: str, models: list[str], specs: list[str], message: str
) -> None:
    """In one line."""
    with pytest.raises(UserError, match=message):
        published_conditions(benchmark, models, specs)


@pytest.mark.parametrize(
    ("models", "specs", "message"),
    [
        (["gpt4"], [], "unknown model with published numbers of longbench 'gpt4': did you mean 'gpt-4'"),
        ([], ["dynamic:4"], "unknown published RoPE setting of longbench 'dynamic:4'"),
    ],
)
def test_unknown_names_are_refused(models: list[str], specs: list[str], message: str) -> None:
    """With the nearest ones."""
    with pytest.raises(UnknownNameError, match=message):
        published_conditions("longbench", models, specs)


def test_models_with_several_settings_are_listed() -> None:
    """As released first."""
    assert {"index-1.9b": ["native", "dynamic:8"]} == conditions_of("longbench")
    assert {} == conditions_of("leval")
