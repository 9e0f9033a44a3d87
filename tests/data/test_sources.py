"""The packaged listings of pinned files."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

import evalkit.data
from evalkit.data import GitOrigin, Source, locate, source, sources
from evalkit.errors import UnknownNameError
from evalkit.tasks import load_spec

PREDICTIONS = ["leval_predictions", "longbench_predictions", "longbench_e_predictions"]


@pytest.mark.parametrize("name", ["leval", "leval_predictions", "longbench_predictions", "opencompass"])
def test_a_source_is_found_by_name(name: str) -> None:
    """The listing of that name ships with the package."""
    assert name == source(name).name


def test_an_unknown_source_suggests_the_nearest() -> None:
    """A mistyped name is answered with the right one."""
    with pytest.raises(UnknownNameError, match="did you mean 'leval'"):
        source("levall")


@pytest.mark.parametrize("listed", sources(), ids=lambda item: item.name)
def test_no_file_is_listed_twice(listed: Source) -> None:
    """Local and upstream paths are unique."""
    for paths in ([file.path for file in listed.files], [file.upstream for file in listed.files]):
        assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("listed", sources(), ids=lambda item: item.name)
def test_only_the_two_known_files_have_no_digest(listed: Source) -> None:
    """Every other file is pinned with its digest and size, or lies in an archive that is."""
    loose = {file.path for file in listed.files if file.archive is None and None in (file.sha256, file.bytes)}

    assert loose == ({"Exam/codeU.jsonl", "Generation/narrative_qa.jsonl"} if listed.name == "leval" else set())


def test_the_longbench_outputs_are_complete() -> None:
    """Two models answered all 21 tasks of LongBench, one 11 tasks of LongBench-E, with the records that tasks have."""
    folders = Counter(file.path.split("/")[0] for name in PREDICTIONS[1:] for file in source(name).files)
    expected = {name: task.expected["official"] for name, task in load_spec("longbench").tasks.items()}
    records = {Path(file.path).stem: file.records for file in source("longbench_predictions").files}

    assert {"llama3-8b-instruct": 21, "llama2-7b-chat-4k": 21, "llama3-8b-inst_longbench_e": 11} == folders
    assert expected == records


def test_l_eval_has_its_twenty_tasks() -> None:
    """Seven closed-ended and thirteen open-ended tasks."""
    folders = [file.path.split("/")[0] for file in source("leval").files]

    assert (7, 13) == (folders.count("Exam"), folders.count("Generation"))


def test_a_branch_name_is_not_a_pin() -> None:
    """A git origin needs a full commit id."""
    with pytest.raises(ValidationError, match="commit"):
        GitOrigin(repo="owner/repo", commit="main")


def test_the_public_names_exist() -> None:
    """`__all__` lists exactly the public names of the package."""
    rooms = {"fetching", "upstream"}
    public = {name for name in vars(evalkit.data) if not name.startswith("_")} - rooms

    assert public == set(evalkit.data.__all__)


@pytest.mark.parametrize("name", ["leval", *PREDICTIONS])
def test_files_at_hand_are_the_pinned_ones(name: str) -> None:
    """Every listed file that EVALKIT_DATA holds has the pinned digest, size and number of records."""
    root = os.environ.get("EVALKIT_DATA", "")
    if not root:
        pytest.skip("EVALKIT_DATA is not set")
    listed = source(name)
    if not (Path(root) / listed.folder).is_dir():
        pytest.skip(f"EVALKIT_DATA has no folder {listed.folder}")

    checks = evalkit.data.verify(listed, folder=Path(root) / listed.folder)

    wrong = [check for check in checks if check.state not in ("ok", "missing")]
    assert [] == wrong
    assert any(check.state == "ok" for check in checks)
    found = next(check.file for check in checks if check.state == "ok")
    assert locate(listed, found, folder=Path(root) / listed.folder, download=False).pinned
