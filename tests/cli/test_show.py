"""`evalkit show`: samples of a run as a person reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def run(evalkit: Command, toy: str, tiny_model: Path) -> Command:
    """`evalkit run` of the toy benchmark into the folder `run`."""
    return lambda *options: evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "run", *options)


def heads(text: str) -> list[str]:
    """The ids of the samples that were shown."""
    return [line.partition(" ")[0] for line in text.splitlines() if line.startswith("toy/")]


def answers(bare: Path) -> dict[str, str]:
    """Sample id → answer, as the run recorded it."""
    lines = (bare / "run" / "samples.jsonl").read_text().splitlines()
    return {record["id"]: record["text"] for record in map(json.loads, lines)}


def test_a_sample_is_shown_with_question_targets_answer_and_score(run: Command, evalkit: Command, bare: Path) -> None:
    """Under its id, with how the answer ended."""
    run("--limit", 2)
    score = json.loads((bare / "run" / "scores.jsonl").read_text().splitlines()[1])["score"]

    done = evalkit("show", "run", "toy/tales/1")

    lines = [line.strip() for line in done.out.splitlines()]
    assert (0, "", f"toy/tales/1 · overlap {score:.2f}") == (done.code, done.err, lines[0])
    assert "Which word is number 1?" == lines[lines.index("question:") + 2]
    assert answers(bare)["toy/tales/1"] == lines[lines.index("answer:") + 1]
    assert "word1" == lines[lines.index("targets:") + 1]
    assert "ended by itself, 4 tokens" in lines


def test_tokens_of_a_chat_format_hide_no_cut(run: Command, evalkit: Command, bare: Path) -> None:
    """Modes that cut a text before it is wrapped may send more tokens than the text had."""
    run("--limit", 1, "--task", "tales")
    path = bare / "run" / "samples.jsonl"
    record = {name: value for name, value in json.loads(path.read_text()).items() if name != "crc32"}
    record["ledger"] |= {
        "mode": "longbench-official", "before": 100, "after": 110, "kept": [[0, 45], [50, 100]], "head": 45, "tail": 50,
    }  # fmt: skip
    path.write_text(json.dumps(record) + "\n")

    assert "truncated: 95 of 100 tokens kept (longbench-official)" in evalkit("show", "run").out


def test_without_ids_there_are_a_few_and_more_when_asked(run: Command, evalkit: Command) -> None:
    """That there are more is said."""
    run("--limit", 8)

    few, more, all_of_them = evalkit("show", "run"), evalkit("show", "run", "-n", 7), evalkit("show", "run", "-n", 16)

    assert [5, 7, 16] == [len(heads(done.out)) for done in (few, more, all_of_them)]
    assert ("evalkit: the first 5; -n N shows more of them\n", "") == (few.err, all_of_them.err)


def test_failed_ones_are_shown_with_their_reason(
    run: Command, evalkit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no others; after a second attempt it is said which one it was."""
    monkeypatch.setenv("TOY_FAIL", "1")
    run("--limit", 2)
    run("--limit", 2)

    done = evalkit("show", "run", "--failed")

    assert 1 == len(heads(done.out))
    assert "· failed" in done.out
    assert "failed at attempt 2: the toy broke" in done.out
    assert "answer:" not in done.out


def test_wrong_ones_score_below_fifty(run: Command, evalkit: Command, bare: Path) -> None:
    """By the protocol's metric; failed ones are not wrong."""
    run("--limit", 6)
    path = bare / "run" / "scores.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row | {"score": 20.0 * index}) + "\n" for index, row in enumerate(rows)))

    done = evalkit("show", "run", "--wrong", "-n", 100)

    assert [row["id"] for row in rows[:3]] == heads(done.out)


def test_a_task_is_shown_alone(run: Command, evalkit: Command) -> None:
    """By its name or its group's."""
    run("--limit", 1)

    assert ["toy/sagas/0"] == heads(evalkit("show", "run", "--task", "sagas").out)
    assert ["toy/tales/0"] == heads(evalkit("show", "run", "--task", "short").out)


def test_the_middle_of_a_long_text_is_left_out_and_counted(run: Command, evalkit: Command) -> None:
    """Instructions and questions stand at the ends; `--full` shows all."""
    run("--limit", 1)

    short, full = (evalkit("show", "run", "toy/sagas/0", *more).out for more in ((), ("--full",)))

    left_out = int(short.partition("[… ")[2].partition(" ")[0])
    assert "Read: word" in short and "Which word is number 0?" in short
    assert "[…" not in full
    assert len(full) - len(short) == pytest.approx(left_out, abs=60)


def test_steps_are_shown_one_by_one(run: Command, evalkit: Command, bare: Path) -> None:
    """The second question has the first answer in it."""
    run("--limit", 1, "--protocol", "chain", "--task", "tales")
    first = json.loads((bare / "run" / "samples.jsonl").read_text().splitlines()[0])["text"]

    out = evalkit("show", "run").out

    assert f"You said: {first}" in out.partition("question 2:")[2].partition("answer 2:")[0]
    assert f"    {first}\n" in out.partition("answer 1:")[2]


def test_truncation_is_told(run: Command, evalkit: Command) -> None:
    """How much of the question the model did not get."""
    run("--limit", 1, "--task", "sagas", "--max-seq-len", 200)

    assert "tokens kept (middle)" in evalkit("show", "run").out


def test_json_holds_the_whole_texts_and_records(run: Command, evalkit: Command, bare: Path) -> None:
    """For programs."""
    run("--limit", 1, "--task", "sagas")

    (found,) = json.loads(evalkit("show", "run", "--json", "-").out)

    assert ("toy/sagas/0", ["word0"], [answers(bare)["toy/sagas/0"]]) == (
        found["id"],
        found["targets"],
        found["answers"],
    )
    assert len(found["questions"][0]) > 700
    assert {"overlap"} == found["scores"].keys()


def test_a_run_that_was_not_scored_is_shown_without_scores(run: Command, evalkit: Command, bare: Path) -> None:
    """And how to score it."""
    run("--limit", 1)
    (bare / "run" / "scores.jsonl").unlink()

    assert "toy/tales/0 · not scored yet: evalkit score" in evalkit("show", "run").out


def test_signs_that_a_terminal_obeys_are_shown_as_signs(run: Command, evalkit: Command, bare: Path) -> None:
    """An answer can hold anything."""
    run("--limit", 1, "--task", "tales")
    log = bare / "run" / "samples.jsonl"
    record = json.loads(log.read_text())
    del record["crc32"]
    log.write_text(json.dumps(record | {"text": "\x1b[2Jgone\x07"}) + "\n")

    out = evalkit("show", "run").out

    assert "gone" in out
    assert {"\n"} == {sign for sign in out if not sign.isprintable()}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere"], "nowhere: not a run folder"),
        (["run", "toy/tales/99"], "unknown sample of run 'toy/tales/99': did you mean 'toy/tales/"),
        (["run", "--task", "tails"], "unknown task of toy 'tails': did you mean 'tales'?"),
        (["run", "--json", "no/where.json"], "--json no/where.json: cannot be written"),
    ],
)
def test_what_cannot_be_shown_is_one_line(run: Command, evalkit: Command, arguments: list[str], problem: str) -> None:
    """With what there is instead."""
    run("--limit", 1)

    assert problem in evalkit("show", *arguments).complaint


def test_nothing_to_show_is_said(run: Command, evalkit: Command) -> None:
    """No failed sample is good news, not an error."""
    run("--limit", 1)

    done = evalkit("show", "run", "--failed")

    assert (0, "", "evalkit: run: no such sample; nothing to show\n") == (done.code, done.out, done.err)


def test_answers_made_elsewhere_are_shown_from_their_scores(evalkit: Command, bare: Path) -> None:
    """Answer, targets and score of what `score --out` keeps, when the outputs are gone."""
    rows = [
        {"pred": text, "answers": ["Food"], "all_classes": ["Food", "Date"], "length": 9} for text in ("Food", "no")
    ]
    (bare / "outputs").mkdir()
    (bare / "outputs" / "trec.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    evalkit("score", "outputs", "--format", "longbench", "--out", "kept")
    (bare / "outputs" / "trec.jsonl").unlink()

    done = evalkit("show", "kept", "--wrong")

    assert done.out.splitlines()[:8] == [
        "longbench/trec/1 · classification 0.00", "  answer:", "    no", "  made elsewhere",
        "  metric saw:", "    (empty)", "  targets:", "    Food",
    ]  # fmt: skip
    assert "unknown sample of kept" in evalkit("show", "kept", "longbench/trec/7").complaint
    assert ["Food"] == json.loads(evalkit("show", "kept", "longbench/trec/0", "--json", "-").out)[0]["answers"]


def test_scores_of_a_run_show_its_samples(run: Command, evalkit: Command) -> None:
    """A folder of scores names the run, whose records say more."""
    run("--limit", 1)
    evalkit("score", "run", "--out", "scores")

    assert evalkit("show", "run").out == evalkit("show", "scores").out


def test_a_named_sample_shows_the_ends_of_its_prompt_and_the_cut(run: Command, evalkit: Command) -> None:
    """Where truncation removed tokens, how many, and of how many; a listing without ids stays short."""
    run("--limit", 1, "--task", "sagas", "--max-seq-len", 350)
    run("--limit", 1, "--task", "sagas", "--max-seq-len", 200, "--out", "short")

    out, short, listing = (
        evalkit("show", *named).out for named in (("run", "toy/sagas/0"), ("short", "toy/sagas/0"), ("run",))
    )

    prompt = out.partition("  prompt, 344 tokens, its ends (--prompt prints it whole):\n")[2].partition("  answer:")[0]
    start, cut, end = prompt.partition("    [✂ 12 tokens cut here: 172 to 183 of 356]\n")
    assert cut
    assert start.startswith("    <s>[user] Read: word0 word1 ") and end.endswith("\n    [assistant]\n")
    assert "[✂ 162 tokens cut within what is shown: 97 to 258 of 356]" in short
    assert "prompt" not in listing


def test_a_named_sample_shows_where_its_needle_stood(evalkit: Command, toy: str) -> None:
    """Kept or lost, at which token of the whole prompt, at which depth, and which one."""
    assert toy  # whose model answers
    options = ("--lengths", 300, "--depths", "0,50", "--repeats", 1, "--max-seq-len", 200, "--backend", "toy")
    evalkit("run", "needle-tiny", "needle", *options, "--out", "run")

    kept, lost = (evalkit("show", "run", f"needle/single/en-300-{depth}-0-0").out for depth in (0, 50))

    assert "  evidence: kept · token " in kept and " of 300 · depth 0.0 % · The " in kept
    assert "  evidence: lost · token " in lost


def test_a_prompt_is_printed_alone_and_sign_for_sign(run: Command, evalkit: Command, bare: Path) -> None:
    """What `> prompt.txt` holds has the digest of the record, once encoded."""
    from evalkit.cards import load_card
    from evalkit.prompts import digest_ids, load_tokenizer, token_array

    run("--limit", 1, "--task", "sagas", "--max-seq-len", 200)
    manifest = json.loads((bare / "run" / "run.json").read_text())
    record = json.loads((bare / "run" / "samples.jsonl").read_text())

    done = evalkit("show", "run", "toy/sagas/0", "--prompt")

    ids = load_tokenizer(load_card(manifest["settings"]["model"])).encode(done.out)
    assert (0, "", record["prompt_sha256"]) == (done.code, done.err, digest_ids(token_array(ids)))


def test_several_prompts_stand_below_their_names(run: Command, evalkit: Command, bare: Path) -> None:
    """Steps of a sample, or one of them alone; step 2 holds the answer of step 1."""
    run("--limit", 2, "--protocol", "chain", "--task", "tales")
    first = json.loads((bare / "run" / "samples.jsonl").read_text().splitlines()[0])["text"]

    both, second = (evalkit("show", "run", "toy/tales/0", "--prompt", *more).out for more in ((), ("--step", 2)))

    assert ["===== toy/tales/0 · step 1 =====", "===== toy/tales/0 · step 2 ====="] == [
        line for line in both.splitlines() if line.startswith("=====")
    ]
    assert "=====" not in second
    assert f"You said: {first}\nSo?" in second
    assert both.endswith(f"{second}\n")
    assert 4 == evalkit("show", "run", "--prompt").out.count("===== toy/tales/")


def test_json_carries_the_prompt(run: Command, evalkit: Command, bare: Path) -> None:
    """One a step, with its digest and whether it is what the model got."""
    run("--limit", 1, "--task", "tales")
    record = json.loads((bare / "run" / "samples.jsonl").read_text())

    (found,) = json.loads(evalkit("show", "run", "--prompt", "--json", "-").out)

    (prompt,) = found["prompt"]
    assert (record["prompt_sha256"], True, record["ledger"]["after"]) == (
        prompt["prompt_sha256"],
        prompt["is_same"],
        prompt["tokens"],
    )
    assert evalkit("show", "run", "--prompt").out == prompt["text"]
    assert "prompt" not in json.loads(evalkit("show", "run", "--json", "-").out)[0]


def test_a_prompt_that_is_another_one_is_printed_and_said(evalkit: Command, toy: str, tiny_model: Path) -> None:
    """On standard error, with what changed, and by the exit code."""
    evalkit("run", tiny_model, toy, "--backend", "toy", "--limit", 1, "--task", "tales", "--out", "run")

    done = evalkit("show", "run", "toy/tales/0", "--prompt", "--model", "needle-tiny")

    assert (1, 1) == (done.code, len(done.err.splitlines()))
    assert "Which word is number 0?" in done.out
    assert "evalkit: toy/tales/0: not the prompt that the model got (digest " in done.err
    assert "the tokenizer is another one; the chat template is another one" in done.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["run", "--model", "needle-tiny"], "say how prompts are made again: add --prompt"),
        (["run", "toy/tales/0", "--prompt", "--step", 2], "--step 2: the run asked 1 of toy/tales/0"),
        (["run", "--prompt", "--model", "no/where"], "no/where: "),
        (["full", "--prompt"], "toy/tales/0: no prompt was made: no room for a prompt"),
        (["kept", "--prompt"], "kept: holds outputs made elsewhere, which have no prompts; leave --prompt out"),
    ],
)
def test_prompts_that_cannot_be_shown_are_one_line(
    run: Command, evalkit: Command, bare: Path, arguments: list[str], problem: str
) -> None:
    """With what there is instead."""
    run("--limit", 1)
    run("--limit", 1, "--task", "tales", "--max-new-tokens", 600, "--max-seq-len", 500, "--out", "full")
    (bare / "outputs").mkdir()
    row = {"pred": "Food", "answers": ["Food"], "all_classes": ["Food", "Date"], "length": 9}
    (bare / "outputs" / "trec.jsonl").write_text(json.dumps(row) + "\n")
    evalkit("score", "outputs", "--format", "longbench", "--out", "kept")

    assert problem in evalkit("show", *arguments).complaint


def test_scores_of_a_run_lead_to_its_prompts(run: Command, evalkit: Command) -> None:
    """A folder of scores names the run."""
    run("--limit", 1)
    evalkit("score", "run", "--out", "scores")

    assert evalkit("show", "run", "toy/tales/0", "--prompt") == evalkit("show", "scores", "toy/tales/0", "--prompt")


def test_draws_share_a_prompt_that_is_printed_once(
    run: Command, evalkit: Command, toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So one question that was answered several times is still one text."""
    import toy_plugin

    assert toy
    monkeypatch.setattr(toy_plugin.ToyModel, "can_sample", True, raising=False)
    run("--limit", 1, "--task", "tales", "--temperature", 1, "--samples-per-question", 3)

    out = evalkit("show", "run", "toy/tales/0", "--prompt").out

    assert 1 == out.count("Which word is number 0?")
    assert "=====" not in out
