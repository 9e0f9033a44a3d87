"""The sweep of the report page, made of the answers kept beside the embedded model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.errors import DataError, UserError
from evalkit.reports import sweep_footer, sweep_table
from evalkit.reports.page import LANGUAGES, PageRun, Part, content_of, labels_of, page_html, read_runs, sweep_folders
from evalkit.reports.page._sweep import sweep_part
from evalkit.scores import cluster_interval
from evalkit.sweeps import Sweep, read_sweep
from tests.reports.sweeps.made import benchmark_sweep, extended, sweep_of
from tests.sweeps.test_needle_tiny import KEPT, SPECS, made

WORDS = labels_of("en")


@cache
def in_folders() -> Sweep:
    """The sweep with the folders that its runs have beside each other."""
    sweep = made()
    needle = sweep.benchmarks["needle"]
    specs = {name: replace(each, folder=name.replace(":", "-")) for name, each in needle.specs.items()}
    return replace(sweep, benchmarks={"needle": replace(needle, specs=specs)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of that sweep, with three of its runs."""
    for spec in ("none", "dynamic-4", "yarn-8"):
        shutil.copytree(KEPT / spec, tmp_path / "sweep" / spec)
    (tmp_path / "sweep" / "sweep.json").write_text(json.dumps(in_folders().to_json()))
    return tmp_path / "sweep"


def part_of(folder: Path, runs: list[PageRun] | None = None) -> Part:
    """The section of a folder."""
    part = sweep_part(folder, runs or [], WORDS)
    assert part is not None
    return part


def runs_of(folder: Path) -> list[PageRun]:
    """Its runs, each called by its spec."""
    named = sweep_folders(folder)
    return [replace(run, name=name) for run, name in zip(read_runs([*named]), named.values(), strict=True)]


def test_runs_that_are_there_are_named_by_their_specs(folder: Path) -> None:
    """Those of the thirteen that were kept."""
    assert {folder / "none": "none", folder / "dynamic-4": "dynamic:4", folder / "yarn-8": "yarn:8"} == sweep_folders(
        folder
    )


def test_runs_of_several_benchmarks_are_told_apart(tmp_path: Path) -> None:
    """No two runs of a page share a name."""
    sweep = sweep_of(*(benchmark_sweep(["none"], [512], extended, benchmark=name) for name in ("needle", "qasper")))
    for name, each in sweep.benchmarks.items():
        each.specs["none"] = replace(each.specs["none"], folder=f"none/{name}")  # type: ignore[index]
        shutil.copytree(KEPT / "none", tmp_path / "none" / name)
    (tmp_path / "sweep.json").write_text(json.dumps(sweep.to_json()))

    assert ["none · needle", "none · qasper"] == [*sweep_folders(tmp_path).values()]


def test_points_are_the_samples_of_their_length(folder: Path) -> None:
    """Score, counts and interval of each spec that is on the page, made again from its samples."""
    runs = runs_of(folder)

    (benchmark,) = part_of(folder, runs).data["sweep"]["benchmarks"]

    by_name = {spec["name"]: spec for spec in benchmark["specs"]}
    assert list(SPECS) == list(by_name)
    for index, run in enumerate(runs):
        assert run.measured is not None
        values, spec = run.measured.values["single"], by_name[run.name]
        assert index == spec["run"]
        for point in spec["points"]:
            chosen = [place for place, axes in enumerate(values.axes) if axes["length"] == point["place"]]
            interval = cluster_interval(
                values.columns[chosen], [values.clusters[place] for place in chosen], values.combine
            )
            assert interval is not None
            assert {"length": str(point["place"])} == point["filter"]
            assert (len(chosen), float(np.mean(values.columns[chosen])), interval.low, interval.high) == (
                point["n"], point["score"], point["low"], point["high"]
            )  # fmt: skip


def test_specs_without_a_run_on_the_page_lead_nowhere(folder: Path) -> None:
    """Their numbers are those of the sweep all the same."""
    (benchmark,) = part_of(folder).data["sweep"]["benchmarks"]

    assert {None} == {spec["run"] for spec in benchmark["specs"]}
    assert [100.0, 100.0, 10.0, 0.0, 0.0] == [point["score"] for point in benchmark["specs"][0]["points"]]


def test_every_spec_stands_in_a_chart_with_the_first_one(folder: Path) -> None:
    """No more in one than can be told apart."""
    (benchmark,) = part_of(folder).data["sweep"]["benchmarks"]

    panels = [panel["specs"] for panel in benchmark["panels"]]
    assert all(0 == panel[0] and len(panel) <= 7 for panel in panels)
    assert [*range(1, len(SPECS))] == sorted(spec for panel in panels for spec in panel[1:])


def test_the_table_is_the_terminals(folder: Path) -> None:
    """The same scores, marks and lengths, and what they mean."""
    sweep = read_sweep(folder)
    needle = sweep.benchmarks["needle"]
    columns = [[str(cell) for cell in column.cells] for column in sweep_table(sweep, needle).columns]

    scores, _ = part_of(folder).values["benchmarks"][0]["tables"]

    for row, line in enumerate(scores["lines"]):
        shown = [column[row].strip() for column in columns]
        assert (shown[0], shown[-2:]) == (line[0], line[-2:])
        for short, long in zip(shown[1:-2], line[1:-2], strict=True):
            assert (short.rstrip("+−"), short[-1] in "+−") == (long.split()[0].rstrip("+−"), long[-1] in "+−")
    assert all(line in scores["notes"] for line in sweep_footer(sweep, needle))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sweep_alone_is_a_page(folder: Path, language: str) -> None:
    """Without any run, in every language."""
    text = page_html(content_of([], sweep=folder, language=language))

    assert "75.0 (44.1 – 92.6)+" in text
    assert labels_of(language)["sweep_holds"] in text


def test_lengths_of_buckets_lead_to_no_samples(tmp_path: Path) -> None:
    """They count prompt and answer limit, which samples do not state."""
    sweep = sweep_of(benchmark_sweep(["none", "yarn:4"], [512, 1024], extended, benchmark="qasper"))
    (tmp_path / "sweep.json").write_text(json.dumps(sweep.to_json()))

    (benchmark,) = part_of(tmp_path).data["sweep"]["benchmarks"]

    assert {None} == {point["filter"] for spec in benchmark["specs"] for point in spec["points"]}
    assert ["≤ 512", "≤ 1,024"] == [point["name"] for point in benchmark["specs"][0]["points"]]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99}', '{"schema": 1, "specs": 3}'])
def test_damaged_sweeps_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with the file."""
    (tmp_path / "sweep.json").write_text(text)

    for read in (sweep_folders, part_of):
        with pytest.raises(DataError) as refused:
            read(tmp_path)
        assert "\n" not in str(refused.value)


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    """With what makes one."""
    with pytest.raises(UserError, match="evalkit rope sweep --out"):
        part_of(tmp_path)


def test_no_sweep_named_is_no_section() -> None:
    """None, not an empty one."""
    assert sweep_part(None, [], WORDS) is None


def strange(**changes: Any) -> dict[str, Any]:
    """The sweep as JSON with other words in it."""
    return {**in_folders().to_json(), **changes}


def test_names_in_a_sweep_are_text(tmp_path: Path) -> None:
    """Titles and notes of a file that anybody may have written."""
    (tmp_path / "sweep.json").write_text(
        json.dumps(strange(title="<b>{folder}</b>", notes=["<script>alert(1)</script>"]))
    )

    text = page_html(content_of([], sweep=tmp_path))

    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert (
        f"&lt;b&gt;{{folder}}&lt;/b&gt; [needle-tiny] under several RoPE specs on the same samples, in {tmp_path}"
        in text
    )
