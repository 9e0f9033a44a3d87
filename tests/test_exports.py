"""What evalkit exports: sorted, complete, importable, and cheap to import."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import evalkit

PACKAGES = [
    "cards", "chatting", "data", "documents", "metrics", "models", "planning", "prompts", "reports", "rope", "runs",
    "scores", "settings", "tasks",
]  # fmt: skip
HEAVY = {"torch", "transformers", "matplotlib", "pandas", "scipy", "jieba", "plotly", "vllm", "ray"}


def in_order(name: str) -> tuple[int, str]:
    """Constants, classes, functions: the linter's order of `__all__`."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_the_public_names_are_sorted_and_importable() -> None:
    """Every name of `__all__` is there, and its module can be found without knowing where it lives."""
    assert sorted(evalkit.__all__, key=in_order) == list(evalkit.__all__)
    assert [] == [name for name in evalkit.__all__ if not hasattr(evalkit, name)]


def test_the_public_names_are_all_that_the_package_offers() -> None:
    """What is found by attribute access is what is listed."""
    assert set(evalkit.__all__) == set(evalkit._HOMES) | {"__version__"}


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="has no attribute 'evalute'"):
        evalkit.evalute  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_exports_what_it_lists(package: str) -> None:
    """Sorted, without doubles, all of it there."""
    module = importlib.import_module(f"evalkit.{package}")

    assert sorted(set(module.__all__), key=in_order) == list(module.__all__)
    assert [] == [name for name in module.__all__ if not hasattr(module, name)]


@pytest.mark.parametrize(
    "statement", ["import evalkit", "import evalkit.cli", "from evalkit import evaluate, load_card"]
)
def test_importing_loads_nothing_heavy(statement: str) -> None:
    """What takes seconds to load is loaded by the work that needs it."""
    program = f"import sys; {statement}; print(sorted({HEAVY!r} & {{*sys.modules}}))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout


def test_the_version_is_the_installed_one() -> None:
    """One source: the package's metadata."""
    from importlib.metadata import version

    assert version("evalkit") == evalkit.__version__
