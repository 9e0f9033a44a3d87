"""Reading configurations from a wheel: a made-up wheel of the same shape, so no network is needed."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from evalkit.data import Source, Turn, dataset_configs, read_wheel_text, source, verify_upstream
from evalkit.data.upstream import _opencompass as module
from evalkit.errors import DataError, UnknownNameError

ROOT = "opencompass/configs/datasets"
TASK = """
from opencompass.openicl.icl_prompt_template import PromptTemplate
from opencompass.openicl.icl_evaluator import AccEvaluator
from opencompass.datasets.leval import ToyDataset, toy_postprocess

reader = dict(input_columns=['context', 'question'], output_column='answer')
infer = dict(
    prompt_template=dict(
        type=PromptTemplate,
        template=dict(
            begin=[dict(role='SYSTEM', fallback_role='HUMAN', prompt='Read.')],
            round=[dict(role='HUMAN', prompt='{context}\\n{question}'), dict(role='BOT', prompt='')],
        )),
    inferencer=dict(max_out_len=10),
)
scoring = dict(evaluator=dict(type=AccEvaluator), pred_postprocessor=dict(type=toy_postprocess, options='AB'))
Toy_datasets = [dict(type=ToyDataset, abbr='Toy', name='toy', reader_cfg=reader, infer_cfg=infer, eval_cfg=scoring)]
"""
FILES = {
    f"{ROOT}/leval/leval.py": (
        "from mmengine.config import read_base\n"
        "with read_base():\n    from .toy.toy_gen import Toy_datasets\n"
        "leval_datasets = sum((v for k, v in locals().items()), [])\n"
    ),
    f"{ROOT}/leval/toy/toy_gen.py": "with read_base():\n    from .toy_gen_123abc import Toy_datasets  # noqa\n",
    f"{ROOT}/leval/toy/toy_gen_123abc.py": TASK,
    f"{ROOT}/longbench/longbench.py": "with read_base():\n    from .one import One_datasets\n",
    f"{ROOT}/longbench/one.py": TASK.replace("Toy_datasets", "One_datasets").replace("'Toy'", "'One'"),
    f"{ROOT}/longbenchv2/longbenchv2_gen.py": "with read_base():\n    from .two import Two_datasets\n",
    f"{ROOT}/longbenchv2/two.py": TASK.replace("Toy_datasets", "Two_datasets").replace(", name='toy'", ""),
}


def install(folder: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Source:
    """A wheel with those files in EVALKIT_WHEELS, pinned by its own digest."""
    folder.mkdir(exist_ok=True)
    wheel = folder / "opencompass-0.5.4-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    real = source("opencompass")
    file = real.files[0].model_copy(update={"sha256": digest, "bytes": wheel.stat().st_size})
    pinned = real.model_copy(update={"files": (file,)})
    monkeypatch.setenv("EVALKIT_WHEELS", str(folder))
    monkeypatch.setattr(module, "source", lambda _: pinned)
    return pinned


@pytest.fixture
def wheels(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the made-up wheel; the cache is empty."""
    assert not cache.exists()
    install(tmp_path / "wheels", FILES, monkeypatch)
    return tmp_path / "wheels"


@pytest.fixture
def kept(cache: Path) -> Path:
    """Where the configurations of the collection `leval` are kept."""
    return cache / "upstream" / "opencompass-0.5.4" / "leval.json"


@pytest.mark.usefixtures("wheels")
def test_a_configuration_is_read_through_both_levels_of_imports() -> None:
    """Prompt, roles, columns, limit and type names come from the file at the end of the imports."""
    config = dataset_configs("leval")["Toy"]

    assert (Turn(role="SYSTEM", prompt="Read.", fallback_role="HUMAN"),) == config.begin
    assert (Turn(role="HUMAN", prompt="{context}\n{question}"), Turn(role="BOT", prompt="")) == config.round
    assert ("context", "question") == config.input_columns
    assert ("toy", "answer", 10) == (config.name, config.output_column, config.max_new_tokens)
    assert ("AccEvaluator", "toy_postprocess") == (config.evaluator, config.pred_postprocessor)
    assert ({"options": "AB"}, None) == (config.pred_postprocessor_options, config.dataset_postprocessor)
    assert f"{ROOT}/leval/toy/toy_gen_123abc.py" == config.file


@pytest.mark.usefixtures("wheels")
def test_a_data_set_of_one_task_has_no_task_name() -> None:
    """`name` is None where upstream gives none."""
    assert dataset_configs("longbenchv2")["Toy"].name is None


def test_the_wheel_is_needed_once(wheels: Path) -> None:
    """The second reading comes from the cache and is equal."""
    first = dataset_configs("leval")
    (wheels / "opencompass-0.5.4-py3-none-any.whl").unlink()

    assert first == dataset_configs("leval")


@pytest.mark.usefixtures("wheels")
def test_the_cache_states_its_provenance(kept: Path) -> None:
    """The JSON file names the wheel, its digest and the file inside it."""
    dataset_configs("leval")

    wheel = json.loads(kept.read_text(encoding="utf-8"))["wheel"]

    assert ["file", "project", "sha256", "version"] == sorted(wheel)
    assert ("opencompass", "0.5.4") == (wheel["project"], wheel["version"])
    assert f"{ROOT}/leval/leval.py" == wheel["file"]


@pytest.mark.usefixtures("wheels")
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Read.", "Reed."),
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"schema_version": 1', '"schema_version": 0'),
        lambda text: text.replace('"version": "0.5.4"', '"version": "0.5.3"'),
    ],
    ids=["changed prompt", "torn file", "other schema", "other release"],
)
def test_a_cache_that_is_not_whole_is_read_anew(kept: Path, change: object) -> None:
    """A damaged or foreign cache never reaches a prompt."""
    good = dataset_configs("leval")
    assert callable(change)
    kept.write_text(change(kept.read_text(encoding="utf-8")), encoding="utf-8")
    (before,) = (check for check in verify_upstream() if check.collection == "leval")

    again = dataset_configs("leval")

    assert "differs" == before.state
    assert good == again
    assert "ok" == verify_upstream()[0].state


@pytest.mark.usefixtures("wheels")
def test_a_consistent_forgery_is_found_by_verify(kept: Path) -> None:
    """A cache whose own digest fits is still compared with the wheel, task by task."""
    dataset_configs("leval")
    forged = module._Kept.model_validate_json(kept.read_bytes())
    config = forged.datasets[0].model_copy(update={"max_new_tokens": 999})
    forged = forged.model_copy(update={"datasets": (config,), "digest": module._digest((config,))})
    kept.write_text(forged.model_dump_json(), encoding="utf-8")

    check = verify_upstream()[0]

    assert "differs" == check.state
    assert "Toy" in check.detail


@pytest.mark.usefixtures("wheels")
def test_verify_says_what_has_not_been_read_yet() -> None:
    """Each collection has its own state."""
    dataset_configs("longbench")

    states = {check.collection: check.state for check in verify_upstream()}

    assert {"leval": "missing", "longbench": "ok", "longbenchv2": "missing"} == states


@pytest.mark.usefixtures("wheels")
def test_any_file_of_the_wheel_can_be_read_as_text() -> None:
    """The text comes back unchanged."""
    assert TASK == read_wheel_text(f"{ROOT}/leval/toy/toy_gen_123abc.py")


@pytest.mark.usefixtures("wheels")
def test_a_file_that_the_wheel_lacks_is_named() -> None:
    """The message has the wheel and the path."""
    with pytest.raises(DataError, match=r"opencompass-0\.5\.4-py3-none-any\.whl has no file nothing\.py"):
        read_wheel_text("nothing.py")


def test_an_unknown_collection_suggests_the_nearest() -> None:
    """A mistyped collection is answered with the right one."""
    with pytest.raises(UnknownNameError, match="did you mean 'longbench'"):
        dataset_configs("longbenc")


def test_another_wheel_under_that_name_is_refused(wheels: Path) -> None:
    """The digest is checked before anything is read."""
    with zipfile.ZipFile(wheels / "opencompass-0.5.4-py3-none-any.whl", "a") as archive:
        archive.writestr("extra.py", "")

    with pytest.raises(DataError, match="has sha256"):
        dataset_configs("leval")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{question}'", "{question}'.upper()", "not a literal"),
        ("round=[", "rounds=[", "has an unknown shape"),
        ("max_out_len=10", "max_out_len='ten'", "has an unknown shape"),
        ("role='HUMAN', prompt='{context}", "role='HUMAN', prompt=AccEvaluator, x='{context}", "unknown shape"),
        ("Toy_datasets = [dict(", "Toy_datasets = [ToyDataset, dict(", "not a list of configurations"),
        ("Toy_datasets = [", "Other_datasets = [", "not a list of configurations"),
        ("reader = dict(", "for reader in []: pass\nreader = dict(", "not a literal"),
    ],
)
@pytest.mark.usefixtures("wheels")
def test_a_changed_release_fails_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    """Anything the reader does not know is an error, never a guess."""
    path = f"{ROOT}/leval/toy/toy_gen_123abc.py"
    assert old in TASK
    install(tmp_path / "wheels", {**FILES, path: TASK.replace(old, new)}, monkeypatch)

    with pytest.raises(DataError, match=message):
        dataset_configs("leval")
