"""The section `pairs` says what `evalkit compare` says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.reports.page import PageRun, labels_of, read_runs
from evalkit.reports.page._pairs import pairs_part
from evalkit.scores import TaskDraws, near_tie_of
from evalkit.verdicts import Side, compare_sides

from ...verdicts.sides import made_manifest, made_side
from .folders import score_folder, some_answers

Command = Callable[..., Any]
WORDS = labels_of("en")


def found_pairs(runs: Sequence[PageRun]) -> list[dict[str, Any]]:
    """The pairs in the page's data."""
    part = pairs_part(runs, WORDS)
    assert part is not None
    found: list[dict[str, Any]] = json.loads(json.dumps(part.data["pairs"], allow_nan=False))
    return found


def apart(runs: Sequence[PageRun]) -> list[str]:
    """What the section says cannot be compared."""
    part = pairs_part(runs, WORDS)
    assert part is not None
    said: list[str] = list(part.values["apart"])
    return said


def page_run(side: Side, **changes: Any) -> PageRun:
    """A run of the page from a side made by hand."""
    measured = side.measured
    made = PageRun(side.name, Path(side.name), measured.scores, measured.spec, measured, side.manifest, [])
    return replace(made, **changes)


def ends(said: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the page shows of a score of `comparison.json`."""
    low, high = said["ci95"] or (None, None)
    return (*(said[name] for name in ("n", "left", "right", "difference", "p")), low, high)


def shown(said: Mapping[str, Any]) -> tuple[Any, ...]:
    """The same of the page's data."""
    return tuple(said[name] for name in ("n", "left", "right", "difference", "p", "low", "high"))


def test_every_number_is_that_of_compare(evalkit: Command, tmp_path: Path) -> None:
    """Of tasks, groups and parts, with samples that one side lacks left out of both."""
    left = score_folder(tmp_path / "left", some_answers(0))
    right = score_folder(tmp_path / "right", some_answers(1), {"hotpotqa": range(35)})
    done = evalkit("compare", left, right, "--common", "--json", "-")
    said = json.loads(done.out)

    (pair,) = found_pairs(read_runs([left, right]))

    assert (0, 1, 51, 5, 0) == tuple(pair[name] for name in ("left", "right", "n", "only_left", "only_right"))
    assert list(said["tasks"]) == list(pair["tasks"])
    for name, task in said["tasks"].items():
        assert ends(task) == shown(pair["tasks"][name])
        same = ("clusters", "mcnemar_p", "wins", "losses", "ties")
        assert {each: task[each] for each in same} == {each: pair["tasks"][name][each] for each in same}
    assert [(said["group_titles"][name], *ends(each)) for name, each in said["groups"].items()] == [
        (each["title"], *shown(each)) for each in pair["groups"]
    ]
    assert ["Code Completion"] == [each["title"] for each in pair["groups"]]
    assert said["overall"] is None is pair["overall"]
    parts = [each for each in said["slices"] if each["axis"] not in ("task", "group")]
    assert [(each["axis"], each["name"], each["flagged"], *ends(each)) for each in parts] == [
        (each["axis"], each["name"], each["flagged"], *shown(each)) for each in pair["slices"]
    ]
    assert parts
    flagged = {each["name"] for each in said["slices"] if each["axis"] == "task" and each["flagged"]}
    assert flagged == {name for name, task in pair["tasks"].items() if task["flagged"]}
    assert [note.replace(str(left), "left").replace(str(right), "right") for note in said["notes"]] == pair["notes"]


def test_samples_that_ids_do_not_tell_are_named_on_both_sides(tmp_path: Path) -> None:
    """So that the page need not join other questions under one id."""
    order = [3, 2, 1, 0, *range(4, 40)]
    left = score_folder(tmp_path / "left", {"hotpotqa": some_answers(0)["hotpotqa"]})
    right = score_folder(tmp_path / "right", {"hotpotqa": some_answers(0)["hotpotqa"]}, {"hotpotqa": order})

    (pair,) = found_pairs(read_runs([left, right]))

    rows = pair["joined"]["hotpotqa"]
    assert [[f"longbench/hotpotqa/{place}", f"longbench/hotpotqa/{order.index(place)}"] for place in range(40)] == [
        row[:2] for row in rows
    ]
    assert all(row[2] == row[3] for row in rows)
    assert 0 == pair["tasks"]["hotpotqa"]["wins"]


def with_draws(side: Side, per_sample: int) -> Side:
    """The side, its one task answered several times."""
    ((name, task),) = side.measured.scores.tasks.items()
    draws = TaskDraws(scores=[None] * per_sample, spread=None, range=None, per_sample=per_sample, answers=0, failed=0)
    scores = side.measured.scores.model_copy(update={"tasks": {name: task.model_copy(update={"draws": draws})}})
    return replace(side, measured=replace(side.measured, scores=scores))


def test_means_of_draws_are_given_where_samples_have_several() -> None:
    """Since they are what won or lost."""
    left = with_draws(made_side({"trec": [50.0, 75.0, float("nan")]}, name="l"), 4)
    right = made_side({"trec": [100.0, 75.0, 100.0]}, name="r")

    (pair,) = found_pairs([page_run(left), page_run(right)])

    assert {"trec": [["0", "0", 50.0, 100.0], ["1", "1", 75.0, 75.0]]} == pair["joined"]
    (pair,) = found_pairs([page_run(right), page_run(right, name="again")])
    assert {} == pair["joined"]


def test_what_differs_and_near_ties_stand_apart_from_the_notes() -> None:
    """Each is said once."""
    margins = (near_tie_of("float32") / 2, None, None)
    sides = [
        made_side(
            {"trec": [0.0, 100.0, 0.0]},
            name=name,
            notes=["Read twice."],
            manifest=made_manifest({"rope": rope}, {"title": ""}),
        )
        for name, rope in (("l", "native"), ("r", "dynamic:4"))
    ]
    for side, text in zip(sides, "xy", strict=True):
        values = side.measured.values["trec"]
        side.measured.values["trec"] = replace(values, texts=(text, "z", "z"), margins=margins)  # type: ignore[index]

    (pair,) = found_pairs([page_run(side) for side in sides])

    assert [{"field": "rope", "left": "native", "right": "dynamic:4"}] == pair["differs_in"]
    assert (1, 1) == (pair["near_ties"]["flips"], pair["near_ties"]["began_at_near_tie"])
    first, *rest, last = compare_sides(*sides).notes
    assert first.startswith("differs in rope") and last.startswith("1 answer differs: 1 met a near tie")
    assert rest == pair["notes"] != []


def test_four_runs_are_compared_each_with_each_and_five_with_the_first() -> None:
    """Pairs are shown in the order of the runs."""
    runs = [page_run(made_side({"trec": [0.0, 100.0]}, name=str(number))) for number in range(5)]

    four, five = ([(pair["left"], pair["right"]) for pair in found_pairs(some)] for some in (runs[:4], runs))

    assert [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] == four
    assert [(0, 1), (0, 2), (0, 3), (0, 4)] == five


def test_what_cannot_be_compared_is_said() -> None:
    """Other protocols, scores without answers, nothing in common; nothing of other benchmarks."""
    run = page_run(made_side({"trec": [0.0]}, name="a"))
    strict = page_run(made_side({"trec": [0.0]}, name="b", protocol="strict"))
    bare = page_run(made_side({"trec": [0.0]}, name="c"), measured=None)
    other = page_run(made_side({"lsht": [0.0]}, name="d"))
    needle = page_run(made_side({"single": [0.0]}, name="e", benchmark="needle"))

    assert apart([run, strict]) == [
        "LongBench: scored under different protocols, which are not compared with each other (official: a; strict: b)."
    ]
    assert ["c keeps no answers, so its samples cannot be compared."] == apart([run, bare])
    assert ["a and d: no sample is in both, nothing can be compared"] == apart([run, other])
    assert [WORDS["pairs_none"]] == apart([run, needle])
    assert [] == apart([run, page_run(made_side({"trec": [100.0]}, name="f")), needle])
    assert pairs_part([run], WORDS) is None
