"""A file of samples as a benchmark: its rows read, asked, scored and told of."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.errors import DataError, UserError
from evalkit.tasks import Answer, Sample, load_benchmark, load_spec

Command = Callable[..., Any]
Write = Callable[..., Path]

STORY = "The locker that belongs to Mona has the number 39352. The baker slept."
LEVAL = {
    "input": STORY, "instructions": ["Which number?", "Who slept?"], "outputs": ["39352", "The baker"],
    "source": "a tale", "evaluation": "exam",
}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writer of a file of samples, each row a line: `write({...}, {...}, name="own")`."""

    def go(*rows: dict[str, Any], name: str = "own") -> Path:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        return path

    return go


def read(path: Path) -> list[Sample]:
    """The samples of all tasks."""
    benchmark = load_benchmark(str(path))
    return [sample for task in benchmark.spec.tasks for sample in benchmark.samples(task, "chat", {})]


def test_a_row_of_leval_is_as_many_samples_as_it_has_questions(write: Write) -> None:
    """Named by their line; those about one document are one cluster, in whatever rows they stand."""
    path = write(LEVAL, {"input": STORY, "instructions": ["Mona?"], "outputs": ["39352"]}, {"instructions": ["Hi"]})

    keyword, exact, second, unscored = read(path)

    assert ["samples-own/exact/1-1", "samples-own/exact/1-2"] == [exact.id, second.id]
    assert ["samples-own/keyword/2", "samples-own/unscored/3"] == [keyword.id, unscored.id]
    assert exact.document == second.document == keyword.document != unscored.document
    assert [("39352",), ("The baker",), ()] == [each.targets for each in (exact, second, unscored)]
    assert {"exact": 2, "keyword": 1, "unscored": None} == {
        name: task.expected["chat"] for name, task in load_spec(str(path)).tasks.items()
    }


def test_a_question_is_asked_behind_what_was_said_before_it(write: Write) -> None:
    """System message, examples, turns, question; the document stands before the first question."""
    path = write({
        "input": STORY, "instructions": ["And who slept?"], "system": "Be brief.", "examples": [["One?", "1"]],
        "turns": [{"question": "Mona?", "answer": "39352"}], "max_new_tokens": 7,
    })  # fmt: skip
    benchmark = load_benchmark(str(path))
    (sample,) = benchmark.samples("unscored", "chat", {})

    request = benchmark.request(sample, "chat", ())

    assert request is not None
    assert [
        ("system", "Be brief."), ("user", "One?"), ("assistant", "1"), ("user", f"{STORY}\n\nMona?"),
        ("assistant", "39352"), ("user", "And who slept?"),
    ] == [(message.role, message.content) for message in request.messages]  # fmt: skip
    assert (7, STORY) == (request.max_new_tokens, request.context)
    assert benchmark.request(sample, "chat", ("39352",)) is None


@pytest.mark.parametrize(
    ("evaluation", "gold", "said", "score", "seen"),
    [
        ("keyword", "39352", "It is 39352.", 100, None),
        ("keyword", "Mona", "mona", 0, None),
        ("exact", "C", "C.", 100, "C"),
        ("exam", "AC", "A", 25, "A"),
        ("f1", "the red cat", "A red dog!", 50, "red dog"),
        ("f1", "李白的柜子", "这是李白的柜子。", 200 * 3 / (4 + 3), "这是 李白 的 柜子"),
        ("rouge", "the cat sat on the mat", "the cat lay on a mat", 200 * 4 / (6 + 6), "the cat lay on a mat"),
        ("rouge", "李白的柜子", "这是李白的柜子。", 200 * 3 / (5 + 3), "这是 李白 的 柜子 。"),
    ],
)
def test_a_row_chooses_its_metric(
    write: Write, evaluation: str, gold: str, said: str, score: float, seen: str | None
) -> None:
    """Scores worked out by hand; what the metric read is told."""
    path = write({"instructions": ["?"], "outputs": [gold], "evaluation": evaluation})
    (sample,) = read(path)
    answer = Answer(sample.id, sample.document, said, sample.targets, sample.metadata)

    scorer = load_benchmark(str(path)).scorer(sample.task, "chat", [answer])

    assert scorer.score(answer) == (pytest.approx(score, abs=1e-4),)
    assert seen == (None if scorer.reads is None else scorer.reads(answer))


def test_a_file_is_read_however_editors_leave_it(tmp_path: Path) -> None:
    """A byte order mark, blank lines, Windows line ends, no end of the last line; lines are counted as editors do."""
    path = tmp_path / "own.jsonl"
    row = json.dumps({"instructions": ["李白？"], "outputs": ["是"]}, ensure_ascii=False)
    path.write_bytes(f"\ufeff{row}\r\n\r\n  \n{row}".encode())

    assert ["samples-own/keyword/1", "samples-own/keyword/4"] == [sample.id for sample in read(path)]
    assert "李白？" == read(path)[0].fields["question"]


ROW = '{"instructions": ["a"]}'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{ROW}\n\n{{'instructions': []}}\n", "own.jsonl:3: not JSON"),
        (f'{ROW}\n{{"instructions": ["a"', "own.jsonl:2: the last line is cut off"),
        ('{"input": "text"}\n', "own.jsonl:1: instructions: missing: add it; docs/benchmarks/samples.md shows a row"),
        ('{"instructions": []}\n', "own.jsonl:1: instructions: Tuple should have at least 1 item"),
        ('{"instructions": [" "]}\n', "own.jsonl:1: instructions: an empty question"),
        ('{"instructions": ["a"], "outptus": ["b"]}\n', "own.jsonl:1: outptus: unknown field: did you mean 'outputs'?"),
        ('{"instructions": ["a", "b"], "outputs": ["c"]}\n', "own.jsonl:1: 1 outputs for 2 instructions: give as many"),
        ('{"instructions": ["a"], "evaluation": "rogue"}\n', "own.jsonl:1: evaluation: Input should be 'keyword',"),
        ('{"instructions": ["a"], "outputs": ["Да"], "evaluation": "rouge"}\n', "own.jsonl:1: rouge finds no word"),
        ('{"instructions": ["a"], "max_new_tokens": 0}\n', "own.jsonl:1: max_new_tokens: Input should be greater"),
        ("[1]\n", "own.jsonl:1: a list instead of a JSON object"),
        ("", "own.jsonl has no records"),
    ],
)
def test_a_line_that_is_no_sample_is_named(tmp_path: Path, text: str, problem: str) -> None:
    """File, line, what is wrong, what to do, before anything is asked."""
    path = tmp_path / "own.jsonl"
    path.write_text(text, "utf-8")

    with pytest.raises(DataError) as caught:
        load_spec(str(path))

    assert problem in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_a_file_that_changed_is_read_again(write: Write) -> None:
    """What is kept of a file between the steps of a command is not kept longer."""
    assert ["exact"] == list(load_spec(str(write(LEVAL))).tasks)
    assert ["exact", "unscored"] == list(load_spec(str(write(LEVAL, {"instructions": ["b"]}))).tasks)


def test_the_benchmark_without_its_file_asks_nothing(evalkit: Command, tiny_model: Path, write: Write) -> None:
    """It is listed, and says how a file is named; two names for the file are one too many."""
    assert "FILE.jsonl" in evalkit("benchmarks", "show", "samples").out
    assert "evalkit run CARD FILE.jsonl" in evalkit("plan", tiny_model, "samples").complaint
    with pytest.raises(UserError, match="is named already; leave one out"):
        load_benchmark(str(write(LEVAL)), {"file": str(write(LEVAL, name="other"))})


def test_files_are_run_scored_shown_and_compared_like_benchmarks(
    evalkit: Command, tiny_model: Path, write: Write
) -> None:
    """Two files in one command are two runs; a gold answer that is cut away is told; nothing is asked again."""
    long = {"input": f"{'word ' * 600}{STORY}{' word' * 600}", "instructions": ["Mona?"], "outputs": ["39352"]}
    one, other = write(LEVAL, long, {"instructions": ["Hi"]}), write(LEVAL, name="other one")
    command = ("run", tiny_model, one, other, "--max-new-tokens", 4, "--out", "runs")

    done = evalkit(*command)
    again = evalkit(*command)
    scores = json.loads(Path("runs/samples-own/scores.json").read_text("utf-8"))

    assert 0 == done.code, done.err
    assert {"samples-own", "samples-other-one"} == {path.name for path in Path("runs").iterdir() if path.is_dir()}
    assert "samples-own: 1 without a gold answer to score by: asked and shown, not scored" in done.err
    assert {"truncated": 1, "evidence_lost": 1} == {
        name: scores["tasks"]["keyword"]["truncation"][name] for name in ("truncated", "evidence_lost")
    }
    assert (None, 0, False) == (
        scores["tasks"]["unscored"]["score"],
        scores["tasks"]["unscored"]["n"],
        scores["partial"],
    )
    assert "0 answered, 6 already done" in again.err
    assert "Hi" in evalkit("show", "runs/samples-own", "samples-own/unscored/3").out
    assert 0 == evalkit("score", "runs/samples-own").code
    assert 0 == evalkit("compare", "runs/samples-own", "runs/samples-own").code
    assert 0 == evalkit("show", "runs/samples-own", "samples-own/exact/1-2", "--prompt").code
    assert 0 == evalkit("report", "runs").code


def test_files_of_other_names_are_other_folders(evalkit: Command, tiny_model: Path, write: Write, bare: Path) -> None:
    """In any script, in bytes that a file system takes."""
    names = ["问题", "質問", "問" * 80, "問" * 79 + "题"]

    done = evalkit("run", tiny_model, *[write(LEVAL, name=name) for name in names], "--max-new-tokens", 1)

    folders = {path.name for path in (bare / "results").iterdir()}
    assert (0, 4) == (done.code, len(folders)), done.err
    assert all(any(f"-samples-{name}-chat" in folder for folder in folders) for name in names[:2])
    assert max(len(name.encode()) for name in folders) <= 120


def test_a_file_that_holds_something_else_now_is_another_run(evalkit: Command, tiny_model: Path, write: Write) -> None:
    """Its answers are not mixed with those of the file as it was."""
    command = ("run", tiny_model, write(LEVAL), "--max-new-tokens", 2, "--out", "one")
    assert 0 == evalkit(*command).code
    write(LEVAL, {"instructions": ["Hi"]})

    assert "options" in evalkit(*command).last_complaint


@pytest.mark.filterwarnings("ignore::evalkit.errors.EvalkitWarning")
def test_a_file_is_a_benchmark_in_python_too(tiny_model: Path, write: Write, bare: Path) -> None:
    """By its path."""
    path = write(LEVAL)

    found = evaluate(tiny_model, path, out=bare / "run", max_new_tokens=2)

    assert ["samples-own"] == list(found.scores)
    assert (2, False) == (found.scores["samples-own"].tasks["exact"].n, found.scores["samples-own"].partial)


def test_parts_of_a_run_are_joined(evalkit: Command, tiny_model: Path, write: Write) -> None:
    """As of any other benchmark."""
    command = ("run", tiny_model, write(LEVAL), "--max-new-tokens", 2, "--out", "run")
    for part in ("1/2", "2/2"):
        assert 0 == evalkit(*command, "--shard", part).code

    assert 0 == evalkit("merge", "run").code
    assert "0 answered, 2 already done" in evalkit(*command).err


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_file_that_is_not_there_is_one_line(evalkit: Command, tiny_model: Path, verb: str, bare: Path) -> None:
    """Its name ends as files of samples do, so it is no model that is missing; a pipe is waited for by nobody."""
    os.mkfifo(bare / "pipe.jsonl")
    assert "pipe.jsonl: is no file" in evalkit(verb, tiny_model, "pipe.jsonl").complaint
    assert "nowhere.jsonl: No such file" in evalkit(verb, tiny_model, "nowhere.jsonl").complaint
