"""The wheel: what ships in it is all that the installed program needs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("benchmarks", "model_cards", "results/published")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without the network."""
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True)
    (path,) = folder.glob("evalkit-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", str(folder)]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)
    return folder


@pytest.fixture
def outside(installed: Path, tmp_path: Path) -> dict[str, str]:
    """An environment that finds the installed package first and this checkout not at all."""
    libraries = sysconfig.get_path("purelib")
    # `-P` and an empty folder keep the checkout away; site-packages as a plain path runs no editable-install hook.
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), libraries]), "EVALKIT_CACHE": str(tmp_path)}


def run(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    """Standard output of a Python command in another folder."""
    command = [sys.executable, "-S", "-P", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_the_wheel_holds_the_package_and_what_ships_with_it(wheel: Path) -> None:
    """Definitions, cards, published scores, data sources and the typing marker; no tests, no results of ours."""
    names = set(zipfile.ZipFile(wheel).namelist())

    for folder in SHIPPED:
        files = [path for path in (ROOT / folder).glob("*") if path.suffix in {".yaml", ".csv"}]
        assert files
        assert {f"evalkit/_shipped/{folder}/{path.name}" for path in files} <= names
    assert "evalkit/py.typed" in names
    assert {f"evalkit/data/sources/{path.name}" for path in (ROOT / "evalkit/data/sources").glob("*.yaml")} <= names
    page = ROOT / "evalkit/reports/page"
    files = [path for kind in ("templates", "assets", "labels") for path in (page / kind).rglob("*") if path.is_file()]
    assert {".j2", ".js", ".css", ".yaml"} == {path.suffix for path in files}
    assert {path.relative_to(ROOT).as_posix() for path in files} <= names
    assert [] == [name for name in names if name.startswith(("tests/", "results/")) or "__pycache__" in name]


def test_no_private_or_temporary_file_is_in_the_wheel(wheel: Path) -> None:
    """Caches, checkpoints and hidden folders stay behind."""
    names = zipfile.ZipFile(wheel).namelist()

    assert [] == [name for name in names if any(part.startswith(".") for part in Path(name).parts)]
    assert sum(info.file_size for info in zipfile.ZipFile(wheel).infolist()) < 20 * 2**20


def test_the_installed_package_is_the_one_that_runs(outside: dict[str, str], installed: Path, tmp_path: Path) -> None:
    """So that the tests below prove something."""
    assert str(installed) in run(outside, tmp_path, "-c", "import evalkit; print(evalkit.__file__)")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("benchmarks", "list"), ("leval",)),
        (("benchmarks", "show", "leval"), ("coursera", "opencompass")),
        (("cards", "list"), ("index-1.9b-32k", "qwen2-1.5b-instruct")),
        (("data", "list"), ("leval", "opencompass")),
    ],
    ids=" ".join,
)
def test_an_installed_evalkit_works_in_any_folder(
    outside: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """Definitions and cards come from the wheel."""
    text = run(outside, tmp_path, "-m", "evalkit", *arguments)

    assert all(name in text for name in expected)


def test_published_scores_come_from_the_wheel(outside: dict[str, str], tmp_path: Path) -> None:
    """Tables that verdicts are held against."""
    program = "from evalkit.published import published; print(len(published('leval')), published('leval')[0].benchmark)"

    text = run(outside, tmp_path, "-c", program)

    assert "leval" in text
    assert int(text.split()[0]) > 100
