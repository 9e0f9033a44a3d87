"""`evalkit demo`: figures and a table, the same every time."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cli import _demo
from evalkit.paths import shipped

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def model(save_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of 256 tokens with the tokenizer of the embedded one."""
    folder = save_model(folder=tmp_path_factory.mktemp("demo") / "small", vocab_size=4096, max_position_embeddings=256)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(shipped("model_cards") / "needle-tiny" / name, folder / name)
    return folder


@pytest.fixture
def demo(evalkit: Command, model: Path, bare: Path, monkeypatch: pytest.MonkeyPatch) -> Command:  # noqa: ARG001
    """`evalkit demo` with that model on a small grid, one sample per cell."""
    monkeypatch.setattr(_demo, "WINDOW_SHARES", (0.25, 1.5))
    monkeypatch.setattr(_demo, "DEPTHS", "0,100")
    return lambda *options: evalkit("demo", "--model", model, "--repeats", 1, *options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """Where the first demo's results are kept, and what it said."""
    return tmp_path_factory.mktemp("kept") / "results", []


@pytest.fixture
def shown(demo: Command, bare: Path, kept: tuple[Path, list[Any]]) -> Any:
    """What a demo said that has just ended in the working folder; it runs once, its results are copied."""
    results, said = kept
    if said:
        shutil.copytree(results, bare / "results")
    else:
        said.append(demo())
        shutil.copytree(bare / "results", results)
    return said[0]


def answers(folder: Path) -> dict[str, dict[str, str]]:
    """RoPE folder → sample → what was answered."""
    return {
        path.parent.name: {
            record["id"]: record["text"] for record in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        }
        for path in sorted(folder.glob("*/samples.jsonl"))
    }


def test_the_demo_leaves_figures_and_tells_where(shown: Any, bare: Path) -> None:
    """One heatmap without scaling, one of all settings; both are named at the end."""
    figures = [line.removeprefix("evalkit: figure: ") for line in shown.err.splitlines() if "figure:" in line]
    assert ["results/demo/none/figures/single.png", "results/demo/rope.png"] == figures
    assert (0, True) == (shown.code, all((bare / path).is_file() for path in figures))
    assert "Prompt length (the model's tokens)" in (bare / "results/demo/rope.svg").read_text(encoding="utf-8")


def test_the_demo_ends_with_a_page_of_its_runs(shown: Any, evalkit: Command, bare: Path) -> None:
    """Where it is stands in the last line; the same page comes of all that the demo left."""
    folder = bare / "results" / "demo"
    assert re.search(r"page: results/demo/report\.html \(\d.*, 20 samples\)$", shown.err.splitlines()[-1])

    left = sorted(path.relative_to(bare) for path in folder.iterdir())
    done = evalkit("report", *left, "--out", "results/demo.html")

    assert 0 == done.code
    assert "passed over, no runs: report.html, rope.png, rope.svg" in done.err.splitlines()[0]
    names = [
        re.findall(rb'<a href="#(\w+)">', path.read_bytes())
        for path in (folder / "report.html", bare / "results/demo.html")
    ]
    assert names[0] == names[1] != []


def test_a_page_of_the_users_is_kept(demo: Command, bare: Path) -> None:
    """Said before anything is run."""
    (bare / "mine" / "none").mkdir(parents=True)
    (bare / "mine" / "none" / "run.json").write_text("{}")
    (bare / "mine" / "report.html").write_text("mine")

    assert "mine/report.html: is no page that evalkit wrote" in demo("--out", "mine").complaint
    assert "mine" == (bare / "mine" / "report.html").read_text()


def test_the_table_has_every_setting_and_length(shown: Any) -> None:
    """Settings downward, lengths across, then what follows from them in one sentence."""
    lines = shown.out.splitlines()

    rows = {line.split()[0]: line.split()[1:] for line in lines if line and line.split()[0] in _demo.ROPE_SPECS}
    assert (set(_demo.ROPE_SPECS), {2}) == (set(rows), {len(cells) for cells in rows.values()})
    assert (True, True) == (
        lines[0].startswith("small, made for 256 tokens"),
        lines[-1].startswith("Inside the window"),
    )


def test_the_demo_again_runs_nothing_and_says_the_same(demo: Command, shown: Any, bare: Path) -> None:
    """Finished samples are kept: the second call answers at once."""
    before = answers(bare / "results" / "demo")

    again = demo()

    assert (shown.out, before) == (again.out, answers(bare / "results" / "demo"))


@pytest.mark.usefixtures("shown")
def test_the_demo_does_not_depend_on_prefix_reuse(demo: Command, bare: Path) -> None:
    """Every answer is the same with and without shared prefixes."""
    demo("--out", "whole", "--no-prefix-reuse")

    assert answers(bare / "results" / "demo") == answers(bare / "whole") != {}


def test_a_wrong_number_of_repeats_is_one_line(demo: Command) -> None:
    """Exit code 2, no figures of nothing."""
    assert "--repeats 0: must be 1 or more" == demo("--repeats", 0).complaint


@pytest.mark.skipif(
    not (shipped("model_cards") / "needle-tiny" / "model.safetensors").is_file(),
    reason="the embedded model's weights are not in this checkout",
)
def test_the_embedded_model_finds_its_needles(evalkit: Command, bare: Path) -> None:
    """Inside its window needle-tiny answers; this is what makes every demonstration mean something."""
    evalkit(
        "run", "needle-tiny", "needle", "--lengths", "256,512", "--depths", "0:100:25", "--repeats", 2, "--out", "run"
    )

    score = json.loads((bare / "run" / "scores.json").read_text())["tasks"]["single"]
    assert (20, True) == (score["n"], score["score"] >= 90)
