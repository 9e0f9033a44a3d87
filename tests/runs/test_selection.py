"""`--samples` and `--task`: what of the named benchmarks a run asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DataError, UserError
from evalkit.runs import RunSettings, Session, open_session, read_manifest, read_records_of_run
from evalkit.runs._selection import parse_samples
from evalkit.scores import score_run
from evalkit.tasks import load_spec

Open = Callable[..., Session]
Start = Callable[..., Any]


@pytest.fixture
def opened(toy: str, tiny_model: Path, bare: Path) -> Open:
    """Opener of sessions of the toy benchmark, and of its twin where `twice` is given."""
    twin = bare / "twin.yaml"
    text = Path(toy).read_text().replace("name: toy", "name: twin")
    twin.write_text(text.replace("tales:", "legends:").replace("sagas:", "epics:"))

    def go(*, twice: bool = False, **values: Any) -> Session:
        benchmarks = (toy, str(twin)) if twice else (toy,)
        return open_session(RunSettings(str(tiny_model), benchmarks, backend="toy", **values))

    return go


def asked(session: Session) -> list[str]:
    """Ids of the samples that a session asks."""
    return [sample.id for job in session.jobs for sample in job.all_samples()]


def test_samples_are_chosen_by_id(opened: Open, bare: Path) -> None:
    """With commas or in a file with comments; in the benchmark's order, each once, of no other task."""
    (bare / "ids.txt").write_text("toy/tales/20\n\ntoy/tales/3  # odd\n")

    by_comma = asked(opened(samples="toy/tales/20, toy/tales/3,toy/tales/3"))
    by_file = asked(opened(samples="@ids.txt"))

    assert ["toy/tales/3", "toy/tales/20"] == by_comma == by_file


@pytest.mark.parametrize(
    ("samples", "note"),
    [
        ("random:5", "only 5 random samples of each task (seed 0)"),
        ("random:24", "only 24 random samples of each task (seed 0)"),
        ("random:9999:3", "at most 9,999 random samples of each task (seed 3): all there are in 2 of 2 tasks"),
        ("toy/tales/3", "only 1 sample chosen by id"),
    ],
)
def test_what_is_chosen_is_said_as_it_is(opened: Open, samples: str, note: str) -> None:
    """A draw of more samples than a task has is no draw there."""
    assert note in opened(samples=samples).notes


def test_a_draw_is_the_same_every_time_and_grows(opened: Open) -> None:
    """So many of each task, scattered, decided by the seed alone; a larger draw has all of the smaller one."""
    small, again, large, other = (
        asked(opened(samples=text)) for text in ("random:5", "random:5:0", "random:9", "random:5:1")
    )

    assert 10 == len(small)
    assert small == again
    assert set(small) < set(large)
    assert small != other
    assert [f"toy/tales/{index}" for index in range(5)] != small[:5]


def test_a_draw_larger_than_a_task_is_all_of_it(opened: Open) -> None:
    """As a limit is."""
    assert 48 == len(asked(opened(samples="random:1000")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("quality", "--samples quality: give BENCHMARK/TASK/INDEX"),
        ("toy/tales/", "--samples toy/tales/: give"),
        ("", "names no sample"),
        ("random:0", "draws nothing"),
        ("random:-3", "--samples random:-3: give"),
        ("random:3:x", "--samples random:3:x: give"),
        ("@nowhere.txt", "--samples @nowhere.txt: cannot be read (No such file or directory)"),
        ("toy/tails/1", "unknown task of toy in --samples 'tails': did you mean 'tales'?"),
        ("toi/tales/1", "unknown benchmark in --samples 'toi': did you mean 'toy'?"),
        ("toy/tales/24", "--samples toy/tales/24: no such sample; tales has 24, from toy/tales/0 to toy/tales/23"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line(opened: Open, text: str, problem: str) -> None:
    """Before the run has a folder."""
    with pytest.raises(UserError) as caught:
        opened(samples=text)

    assert problem in str(caught.value)


def test_two_choices_of_samples_are_refused(opened: Open) -> None:
    """Nobody can say which of them was meant."""
    with pytest.raises(UserError, match="--samples and --limit both choose samples"):
        opened(samples="random:3", limit=3)
    with pytest.raises(UserError, match="--samples names sagas, which --task leaves out"):
        opened(samples="toy/sagas/1", tasks=("tales",))


def test_chosen_samples_are_no_part_of_identity_and_go_on(start: Start, bare: Path) -> None:
    """Three runs of one folder add up; the manifest and the scores say what was last asked for."""
    start(samples="toy/tales/3")
    start(samples="random:4")
    outcome = start(limit=2)

    ids = {record.id for record in read_records_of_run(bare / "run")}
    assert {"toy/tales/0", "toy/tales/1", "toy/tales/3"} < ids
    assert (4, None) == (outcome.finished + outcome.reused, read_manifest(bare / "run").settings["samples"])


def test_scores_say_which_samples_were_chosen(start: Start, bare: Path) -> None:
    """A part is marked as with a limit, and how it was chosen is a note."""
    start(samples="random:4:7")

    scores, _ = score_run(bare / "run")

    assert (True, 4, 24) == (scores.partial, scores.tasks["tales"].n, scores.tasks["tales"].expected)
    assert ["samples as last asked for: --samples random:4:7"] == scores.notes


def test_a_task_belongs_to_the_benchmarks_that_have_it(opened: Open) -> None:
    """Of several; one without any of the tasks is left out, and that is said."""
    both = opened(twice=True, tasks=("tales", "epics"))
    one = opened(twice=True, tasks=("epics",))

    assert {"toy": ("tales",), "twin": ("epics",)} == {job.name: job.tasks for job in both.jobs}
    assert [("twin", ("epics",))] == [(job.name, job.tasks) for job in one.jobs]
    assert "toy: left out, it has no task epics" in one.notes


def test_a_task_of_no_benchmark_is_refused(opened: Open) -> None:
    """With the nearest one of all of them."""
    with pytest.raises(UserError, match="unknown task of toy, twin 'legend': did you mean 'legends'"):
        opened(twice=True, tasks=("tales", "legend"))


def test_a_task_of_another_benchmark_is_told_whose_it_is(opened: Open) -> None:
    """And nothing that merely sounds like it is suggested."""
    with pytest.raises(UserError) as caught:
        opened(tasks=("hotpotqa",))

    assert "did you mean" not in str(caught.value)
    assert "(it is one of longbench, longbench-e)" in str(caught.value)


def test_samples_of_one_benchmark_leave_the_other_out(opened: Open) -> None:
    """A list of ids says all that is to be asked."""
    session = opened(twice=True, samples="toy/tales/1")

    assert ["toy"] == [job.name for job in session.jobs]
    assert "twin: left out, --samples names none of it" in session.notes


@pytest.mark.parametrize(
    ("at_hand", "advice"), [(True, "--partial runs the 1 of 18 tasks"), (False, "no data of leval")]
)
def test_data_that_cannot_be_downloaded_is_told_how_to_go_on(
    tiny_model: Path, bare: Path, monkeypatch: pytest.MonkeyPatch, at_hand: bool, advice: str
) -> None:
    """With what is at hand, where there is something."""
    monkeypatch.setenv("EVALKIT_GIT_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("evalkit.data.fetching._http.BACKOFF_SECONDS", 0.0)
    spec = load_spec("leval")
    name = spec.tasks["tpo"].file
    if at_hand:
        monkeypatch.setenv("EVALKIT_DATA", str(bare))
        (bare / "leval" / name).parent.mkdir(parents=True)
        (bare / "leval" / name).write_text("{}\n")

    with pytest.raises(DataError) as caught:
        open_session(RunSettings(str(tiny_model), ("leval",), chat="none"))

    assert "cannot download http://127.0.0.1:9/" in str(caught.value)
    assert advice in str(caught.value)


def test_an_id_may_have_bars_of_its_own() -> None:
    """Benchmark and task end at the first two."""
    selection = parse_samples("needle/single/en/256/0")

    assert selection is not None
    assert frozenset({"needle/single/en/256/0"}) == selection.chosen(
        "needle", "single", lambda: ["needle/single/en/256/0", "needle/single/en/256/1"]
    )
    assert replace(selection, ids=()).names("any")


def test_a_list_of_ids_that_never_ends_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A device, or a file that is no such list."""
    monkeypatch.setattr("evalkit.runs._selection.LARGEST_LIST", 10)
    (tmp_path / "ids.txt").write_text("toy/tales/1\n")

    with pytest.raises(UserError, match=r"--samples @.*ids\.txt: larger than 10 bytes"):
        parse_samples(f"@{tmp_path / 'ids.txt'}")
