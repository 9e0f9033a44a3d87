"""Digests that pin a model: every byte that is loaded counts, and large files are read once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from evalkit.cards import Card, file_digest, weights_digest
from evalkit.cards import _digest as module
from evalkit.errors import CardError


@pytest.fixture
def model(tmp_path: Path) -> Card:
    """A card of two shards and a configuration."""
    for name in ("model-1.safetensors", "model-2.safetensors", "config.json", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    values = {"name": "m", "title": "M", "weights": str(tmp_path), "context_length": 8, "licence": "none"}
    return Card.model_validate(values)


@pytest.mark.parametrize("name", ["model-1.safetensors", "model-2.safetensors", "config.json"])
def test_any_byte_that_decides_the_model_changes_the_digest(model: Card, tmp_path: Path, name: str) -> None:
    """Weights and their configuration, first byte or last."""
    digests = {weights_digest(model)}
    content = (tmp_path / name).read_bytes()

    for changed in (b"?" + content[1:], content[:-1] + b"?", content + b"?"):
        (tmp_path / name).write_bytes(changed)
        digests.add(weights_digest(model))

    assert 4 == len(digests)


def test_every_file_that_is_loaded_counts(model: Card, tmp_path: Path) -> None:
    """Shards in folders of their own, quantisation settings, and code where it may run."""
    digests = [weights_digest(model)]
    (tmp_path / "quantize_config.json").write_text("{}")
    digests.append(weights_digest(model))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.safetensors").write_bytes(b"1")
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "deep/a.safetensors"}}')
    digests.append(weights_digest(model))
    (tmp_path / "deep" / "a.safetensors").write_bytes(b"2")
    digests.append(weights_digest(model))
    (tmp_path / "modeling_own.py").write_text("x = 1")
    digests.append(weights_digest(model, trust_remote_code=True))
    (tmp_path / "modeling_own.py").write_text("x = 2")
    digests.append(weights_digest(model, trust_remote_code=True))

    assert len(digests) == len(set(digests))
    assert digests[3] == weights_digest(model)  # code that may not run is no part of the model


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "chat_template.json"])
def test_files_of_the_tokenizer_have_a_digest_of_their_own(model: Card, tmp_path: Path, name: str) -> None:
    """They are part of the identity as what they do to a text, so that a file saved again is no other run."""
    before = weights_digest(model)
    (tmp_path / name).write_text("{}")

    assert before == weights_digest(model)


def test_other_files_of_the_folder_do_not_count(model: Card, tmp_path: Path) -> None:
    """A changed readme is the same model."""
    before = weights_digest(model)
    (tmp_path / "notes.txt").write_text("changed")

    assert before == weights_digest(model)


@pytest.mark.usefixtures("model")
def test_digests_of_large_files_are_remembered_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte counts; the same size, path and time of change is not read again."""
    monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "REMEMBER_BYTES", 1)
    path = tmp_path / "model-1.safetensors"
    first = file_digest(path)
    content = path.read_bytes()
    monkeypatch.setattr(module, "sha256_of", lambda *_: pytest.fail("read again"))
    again = file_digest(path)
    monkeypatch.undo()

    path.write_bytes(content[:-1] + b"?")
    os.utime(path, ns=(1, 1))

    assert first == again
    assert first != file_digest(path)


@pytest.mark.usefixtures("model")
def test_weights_replaced_with_the_same_size_and_date_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cp -p` of another checkpoint over this one: as large, as old, and not the same model."""
    monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "REMEMBER_BYTES", 1)
    path = tmp_path / "model-1.safetensors"
    os.utime(path, ns=(1, 1))
    first, content = file_digest(path), path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    os.utime(path, ns=(1, 1))

    assert first != file_digest(path)


@pytest.mark.usefixtures("model")
def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is right, and the weights are not blamed."""
    (tmp_path / "cache").write_text("a file in the way")
    monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "REMEMBER_BYTES", 1)
    path = tmp_path / "model-1.safetensors"

    assert hashlib.sha256(path.read_bytes()).hexdigest() == file_digest(path)


def test_weights_that_are_not_there_have_no_digest(model: Card, tmp_path: Path) -> None:
    """The digest of nothing would bind a run folder to nothing."""
    for path in tmp_path.glob("*.safetensors"):
        path.unlink()

    with pytest.raises(CardError, match="no weights"):
        weights_digest(model)


def test_a_file_that_cannot_be_read_is_one_line(model: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, without a traceback."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(CardError, match=r"model-1\.safetensors: cannot be read \(Permission denied\)"):
        weights_digest(model)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"5", b'{"a": 1}', b"\xff", b'{"a": "b", "a": "c"}', b""])
def test_a_damaged_memory_of_digests_costs_hashing_again(
    model: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """Nothing else: what stands in it is not trusted."""
    monkeypatch.setattr(module, "REMEMBER_BYTES", 1)
    monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))
    before = weights_digest(model)
    (tmp_path / "cache" / "weight_digests.json").write_bytes(content)

    assert before == weights_digest(model)


def test_pickled_weights_have_the_digest_of_their_files(model: Card, tmp_path: Path) -> None:
    """As published, whatever is made of them; what a trainer saved beside them is not the model."""
    for path in tmp_path.glob("*.safetensors"):
        path.unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"weights")
    first = weights_digest(model)
    (tmp_path / "training_args.bin").write_bytes(b"settings")
    second = weights_digest(model)
    (tmp_path / "pytorch_model.bin").write_bytes(b"weightS")

    assert first == second != weights_digest(model)
