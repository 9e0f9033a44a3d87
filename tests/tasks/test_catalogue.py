"""Benchmarks of other packages: found by name, and harmless where they are broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DataError, UnknownNameError
from evalkit.tasks import installed_benchmarks, load_spec

Install = Callable[..., Path]
Command = Callable[..., Any]

DEFINITION = """
name: {name}
title: Own
kind: {kind}
about: One of one's own.
source: ""
default_protocol: plain
protocols: {{plain: {{meaning: m, source: s, scoring: exact, prompts: own}}}}
tasks: {{a: {{group: g, expected: {{plain: 1}}}}}}
groups: {{g: {{title: G}}}}
"""
SETS = """
kind: rows
title: Rows
sets: {rows-one: {size: 1}, rows-two: {}, rows-three: {size: 3}}
"""
ROWS = """
class Rows:
    @staticmethod
    def expand_set(raw, name):
        size = raw["sets"][name]["size"]
        called = "another" if size == 3 else name
        rules = {"meaning": "m", "source": "s", "scoring": "exact", "prompts": "own"}
        return {
            "name": called, "title": "Rows", "kind": "rows", "about": "", "source": "", "default_protocol": "plain",
            "protocols": {"plain": rules}, "tasks": {"a": {"group": "g", "expected": {"plain": size}}},
            "groups": {"g": {"title": "G"}},
        }
"""


@pytest.fixture
def offer(install: Install) -> Callable[..., Path]:
    """Installer of a package with definitions: `offer("pack", {"own.yaml": text})`; its folder."""

    def make(package: str, definitions: Mapping[str, str], value: str = "") -> Path:
        files = {f"{package}/defined/{name}": text for name, text in definitions.items()}
        files[f"{package}/__init__.py"] = (
            "from pathlib import Path\nHERE = Path(__file__).parent\nGONE = HERE / 'gone'\n"
        )
        return install(package, {"evalkit.benchmarks": {package: value or f"{package}.defined"}}, files)

    return make


def own(name: str, kind: str = "leval") -> dict[str, str]:
    return {f"{name}.yaml": DEFINITION.format(name=name, kind=kind)}


def test_a_benchmark_of_a_package_is_known_by_its_name(offer: Callable[..., Path]) -> None:
    """Where it lies is nobody's business."""
    place = offer("pack_a", own("own-a"))

    assert "own-a" == load_spec("own-a").name
    assert place / "pack_a" / "defined" / "own-a.yaml" == installed_benchmarks().found["own-a"].path


@pytest.mark.parametrize(
    ("package", "value"), [("pack_b", "pack_b:HERE.joinpath"), ("pack_c", "pack_c:HERE"), ("pack_d", "pack_d")]
)
def test_a_folder_may_be_a_path_a_function_or_a_package(install: Install, package: str, value: str) -> None:
    """Whatever the entry point names, its `*.yaml` are the benchmarks."""
    init = "from pathlib import Path\nHERE = Path(__file__).parent\n"
    install(
        package,
        {"evalkit.benchmarks": {package: value}},
        {f"{package}/__init__.py": init, f"{package}/own-{package}.yaml": own(f"own-{package}")[f"own-{package}.yaml"]},
    )

    assert f"own-{package}" == load_spec(f"own-{package}").name


@pytest.mark.parametrize(
    ("package", "value", "definitions", "problem"),
    [
        (
            "bad_a",
            "nowhere_at_all",
            own("own"),
            r"bad_a 1\.0: evalkit\.benchmarks .* cannot be loaded \(ModuleNotFound",
        ),
        ("bad_b", "bad_b:GONE", own("own"), r"bad_b 1\.0: the folder of its benchmarks is not there \(.*gone\)"),
        ("bad_c", "bad_c:HERE.rename", own("own"), r"bad_c 1\.0: bad_c:HERE\.rename\(\) fails \(TypeError"),
        ("bad_d", "math:pi", own("own"), r"bad_d 1\.0: evalkit\.benchmarks math:pi is no folder"),
        ("bad_e", "json.tool", own("own"), r"bad_e 1\.0: evalkit\.benchmarks json\.tool is no folder"),
        ("bad_f", "bad_f:HERE", own("own"), r"bad_f 1\.0: no \*\.yaml in .*bad_f"),
        ("bad_g", "", {"other.yaml": own("own")["own.yaml"]}, r"bad_g 1\.0: .*other\.yaml defines 'own'; call file"),
        ("bad_h", "", {"own.yaml": "name: ["}, r"own\.yaml:2: not valid YAML"),
        ("bad_i", "", own("leval"), r"bad_i 1\.0: benchmark 'leval' ships with evalkit; give it another name"),
    ],
)
def test_a_package_that_cannot_be_used_is_named_and_breaks_nothing_else(
    offer: Callable[..., Path], evalkit: Command, package: str, value: str, definitions: dict[str, str], problem: str
) -> None:
    """In one line beside the list; the shipped benchmarks are all there and load."""
    offer(package, definitions, value)

    listed = evalkit("benchmarks", "list")

    assert 0 == listed.code
    assert 1 == len(listed.err.splitlines())
    assert listed.err.startswith("evalkit: ")
    with pytest.raises(UnknownNameError, match=problem):
        load_spec("own-that-is-not-there")
    assert 20 == len(load_spec("leval").tasks)
    assert "longbench" in listed.out


def test_a_broken_definition_is_named_and_the_others_are_listed(offer: Callable[..., Path], evalkit: Command) -> None:
    """The file and the field."""
    offer("pack_e", {**own("own-e"), "own-f.yaml": "name: own-f\n"})

    listed = evalkit("benchmarks", "list")

    assert "own-e" in listed.out
    assert "own-f.yaml: title, kind, about, source, default_protocol, tasks, protocols: missing" in listed.err


def test_a_name_of_two_packages_is_nobodys(offer: Callable[..., Path]) -> None:
    """Which one is meant, evalkit does not guess."""
    offer("pack_g", own("own-g"))
    offer("pack_h", own("own-g"))

    with pytest.raises(UnknownNameError, match=r"'own-g' is offered by package pack_g 1\.0 and package pack_h 1\.0"):
        load_spec("own-g")


def test_packages_are_not_looked_at_for_a_shipped_benchmark(
    offer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them costs time, or can break anything, where it is not asked for."""
    offer("pack_i", own("own-i"))
    monkeypatch.setattr("evalkit.tasks._catalogue.plugins", lambda _: pytest.fail("packages were looked at"))

    assert ["leval", "needlebench-4k"] == [load_spec(name).name for name in ("leval", "needlebench-4k")]


def test_a_class_writes_out_the_sets_of_its_kind(install: Install) -> None:
    """Each row is a benchmark; one that cannot be written out is named with its file and reason."""
    install(
        "pack_j",
        {"evalkit.benchmarks": {"rows": "pack_j.defined"}, "evalkit.tasks": {"rows": "pack_j:Rows"}},
        {"pack_j/__init__.py": ROWS, "pack_j/defined/rows.yaml": SETS},
    )

    assert 1 == load_spec("rows-one").tasks["a"].expected["plain"]
    with pytest.raises(DataError, match=r"rows\.yaml: set rows-two: cannot be made of this row \(KeyError: 'size'\)"):
        load_spec("rows-two")
    with pytest.raises(DataError, match=r"rows\.yaml: set rows-three: its definition is called 'another'"):
        load_spec("rows-three")
    with pytest.raises(UnknownNameError, match="unknown benchmark 'rows-on': did you mean 'rows-one'"):
        load_spec("rows-on")


@pytest.mark.parametrize("sets", ["[a, b]", "3", "null"])
def test_sets_that_are_no_mapping_are_an_error(tmp_path: Path, sets: str) -> None:
    """In one line, with the file."""
    path = tmp_path / "odd.yaml"
    path.write_text(f"kind: needlebench\nsets: {sets}\n")

    with pytest.raises(DataError, match=r"odd\.yaml: sets: expected a mapping from name to row"):
        load_spec(f"{path}#a")
