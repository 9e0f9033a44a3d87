"""The differential fuzz beside scripted stand-ins for the official code."""

from __future__ import annotations

import textwrap
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.parity import fuzz_official
from tests.parity.official.mutations import TASKS, Case, cases
from tests.parity.official.runners import OfficialError, leval_scores, longbench_scores, unpacked

SaveCode = Callable[[str, str], Path]

PRINTS = """
import json, pathlib, sys
for line in pathlib.Path(sys.argv[2]).read_text().splitlines():
    record = json.loads(line)
    if record["model_pred"] == "raise":
        raise IndexError("list index out of range")
    print(record["model_pred"], record["gt"], "| score=" + str({score}))
    print("=" * 20)
"""

THIRDS = """
import json, pathlib, sys
lines = pathlib.Path(sys.argv[2]).read_text().splitlines()
for part in range(3):
    for line in lines[part::3]:
        print("| score=" + json.loads(line)["model_pred"] + "\\n" + "=" * 20)
"""
HALVES = """
import json, pathlib, sys
lines = pathlib.Path(sys.argv[2]).read_text().splitlines()
for half in (0, 1):
    for line in lines:
        print("| score=" + json.loads(line)["model_pred"][half] + "\\n" + "=" * 20)
"""


@pytest.fixture
def save_code(tmp_path: Path) -> SaveCode:
    """Saver of a file of a checkout; gives the checkout."""

    def save(name: str, text: str) -> Path:
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path / "checkout"

    return save


@pytest.fixture
def python() -> str:
    """The interpreter that runs the stand-ins."""
    import sys

    return sys.executable


def one_task(monkeypatch: pytest.MonkeyPatch, **tasks: Sequence[str]) -> None:
    """Restricts the fuzz to some tasks of each benchmark."""
    for name, chosen in tasks.items():
        monkeypatch.setattr(fuzz_official, name, tuple(chosen))


@pytest.mark.parametrize("task", TASKS)
def test_cases_depend_on_the_seed_alone(task: str) -> None:
    """The same seed gives the same cases, another gives others."""
    first, again, other = (list(cases(task, 30, seed)) for seed in (1, 1, 2))

    assert first == again != other
    assert 30 == len(first)


def test_printed_scores_are_read_and_failing_samples_found(save_code: SaveCode, python: str) -> None:
    """One sample that ends the script is scored None, its neighbours as printed."""
    folder = save_code("Evaluation/auto_eval.py", PRINTS.format(score="len(record['model_pred'])"))
    given = [Case("tpo", text, ("A",)) for text in ("x", "", "raise", "xyz")]

    official = leval_scores(folder, "tpo", given, python)

    assert [100.0, 0.0, None, 300.0] == official.values


def test_other_failures_of_the_script_are_told(save_code: SaveCode, python: str) -> None:
    """A missing package is no disagreement."""
    folder = save_code("Evaluation/auto_eval.py", "import a_package_that_nobody_has")

    with pytest.raises(OfficialError, match="a_package_that_nobody_has"):
        leval_scores(folder, "tpo", [Case("tpo", "A", ("A",))], python)


def test_halves_of_sci_fi_are_put_together(save_code: SaveCode, python: str) -> None:
    """The script prints loyalty of all samples before fact."""
    folder = save_code("Evaluation/auto_eval.py", HALVES)

    official = leval_scores(folder, "sci_fi", [Case("sci_fi", text, ("x",)) for text in ("10", "01", "11")], python)

    assert [50.0, 50.0, 100.0] == official.values


def test_thirds_of_topics_come_back_in_order(save_code: SaveCode, python: str) -> None:
    """The script prints first questions before second ones."""
    folder = save_code("Evaluation/auto_eval.py", THIRDS)
    given = [Case("topic_retrieval_longchat", str(number), ("x",)) for number in range(5)]

    official = leval_scores(folder, "topic_retrieval_longchat", given, python)

    assert [0.0, 100.0, 200.0, 300.0, 400.0] == official.values


def test_disagreements_are_printed_and_make_the_exit_code(
    save_code: SaveCode, python: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stand-in that gives everybody half the points differs nearly everywhere."""
    folder = save_code("Evaluation/auto_eval.py", PRINTS.format(score="0.5"))
    one_task(monkeypatch, LEVAL=["tpo"])

    code = fuzz_official.main(["--leval", str(folder), "--cases", "20", "--python", python])

    out = capsys.readouterr().out.splitlines()
    assert 1 == code
    assert "leval official tpo: 20 cases, 20 differ" == out[0]
    assert out[1].startswith("  official 50.0, evalkit ")


def test_longbench_is_called_in_its_checkout(
    save_code: SaveCode, python: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stand-in that counts as LongBench does agrees; rounding is switched off."""
    save_code("LongBench/fuzzywuzzy.py", "import difflib\nclass fuzz: SequenceMatcher = difflib.SequenceMatcher")
    folder = save_code(
        "LongBench/eval.py",
        """
        import re
        def scorer(dataset, predictions, answers, all_classes):
            numbers = re.findall(r"\\d+", predictions[0])
            shares = [numbers.count(answer) / len(numbers) if numbers else 0 for answer in answers[0]]
            return round(100 * max(shares), 2)
        """,
    )
    one_task(monkeypatch, LONGBENCH=["passage_count"])

    code = fuzz_official.main(["--longbench", str(folder), "--cases", "60", "--python", python])

    assert "longbench official passage_count: 60 cases, 0 differ\n" == capsys.readouterr().out
    assert 0 == code
    assert "difflib" == longbench_scores(folder, list(cases("passage_count", 1, 0)), python).backend


def test_a_wheel_is_unpacked(tmp_path: Path) -> None:
    """Only the package itself."""
    with zipfile.ZipFile(tmp_path / "it.whl", "w") as wheel:
        wheel.writestr("opencompass/registry.py", "x = 1")
        wheel.writestr("elsewhere.py", "x = 2")

    folder = unpacked(tmp_path / "it.whl", tmp_path / "out")

    assert ["opencompass"] == [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("words", [[], ["--leval", "/nowhere/at/all"]])
def test_code_that_is_not_there_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line and exit code 2."""
    with pytest.raises(SystemExit) as refusal:
        fuzz_official.main(words)

    assert 2 == refusal.value.code
    assert "official code" in capsys.readouterr().err or words
