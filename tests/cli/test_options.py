"""Options of the verbs: every setting has its flag, and flags, files and Python mean the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import evalkit as package
from evalkit.cli import app
from evalkit.settings import BenchmarkOptions, RunSettings, Setting, read_config, settings_of

Command = Callable[..., Any]

SETTINGS = {**settings_of(RunSettings), **settings_of(BenchmarkOptions)}
FLAGS = [setting for setting in SETTINGS.values() if not setting.is_argument]
OWN = {"config", "print_config", "json", "live", "name", "words", "help"}
"""Parameters that verbs have beside the flags; `words` are models and benchmarks."""
VALUES = {"limit": "3", "max_seq_len": "3", "max_new_tokens": "3", "repeats": "3", "seed": "0", "rope_grid": "1.5",
          "rope_mode": "engine", "max_cost": "0.5", "dtype": "float32", "engine": "a=b", "options": "a=b",
          "chat_args": "a=b",
          "device_map": "auto", "max_reasoning_tokens": "3", "reasoning": "scored", "batch": "4", "temperature": "0.7",
          "top_p": "0.9", "top_k": "3", "repetition_penalty": "1.1", "sampling_seed": "3", "samples_per_question": "3",
          "replicas": "2", "gpus_per_replica": "1", "ray": "auto", "shard": "1/2"}  # fmt: skip


def parameters(*verb: str) -> dict[str, Any]:
    """Name → parameter of a verb, as the parser knows it."""
    command: Any = typer.main.get_command(app)
    for name in verb:
        command = command.commands[name]
    return {each.name: each for each in command.params}


def shown(parameter: Any) -> tuple[Any, ...]:
    """What a user sees of an option."""
    return parameter.opts, parameter.metavar, parameter.help, parameter.nargs, parameter.default


def flag_of(setting: Setting) -> list[str]:
    """The flag with a value that is not the default."""
    return [setting.flag] if setting.kind is bool else [setting.flag, VALUES.get(setting.name, "word")]


def test_every_setting_is_an_option_of_run() -> None:
    """With its flag and its help, in the order of the fields; nothing is written twice."""
    options = parameters("run")

    assert {setting.variable for setting in FLAGS} == options.keys() - OWN
    assert "words" in options
    for setting in FLAGS:
        assert [setting.flag] == options[setting.variable].opts
        assert options[setting.variable].help.startswith(setting.help)


def test_a_plan_takes_what_a_run_takes() -> None:
    """And all of it reads the same: the command of a run with another verb plans it."""
    run, plan = parameters("run"), parameters("plan")

    assert {"print_config"} == run.keys() - plan.keys()
    assert [shown(run[name]) for name in plan] == [shown(each) for each in plan.values()]
    assert [name for name in run if name in plan] == list(plan)


def test_a_live_check_takes_the_settings_of_a_model() -> None:
    """And they read as those of a run."""
    run, check = parameters("run"), parameters("cards", "check")

    shared = ["backend", "base_url", "engine", "send_key_to", "dtype", "chat", "chat_arg", "max_seq_len"]
    shared.append("trust_remote_code")
    assert shared == [name for name in check if name not in OWN]
    assert [shown(run[name]) for name in shared] == [shown(check[name]) for name in shared]


def test_defaults_stand_in_the_help(evalkit: Command) -> None:
    """Of the settings that have a word for it."""
    text = " ".join(evalkit("run", "--help").out.split())

    assert 4 == text.count("[default: ")
    assert "[default: native]" in text
    assert "[default: auto]" in text


@pytest.mark.parametrize("setting", FLAGS, ids=lambda setting: setting.flag)
def test_a_flag_and_a_line_of_a_file_mean_the_same(evalkit: Command, bare: Path, setting: Setting) -> None:
    """Under the flag's name, which takes the value as the command line does."""
    flag, *value = flag_of(setting)
    line: Any = dict([value[0].split("=")]) if setting.is_pairs else value[0] if value else True
    (bare / "run.yaml").write_text(yaml.safe_dump({flag.removeprefix("--"): line}))

    by_flag = evalkit("run", "--print-config", *flag_of(setting))
    by_file = evalkit("run", "--print-config", "--config", "run.yaml")

    assert (0, "") == (by_flag.code, by_flag.err)
    assert by_flag.out == by_file.out
    assert by_flag.out != evalkit("run", "--print-config").out


def test_the_command_line_wins_over_the_file(evalkit: Command, bare: Path) -> None:
    """A value that is the default by itself included; options and engine settings one by one."""
    (bare / "run.yaml").write_text(
        "model: a\nbenchmarks: [x]\nrope: linear:4\nlimit: 3\ntask: [t]\noptions: {lengths: 5, seed: 1}\n"
    )

    done = evalkit("run", "b", "--config", "run.yaml", "--rope", "native", "--task", "u", "--lengths", "6")

    printed = evalkit(
        "run", "b", "--config", "run.yaml", "--rope", "native", "--task", "u", "--lengths", 6, "--print-config"
    ).out
    values = yaml.safe_load(printed)
    assert "unknown card 'b'" in done.complaint
    assert ("b", ["x"], "native", 3, ["u"]) == tuple(
        values[name] for name in ("model", "benchmarks", "rope", "limit", "tasks")
    )
    assert {"lengths": "6", "seed": "1"} == values["options"]


def test_the_printed_settings_are_a_configuration(evalkit: Command, bare: Path) -> None:
    """Printed, read and printed again they are the same, and nothing was run for it."""
    others = {"limit", "rope_replaces_native"}  # what --samples and --rope-stacks-on-native exclude
    every = [word for setting in FLAGS if setting.name not in others for word in flag_of(setting)]
    printed = evalkit("run", "./my-model", "needle", *every, "--print-config")
    (bare / "run.yaml").write_text(printed.out)

    again = evalkit("run", "--config", "run.yaml", "--print-config")

    assert (0, "") == (printed.code, printed.err)
    assert printed.out == again.out
    assert settings_of(RunSettings).keys() - {"limit"} == read_config(bare / "run.yaml").keys()
    assert ["run.yaml"] == [path.name for path in bare.iterdir()]


def test_a_wrong_value_is_not_printed(evalkit: Command) -> None:
    """It would be refused when it is run."""
    assert "--limit 0: must be 1 or more" == evalkit("run", "--limit", 0, "--print-config").complaint


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--limit", 8, "--samples", "random:2"], "--samples and --limit both choose samples; leave one out"),
        (["./m", "needle", "needle"], "a benchmark is named twice: needle, needle"),
        (["./m", "needle", "leval", "--data", "x"], "--data is one benchmark's folder"),
    ],
)
def test_settings_that_exclude_each_other_are_not_printed(evalkit: Command, words: list[object], reason: str) -> None:
    """A run of the file would be refused."""
    assert reason in evalkit("run", *words, "--print-config").complaint


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize(("model", "missing"), [("", "CARD"), ("model: m", "BENCHMARK...")])
def test_what_is_named_nowhere_is_a_missing_argument(
    evalkit: Command, bare: Path, verb: str, model: str, missing: str
) -> None:
    """Neither on the command line nor in the file."""
    (bare / "run.yaml").write_text(f"limit: 3\n{model}\n")

    complaint = evalkit(verb, "--config", "run.yaml").complaint

    assert f"Missing argument '{missing}'" in complaint


def test_a_run_from_a_file_continues_one_from_flags_and_one_from_python(
    evalkit: Command, toy: str, tiny_model: Path, bare: Path
) -> None:
    """Three ways to say the same: the second and the third find all done."""
    said = {"model": str(tiny_model), "benchmarks": [toy], "backend": "toy", "out": "run", "limit": 2}
    (bare / "run.yaml").write_text(yaml.safe_dump(said))
    flags = evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "run", "--limit", 2)

    file = evalkit("run", "--config", "run.yaml")
    python = package.evaluate(str(tiny_model), toy, backend="toy", out="run", limit=2)
    whole = package.evaluate(RunSettings(str(tiny_model), (toy,), backend="toy", out=Path("run"), limit=2))

    assert (0, 0) == (flags.code, file.code)
    assert "0 answered, 4 already done" in file.err
    assert [(0, 4)] * 2 == [(each.outcome.finished, each.outcome.reused) for each in (python, whole)]


def test_a_file_plans_what_it_runs(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> None:
    """Settings that only a run has are allowed in it."""
    said = {"model": str(tiny_model), "benchmarks": [toy], "backend": "toy", "device": "cpu", "limit": 2}
    (bare / "run.yaml").write_text(yaml.safe_dump(said))

    planned = evalkit("plan", "--config", "run.yaml", "--json", "-")

    assert 4 == json.loads(planned.out)["samples"]


@pytest.mark.usefixtures("bare")
def test_the_program_is_called_evalkit_however_it_is_started() -> None:
    """Its help and its complaints name a command that can be typed."""
    command = [sys.executable, "-m", "evalkit", "run"]

    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    refused = subprocess.run([*command, "--speed"], capture_output=True, text=True, check=False)

    assert helped.stdout.startswith("Usage: evalkit run [OPTIONS] [CARD]... [BENCHMARK]...\n")
    assert "see: evalkit run --help" in refused.stderr
