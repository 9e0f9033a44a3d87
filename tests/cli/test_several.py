"""Several models in one command, and one table over them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def models(tiny_model: Path, bare: Path) -> list[Path]:
    """Two models with names of their own."""
    for name in ("ant", "bee"):
        shutil.copytree(tiny_model, bare / name)
    return [bare / "ant", bare / "bee"]


@pytest.fixture
def run(evalkit: Command, toy: str, models: list[Path]) -> Command:
    """`evalkit run` of both models on the toy benchmark; words given stand behind it."""
    return lambda *more: evalkit("run", *models, toy, *more, "--backend", "toy")


def test_models_run_one_after_the_other_into_folders_of_their_own(run: Command, bare: Path) -> None:
    """Each is scored, and a table stands below over both."""
    done = run("--limit", 3)

    assert 0 == done.code
    assert ["ant-toy-plain", "bee-toy-plain"] == sorted(path.name for path in (bare / "results").iterdir())
    assert "Toy · ant · protocol plain · PARTIAL" in done.out
    assert "Toy · protocol plain · PARTIAL: (scored/all samples)" in done.out
    assert ["task", "metric", "ant", "bee"] in [line.split() for line in done.out.splitlines()]


def test_an_output_folder_is_divided_by_model_and_benchmark(
    run: Command, evalkit: Command, toy: str, models: list[Path], bare: Path
) -> None:
    """One model into it goes as before."""
    twin = bare / "twin.yaml"
    twin.write_text(Path(toy).read_text().replace("name: toy", "name: twin"))

    run("--limit", 1, "--out", "one")
    run(twin, "--limit", 1, "--out", "two")
    evalkit("run", models[0], toy, "--backend", "toy", "--limit", 1, "--out", "alone")

    folders = {path.parent.relative_to(bare).as_posix() for path in bare.rglob("run.json")}
    assert {"one/ant", "one/bee", "two/ant/toy", "two/ant/twin", "two/bee/toy", "two/bee/twin", "alone"} == folders


def test_the_same_command_again_continues_all_of_them(run: Command) -> None:
    """As for one model."""
    run("--limit", 1)

    done = run("--limit", 2)

    assert 2 == done.err.count("2 answered, 2 already done, 0 failed")


def test_a_model_that_cannot_run_does_not_stop_the_others(run: Command, models: list[Path], bare: Path) -> None:
    """It is said before the work and behind it, and the exit code is that of wrong input."""
    (models[0] / "config.json").write_text("{}")

    done = run("--limit", 1)

    assert 2 == done.code
    assert 2 == done.err.count(f"model not run: {models[0]}: {models[0] / 'config.json'}")
    assert ["bee-toy-plain"] == [path.name for path in (bare / "results").iterdir()]
    assert "1/24" in done.out


def test_missing_weights_of_one_model_do_not_lose_the_other(
    evalkit: Command, toy: str, models: list[Path], bare: Path
) -> None:
    """They are found only when its turn comes, and are said then and at the end."""
    (models[0] / "model.safetensors").unlink()

    done = evalkit("run", *models, toy, "--limit", 1, "--max-new-tokens", 1)

    said = [f"model not run: {models[0]}: " in line for line in done.err.splitlines()]
    assert 2 == done.code
    assert (2, True) == (said.count(True), said[-1])
    assert said.index(True) < next(i for i, line in enumerate(done.err.splitlines()) if "results in" in line)
    assert "no weights" in done.err.splitlines()[-1]
    assert [True] == [(path / "scores.json").is_file() for path in (bare / "results").glob("bee-*")]


def test_a_crash_of_one_model_is_shown_and_the_other_runs(
    run: Command, monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    """Memory and drivers fail in ways nobody foresees: the traceback is there, and so is the other's result."""
    import evalkit._api as api

    real = api.run_session

    def run_session(session: Any, monitor: Any) -> Any:
        if session.card.name == "ant":
            raise RuntimeError("out of memory")
        return real(session, monitor)

    monkeypatch.setattr(api, "run_session", run_session)

    done = run("--limit", 1)

    assert (2, True) == (done.code, "Traceback" in done.err)
    assert "ant: RuntimeError: out of memory" in done.err.splitlines()[-1]
    assert (bare / "results" / "bee-toy-plain" / "scores.json").is_file()


def test_a_mistake_that_all_models_share_is_one_line(run: Command) -> None:
    """Not one for each of them."""
    assert "did you mean 'tales'?" in run("--task", "tails").complaint


def test_failed_samples_of_any_model_are_exit_code_one(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for one model."""
    monkeypatch.setenv("TOY_FAIL", "0")

    assert 1 == run("--limit", 1).code


def test_json_of_several_models_is_by_name(run: Command, bare: Path) -> None:
    """On standard output all of it is JSON; each object is the one of `scores.json`."""
    found = json.loads(run("--limit", 1, "--json", "-").out)["models"]

    files = {name: json.loads((bare / f"results/{name}-toy-plain/scores.json").read_text()) for name in ("ant", "bee")}
    assert files == found


def test_plans_of_several_models_are_by_name(evalkit: Command, toy: str, models: list[Path]) -> None:
    """And one of them alone as before."""
    both = json.loads(evalkit("plan", *models, toy, "--json", "-").out)["models"]
    one = json.loads(evalkit("plan", models[0], toy, "--json", "-").out)

    assert {"ant": 48, "bee": 48} == {name: plan["samples"] for name, plan in both.items()}
    assert both["ant"] == one


def test_two_models_of_one_name_are_refused(evalkit: Command, toy: str, models: list[Path], bare: Path) -> None:
    """Their folders and columns would be the same."""
    shutil.copytree(models[0], bare / "other" / "ant")

    complaint = evalkit("run", models[0], bare / "other" / "ant", toy, "--backend", "toy").complaint

    assert "both models are called 'ant'" in complaint


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["ANT", "TOY", "BEE"], "bee: a model behind the benchmark"),
        (["ANT", "ANT", "TOY"], "ant: the model is named twice; leave one out"),
        (["ANT", "levl", "TOY"], "unknown model or benchmark 'levl': did you mean 'leval'?"),
        (["ANT", "BEE", "levl"], "unknown benchmark 'levl': did you mean 'leval'?"),
        (["ANT", "qwen2-1.5b-instruc", "TOY"], "did you mean 'qwen2-1.5b-instruct'?"),
        (["ant", "leval"], "leval: a benchmark, and also a model here: write ./leval for the model's folder"),
        (["./leval", "ant", "TOY", "TOY"], "a benchmark is named twice"),
        (["TOY"], "Missing argument 'CARD'"),
        (["ANT", "BEE"], "Missing argument 'BENCHMARK...'"),
        (["x" * 5000, "TOY"], "5,000 characters; no card, path, address or benchmark is that long"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_words_that_could_be_two_things_are_one_line(
    evalkit: Command, toy: str, models: list[Path], bare: Path, words: list[str], problem: str
) -> None:
    """Models come first, then benchmarks; what nobody knows is named with the nearest that somebody knows."""
    shutil.copytree(models[0], bare / "leval")
    named = {"ANT": str(models[0]), "BEE": str(models[1]), "TOY": toy}

    done = evalkit("run", *(named.get(word, word) for word in words), "--backend", "toy")

    assert problem in done.complaint


def test_a_folder_called_like_a_benchmark_is_a_benchmark_where_it_holds_no_model(
    evalkit: Command, toy: str, models: list[Path], bare: Path
) -> None:
    """Such a folder of data stands where people work."""
    (bare / "longbench").mkdir()

    complaint = evalkit("run", models[0], "longbench", toy, "--backend", "toy", "--partial").last_complaint

    assert "longbench: no data of" in complaint


def test_models_and_benchmarks_may_stand_in_a_file(evalkit: Command, toy: str, models: list[Path], bare: Path) -> None:
    """As lists; a benchmark on the command line leaves the models of the file."""
    (bare / "run.yaml").write_text(json.dumps({"model": list(map(str, models)), "backend": "toy", "limit": 1}))

    printed = evalkit("run", toy, "--config", "run.yaml", "--print-config").out
    (bare / "whole.yaml").write_text(printed)
    done = evalkit("run", "--config", "whole.yaml")

    assert 0 == done.code
    assert 2 == len(list((bare / "results").iterdir()))


def test_a_table_over_runs_is_written_by_report(run: Command, evalkit: Command, bare: Path) -> None:
    """In the form that the file's ending names, its folder made; what it shows is printed too."""
    run("--limit", 2)
    folders = sorted((bare / "results").iterdir())

    for name in ("table.csv", "table.md", "new/folder/table.tex"):
        done = evalkit("report", *folders, "--table", name, "--intervals")
        assert (0, True) == (done.code, (bare / name).is_file())

    assert "table over 2 runs: new/folder/table.tex" in done.err
    assert "PARTIAL: (scored/all samples)" in done.out


def test_scores_of_outputs_made_elsewhere_stand_in_the_same_table(
    evalkit: Command, toy: str, models: list[Path], bare: Path
) -> None:
    """As they were scored; nothing is said of how they were made, because nobody knows."""
    (bare / "out").mkdir()
    (bare / "out" / "tpo.jsonl").write_text('{"gt": "B", "x_pred": "B", "evaluation": "exam"}\n')
    for name in ("one", "two"):
        evalkit("score", "out", "--format", "leval", "--out", name)
    evalkit("run", models[0], toy, "--backend", "toy", "--limit", 1, "--out", "run")

    done = evalkit("report", "one", "two", "run", "--table", "t.csv")

    assert 0 == done.code
    assert "100.00 (1/269)  100.00 (1/269)" in done.out
    assert "differs" not in done.err
    assert ["leval", "toy"] == sorted(
        {line.partition(",")[0] for line in (bare / "t.csv").read_text().splitlines()} - {"benchmark"}
    )


def test_folders_of_scores_are_read_with_care(evalkit: Command, bare: Path) -> None:
    """A damaged file and a figure that they cannot have are one line."""
    (bare / "one").mkdir()
    (bare / "one" / "scores.json").write_text('{"schema": 1}')

    damaged = evalkit("report", "one").complaint
    drawn = evalkit("report", "one", "--side-by-side", "f").complaint

    assert "one/scores.json: benchmark: Field required; score the outputs again" == damaged
    assert "one: scores of outputs made elsewhere; --side-by-side draws run folders only" == drawn


@pytest.mark.parametrize("name", ["table.xls", "table", "toy.yaml/table.md", "results.md"])
def test_a_table_that_cannot_be_written_is_one_line_before_the_work(
    run: Command, evalkit: Command, bare: Path, name: str
) -> None:
    """Nothing is scored for it."""
    run("--limit", 1)
    (bare / "toy.yaml").touch()
    (bare / "results.md").mkdir()
    for folder in (folders := sorted((bare / "results").iterdir())):
        (folder / "scores.json").unlink()

    complaint = evalkit("report", *folders, "--table", name).complaint

    assert complaint.startswith(f"--table {name}: ")
    assert not (folders[0] / "scores.json").exists()


def test_models_are_completed_in_the_shell(evalkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipped cards and benchmarks."""
    for name, value in {
        "_EVALKIT_COMPLETE": "complete_bash",
        "COMP_WORDS": "evalkit run index-1.9b-32k lev",
        "COMP_CWORD": "3",
    }.items():
        monkeypatch.setenv(name, value)

    assert ["leval"] == evalkit().out.split()
