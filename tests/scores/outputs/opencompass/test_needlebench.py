"""OpenCompass's NeedleBench outputs: set, length, depth and language come from the names of the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.errors import DataError

Write = Callable[..., Path]
FOUND = "The magic city is Lisbon."
NEEDLE = f"{FOUND}*Lisbon"
V1_DEPTHS = "0*5*10*15*21*26*31*36*42*47*52*57*63*68*73*78*84*89*94*100"
V2_DEPTHS = "0*10*20*30*40*50*60*70*80*90*100"


@pytest.fixture
def write(bare: Path) -> Write:
    """Writer of one cell: `write(name, (prediction, gold), …)`; its folder."""

    def go(name: str, *pairs: tuple[Any, Any]) -> Path:
        folder = bare / "m"
        folder.mkdir(exist_ok=True)
        rows = {str(index): {"prediction": text, "gold": gold} for index, (text, gold) in enumerate(pairs)}
        (folder / f"{name}.json").write_text(json.dumps(rows))
        return folder

    return go


def test_a_grid_is_scored_and_its_heatmap_drawn(write: Write, bare: Path) -> None:
    """Six of 44 cells, ten rows each, the others empty; rows of one number share a haystack and are one cluster."""
    for length in (1000, 2000):
        for depth in (0, 50, 100):
            write(f"Length{length}Depth{depth}_origin_en_4k", *[(FOUND, NEEDLE)] * 10)

    scores = score_predictions(bare / "m", "opencompass", out=bare / "out")

    task = scores.tasks["single_en"]
    assert ("needlebench-v2-4k", "opencompass", 100.0, 60) == (scores.benchmark, scores.protocol, task.score, task.n)
    assert (10, "document") == (task.clusters, task.cluster_unit)
    assert task.buckets is not None
    assert [30, 30, 0, 0] == [bucket.n for bucket in task.buckets.values()]
    cells = (bare / "out" / "tables" / "single_en-cells.csv").read_text().splitlines()
    assert (44, 6) == (len(cells) - 1, sum(cell.endswith(",100.0,10,0,") for cell in cells))
    assert (bare / "out" / "figures" / "single_en.png").is_file()


@pytest.mark.parametrize(("name", "gold", "benchmark", "task"), [
    ("Length1000Depth5_origin_en_4k", NEEDLE, "needlebench-4k", "single_en"),
    ("Length1000Depth50_origin_zh_4k", NEEDLE, "needlebench-v2-4k", "single_zh"),
    ("Length9000Depth0_origin_en_32k", NEEDLE, "needlebench-32k", "single_en"),
    ("Length4000Depth0_origin_en_32k", NEEDLE, "needlebench-v2-32k", "single_en"),
    ("Length5000_parallel_en_8k", f"Lisbon#{V1_DEPTHS}", "needlebench-8k", "multi_retrieval_en"),
    ("Length5000_parallel_zh_8k", f"Lisbon#{V2_DEPTHS}", "needlebench-v2-8k", "multi_retrieval_zh"),
    ("Length5000_parallel_zh_8k_batch5", "Lisbon#0*25*50*75*100", "needlebench-8k-batch", "batch_5_zh"),
    ("Length1000Depth0_3needle_en_4k", "Lisbon*Lisbon", "needlebench-4k", "multi_reasoning_3_en"),
    ("Length1000Depth0_5needle_zh_4k", "Lisbon", "needlebench-v2-4k", "multi_reasoning_5_zh"),
    ("Length125000Depth50_origin_en_1000k", NEEDLE, "needlebench-v2-1000k", "single_en"),
    ("needlebench_atc_challengeneedle_5_en", NEEDLE, "needlebench-atc", "en"),
    ("needlebench_atc_challengeneedle_5_zh_ordered", NEEDLE, "needlebench-atc", "zh_ordered"),
    ("NeedleBenchATCDataset-19Needle-EN", "0--A--ABCD", "needlebench-atc-choice-20", "en"),
    ("NeedleBenchATCDataset-30Needle-ZH-Reasoning", "0--A--ABCD", "needlebench-atc-choice-50", "zh_reasoning"),
    ("NeedleBenchATCDataset-512Needle-EN", "Lisbon", "needlebench-atc-v2", "en"),
])  # fmt: skip
def test_the_set_is_told_by_names_and_gold_answers(
    write: Write, name: str, gold: str, benchmark: str, task: str
) -> None:
    """Both versions name their files alike; depths and the form of gold answers differ."""
    scores = score_predictions(write(name, (r"\boxed{Lisbon} A", gold)), "opencompass")

    assert (benchmark, [task], 1) == (scores.benchmark, list(scores.tasks), scores.tasks[task].n)


@pytest.mark.parametrize("benchmark", ["needlebench-4k", "needlebench-v2-4k"])
def test_cells_of_both_versions_say_so(write: Write, benchmark: str) -> None:
    """Depths 0 and 100 are in both grids; the rules differ, so the reader must know."""
    folder = write("Length1000Depth0_origin_en_4k", (FOUND, NEEDLE))

    scores = score_predictions(folder, "opencompass", benchmark=benchmark)

    assert "whose rules differ: --benchmark chooses" in scores.notes[0]
    assert "needlebench-4k" == score_predictions(folder, "opencompass").benchmark


def test_cells_off_the_grid_stand_for_none_of_it(write: Write) -> None:
    """They are not in the score, and the note says which they are and how much of the grid is missing."""
    for length in (1000, 2000, 3000, 4000):
        for depth in V1_DEPTHS.split("*"):
            write(f"Length{length}Depth{50 if depth == '5' else depth}_origin_en_4k", *[(FOUND, NEEDLE)] * 10)
    folder = write("Length5000Depth0_origin_en_4k", *[("?", NEEDLE)] * 10)

    scores = score_predictions(folder, "opencompass")

    task = scores.tasks["single_en"]
    assert (100.0, 760, 800) == (task.score, task.n, task.expected)
    assert [
        "single_en: 5 cells (50 rows) are not of the grid of needlebench-4k and not in the score: "
        "Length1000Depth50_origin_en_4k, Length2000Depth50_origin_en_4k, Length3000Depth50_origin_en_4k…; "
        "4 cells of the grid are missing"
    ] == scores.notes


def test_further_cells_beside_a_whole_grid_change_nothing(write: Write) -> None:
    """Version 2's depths were run as well."""
    for length in (1000, 2000, 3000, 4000):
        for depth in {*V1_DEPTHS.split("*"), *V2_DEPTHS.split("*")}:
            write(f"Length{length}Depth{depth}_origin_en_4k", *[(FOUND, NEEDLE)] * 10)

    scores = score_predictions(write("Length1000_parallel_en_4k", ("x", f"Lisbon#{V1_DEPTHS}")), "opencompass")

    assert 800 == scores.tasks["single_en"].n
    assert any("single_en: 32 cells" in note and "no cell of the grid is missing" in note for note in scores.notes)


@pytest.mark.parametrize(("name", "gold", "missing"), [
    ("Length1000_parallel_en_4k", f"Lisbon#{V1_DEPTHS}", 3),
    ("needlebench_atc_challengeneedle_2_en", NEEDLE, 32),
])  # fmt: skip
def test_a_task_without_depths_has_a_grid_as_well(write: Write, name: str, gold: str, missing: int) -> None:
    """A file for each length, or for each needle count."""
    write(name, ("x", gold))
    odd = name.replace("1000", "1234").replace("_2_", "_500_")

    notes = score_predictions(write(odd, ("x", gold)), "opencompass").notes

    assert any(
        "1 cells (1 rows) are not of the grid" in note and f"{missing} cells of the grid" in note for note in notes
    )


def test_outputs_of_another_grid_are_refused(write: Write) -> None:
    """A score of none of its cells would be no score of the set."""
    folder = write("Length1000Depth50_origin_en_4k", (FOUND, NEEDLE))

    with pytest.raises(DataError, match="no cell is of the grid of needlebench-4k, which Length1000Depth50_origin_en"):
        score_predictions(folder, "opencompass", benchmark="needlebench-4k")


def test_needles_at_several_depths_are_scored_by_depth(write: Write) -> None:
    """The gold answer names words and depths."""
    words = [f"w{number}x" for number in range(11)]
    folder = write("Length1000_parallel_en_4k", (" ".join(words[:1]), "*".join(words) + f"#{V2_DEPTHS}"))

    task = score_predictions(folder, "opencompass").tasks["multi_retrieval_en"]

    assert task.columns is not None
    assert (100.0, 0.0) == (task.columns["depth_0"], task.columns["depth_100"])


def test_four_rotations_of_a_choice_are_one_question(write: Write) -> None:
    """Rows 4r to 4r + 3 are those of story r."""
    golds = ["0--A--ABCD", "0--D--BCDA", "0--C--CDAB", "0--B--DABC"]
    folder = write("NeedleBenchATCDataset-2Needle-EN", *((gold[3], gold) for gold in golds))

    task = score_predictions(folder, "opencompass").tasks["en"]

    assert (4, 1) == (task.n, task.clusters)
    assert task.columns is not None
    assert 100.0 == task.columns["perf_4"]


def test_a_row_without_a_text_is_a_failed_sample(write: Write) -> None:
    """As in other formats."""
    folder = write("Length1000Depth50_origin_en_4k", (FOUND, NEEDLE), (None, NEEDLE), (FOUND, None))

    task = score_predictions(folder, "opencompass").tasks["single_en"]

    assert (100.0, 1, 2) == (task.score, task.n, task.failed)


@pytest.mark.parametrize(("name", "pairs", "complaint"), [
    ("Length1000Depth50_origin_en_4k", [(FOUND, NEEDLE)] * 11, "row 10: .* has 10 samples in needlebench-v2-4k"),
    ("Length1000_parallel_en_4k", [("x", "Lisbon")], "row 0: gold answer 'Lisbon' names no depths"),
    ("Length1000Depth50_origin_en_5k", [(FOUND, NEEDLE)], "evalkit knows no NeedleBench set 5k"),
])  # fmt: skip
def test_what_is_no_cell_of_a_set_is_refused(
    write: Write, name: str, pairs: list[tuple[str, str]], complaint: str
) -> None:
    """The row or the file is named."""
    with pytest.raises(DataError, match=complaint):
        score_predictions(write(name, *pairs), "opencompass")


def test_cells_of_two_sets_want_a_choice(write: Write) -> None:
    """Then the other's are left out, and counted."""
    write("Length9000Depth0_origin_en_32k", (FOUND, NEEDLE))
    folder = write("Length1000Depth5_origin_en_4k", (FOUND, NEEDLE))

    with pytest.raises(DataError, match="holds outputs of needlebench-32k, needlebench-4k: choose one with benchmark="):
        score_predictions(folder, "opencompass")
    notes = score_predictions(folder, "opencompass", benchmark="needlebench-4k").notes
    assert "1 other data sets in the folder are left out: Length9000Depth0_origin_en_32k" in notes
