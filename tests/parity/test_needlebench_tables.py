"""The table of sets says what upstream's configurations say: lengths, depths, buffers, repeats, needle counts."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from evalkit.data import read_wheel_text
from evalkit.errors import DataError
from evalkit.tasks import load_spec
from evalkit.tasks.needlebench._sets import AtcTask, GridTask, described

SIZES = ("4k", "8k", "32k", "128k", "200k", "256k", "1000k")
FORMS = {"single": "single", "multi_retrieval": "multi_retrieval", "multi_reasoning": "multi_reasoning_2"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", ["", "v2"])
def test_a_row_is_upstreams_configuration(version: str, size: str, form: str) -> None:
    """Both languages, under the names that the configuration gives them."""
    found = _numbers(version, size, form)

    ours = [_task(f"needlebench-{version}-{size}".replace("--", "-"), f"{FORMS[form]}_{code}") for code in ("en", "zh")]

    assert [task.buffer for task in ours] == found["length_buffer"]
    assert [task.repeats for task in ours] == found["num_repeats_per_file"] * (2 // len(found["num_repeats_per_file"]))
    assert list(ours[0].lengths) == list(ours[1].lengths) == found["context_lengths"]
    assert list(ours[0].depths) == list(ours[1].depths) == found["depths"]


@pytest.mark.parametrize("name", ["atc_choice_20", "atc_choice_50", "atc_choice_80"])
def test_choices_have_upstreams_needle_counts(name: str) -> None:
    """As the configuration's range says."""
    counts = _assigned(_tree(f"needlebench/atc/{name}.py"), "needle_num_list")

    task = described(name, "en", load_spec(f"needlebench-{name.replace('_', '-')}").tasks["en"].settings)

    assert isinstance(task, AtcTask)
    assert counts == list(task.counts)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("needlebench-atc", "needlebench/atc/atc.py"),
        ("needlebench-atc-v2", "needlebench_v2/atc/atc_0shot_nocot_2_power_en.py"),
    ],
)
def test_stories_have_upstreams_counts_and_repeats(name: str, file: str) -> None:
    """Free form and version 2."""
    tree = _tree(file)

    task = described(name, "en", load_spec(name).tasks["en"].settings)

    assert isinstance(task, AtcTask)
    assert (_assigned(tree, "needle_num_list"), _assigned(tree, "repeats")) == (list(task.counts), [task.repeats])


def _task(name: str, task: str) -> GridTask:
    found = described(name, task, load_spec(name).tasks[task].settings)
    assert isinstance(found, GridTask)
    return found


def _numbers(version: str, size: str, form: str) -> dict[str, list[int]]:
    """What a configuration assigns; version 2 takes lengths and depths from the file of single-needle retrieval."""
    folder = "needlebench_v2" if version else "needlebench"
    tree = _tree(f"{folder}/{folder}_{size}/{folder}_{form}_{size}.py")
    shared = _tree(f"{folder}/{folder}_{size}/{folder}_single_{size}.py") if version else tree
    depths = _assigned(shared, "depths_list") or _assigned(tree, "depths") or _even_depths(tree)
    return {
        "length_buffer": _values(tree, "length_buffer"),
        "num_repeats_per_file": _values(tree, "num_repeats_per_file"),
        "context_lengths": _assigned(shared, "context_lengths"),
        "depths": depths,
    }


def _even_depths(tree: ast.Module) -> list[int]:
    """The linear space of version 1's small sets and of its multi-needle retrieval, cut to whole numbers."""
    (count,) = _assigned(tree, "document_depth_percent_intervals")
    return [int(0 + 100 / (count - 1) * index) for index in range(count)]


def _tree(file: str) -> ast.Module:
    try:
        return ast.parse(read_wheel_text(f"opencompass/configs/datasets/{file}"))
    except DataError as error:
        if "pip cannot download" not in str(error):
            raise
        pytest.skip(f"no wheel at hand and no package index: {error}")


def _assigned(tree: ast.Module, name: str) -> list[int]:
    """The numbers that a top-level assignment of the name holds; empty where there is none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return _read(node.value)
    return []


def _read(node: ast.expr) -> list[int]:
    match node:
        case ast.Call(func=ast.Name(id="list"), args=[inner]):
            return _read(inner)
        case ast.Call(func=ast.Name(id="range"), args=arguments):
            return list(range(*(ast.literal_eval(each) for each in arguments)))
        case ast.ListComp():
            return []  # made of even steps
    value = ast.literal_eval(node)
    return list(value) if isinstance(value, list) else [value]


def _values(tree: ast.Module, name: str) -> list[int]:
    """The numbers that dictionaries and assignments give the name, in order, repetitions in a row left out."""
    found = sorted(_places(tree, name))
    return [value for index, (_, value) in enumerate(found) if index == 0 or found[index - 1][1] != value]


def _places(tree: ast.Module, name: str) -> Iterator[tuple[int, int]]:
    for node in ast.walk(tree):
        pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
        for key, value in pairs:
            if isinstance(key, ast.Constant) and key.value == name and isinstance(value, ast.Constant):
                yield value.lineno, value.value
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            yield node.lineno, ast.literal_eval(node.value)
