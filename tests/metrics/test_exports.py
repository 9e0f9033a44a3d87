"""What evalkit.metrics exports."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from evalkit import metrics
from evalkit.metrics import leval, longbench, longbench_rouge, needlebench, opencompass, rouge


def test_exports_are_sorted_and_exist() -> None:
    """Every listed name exists, and the list is in the linter's order: constants, classes, functions."""
    names = metrics.__all__

    kinds = [(0 if name.isupper() else 1 if name[0].isupper() else 2, name) for name in names]

    assert sorted(kinds) == kinds
    assert [] == [name for name in names if not hasattr(metrics, name)]


@pytest.mark.parametrize("module", [longbench, longbench_rouge, needlebench, opencompass, rouge])
def test_the_package_exports_all_of_a_module(module: ModuleType) -> None:
    """A public name of a metric module is importable from the package."""
    missing = set(module.__all__) - set(metrics.__all__)

    assert set() == missing


def test_the_package_exports_all_scores_of_leval() -> None:
    """Of the L-Eval module only the text processors stay behind."""
    missing = {name for name in leval.__all__ if name not in metrics.__all__}

    assert {name for name in leval.__all__ if name.startswith("official_")} == missing


def test_importing_metrics_loads_nothing_heavy() -> None:
    """Neither numpy nor jieba nor rapidfuzz nor a ROUGE package is loaded before the first score."""
    program = (
        "import sys, evalkit.metrics; print(sorted({'numpy', 'jieba', 'rapidfuzz', 'rouge_score'} & {*sys.modules}))"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]\n" == result.stdout
