"""A copy is made once, whole or not at all, by one process at a time, and is held against its digests before use."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.cards import load_card, weights_digest
from evalkit.errors import CardError
from evalkit.files import partial_of
from evalkit.models import BackendOptions
from evalkit.models.conversion import Loadable, _copy, _folder, loadable
from tests.models.conversion.checkpoints import INDEX, XVERSE, llama_state
from tests.models.conversion.conftest import Publish

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def index(publish: Publish) -> Path:
    """A published Index in two pickled shards."""
    return publish(INDEX, llama_state(INDEX))


def made(folder: Path, notes: list[str] | None = None, engine: Any = "hf") -> Loadable:
    """What an engine loads; notes are collected."""
    return loadable(load_card(folder), BackendOptions(note=[].append if notes is None else notes.append), engine)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_note_says_what_runs_as_what_and_where_the_copy_is(index: Path, cache: Path) -> None:
    """Once, with its size."""
    notes: list[str] = []

    found = made(index, notes)

    told = f"published: IndexForCausalLM runs as llama; converted copy in {found.place} (0.5 MB; "
    assert [told + "`evalkit cards copies` lists and removes them)"] == notes
    assert cache == Path(found.place).parent
    assert ("llama", True, None) == (found.runs_as, found.is_converted, found.revision)


@pytest.mark.parametrize("engine", ["hf", "vllm"])
def test_a_base_that_the_card_states_otherwise_is_refused(publish: Publish, engine: Any) -> None:
    """A 32K model whose configuration leaves its base to its own code would answer nonsense without a word."""
    card = load_card(publish({**INDEX, "max_position_embeddings": 32768}, llama_state(INDEX)))
    long = card.model_copy(update={"rope": card.rope.model_copy(update={"theta": 320000.0})})

    with pytest.raises(CardError, match=r"base of 10,000, and card .* says 320,000: write \"rope_theta\": 320000\.0"):
        loadable(long, BackendOptions(), engine)

    for stated in ({"rope_theta": 320000.0}, {"rope_ratio": 32}):
        folder = publish({**INDEX, "max_position_embeddings": 32768, **stated}, llama_state(INDEX), next(iter(stated)))
        given = long.model_copy(update={"weights": str(folder)})
        assert loadable(given, BackendOptions(), engine).is_converted


def test_fields_that_nobody_knows_are_named_in_every_run(publish: Publish) -> None:
    """They are not in the copy, and might have meant something."""
    odd = {f"field_{number}": 1 for number in range(9)}
    folder = publish({**INDEX, **odd}, llama_state(INDEX))
    made(folder)
    notes: list[str] = []

    made(folder, notes)

    (note,) = notes
    assert note.startswith(f"{folder / 'config.json'}: not known here, and left out: 'field_0', 'field_1'")
    assert note.endswith("'field_7' and 1 more")


def test_the_copy_is_used_again(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By both engines, without a word and without reading the published shards as tensors."""
    first = made(index)
    monkeypatch.setattr(_folder, "write_copy", pytest.fail)
    monkeypatch.setattr(_folder, "plan_shards", pytest.fail)
    notes: list[str] = []

    assert first == made(index, notes)
    assert first == made(index, notes, "vllm")
    assert [] == notes


def test_the_copy_holds_the_settings_of_the_published_folder(index: Path) -> None:
    """Its generation configuration, the dtype, what config.json asks of greedy decoding; no code, no tokenizer."""
    (index / "generation_config.json").write_text('{"repetition_penalty": 1.1, "eos_token_id": 1}', "utf-8")
    config = {**INDEX, "no_repeat_ngram_size": 5}
    (index / "config.json").write_text(json.dumps(config), "utf-8")

    found: Any = made(index).folder

    assert {"repetition_penalty": 1.1, "eos_token_id": 1} == json.loads((found / "generation_config.json").read_text())
    copied = json.loads((found / "config.json").read_text())
    assert ("llama", "bfloat16", 5) == (copied["model_type"], copied["dtype"], copied["no_repeat_ngram_size"])
    assert "auto_map" not in copied
    assert not list(found.glob("tokenizer*"))


def test_the_format_of_the_weights_is_kept_where_no_configuration_says_it(publish: Publish) -> None:
    """The first floats as published, not the normalised rows, which are in float32."""
    config = {key: value for key, value in INDEX.items() if key != "torch_dtype"}
    state = {name: tensor.half() for name, tensor in llama_state(INDEX).items()}

    found: Any = made(publish(config, state, shards=1)).folder

    assert "float16" == json.loads((found / "config.json").read_text())["dtype"]


def test_identity_is_that_of_the_published_files(index: Path) -> None:
    """Converting changes nothing of it, and another file is another copy."""
    before = weights_digest(load_card(index))
    first = made(index)

    assert before == weights_digest(load_card(index))

    (index / "config.json").write_text(json.dumps({**INDEX, "rms_norm_eps": 1e-5}), "utf-8")
    assert before != weights_digest(load_card(index))
    assert first.place != made(index).place


def test_another_format_of_copies_makes_a_new_one(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that converts otherwise does not load what an earlier one wrote."""
    first = made(index)
    monkeypatch.setattr(_folder, "_FORMAT", _folder._FORMAT + 1)

    assert first.place != made(index).place


@pytest.mark.parametrize("file", ["model-00001-of-00002.safetensors", "config.json", "conversion.json"])
@pytest.mark.parametrize("damage", ["changed", "removed", "cut"])
def test_a_damaged_copy_is_made_anew(file: str, damage: str, index: Path) -> None:
    """And that is said."""
    found: Any = made(index).folder
    whole = contents(found)
    if damage == "removed":
        (found / file).unlink()
    else:
        data = (found / file).read_bytes()
        (found / file).write_bytes(data[:-1] + b"?" if damage == "changed" else data[: len(data) // 2])
    notes: list[str] = []

    assert str(found) == made(index, notes).place

    assert whole == contents(found)
    assert 2 == len(notes)
    assert "damaged" in notes[0]


def test_a_file_that_was_added_is_damage_too(index: Path) -> None:
    """An index or an adapter beside the weights would be loaded."""
    found: Any = made(index).folder
    (found / "adapter_config.json").write_text("{}", "utf-8")

    made(index)

    assert not (found / "adapter_config.json").exists()


def test_a_hidden_file_is_no_damage(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File managers leave some, and no engine reads them."""
    found: Any = made(index).folder
    (found / ".DS_Store").write_bytes(b"")
    monkeypatch.setattr(_folder, "write_copy", pytest.fail)

    assert str(found) == made(index).place


def test_a_long_name_leaves_room_for_that_of_the_unfinished_folder(publish: Publish, cache: Path) -> None:
    """What a killed process left of it is found again, and goes."""
    folder = publish(INDEX, llama_state(INDEX), "n" * 200)
    first: Any = made(folder).folder
    left = partial_of(first)
    left.mkdir()
    (first / "config.json").unlink()

    assert str(first) == made(folder).place

    assert [first.name] == [path.name for path in cache.iterdir() if path.is_dir()]


def test_shards_that_stay_as_they_are_are_linked(publish: Publish) -> None:
    """Of safetensors whose names and numbers are Llama's only config.json is new; of Index the head is written."""
    notes: list[str] = []
    same: Any = made(publish(XVERSE, llama_state(XVERSE), "xverse", is_pickled=False), notes).folder
    head: Any = made(publish(INDEX, llama_state(INDEX), "index", is_pickled=False)).folder

    assert [True, True] == [path.is_symlink() for path in sorted(same.glob("*.safetensors"))]
    assert "(its shards are the published ones; " in notes[0]
    assert [False, True] == [path.is_symlink() for path in sorted(head.glob("*.safetensors"))]


def test_a_copy_whose_links_lead_nowhere_is_made_anew(publish: Publish, tmp_path: Path) -> None:
    """The published folder was moved."""
    folder = publish(XVERSE, llama_state(XVERSE), is_pickled=False)
    first: Any = made(folder)
    moved = tmp_path / "elsewhere" / folder.name
    moved.parent.mkdir()
    folder.rename(moved)

    assert first.place == made(moved).place

    links = [path.resolve() for path in first.folder.glob("*.safetensors")]
    assert [moved, moved] == [link.parent for link in links]
    assert all(link.is_file() for link in links)


def test_threads_convert_once(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits, says so, and takes what the first wrote."""
    started, real, written = threading.Event(), _folder.write_copy, []
    notes: list[str] = []

    def slow(copy: Any, **options: Any) -> None:
        written.append(copy)
        started.set()
        waiting.wait(5)
        real(copy, **options)

    waiting = threading.Event()

    def note(text: str) -> None:
        notes.append(text)
        if "waiting" in text:
            waiting.set()

    def convert(_: int) -> Loadable:
        return loadable(load_card(index), BackendOptions(note=note), "hf")

    monkeypatch.setattr(_folder, "write_copy", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(convert, 0)
        assert started.wait(30)
        second = pool.submit(convert, 1)

        assert first.result().place == second.result().place

    assert 1 == len(written)
    assert 1 == len([text for text in notes if "another process is converting it" in text])


def test_processes_convert_once(index: Path, cache: Path) -> None:
    """Three at once leave one whole copy and nothing beside it, and one of them says that it converts."""
    script = (
        "import sys; from evalkit.cards import load_card; from evalkit.models import BackendOptions; "
        "from evalkit.models.conversion import loadable; "
        "print(loadable(load_card(sys.argv[1]), BackendOptions(note=print), 'hf').is_converted)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(index)], stdout=subprocess.PIPE, text=True) for _ in "abc"
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]

    assert [0, 0, 0] == [process.returncode for process in processes]
    assert 1 == sum("runs as llama" in each for each in said)
    assert 1 == len([path for path in cache.iterdir() if path.suffix != ".lock"])


def test_what_a_killed_process_left_is_removed(index: Path, cache: Path) -> None:
    """An unfinished copy is never taken for one, and does not stay."""
    target = Path(made(index).place)
    left = cache / f".{target.name}.abc-1-2.part"
    target.rename(left)

    assert str(target) == made(index).place
    assert not left.exists()


def test_a_copy_without_room_is_refused_before_it_is_begun(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names what it takes and EVALKIT_CACHE."""
    monkeypatch.setattr(_copy.shutil, "disk_usage", lambda _: Usage(10, 10, 400_000))

    with pytest.raises(CardError, match=r"takes 0\.5 MB and 0\.4 MB are free.*EVALKIT_CACHE") as caught:
        made(index)

    assert 1 == len(str(caught.value).splitlines())
    assert [] == [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_a_disk_that_fills_up_leaves_nothing(index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process took the room meanwhile."""

    def full(*_: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_copy, "write_safetensors", full)

    with pytest.raises(CardError, match=r"\(0\.5 MB\) cannot be written \(No space left on device\).*EVALKIT_CACHE"):
        made(index)

    assert [] == [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_a_cache_that_cannot_be_written_is_one_line(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a file stands where its folder should be."""
    monkeypatch.setenv("EVALKIT_CACHE", str(index / "config.json"))

    with pytest.raises(CardError, match=r"no converted copy of a model can be written there .*EVALKIT_CACHE") as caught:
        made(index)

    assert 1 == len(str(caught.value).splitlines())


def test_a_finished_copy_needs_no_lock(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it can be used from a cache that cannot be written."""
    found = made(index)
    monkeypatch.setattr(_folder, "locked", pytest.fail)

    assert found == made(index)


def test_loading_errors_name_the_published_folder(
    index: Path, load: Callable[..., HuggingFaceModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which the user knows; the copy is evalkit's business."""
    from transformers import AutoModelForCausalLM

    def fail(place: str, **_: Any) -> None:
        raise RuntimeError(f"{place}: broken")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)

    with pytest.raises(CardError) as caught:
        load(index)

    assert f"{index}: cannot load the model: {index}: broken" == str(caught.value)


def test_files_that_change_meanwhile_make_no_copy(index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be taken for one of the files as they were, whenever those come back."""
    import torch

    shard, write = index / "pytorch_model-00001-of-00002.bin", _copy.write_safetensors
    before = shard.read_bytes()

    def replaced(*args: Any) -> str:
        torch.save({name: tensor + 1 for name, tensor in torch.load(shard).items()}, shard)
        return write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(_copy, "write_safetensors", replaced)
        with pytest.raises(CardError, match="changed while they were converted: run again"):
            made(index)

    assert [] == [path for path in cache.iterdir() if path.suffix != ".lock"]
    shard.write_bytes(before)
    assert made(index).is_converted


def test_settings_beside_the_weights_make_another_copy(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the identity is a commit of the hub, which pins the weights alone."""
    monkeypatch.setattr(_folder, "weights_digest", lambda _: "hub:a/b@c")
    places = [made(index).place]
    (index / "generation_config.json").write_text('{"eos_token_id": 5}', "utf-8")
    places.append(made(index).place)
    (index / "config.json").write_text(json.dumps({**INDEX, "norm_head": False}), "utf-8")
    places.append(made(index).place)

    assert 3 == len(set(places))


@pytest.mark.parametrize("damage", ["hole", "flipped"])
def test_damaged_numbers_make_no_copy(damage: str, index: Path, cache: Path) -> None:
    """A download with holes has the right length and every name; the checksums of the archive tell."""
    path = index / "pytorch_model-00001-of-00002.bin"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = (
        bytes(4000) if damage == "hole" else [each ^ 1 for each in data[middle : middle + 4000]]
    )
    path.write_bytes(data)

    with pytest.raises(CardError, match=r"00001-of-00002\.bin: damaged \(.*CRC.*copy it again") as caught:
        made(index)

    assert 1 == len(str(caught.value).splitlines())
    assert [] == [each for each in cache.iterdir() if each.suffix != ".lock"]


def test_a_refused_shard_leaves_no_copy(index: Path, cache: Path) -> None:
    """The error names file and entry."""
    import torch

    torch.save({"model": {"w": torch.ones(2)}}, index / "pytorch_model-00002-of-00002.bin")

    with pytest.raises(CardError, match=r"00002-of-00002\.bin: 'model' is a mapping of 1"):
        made(index)

    assert [] == [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_a_copy_is_found_from_another_working_folder(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where EVALKIT_CACHE is a relative path: engines in other processes are given whole ones."""
    monkeypatch.chdir(index.parent)
    monkeypatch.setenv("EVALKIT_CACHE", "relative")

    assert Path(made(index).place).is_absolute()
    shutil.rmtree("relative")
