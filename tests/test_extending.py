"""`docs/extending.md`: its code is the example package, and its commands run as they stand there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from evalkit import score_predictions
from evalkit.tasks import load_benchmark

Command = Callable[..., Any]
Walk = Callable[[str], list[Any]]

DOC = (Path(__file__).parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)
SHOWN = [text for language, text in BLOCKS if language != "console"]
COMMANDS = [line[2:] for language, text in BLOCKS if language == "console" for line in text.splitlines()]
EXTRA = ("--metric", "variable-precision", "--metric", "variable-tidiness")
JUDGE = "variable_tracking.metrics.ask_model"


class Steps(NamedTuple):
    """The page's commands as far as some test has gone, so that the next one need not run them again."""

    done: list[Any]
    """What each command did."""
    folders: list[Path]
    """The working folder before the first command and after each."""

    def keep(self, work: Path) -> None:
        """Copy the working folder as it is after the latest command."""
        place = self.folders[0].with_name(str(len(self.folders)))
        self.folders.append(shutil.copytree(work, place))

    def bring(self, number: int, work: Path) -> None:
        """Make the working folder what it was after that many commands."""
        shutil.copytree(self.folders[number], work, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def steps(save_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Steps:
    """No command yet: a folder with a model."""
    before = tmp_path_factory.mktemp("steps") / "0"
    save_model(folder=before / "my-model", max_position_embeddings=4096)
    return Steps([], [before])


@pytest.fixture
def walk(evalkit: Command, extending: Path, steps: Steps, bare: Path) -> Walk:  # noqa: ARG001
    """Follower of the page's commands up to the first that begins so; what each did."""

    def go(last: str) -> list[Any]:
        number = next((number for number, line in enumerate(COMMANDS, 1) if line.startswith(last)), None)
        assert number is not None, f"no command begins with {last!r}"
        steps.bring(min(number, len(steps.done)), bare)
        for line in COMMANDS[len(steps.done) : number]:
            steps.done.append(evalkit(*shlex.split(line)[1:]))
            assert 0 == steps.done[-1].code, (line, steps.done.pop())
            steps.keep(bare)
        return steps.done[:number]

    return go


def scores_of(folder: str) -> dict[str, Any]:
    scores: dict[str, Any] = json.loads(Path(folder, "scores.json").read_text())
    return scores


@pytest.mark.parametrize("shown", SHOWN)
def test_code_on_the_page_is_code_of_the_package(extending: Path, shown: str) -> None:
    """Letter for letter, so that what a reader copies is what is tested."""
    files = [path for path in extending.rglob("*") if path.suffix in {".py", ".yaml", ".toml"}]

    assert any(shown in path.read_text(encoding="utf-8") for path in files)


def test_the_installed_entry_points_are_those_of_the_project_file(extending: Path) -> None:
    """The page shows `pyproject.toml`; the tests install what a build would make of it."""
    stated = tomllib.loads((extending / "pyproject.toml").read_text())["project"]["entry-points"]
    installed = ConfigParser(delimiters="=")
    installed.read(extending / "variable_tracking-1.0.dist-info" / "entry_points.txt")

    assert stated == {group: dict(installed[group]) for group in installed.sections()}


def test_every_command_of_the_page_works(walk: Walk) -> None:
    """List, show, plan, run, go on, score, report, run a set; each ends well."""
    done = walk(COMMANDS[-1])

    listed, shown, planned = (each.out for each in done[:3])
    assert all(name in listed for name in ("variable-tracking ", "variable-tracking-1-hop", "leval"))
    assert "chain  chains  60" in shown  # 20 at each of 3 lengths, as the class counts them
    assert "4,000" in planned  # 5 chains at 300 and at 500 tokens
    assert 100 * 3 / 9 == pytest.approx(scores_of("hops")["tasks"]["chain"]["score"])


def test_prompts_have_exactly_the_length_asked_for(walk: Walk) -> None:
    """In tokens of the model, chat wrapping included, with the whole chain inside."""
    walk("evalkit run")

    records = [json.loads(line) for line in Path("vt/samples.jsonl").read_text().splitlines()]
    assert 10 == len(records)
    for record in records:
        length = int(re.search(r"/(\d+)-", record["id"])[1])  # type: ignore[index]
        assert (length, length, True) == tuple(record["ledger"][key] for key in ("before", "after", "evidence_kept"))


def test_a_run_goes_on_with_more_lengths(walk: Walk) -> None:
    """Answers that are there stay, the new ones come in, and all of them count."""
    *_, last = walk("evalkit run my-model variable-tracking --lengths 700")

    assert "5 answered, 0 already done, 0 failed" in last.err
    chain = scores_of("vt")["tasks"]["chain"]
    assert (100 * 3 / 5, 15, 15) == (pytest.approx(chain["score"]), chain["n"], chain["expected"])


def test_the_run_knows_the_packages_that_made_it(walk: Walk) -> None:
    """Benchmark and backend came from outside: their package and its version are in the manifest."""
    walk("evalkit run")

    assert "1.0" == json.loads(Path("vt/run.json").read_text())["environment"]["variable-tracking"]


def test_extra_metrics_stand_beside_the_protocols_score(walk: Walk) -> None:
    """Under the task and in the tables, each with its count; nothing else of the scores is another."""
    *_, before, scored = walk("evalkit score")

    chain = scores_of("vt")["tasks"]["chain"]
    precision, tidiness = (chain["extra"][name] for name in ("variable-precision", "variable-tidiness"))
    assert (100.0, 15, 0) == (precision["score"], precision["n"], precision["failed"])
    assert (60.0, 15, 0) == (tidiness["score"], tidiness["n"], tidiness["failed"])  # "and" twice: two points off five
    assert "variable-tidiness" in scored.out
    assert "variable-tidiness" not in before.out
    low, high = tidiness["ci95"]  # equal answers of few documents are no certainty
    assert low < 60 < high
    assert f"60.00 ({low:.1f} – {high:.1f}), n 15" in Path("vt/tables/scores.md").read_text()


def test_extra_metrics_change_no_number_of_the_protocol(walk: Walk, evalkit: Command) -> None:
    """The same file, but for what was added."""
    walk("evalkit run")
    plain = scores_of("vt")

    evalkit("score", "vt", *EXTRA)

    extended = scores_of("vt")
    assert extended["tasks"]["chain"].pop("extra")
    assert plain["tasks"]["chain"].pop("extra") == {}
    assert plain == extended


def test_what_a_judge_said_is_not_asked_again(walk: Walk, evalkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by scoring again and not by a report; a new answer alone is judged."""
    walk("evalkit score")
    asked: list[str] = []
    monkeypatch.setattr(JUDGE, lambda prompt: asked.append(prompt) or "GRADE 1")

    evalkit("score", "vt", *EXTRA)
    assert [] == asked

    tracking = ("my-model", "variable-tracking", "--option", "chains=5", "--backend", "tracer", "--out", "vt")
    evalkit("run", *tracking, "--lengths", "400")
    evalkit("report", "vt", *EXTRA)

    assert 5 == len(asked)
    assert (15 * 60 + 5 * 20) / 20 == scores_of("vt")["tasks"]["chain"]["extra"]["variable-tidiness"]["score"]


def test_a_judge_that_fails_fails_for_its_metric_alone(
    walk: Walk, evalkit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The protocol's score and the other metric are whole; the samples are asked again the next time."""
    walk("evalkit run")
    replies = iter(["GRADE 5", "no idea", "GRADE 5", *["GRADE 0"] * 7])
    monkeypatch.setattr(JUDGE, lambda _: next(replies))

    done = evalkit("score", "vt", *EXTRA)

    chain = scores_of("vt")["tasks"]["chain"]
    tidiness = chain["extra"]["variable-tidiness"]
    assert (1, 10, 0) == (done.code, chain["n"], chain["failed"])
    assert (200 / 9, 9, 1) == (pytest.approx(tidiness["score"]), tidiness["n"], tidiness["failed"])
    assert (10, 0) == tuple(chain["extra"]["variable-precision"][key] for key in ("n", "failed"))
    assert "variable-tidiness failed on 1 sample, first variable-tracking/chain/300-1: ValueError" in done.err

    monkeypatch.setattr(JUDGE, lambda _: "GRADE 5")
    again = evalkit("score", "vt", *EXTRA)

    assert (0, 300 / 10) == (again.code, scores_of("vt")["tasks"]["chain"]["extra"]["variable-tidiness"]["score"])


def test_the_judge_is_shown_the_question(walk: Walk, evalkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the prompt had it."""
    walk("evalkit run")
    asked: list[str] = []
    monkeypatch.setattr(JUDGE, lambda prompt: asked.append(prompt) or "GRADE 1")

    evalkit("score", "vt", *EXTRA)

    assert all("Question: Which variables have the value " in prompt for prompt in asked)
    assert 10 == len(asked)


def test_a_metric_works_on_a_shipped_benchmark(walk: Walk, evalkit: Command) -> None:
    """Nothing of it is forked: the needle grid's answers, scored with the package's metric as well."""
    walk("evalkit benchmarks list")
    grid = ("--lengths", "256", "--depths", "50", "--repeats", "2", "--backend", "tracer", "--out", "grid")
    evalkit("run", "my-model", "needle", *grid)

    evalkit("score", "grid", "--metric", "variable-precision")

    extra = scores_of("grid")["tasks"]["single"]["extra"]["variable-precision"]
    assert (None, 0, 2) == (extra["score"], extra["n"], extra["failed"])  # the tracer finds no variables there
    assert "UnscorableError: no variable in the answer" in extra["errors"][0]


def test_metrics_can_be_given_from_python(walk: Walk) -> None:
    """By name, or as functions of one's own that no package offers."""
    walk("evalkit run")

    named = score_predictions("vt", "evalkit", metrics=["variable-precision"])
    given = score_predictions("vt", "evalkit", metrics={"words": lambda answer: float(len(answer.prediction.split()))})

    assert ["variable-precision"] == list(named.tasks["chain"].extra)
    assert 5.0 == given.tasks["chain"].extra["words"].score


def test_a_wrong_name_is_told_the_nearest(walk: Walk, evalkit: Command) -> None:
    """Benchmarks and metrics of packages are suggested like evalkit's own."""
    walk("evalkit run")

    benchmark = evalkit("run", "my-model", "variable-trakking").complaint
    metric = evalkit("score", "vt", "--metric", "variable-precison").complaint

    assert "unknown benchmark 'variable-trakking': did you mean 'variable-tracking'?" == benchmark
    assert metric.startswith("unknown metric 'variable-precison': did you mean 'variable-precision'?")


def test_an_extra_metric_stands_beside_one_protocol(walk: Walk, evalkit: Command) -> None:
    """A comparison of protocols has no place for it."""
    walk("evalkit run")

    complaint = evalkit("score", "vt", "--protocol", "all", "--metric", "variable-precision").complaint

    assert "--metric: an extra metric stands beside one protocol's scores; choose it with --protocol" == complaint


def test_the_backend_refuses_what_it_cannot_do(walk: Walk, evalkit: Command) -> None:
    """In one line, as a shipped backend would."""
    walk("evalkit benchmarks list")

    done = evalkit(
        "run", "my-model", "variable-tracking", "--lengths", "300", "--backend", "tracer", "--rope", "base:5e4"
    )

    assert "--backend tracer: it has no RoPE to set; leave --rope out" == done.last_complaint


def test_a_length_that_cannot_be_made_is_refused_before_the_run(walk: Walk, evalkit: Command) -> None:
    """For benchmarks that set their own lengths: there is no folder yet."""
    walk("evalkit benchmarks list")

    done = evalkit(
        "run", "my-model", "variable-tracking-8-hops", "--lengths", "100", "--backend", "tracer", "--out", "no"
    )

    assert "length 100: too short" in done.last_complaint
    assert not Path("no").exists()


def test_a_set_takes_its_row(extending: Path) -> None:  # noqa: ARG001
    """One hop is two variables, eight are nine."""
    benchmarks = [load_benchmark(f"variable-tracking-{name}") for name in ("1-hop", "8-hops")]

    found = [len(next(iter(each.samples("chain", "found", {}))).targets) for each in benchmarks]

    assert [2, 9] == found
