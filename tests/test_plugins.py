"""What other packages offer: found by name, and named where it cannot be used."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import PluginError, UnknownNameError, UserError
from evalkit.models import BackendOptions, backend_names, load_model
from evalkit.plugins import load_plugin, plugin_versions
from evalkit.scores import read_metrics

Install = Callable[..., Path]


def test_what_a_name_stands_for_is_loaded(install: Install) -> None:
    """As the entry point says it."""
    install("good", {"evalkit.metrics": {"good": "good_metric:score"}}, {"good_metric.py": "score = len\n"})

    assert len is load_plugin("evalkit.metrics", "good")


def test_a_name_that_nobody_offers_is_none() -> None:
    """What to say then is the caller's business, who knows what else there is."""
    assert load_plugin("evalkit.metrics", "nobody") is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [("import nowhere_to_be_found\n", "ModuleNotFoundError"), ("1 / 0\n", "ZeroDivisionError"), ("", "AttributeError")],
)
def test_a_package_that_cannot_be_imported_is_named(install: Install, request: Any, code: str, reason: str) -> None:
    """With its version, the entry point and the reason, in one line."""
    module = f"broken_{reason.lower()}"
    install("broken", {"evalkit.metrics": {"odd": f"{module}:score"}}, {f"{module}.py": code})

    with pytest.raises(PluginError, match=rf"^package broken 1\.0: evalkit\.metrics 'odd' .* \({reason}") as caught:
        load_plugin("evalkit.metrics", "odd")

    assert 1 == len(str(caught.value).splitlines()), request


def test_a_name_of_two_packages_is_nobodys(install: Install) -> None:
    """Which of them is meant, evalkit does not guess."""
    for package in ("first", "second"):
        install(package, {"evalkit.metrics": {"same": "builtins:len"}})

    with pytest.raises(PluginError, match=r"'same' is offered by package first 1\.0 and package second 1\.0"):
        load_plugin("evalkit.metrics", "same")


def test_versions_are_those_of_the_packages_used(install: Install) -> None:
    """One that offers something else is not among them."""
    install("used", {"evalkit.models": {"mine": "builtins:len"}})
    install("unused", {"evalkit.models": {"other": "builtins:len"}})

    assert {"used": "1.0"} == plugin_versions(("evalkit.models", "mine"), ("evalkit.tasks", "mine"))


def test_a_backend_that_cannot_be_imported_is_named(install: Install) -> None:
    """It is listed, since it is installed, and says what is wrong with it when asked for."""
    install("engine", {"evalkit.models": {"engine": "no_such_engine:Model"}})

    assert {"engine", "hf"} <= set(backend_names())
    with pytest.raises(PluginError, match=r"package engine 1\.0: .*ModuleNotFoundError"):
        load_model("engine", None, None, BackendOptions())  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="unknown backend 'engin': did you mean 'engine'"):
        load_model("engin", None, None, BackendOptions())  # type: ignore[arg-type]


def test_a_metric_that_cannot_be_called_is_refused(install: Install) -> None:
    """Before anything is scored."""
    install("number", {"evalkit.metrics": {"number": "math:pi"}})

    with pytest.raises(PluginError, match="'number': neither a function of an answer nor a Judge"):
        read_metrics(["number"])


def test_one_name_in_place_of_a_list_is_refused() -> None:
    """A text is a sequence of letters, and none of them a metric."""
    with pytest.raises(UserError, match="give a list of names"):
        read_metrics("precision")


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        ({"words": 3}, "metrics={'words': 3}: neither a function of an answer nor a Judge"),
        ({" ": len}, "the name of a metric is a text"),
        ({1: len}, "the name of a metric is a text"),
    ],
)
def test_a_mapping_of_what_is_no_metric_is_refused(metrics: Any, problem: str) -> None:
    """Before anything is scored, as for names."""
    with pytest.raises(UserError, match=re.escape(problem)):
        read_metrics(metrics)
