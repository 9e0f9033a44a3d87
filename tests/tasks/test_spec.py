"""Benchmark definitions: what a YAML file may say, and what is said when it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit.data import source
from evalkit.errors import DataError, UnknownNameError
from evalkit.paths import shipped
from evalkit.prompts import parse_mode
from evalkit.tasks import benchmark_names, load_benchmark, load_spec


@pytest.mark.parametrize("name", benchmark_names())
def test_a_shipped_benchmark_is_consistent(name: str) -> None:
    """Its tasks are in its groups, its modes exist, its data source is pinned, and its module loads."""
    spec = load_spec(name)

    assert name == spec.name
    assert spec.default_protocol in spec.protocols
    assert {task.group for task in spec.tasks.values()} <= set(spec.groups)
    assert {protocol for task in spec.tasks.values() for protocol in task.expected} <= set(spec.protocols)
    assert all(parse_mode(rules.truncation) for rules in spec.protocols.values())
    assert all(rules.prompts or rules.refusal for rules in spec.protocols.values())
    assert not spec.source or source(spec.source).files
    assert name == load_benchmark(name).spec.name


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"tasks": None}, "tasks:"),
        ({"tasks": {"tales": {}}}, "tasks.tales.group: missing"),
        ({"protocols": {}}, "protocols:"),
        ({"colour": "red"}, "colour: unknown field"),
        ({"name": 3}, "name:"),
    ],
)
def test_a_wrong_field_is_named(toy: str, tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    """File and field, in one line."""
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(Path(toy).read_text()) | change))

    with pytest.raises(DataError) as caught:
        load_spec(str(path))

    assert str(caught.value).startswith(f"{path}: {problem}")
    assert 1 == len(str(caught.value).splitlines())


NEEDLE = yaml.safe_load((shipped("benchmarks") / "needle.yaml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"default_protocol": "other"}, "default_protocol: no protocol 'other' among protocols"),
        ({"groups": {"a": {"title": "A", "members": {"b": 1}}}}, "groups.a.members: 'b' is neither a task nor a group"),
        ({"groups": {"single": {"title": "S"}}}, "groups.single: a task is called so too; give the group another name"),
        ({"groups": {"a": {"title": "A", "members": {"a": 1}}}}, "groups.a.members: a group that holds itself"),
        (
            {"groups": {n: {"title": n, "members": {o: 1}} for n, o in ("ab", "ba")}},
            "groups.a.members: a group that holds itself",
        ),
        ({"sets": None}, "sets: expected a mapping"),
        ({"sets": ["a"]}, "sets: expected a mapping"),
        ({"options": {}}, "options.lengths: missing"),
        ({"options": {k: v for k, v in NEEDLE["options"].items() if k != "seed"}}, "options.seed: missing"),
        (
            {"options": {k: v for k, v in NEEDLE["options"].items() if k != "question-position"}},
            "options.question-position",
        ),
        (
            {"protocols": {"keyword": NEEDLE["protocols"]["keyword"] | {"options": {"max_new_tokens": "few"}}}},
            "protocols.keyword.options.max_new_tokens: Input should be a valid integer",
        ),
        (
            {"protocols": {"keyword": NEEDLE["protocols"]["keyword"] | {"options": {}}}},
            "protocols.keyword.options.max_new_tokens: missing",
        ),
        (
            {"protocols": {"keyword": NEEDLE["protocols"]["keyword"] | {"max_seq_len": True}}},
            "max_seq_len: expected a number",
        ),
        ({"kind": "longbench"}, "tasks.single.settings.metric: missing"),
        ({"kind": "needlebench"}, "options.threshold: missing"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_definition_that_its_kind_cannot_use_is_one_line(
    tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    """When it is loaded, with the path of the field, and not when a sample is made."""
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(NEEDLE | change, sort_keys=False), "utf-8")

    with pytest.raises((DataError, UnknownNameError)) as caught:
        load_benchmark(f"{path}#a" if "sets" in change else str(path))

    assert str(path) in str(caught.value)
    assert problem in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("repeats", {"single": 10**12}), ("repeats", 5), ("metrics", {}), ("template", "x"), ("code", 7), ("tasks", []),
        ("haystacks", {"en": []}), ("needle_files", {"single": "x"}), ("diff", 10**30),
    ],
)  # fmt: skip
def test_a_row_of_a_table_that_cannot_be_written_out_is_one_line(tmp_path: Path, place: str, value: object) -> None:
    """Whatever the family has in the wrong type."""
    table = yaml.safe_load((shipped("benchmarks") / "needlebench.yaml").read_text("utf-8"))
    table["families"]["v1"][place] = value
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(table, sort_keys=False), "utf-8")
    name = next(name for name, row in table["sets"].items() if row["family"] == "v1" and row.get("lengths"))

    with pytest.raises(DataError) as caught:
        load_benchmark(f"{path}#{name}")

    assert str(caught.value).isprintable()


@pytest.mark.parametrize("content", [b"", b"- a\n", b"a: [", b"\xff\xfe\x00", b"a: \x07", b"3"])
def test_a_file_that_is_no_definition_is_one_line(tmp_path: Path, content: bytes) -> None:
    """Empty, a list, cut off, another encoding, control characters, a number."""
    path = tmp_path / "own.yaml"
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        load_spec(str(path))

    assert str(path) in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As given."""
    with pytest.raises(DataError, match=r"nowhere\.yaml: cannot be read"):
        load_spec(str(tmp_path / "nowhere.yaml"))


def test_a_mistyped_name_suggests_the_nearest() -> None:
    """Benchmarks, protocols and tasks alike."""
    spec = load_spec("leval")

    with pytest.raises(UnknownNameError, match="unknown benchmark 'levl': did you mean 'leval'"):
        load_spec("levl")
    with pytest.raises(UnknownNameError, match="unknown protocol of leval 'oficial': did you mean 'official'"):
        spec.protocol("oficial")
    with pytest.raises(UnknownNameError, match="unknown task of leval 'courser': did you mean 'coursera'"):
        spec.task_name("courser")


def test_a_task_is_known_by_its_own_name_and_by_opencompass_name() -> None:
    """People come from both."""
    spec = load_spec("leval")

    assert ["natural_question"] * 2 == [spec.task_name(name) for name in ("natural_question", "LEval_nq")]


def test_a_kind_without_a_module_is_refused(toy: str, tmp_path: Path) -> None:
    """With the kinds there are, those of other packages included."""
    path = tmp_path / "own.yaml"
    path.write_text(Path(toy).read_text().replace("kind: toy", "kind: toi"))

    with pytest.raises(UnknownNameError, match="unknown benchmark kind 'toi': did you mean 'toy'"):
        load_benchmark(str(path))


def test_another_package_can_bring_a_benchmark(toy: str) -> None:
    """Through the entry point group `evalkit.tasks`."""
    assert "ToyBenchmark" == type(load_benchmark(toy)).__name__
