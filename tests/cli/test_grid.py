"""`evalkit run CARD needle`: a grid from the command line, grown, scored again, drawn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.paths import shipped

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def model(save_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of 256 tokens with the tokenizer of the embedded one."""
    folder = save_model(folder=tmp_path_factory.mktemp("grid") / "small", vocab_size=4096, max_position_embeddings=256)
    for name in ("chat_template.jinja", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(shipped("model_cards") / "needle-tiny" / name, folder / name)
    return folder


@pytest.fixture
def run(evalkit: Command, model: Path, bare: Path) -> Command:  # noqa: ARG001
    """`evalkit run` of a small grid into the folder `run`."""
    return lambda *options: evalkit("run", model, "needle", "--max-new-tokens", 2, "--out", "run", *options)


def cells(bare: Path) -> list[str]:
    return (bare / "run" / "tables" / "single-cells.csv").read_text().splitlines()[1:]


def test_a_grid_run_ends_with_scores_cells_and_figures(run: Command, bare: Path) -> None:
    """Records, score file, cells as CSV and the heatmap as PNG and SVG."""
    done = run("--lengths", "64,128", "--depths", "0:100:50", "--repeats", 2)

    records = [json.loads(line) for line in (bare / "run" / "samples.jsonl").read_text().splitlines()]
    assert (0, 12, 6) == (done.code, len(records), len(cells(bare)))
    assert {64, 128} == {record["ledger"]["before"] for record in records}
    assert {"single.png", "single.svg"} == {path.name for path in (bare / "run" / "figures").iterdir()}


def test_a_grid_grows_by_other_lengths(run: Command, bare: Path) -> None:
    """Lengths, depths and repeats are no identity: the run goes on, and its scores cover all cells so far."""
    run("--lengths", "64", "--depths", "0,100", "--repeats", 1)

    done = run("--lengths", "64,96", "--depths", "0", "--repeats", 1)

    scores = json.loads((bare / "run" / "scores.json").read_text())["tasks"]["single"]
    assert "1 answered, 1 already done" in done.err
    assert (3, 4, ["64,0,0.0,1,0,0", "64,100,0.0,1,0,100", "96,0,0.0,1,0,0", "96,100,,0,0,"]) == (
        scores["n"],
        scores["expected"],
        cells(bare),
    )


def test_another_seed_is_another_run(run: Command) -> None:
    """What changes a prompt is identity; the message names it."""
    run("--lengths", "64", "--depths", "0", "--repeats", 1)

    again = run("--lengths", "64", "--depths", "0", "--repeats", 1, "--seed", 1)

    assert "holds a run with another options.seed (0, now 1)" in again.complaint


def test_lengths_beyond_the_window_run_whole_and_are_said(run: Command, bare: Path) -> None:
    """Nothing is cut unless --max-seq-len says so."""
    done = run("--lengths", "300", "--depths", "50", "--repeats", 1)

    record = json.loads((bare / "run" / "samples.jsonl").read_text())
    assert (300, True) == (record["ledger"]["after"], record["ledger"]["evidence_kept"])
    assert "window 302 exceeds the 256 tokens small was made for; longer prompts run whole" in done.err


def test_a_window_asked_for_cuts_and_is_in_the_cells(run: Command, bare: Path) -> None:
    """With --max-seq-len the middle goes, and its needle with it; the CSV counts them."""
    run("--lengths", "300", "--depths", "0,50", "--repeats", 1, "--max-seq-len", 102)

    assert ["300,0,0.0,1,0,0", "300,50,0.0,1,1,49.219"] == cells(bare)


def test_where_a_needle_really_stands_is_in_record_and_row(run: Command, bare: Path) -> None:
    """In percent of the haystack and as an index in the prompt, beside the depth asked for."""
    run("--lengths", "200", "--depths", "50", "--repeats", 1)

    record = json.loads((bare / "run" / "samples.jsonl").read_text())["ledger"]
    metadata = json.loads((bare / "run" / "scores.jsonl").read_text())["metadata"]
    assert ([metadata["real_depth"]], [metadata["needle_token"]]) == (
        record["evidence_depths"],
        record["evidence_tokens"],
    )
    assert 50 == metadata["depth"] > metadata["real_depth"] > 40


def test_a_run_of_an_older_release_has_no_real_depths(run: Command, evalkit: Command, bare: Path) -> None:
    """Its records have no such fields; cells leave the column empty."""
    run("--lengths", "64", "--depths", "50", "--repeats", 1)
    log = bare / "run" / "samples.jsonl"
    record = json.loads(log.read_text())
    del record["ledger"]["evidence_tokens"], record["ledger"]["evidence_depths"], record["crc32"]
    log.write_text(json.dumps(record) + "\n")

    done = evalkit("report", "run")

    assert (0, ["64,50,0.0,1,0,"]) == (done.code, cells(bare))


def test_another_protocol_scores_the_same_answers(run: Command, evalkit: Command, bare: Path) -> None:  # noqa: ARG001
    """`evalkit score RUN --protocol edit-distance` rebuilds the grid from the manifest."""
    run("--lengths", "64", "--depths", "0,100", "--repeats", 2)

    done = evalkit("score", "run", "--protocol", "edit-distance", "--json", "-")

    task = json.loads(done.out)["tasks"]["single"]
    assert ("edit_similarity", 4) == (task["metric"], task["n"])


def test_own_text_and_needles_are_found_again_from_another_folder(
    run: Command, evalkit: Command, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest holds absolute paths, so a run can be scored from anywhere."""
    (bare / "text.txt").write_text("It rained on the hill. " * 40)
    (bare / "own.yaml").write_text("- {needle: The code is 48231., question: 'Which code?', keyword: '48231'}")
    made = run("--lengths", "96", "--depths", "50", "--repeats", 1, "--haystack", "text.txt", "--needles", "own.yaml")
    monkeypatch.chdir(bare.parent)

    scored = evalkit("score", bare / "run")

    assert (0, 0, True) == (made.code, scored.code, "1/1" in scored.out)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--lengths", "30"], "length 30: too short, instruction, question and needle take"),
        (["--lengths", "64,64"], "--lengths 64,64: 64 is given twice"),
        (["--depths", "120"], "--depths 120: 120 is outside 0 to 100 percent"),
        (["--repeats", "0"], "--repeats 0: must be 1 or more"),
        (["--haystack", "nowhere"], "nowhere: no such file or folder"),
        (["--haystack", "short.txt"], "too few); give more text, or repeat it with --repeat-haystack"),
        (["--needles", "empty.yaml"], "empty.yaml: no needles in it"),
        (["--haystack", "said.txt", "--needles", "own.yaml"], "said.txt: the haystack already contains the needle"),
        (["--lang", "fr"], "option lang=fr: expected one of en, zh"),
        (["--option", "insertion"], "--option insertion: expected NAME=VALUE"),
        (["--option", "colour=red"], "option colour: not one of needle"),
        (["--truncation", "leval-official"], "truncation leval-official cuts texts"),
    ],
)
def test_wrong_grids_are_refused_before_anything_is_made(
    run: Command, bare: Path, options: list[str], complaint: str
) -> None:
    """One line, exit code 2, and no run folder that a corrected command would then conflict with."""
    (bare / "short.txt").write_text("It rained.")
    (bare / "said.txt").write_text("The code is 48231. " * 99)
    (bare / "own.yaml").write_text("- {needle: The code is 48231., question: 'Which code?', keyword: '48231'}")
    (bare / "empty.yaml").write_text("")

    done = run("--repeats", 1, *options)

    assert (True, False) == (complaint in done.complaint, (bare / "run").exists()), done.complaint


def test_figures_in_the_way_of_a_file_are_one_line(run: Command, bare: Path) -> None:
    """Records are kept; the message names the folder."""
    command = ("--lengths", "64", "--depths", "0", "--repeats", 1)
    run(*command)
    shutil.rmtree(bare / "run" / "figures")
    (bare / "run" / "figures").write_text("in the way")

    done = run(*command)

    assert (2, True) == (done.code, "figures cannot be written" in done.err.splitlines()[-1])


def test_runs_are_drawn_side_by_side(run: Command, evalkit: Command, model: Path, bare: Path) -> None:
    """`evalkit report A B --side-by-side STEM` lays their heatmaps on one scale."""
    run("--lengths", "64", "--depths", "0", "--repeats", 1)
    evalkit(
        "run", model, "needle", "--lengths", "64", "--depths", "0", "--repeats", 1, "--max-new-tokens", 2,
        "--rope", "linear:4", "--out", "other",
    )  # fmt: skip

    done = evalkit("report", "run", "other", "--side-by-side", "both", "--colour-blind")

    assert (0, True, True) == (done.code, (bare / "both.png").is_file(), "linear:4" in (bare / "both.svg").read_text())


def test_a_limited_grid_is_drawn_whole_and_said_to_be_partial(run: Command, bare: Path) -> None:
    """`--limit` takes cells from all over the grid; the others are empty, and no mean is printed without saying so."""
    done = run("--lengths", "64,96,128", "--depths", "0:100:50", "--repeats", 2, "--limit", 4)

    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    picture = (bare / "run" / "figures" / "single.svg").read_text()
    assert {"64,0", "64,100", "128,0", "128,100"} == {
        cell[: cell.index(",0.0,1")] for cell in cells(bare) if ",,0" not in cell
    }
    assert any(line.startswith("overall 0.00 (PARTIAL 4/18)") for line in lines)
    assert "Prompt length (the model's tokens)" in lines
    assert any(line.startswith("single (PARTIAL) 0.00 (2) – 0.00 (2)") for line in lines)
    assert (
        "PARTIAL: 4 of 18 samples" in picture,
        "No mean of the column means: 3 of 3 columns not whole" in picture,
    ) == (True, True)


def test_a_run_goes_on_with_another_limit(run: Command, bare: Path) -> None:
    """Its samples are the beginning of the same order, by the same ids."""
    grid = ("--lengths", "64,96,128", "--depths", "0:100:50", "--repeats", 1)
    run(*grid, "--limit", 4)

    more, whole = run(*grid, "--limit", 9), run(*grid)

    ids = [json.loads(line)["id"] for line in (bare / "run" / "samples.jsonl").read_text().splitlines()]
    assert (9, 9, True, True) == (
        len(ids), len(set(ids)), "5 answered, 4 already done" in more.err, "0 answered, 9 already done" in whole.err
    )  # fmt: skip


def test_runs_side_by_side_must_have_one_grid(run: Command, evalkit: Command, model: Path, bare: Path) -> None:
    """Else the message names both; `--mixed` draws them, into the one file that is asked for."""
    run("--lengths", "64", "--depths", "0", "--repeats", 1)
    evalkit(
        "run", model, "needle", "--lengths", "96", "--depths", "0", "--repeats", 1, "--max-new-tokens", 2,
        "--out", "other",
    )  # fmt: skip

    refused = evalkit("report", "run", "other", "--side-by-side", "both.png")
    drawn = evalkit("report", "run", "other", "--side-by-side", "both.png", "--mixed", "--group", "single")

    assert "other: its lengths 96 are not those of run (64)" in refused.err.splitlines()[-1]
    assert (2, 0, ["both.png"]) == (refused.code, drawn.code, [path.name for path in bare.glob("both*")])


@pytest.mark.parametrize("options", [("--group", "single"), ("--mixed",)])
def test_options_of_a_figure_need_the_figure(run: Command, evalkit: Command, options: tuple[str, ...]) -> None:
    """They would otherwise be ignored without a word."""
    run("--lengths", "64", "--depths", "0", "--repeats", 1)

    assert "name the figure with --side-by-side" in evalkit("report", "run", *options).complaint


def test_a_model_whose_name_no_font_has_is_told_once(
    evalkit: Command, model: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures show escapes, and one line says so; there are no warnings."""
    from evalkit.reports.drawing import _lettering

    monkeypatch.setattr(_lettering, "CJK_FAMILIES", ())
    shutil.copytree(model, bare / "my qwen 中文")

    done = evalkit(
        "run", bare / "my qwen 中文", "needle", "--lengths", "64", "--depths", "0", "--repeats", 1,
        "--max-new-tokens", 2, "--out", "run",
    )  # fmt: skip

    assert 1 == done.err.count("no installed font has 中文")
    assert r"my qwen \u4e2d\u6587 [" in (bare / "run" / "figures" / "single.svg").read_text()
    assert "my qwen 中文 [" in done.out
