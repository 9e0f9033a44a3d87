"""Whole runs of models that think: what is recorded, scored, counted and said; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.endpoint.scripted_server import ScriptedServer
from tests.wild.models import save_random

Command = Callable[..., Any]

BACKEND = '''"""A model that says what a script makes it say, token by token."""
from evalkit.models import answer_greedily

SAYS = {}


class Scripted:
    name = "scripted"

    def __init__(self, card, tokenizer, options):
        self.tokenizer = tokenizer
        self.engine_info = {"device": "none"}

    def generate(self, rope, requests):
        for request in requests:
            prompt = self.tokenizer.decode(request.ids.tolist(), skip_special=False)
            question = prompt.split("number ")[1][0] + prompt.split("Read: word")[1].split()[0]
            says, ends = SAYS[question]
            ids = self.tokenizer.encode(says) + (list(self.tokenizer.eos_ids) if ends else [])
            eos = frozenset(self.tokenizer.eos_ids)
            says = lambda made, _, ids=ids: ids[min(len(made), len(ids) - 1)]
            yield answer_greedily(request, self.tokenizer, eos, says)

    def close(self):
        pass
'''

# Question and first word of the story (0 and 7 are the first two stories), what the model says, whether it ends there,
# and the text, thoughts, ending and flag that are expected in the record.
CASES = {
    "clean": ("00", "<think>It begins so.</think>\n\nword0", True, ("word0", "It begins so.", "stop", None)),
    "no open tag": ("10", "It is next.</think>word1", True, ("word1", "It is next.", "stop", None)),
    "no close tag": ("20", "<think>Hm", True, ("", "Hm", "stop", "reasoning")),
    "tags inside": (
        "07",
        "<think>a</think>word7 <think> </think>",
        True,
        ("word7 <think> </think>", "a", "stop", None),
    ),
    "budget spent": ("17", "<think>so so", False, ("", None, "length", "reasoning")),
    "empty answer": ("27", "<think>a</think>", True, ("", "a", "stop", "reasoning")),
}
ORDER = ("clean", "no open tag", "no close tag", "tags inside", "budget spent", "empty answer")


def records(folder: Path) -> list[dict[str, Any]]:
    """The last record of each sample, in sample order."""
    lines = map(json.loads, (folder / "samples.jsonl").read_text("utf-8").splitlines())
    return sorted(lines, key=lambda record: int(record["id"].rpartition("/")[2]))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that does as it is told."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def thinker(tmp_path: Path) -> Path:
    """A model folder whose tokenizer and template are those of a model that thinks."""
    return save_random(tmp_path / "thinker", tokenizer="thoughts")


@pytest.fixture
def opener(tmp_path: Path) -> Path:
    """The same with a template that opens thoughts itself."""
    return save_random(tmp_path / "opener", tokenizer="thoughts opened")


@pytest.fixture
def run(evalkit: Command, toy: str, install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`evalkit run` of the first six samples into the folder `run`, by a model that says what the cases say."""
    import sys

    install(
        "scripted-model", {"evalkit.models": {"scripted": "scripted_model:Scripted"}}, {"scripted_model.py": BACKEND}
    )
    monkeypatch.delitem(sys.modules, "scripted_model", raising=False)
    import scripted_model

    scripted_model.SAYS.update({key: (says, ends) for key, says, ends, _ in CASES.values()})
    base = (toy, "--backend", "scripted", "--task", "tales", "--limit", 6, "--max-new-tokens", 20, "--out", "run")
    return lambda model, *options: evalkit("run", model, *base, *options)


def test_six_answers_of_a_model_that_thinks(run: Command, thinker: Path, bare: Path) -> None:
    """Text, thoughts and flag of each in its record; scores of the answers alone; counts, table and manifest."""
    done = run(thinker, "--max-reasoning-tokens", 24)

    assert 0 == done.code
    found = records(bare / "run")
    for name, record in zip(ORDER, found, strict=True):
        text, thoughts, ending, flag = CASES[name][3]
        shown = (record["text"], record["finish_reason"], record["lost_to"])
        assert (text, ending, flag) == shown, name
        assert thoughts in (None, record["reasoning"]), name
    assert 24 == found[ORDER.index("budget spent")]["output_tokens"]
    rows = [json.loads(line) for line in (bare / "run/scores.jsonl").read_text("utf-8").splitlines()]
    assert [100.0, 0.0, 0.0] == [row["score"] for name, row in zip(ORDER, rows, strict=True)
                                 if name in {"clean", "no close tag", "empty answer"}]  # fmt: skip
    task = json.loads((bare / "run/scores.json").read_text())["tasks"]["tales"]
    assert (6, 3, 1, 3) == (task["n"], task["empty"], task["cut"], task["lost_to_reasoning"])
    assert "6/24, 3 starved" in done.out
    assert "STARVED 3/6 answers: raise --max-reasoning-tokens" in " ".join(done.out.split())
    assert "3 of 6 answers are empty because reasoning took all tokens; raise --max-reasoning-tokens" in done.err
    for suffix in ("md", "tex"):
        assert "STARVED 3/6 answers" in (bare / f"run/tables/scores.{suffix}").read_text("utf-8")
    csv = (bare / "run/tables/scores.csv").read_text("utf-8").splitlines()
    assert ["cut", "starved"] == csv[0].split(",")[-2:]
    assert ["1", "3"] == csv[1].split(",")[-2:]
    manifest = json.loads((bare / "run/run.json").read_text())
    assert ("<think>…</think>", 24) == (manifest["identity"]["reasoning"], manifest["identity"]["max_reasoning_tokens"])
    assert "free" == manifest["settings"]["thinking"]
    assert "plain+max-new-tokens-20+max-reasoning-tokens-24" == manifest["settings"]["label"]


def test_the_same_answers_behind_a_server(
    evalkit: Command, toy: str, thinker: Path, server: ScriptedServer, bare: Path
) -> None:
    """Thoughts in the text of a server that parses none: the same records, scores and flags."""

    def says(prompt: str) -> str:
        if "number " not in prompt:
            return "yes"
        question = prompt.split("number ")[1][0] + prompt.split("Read: word")[1].split()[0]
        found = next(case for case in CASES.values() if case[0] == question)
        return found[1] + ("" if found[2] else " so" * 500)

    server.behaviour.says, server.behaviour.takes_ids = says, False
    done = evalkit(
        "run", thinker, toy, "--base-url", server.base_url, "--task", "tales", "--limit", 6, "--max-new-tokens", 60,
        "--max-reasoning-tokens", 60, "--out", "run",
    )  # fmt: skip

    assert 0 == done.code
    shown = [(each["text"], each["finish_reason"], each["lost_to"]) for each in records(bare / "run")]
    assert [(text, ending, flag) for text, _, ending, flag in (CASES[name][3] for name in ORDER)] == shown
    task = json.loads((bare / "run/scores.json").read_text())["tasks"]["tales"]
    assert (6, 1, 3) == (task["n"], task["cut"], task["lost_to_reasoning"])
    assert "STARVED 3/6 answers" in done.out


def test_the_same_command_again_has_nothing_to_do(run: Command, thinker: Path) -> None:
    """Answers that thoughts took are answers: they are not asked for again."""
    run(thinker, "--max-reasoning-tokens", 24)

    done = run(thinker, "--max-reasoning-tokens", 24)

    assert "0 answered, 6 already done, 0 failed" in done.err


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--max-reasoning-tokens", 30), "max_reasoning_tokens (24, now 30)"),
        ((), "max_reasoning_tokens (24, now None)"),
        (
            ("--max-reasoning-tokens", 24, "--chat-arg", "enable_thinking=true"),
            "chat_args (None, now enable_thinking=true)",
        ),
        (("--reasoning", "scored"), "max_reasoning_tokens (24, now None)"),
    ],
)
def test_another_budget_or_argument_is_another_run(run: Command, thinker: Path, options: Any, field: str) -> None:
    """The folder is refused, and the field is named."""
    run(thinker, "--max-reasoning-tokens", 24)

    assert f"holds a run with another {field}" in run(thinker, *options).last_complaint


def test_arguments_change_prompt_label_and_identity(run: Command, thinker: Path, bare: Path) -> None:
    """`enable_thinking=false` closes thoughts in the template; nothing warns of thoughts then."""
    done = run(thinker, "--chat-arg", "enable_thinking=false", "--chat-arg", "effort=high")

    manifest = json.loads((bare / "run/run.json").read_text())
    assert "closed" == manifest["settings"]["thinking"]
    assert "effort=high, enable_thinking=false" == manifest["identity"]["chat_args"]
    assert "plain+max-new-tokens-20+effort=high+enable_thinking=false" == manifest["settings"]["label"]
    (record,) = records(bare / "run")[:1]
    assert (record["preview_end"] or record["preview"]).endswith("<think>\n\n</think>\n\n")
    assert "the chat template never mentions effort, which therefore changes no prompt" in done.err
    assert "have no budget" not in done.err


def test_thoughts_without_a_budget_are_told_of_before(run: Command, thinker: Path, opener: Path) -> None:
    """By what the template does, and with what to do."""
    free, opened = run(thinker).err, run(opener, "--out", "other").err

    assert "the chat template lets the model think (<think>…</think>) and they have no budget of their own" in free
    assert "the chat template opens thoughts (<think>…</think>)" in opened
    assert "give --max-reasoning-tokens N, or switch it off" in opened


def test_a_template_that_opens_thoughts_needs_no_tag_of_the_model(run: Command, opener: Path, bare: Path) -> None:
    """What the model says up to the closing tag is thoughts."""
    run(opener, "--max-reasoning-tokens", 24)

    record = records(bare / "run")[ORDER.index("no open tag")]
    assert ("word1", "It is next.") == (record["text"], record["reasoning"])


def test_thoughts_can_be_scored(run: Command, thinker: Path, bare: Path) -> None:
    """As by set-ups that scored all that was generated: nothing is told apart, which the identity says."""
    done = run(thinker, "--reasoning", "scored")

    assert "<think>It begins so.</think>\n\nword0" == records(bare / "run")[0]["text"]
    manifest = json.loads((bare / "run/run.json").read_text())
    assert "scored" == manifest["identity"]["reasoning"]
    assert "plain+max-new-tokens-20+reasoning-scored" == manifest["settings"]["label"]
    assert "starved" not in done.out


def test_a_protocol_may_have_published_thoughts_scored(
    run: Command,  # noqa: ARG001
    evalkit: Command, toy: str, thinker: Path, bare: Path,
) -> None:  # fmt: skip
    """Its definition says so; the user may overrule it, and a budget for thoughts makes no sense with it."""
    definition = bare.parent / "scored.yaml"
    definition.write_text(Path(toy).read_text("utf-8").replace("One question.,", "One question., reasoning: scored,"))
    base = ("run", thinker, definition, "--backend", "scripted", "--task", "tales", "--limit", 6)

    scored = evalkit(*base, "--max-new-tokens", 20, "--out", "scored")
    apart = evalkit(*base, "--max-new-tokens", 20, "--out", "apart", "--reasoning", "apart")
    budget = evalkit(*base, "--max-reasoning-tokens", 20, "--out", "budget")

    assert (0, 0) == (scored.code, apart.code)
    assert "<think>It begins so.</think>\n\nword0" == records(bare / "scored")[0]["text"]
    assert "word0" == records(bare / "apart")[0]["text"]
    assert "the protocol takes thoughts for a part of the answer" in budget.last_complaint


def test_a_later_step_is_shown_the_answer_alone(run: Command, thinker: Path, bare: Path) -> None:
    """What a model thought is no part of what it said."""
    run(thinker, "--protocol", "chain", "--max-reasoning-tokens", 24, "--limit", 1)

    first, second = records(bare / "run")
    assert ("word0", "It begins so.") == (first["text"], first["reasoning"])
    assert "You said: word0\nSo?" in second["preview"]
    assert "It begins" not in second["preview"]


def test_a_run_of_before_goes_on_as_it_was_begun(run: Command, thinker: Path, bare: Path) -> None:
    """An older release said nothing of thoughts and scored them; the same command still does, and says so."""
    run(thinker, "--reasoning", "scored")
    manifest = json.loads((bare / "run/run.json").read_text())
    del manifest["identity"]["reasoning"], manifest["crc32"]
    (bare / "run/run.json").write_text(json.dumps(manifest))

    again = run(thinker)
    apart = run(thinker, "--reasoning", "apart")
    asked = run(thinker, "--reasoning", "scored")

    assert "run: begun before thoughts were told from answers, and goes on so, with thoughts scored" in again.err
    assert "0 answered, 6 already done" in again.err
    assert "0 answered, 6 already done" in asked.err
    assert "another reasoning (scored, now <think>…</think>)" in apart.last_complaint


def test_models_that_do_not_think_have_nothing_new(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> None:
    """Neither in the identity nor in the label, so that their runs go on."""
    evalkit("run", tiny_model, toy, "--backend", "toy", "--limit", 1, "--out", "run")

    manifest = json.loads((bare / "run/run.json").read_text())
    assert {"reasoning", "max_reasoning_tokens", "chat_args"}.isdisjoint(manifest["identity"])
    assert "thinking" not in manifest["settings"]
    assert "plain" == manifest["settings"]["label"]


def test_a_profile_is_a_model_of_its_own(run: Command, thinker: Path, bare: Path) -> None:
    """Its name, title, arguments and folder; a card with profiles of which none is named says so."""
    card = thinker / "card.yaml"
    card.write_text(
        "name: thinker\ntitle: Thinker\nweights: .\ncontext_length: 512\nlicence: none\n"
        "profiles: {fast: {chat_args: {enable_thinking: false}}, slow: {}}\n"
    )

    named = run(f"{thinker}@fast", "--out", "fast")
    plain = run(card, "--out", "plain")
    by_file = run(f"{card}@slow", "--out", "slow")

    identity = json.loads((bare / "fast/run.json").read_text())["identity"]
    assert ("thinker@fast", "enable_thinking=false") == (identity["model"], identity["chat_args"])
    assert "Thinker (fast)" in named.out
    assert "its card has profiles (fast, slow) and none is named" in plain.err
    assert "thinker@slow" == json.loads((bare / "slow/run.json").read_text())["identity"]["model"]
    assert 0 == by_file.code
    assert "unknown profile of card thinker 'fats': did you mean 'fast'?" in run(f"{thinker}@fats").last_complaint


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--chat-arg", "enable_thinking"), "--chat-arg enable_thinking: expected NAME=VALUE"),
        (("--chat-arg", "=x"), "--chat-arg =x: expected NAME=VALUE"),
        (("--chat-arg", "messages=x"), "a template is always given this by evalkit"),
        (("--chat-arg", "bos_token=x"), "a template is always given this by evalkit"),
        (("--chat-arg", "a-b=x"), "the name of an argument is made of letters, digits and _"),
        (("--chat-arg", "a=[1]"), "expected true or false, a number, or a text"),
        (("--chat-arg", 'a={"b": 1}'), "expected true or false, a number, or a text"),
        (("--max-reasoning-tokens", "0"), "--max-reasoning-tokens 0: must be 1 or more"),
        (
            ("--max-reasoning-tokens", "512"),
            "--max-reasoning-tokens 512 leaves no room for a prompt in a window of 512",
        ),
        (("--max-reasoning-tokens", "9", "--reasoning", "scored"), "--reasoning scored takes thoughts for a part of"),
        (("--reasoning", "aside"), "--reasoning aside: must be apart or scored"),
    ],
)
def test_what_cannot_be_is_one_line(run: Command, thinker: Path, bare: Path, options: Any, problem: str) -> None:
    """And leaves nothing behind."""
    done = run(thinker, *options)

    assert problem in done.last_complaint
    assert [] == list(bare.iterdir())


def test_a_budget_for_a_model_without_tags_is_refused(run: Command, tiny_model: Path) -> None:
    """Nobody could tell where its thoughts end; the message says how to name the tags."""
    assert (
        "shows where thoughts end; leave it out, or name the tags in a card"
        in run(tiny_model, "--max-reasoning-tokens", 24).last_complaint
    )


def test_arguments_without_a_template_are_said(run: Command, thinker: Path) -> None:
    """With `--chat none` nothing formats the prompt."""
    done = run(thinker, "--chat", "none", "--chat-arg", "enable_thinking=false", "--out", "bare")

    assert "there is no chat template, so enable_thinking changes no prompt" in done.err


def test_a_budget_that_leaves_too_little_fails_the_sample(run: Command, thinker: Path, bare: Path) -> None:
    """The sum of all that the window holds stands in the record."""
    done = run(thinker, "--max-reasoning-tokens", 495)

    assert 1 == done.code
    assert (
        "max_seq_len 512 minus max_new_tokens 20 minus max_reasoning_tokens 495 is -3"
        in records(bare / "run")[0]["error"]
    )


def test_the_window_holds_thoughts_and_answer(evalkit: Command, toy: str, thinker: Path) -> None:
    """Prompts are cut to leave room for both; the plan counts both."""
    plan = ("plan", thinker, toy, "--limit", 1, "--task", "sagas", "--max-seq-len", 300, "--json", "-")

    short = json.loads(evalkit(*plan, "--max-reasoning-tokens", 100).out)
    whole = json.loads(evalkit(*plan).out)

    assert (194, 294) == (short["longest_prompt"], whole["longest_prompt"])
    assert (106, 6) == (short["max_new_tokens"], whole["max_new_tokens"])


def test_a_benchmark_of_set_lengths_takes_a_window_for_both(evalkit: Command, thinker: Path) -> None:
    """Its prompts have the lengths asked for, whatever room thoughts need behind them."""
    plan = ("plan", thinker, "needle", "--lengths", 400, "--depths", 0, "--repeats", 1, "--json", "-")

    counts = json.loads(evalkit(*plan, "--max-reasoning-tokens", 300).out)
    without = json.loads(evalkit(*plan).out)

    assert (400, 0, 0) == (counts["longest_prompt"], counts["failed"], counts["truncated"])
    assert 300 * counts["samples"] == counts["max_new_tokens"] - without["max_new_tokens"]


def test_show_prints_thoughts_apart(run: Command, thinker: Path, evalkit: Command) -> None:
    """Above the answer, and what they took."""
    run(thinker, "--max-reasoning-tokens", 24)

    shown = evalkit("show", "run", "-n", 6).out

    assert "thoughts:\n    It begins so.\n  answer:\n    word0" in shown
    assert "lost to reasoning" in shown
