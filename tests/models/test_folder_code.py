"""What a model folder's configuration may not decide, and how a damaged one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.cards import load_card
from evalkit.errors import CardError
from evalkit.models._folder_code import read_configuration


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "config.json: "),
        (b"[1]", "expected a JSON object, found list"),
        (b"\xff\xfe{\x00}\x00", "UTF-16"),
        (b"[" * 100_000, "config.json: "),
        (None, "no such file"),
        (b'{"configuration_files": ["config.4.0.json"]}', "names other files than the usual ones"),
    ],
    ids=["cut", "a list", "another encoding", "too deep", "gone", "elsewhere"],
)
def test_a_configuration_that_cannot_be_used_is_one_line(
    content: bytes | None, reason: str, tiny_model: Path, tmp_path: Path
) -> None:
    """It may be damaged after the card was read; a backend that reads it again says which file and why."""
    card = load_card(tiny_model).model_copy(update={"weights": str(tmp_path)})
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)

    with pytest.raises(CardError) as caught:
        read_configuration(card)

    assert str(caught.value).startswith(f"{tmp_path / 'config.json'}: ")
    assert reason in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_a_sound_configuration_is_its_object(tiny_model: Path) -> None:
    """As it stands in the file."""
    assert "LlamaForCausalLM" in read_configuration(load_card(tiny_model))["architectures"]
