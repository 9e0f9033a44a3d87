"""`evalkit rope sweep`: one run per spec on the same samples, resumable as a whole, compared by length."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalkit as package
from evalkit import _api, _sweep
from evalkit.reports import draw_sweep, write_figures
from evalkit.runs import _opening, _several
from evalkit.sweeps import read_sweep

Command = Callable[..., Any]
SaveModel = Callable[..., Path]

GRID = ("--lengths", "256,448,1024", "--depths", "0,100", "--repeats", "6")
SPECS = ("--spec", "none", "--spec", "dynamic:2,4")


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figures: they take most of the time, and one test draws them all."""
    monkeypatch.setattr(_sweep, "draw_sweep", lambda *_: [])
    monkeypatch.setattr(_api, "write_figures", lambda *_, **__: [])


@pytest.fixture
def sweep(evalkit: Command, toy: str, tiny_model: Path) -> Command:  # noqa: ARG001
    """`evalkit rope sweep` on a needle grid with a model of 512 tokens that answers at once."""
    return lambda *options: evalkit("rope", "sweep", tiny_model, "needle", "--backend", "toy", "--out", "s", *options)


def records(folder: Path) -> dict[str, int]:
    """Run folder → lines of its log."""
    return {
        path.parent.relative_to(folder).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in sorted(folder.rglob("samples.jsonl"))
    }


def test_a_sweep_has_one_run_per_spec_and_says_what_they_share(
    sweep: Command, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs, the sweep's own file, tables with captions and figures."""
    monkeypatch.setattr(_sweep, "draw_sweep", draw_sweep)
    monkeypatch.setattr(_api, "write_figures", write_figures)
    done = sweep(*SPECS, *GRID)

    assert 0 == done.code, done.err
    assert {"none/needle": 36, "dynamic-2/needle": 36, "dynamic-4/needle": 36} == records(bare / "s")
    said = json.loads((bare / "s/sweep.json").read_text("utf-8"))
    assert (["none", "dynamic:2", "dynamic:4"], "none") == ([*said["specs"]], said["reference"])
    assert (512, package.__version__) == (said["window"], said["evalkit"])
    shared = said["benchmarks"]["needle"]
    assert ([256, 448, 1024], 448, "0") == (shared["lengths"], shared["control"], shared["settings"]["options"]["seed"])
    assert {"csv", "md", "tex"} == {path.suffix[1:] for path in (bare / "s/tables").iterdir()}
    assert r"\caption{Needle grid by RoPE spec" in (bare / "s/tables/needle.tex").read_text("utf-8")
    assert [*(bare / "s/figures").glob("*.png")]


def test_a_cell_states_multiplier_and_base_of_its_prompts(sweep: Command, bare: Path) -> None:
    """m = s·n/L − (s − 1) for prompt and answer limit; 1 inside the window."""
    sweep(*SPECS, *GRID)

    cells = read_sweep(bare / "s").benchmarks["needle"].specs["dynamic:4"].cells
    assert [(1.0, 1.0), (1.0, 1.0), (4 * 1088 / 512 - 3,) * 2] == [cell.multiplier for cell in cells]
    assert (10_000.0, 10_000.0) == cells[0].base


def test_the_same_command_again_runs_nothing_and_says_the_same(
    sweep: Command, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a model is loaded."""
    first = sweep(*SPECS, *GRID)
    before = (bare / "s/sweep.json").read_bytes()
    monkeypatch.setattr(_opening, "load_model", None)

    again = sweep(*SPECS, *GRID)

    assert (first.out, before) == (again.out, (bare / "s/sweep.json").read_bytes())
    assert "108 samples, 108 done, 0 to run" in again.err


def test_an_interrupted_sweep_goes_on_where_it_was(sweep: Command, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The specs that are finished are not asked again."""
    run = _several.SeveralRuns.execute

    def interrupted(self: Any, name: str) -> Any:
        if name == "dynamic:4":
            raise KeyboardInterrupt
        return run(self, name)

    monkeypatch.setattr(_several.SeveralRuns, "execute", interrupted)
    assert 130 == sweep(*SPECS, *GRID).code
    assert {"none/needle": 36, "dynamic-2/needle": 36} == records(bare / "s")
    monkeypatch.setattr(_several.SeveralRuns, "execute", run)

    assert "108 samples, 72 done, 36 to run" in sweep(*SPECS, *GRID).err


@pytest.fixture
def begun(sweep: Command) -> Command:
    """The sweep, when two of its specs are run."""
    sweep("--spec", "none", "--spec", "dynamic:2", *GRID)
    return sweep


def test_a_changed_set_of_specs_goes_on_with_those_that_are_there(begun: Command, bare: Path) -> None:
    """36 samples of one spec are new; the one that is not asked for stays and is left out."""
    done = begun("--spec", "none", "--spec", "yarn:2", *GRID)

    assert "72 samples, 36 done, 36 to run" in done.err
    assert {"none", "yarn:2"} == set(json.loads((bare / "s/sweep.json").read_text("utf-8"))["specs"])
    assert {"none/needle": 36, "dynamic-2/needle": 36, "yarn-2/needle": 36} == records(bare / "s")


def test_the_model_is_loaded_once_and_every_line_said_once(sweep: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of specs."""
    loads, load = [], _opening.load_model
    monkeypatch.setattr(_opening, "load_model", lambda *given: loads.append(given) or load(*given))

    lines = sweep(*SPECS, *GRID).err.splitlines()

    assert (1, len(set(lines))) == (len(loads), len(lines))


def test_the_default_lengths_follow_the_model(sweep: Command, bare: Path) -> None:
    """Half of its own length to eight times that, with the answer; one is the longest inside."""
    done = sweep("--spec", "none", "--depths", "0", "--repeats", "2")

    found = read_sweep(bare / "s").benchmarks["needle"]
    assert ((192, 448, 960, 1984, 4032), 448) == (found.lengths, found.control)
    assert "with the answer the lengths are multiples of L = 512" in done.err


def test_a_length_inside_is_added_for_control(sweep: Command, bare: Path) -> None:
    """And said; options of one's own stay."""
    done = sweep("--spec", "none", "--lengths", "1024,2048", "--depths", "0", "--repeats", "2")

    assert (448, 1024, 2048) == read_sweep(bare / "s").benchmarks["needle"].lengths
    assert "length 448 is added, for a control inside L = 512" in done.err


def test_few_haystacks_are_said(sweep: Command, bare: Path) -> None:
    """Under five nothing is sure: any tested length may be the true one."""
    done = sweep(*SPECS, "--lengths", "256,1024", "--depths", "0,100", "--repeats", "4")

    assert "few documents (4 at 256, 4 at 1,024)" in done.err
    spec = read_sweep(bare / "s").benchmarks["needle"].specs["dynamic:2"]
    assert [None, None] == [cell.difference_ci95 for cell in spec.cells]


def test_a_benchmark_of_its_own_lengths_is_bucketed(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> None:
    """By prompt and answer limit, at the window times powers of two; without a control that is said."""
    done = evalkit("rope", "sweep", tiny_model, toy, "--backend", "toy", "--out", "s", *SPECS)

    found = read_sweep(bare / "s").benchmarks["toy"]
    assert 0 == done.code, done.err
    assert found.is_bucketed
    assert all(length in {512, 1024, 2048} for length in found.lengths)
    assert 48 == sum(cell.samples for cell in found.specs["none"].cells)
    assert "longer ones hold other questions and documents" in done.err


def test_failed_samples_are_left_out_of_all_specs_and_tried_again(
    sweep: Command, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1; a later call has them."""
    monkeypatch.setenv("TOY_FAIL", "3")
    failed = sweep(*SPECS, *GRID)
    monkeypatch.delenv("TOY_FAIL")

    assert (1, True) == (failed.code, "1 sample of 36 without an answer under some spec" in failed.err)
    assert 35 == sum(cell.samples for cell in read_sweep(bare / "s").benchmarks["needle"].specs["none"].cells)
    assert 0 == sweep(*SPECS, *GRID).code
    assert 36 == sum(cell.samples for cell in read_sweep(bare / "s").benchmarks["needle"].specs["none"].cells)


@pytest.mark.parametrize(
    "options, problem",
    [
        ((), "no RoPE spec named: --spec none --spec dynamic:2,4,8; the first one is the reference"),
        (("--spec", "dynamic:2,4,2"), "RoPE spec dynamic:2 is named twice; leave one out"),
        (("--spec", "yarn:2", "--spec", "yarn:2,beta_fast=32"), "is named twice, the first time as yarn:2; leave one"),
        (("--spec", "dynamic:2", "--spec", "dynamic:2.0000000000000004"), "RoPE spec dynamic:2 is named twice"),
        (("--spec", "dynamic:2", "--spec", "native", "--rope-mode", "engine"), "--spec native tells it none"),
        (("--spec", "linear:0.5"), "RoPE spec 'linear:0.5' is not one of native, none, linear:F"),
        (("--spec", "nkt:8"), "RoPE spec 'nkt:8' is not one of native, none, linear:F"),
        (("--spec", "none", "--share", "1.5"), "--share 1.5: must be greater than 0, and at most 1"),
        (("--spec", "longrope"), "longrope"),
        (("--spec", "none", "--lengths", "600", "--max-seq-len", "512"), "--max-seq-len 512 cuts prompts of 600"),
        (("--spec", "none", "--lengths", "600,x"), "--lengths 600,x: expected numbers"),
        (("--spec", "none", "--lengths", "1e12"), "1e12"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(
    sweep: Command, bare: Path, options: tuple[str, ...], problem: str
) -> None:
    """What, where, what to do."""
    complaint = sweep(*options).last_complaint

    assert problem in complaint
    assert not (bare / "s").exists()


def test_a_spec_that_the_model_cannot_have_stops_before_anything_runs(sweep: Command, bare: Path) -> None:
    """The others are not run first."""
    complaint = sweep("--spec", "none", "--spec", "longrope", *GRID).last_complaint

    assert "longrope" in complaint
    assert not (bare / "s").exists()


def test_a_folder_with_something_else_is_refused(sweep: Command, bare: Path) -> None:
    """Nothing of a user's is touched."""
    (bare / "s").mkdir()
    (bare / "s/thesis.tex").write_text("…", encoding="utf-8")

    assert "holds thesis.tex and no sweep of evalkit" in sweep(*SPECS, *GRID).last_complaint
    assert ["thesis.tex"] == [path.name for path in (bare / "s").iterdir()]


@pytest.mark.parametrize("name", ["sweep.json", "results/of-several/needle/run.json"])
def test_a_folder_with_another_sweep_or_other_runs_is_refused(begun: Command, bare: Path, name: str) -> None:
    """A file called as ours, and a project with runs below it: neither makes a folder a sweep's."""
    project = bare / "project"
    (project / name).parent.mkdir(parents=True)
    (project / name).write_bytes((bare / "s/none/needle/run.json").read_bytes())
    (project / "train.py").touch()
    before = sorted(project.rglob("*"))

    complaint = begun("--spec", "none", *GRID, "--out", project).last_complaint

    assert "no sweep of evalkit, so nothing is written there" in complaint
    assert before == sorted(project.rglob("*"))


def test_a_file_in_place_of_the_folder_is_refused_before_prompts_are_built(sweep: Command, bare: Path) -> None:
    """It says what is there."""
    (bare / "s").touch()

    assert "s: is a file; give --out a folder" == sweep(*SPECS, *GRID).complaint


def test_what_a_stopped_sweep_left_is_no_other_folder(sweep: Command, bare: Path) -> None:
    """Killed before its first run said what it is."""
    (bare / "s/none/needle").mkdir(parents=True)
    (bare / "s/none/needle/.lock").touch()

    assert 0 == sweep(*SPECS, *GRID).code


def test_specs_of_one_folder_have_the_same_samples(begun: Command, bare: Path) -> None:
    """Fewer samples are not run under another spec beside those there: the runs' own scores would not compare."""
    fewer = ("--lengths", "256,448", *GRID[2:])
    before = records(bare / "s")

    complaint = begun("--spec", "none", "--spec", "yarn:2", *fewer).last_complaint

    assert "under none to 12 samples that are not asked for now and that yarn:2 lacks" in complaint
    assert before == records(bare / "s")
    assert 0 == begun("--spec", "none", "--spec", "dynamic:2", *fewer).code


def test_the_engines_own_rules_can_be_swept(evalkit: Command, toy: str, save_model: SaveModel, bare: Path) -> None:  # noqa: ARG001
    """Every record says so, and none is one of the effective base."""
    grid = ("--lengths", "200,300", "--depths", "50", "--repeats", "1", "--max-new-tokens", "2")
    specs = ("--spec", "none", "--spec", "dynamic:2", "--spec", "yarn:2")
    model = save_model(max_position_embeddings=256)

    command = ("rope", "sweep", model, "needle", "--out", "s", *grid, "--rope-mode", "engine")

    assert "--spec ntk:2: transformers has no rule of that name" in evalkit(*command, "--spec", "ntk:2").last_complaint
    done = evalkit(*command, *specs)

    assert 0 == done.code, done
    said = {
        path.parts[-3]: {json.loads(line)["rope"].partition(":")[0] for line in path.read_text("utf-8").splitlines()}
        for path in (bare / "s").rglob("samples.jsonl")
    }
    assert {"none": {"default/base=10000.0"}, "dynamic-2": {"engine"}, "yarn-2": {"engine"}} == said


def test_runs_of_other_samples_are_refused_before_anything_runs(begun: Command, bare: Path) -> None:
    """Also where they are of specs that are not asked for now."""
    before = records(bare / "s")

    for specs in (SPECS, ("--spec", "yarn:2")):
        complaint = begun(*specs, *GRID, "--seed", "3").last_complaint
        assert "holds a run with another options.seed (0, now 3)" in complaint
    assert before == records(bare / "s")


def test_a_scaled_model_must_be_told_to_lose_its_scaling(
    evalkit: Command,
    toy: str,  # noqa: ARG001
    save_model: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """As for a run; the flag is named."""
    scaled = save_model(
        folder=tmp_path / "scaled",
        rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0},
    )
    command = ("rope", "sweep", scaled, "needle", "--backend", "toy", "--out", "s", "--spec", "dynamic:2", *GRID)

    refused, done = evalkit(*command), evalkit(*command, "--rope-replaces-native")

    assert "--rope-replaces-native" in refused.last_complaint
    assert "--spec dynamic:2: scaled was released with scaling linear:2" in refused.last_complaint
    assert 0 == done.code
    assert "--spec dynamic:2 replaces the scaling that scaled was released with (linear:2)" in done.err


def test_settings_come_from_a_file_too_but_not_the_spec(sweep: Command, bare: Path) -> None:
    """`rope` is what a sweep varies."""
    (bare / "c.yaml").write_text("lengths: 256,1024\ndepths: '0'\nrepeats: 2\n", encoding="utf-8")
    (bare / "d.yaml").write_text("rope: none\n", encoding="utf-8")

    assert 0 == sweep("--spec", "none", "--config", "c.yaml").code
    assert (256, 1024) == read_sweep(bare / "s").benchmarks["needle"].lengths
    assert "a sweep takes --spec" in sweep("--spec", "none", "--config", "d.yaml").last_complaint


def test_python_sweeps_give_the_same(sweep: Command, toy: str, tiny_model: Path, bare: Path) -> None:  # noqa: ARG001
    """`evalkit.rope_sweep` goes on in the same folder; its table has a row per spec and length."""
    sweep(*SPECS, *GRID)
    given = {"lengths": [256, 448, 1024], "depths": [0, 100], "repeats": 6}

    with pytest.warns(package.EvalkitWarning):
        found = package.rope_sweep(
            tiny_model, "needle", specs=["none", "dynamic:2,4"], options=given, backend="toy", out="s"
        )

    assert json.loads((bare / "s/sweep.json").read_text("utf-8")) == json.loads(json.dumps(found.to_json()))
    assert (9, {"none", "dynamic:2", "dynamic:4"}) == (len(found.to_pandas()), set(found.to_pandas()["spec"]))
    assert read_sweep(bare / "s").benchmarks == found.benchmarks


@pytest.mark.parametrize(
    "given, problem",
    [
        ({"specs": "none"}, "specs: a str; pass a list: specs=[…]"),
        ({"specs": []}, "specs=[]: name conditions, such as ['none', 'dynamic:2,4,8']"),
        ({"specs": ["none"], "share": 2}, "share=2: must be greater than 0"),
        ({"specs": [2]}, "pass texts such as 'dynamic:4'"),
        ({"specs": ["none"], "share": "all"}, "share='all': a number is meant"),
        ({"specs": ["none"], "rope": "none"}, "rope=: specs= name the conditions; leave it out"),
    ],
)  # fmt: skip
def test_python_arguments_are_checked(given: dict[str, Any], problem: str) -> None:
    """In Python's words."""
    with pytest.raises(package.UserError) as caught:
        package.rope_sweep("needle-tiny", "needle", **given)

    assert problem in str(caught.value)
