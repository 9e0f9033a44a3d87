"""Weights that are not all in the model are refused; parts that a text model lacks are left out and said."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.errors import CardError

if TYPE_CHECKING:
    import torch

    from evalkit.models.huggingface._adapter import HuggingFaceModel

Load = Callable[..., "HuggingFaceModel"]
SaveModel = Callable[..., Path]
UP = "model.layers.0.mlp.up_proj.weight"


def change(folder: Path, config: dict[str, Any] | None = None, **tensors: torch.Tensor) -> Path:
    """The model with another configuration and with tensors put in their place, or beside, in its weights."""
    from safetensors.torch import load_file, save_file

    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **(config or {})}), "utf-8")
    weights = folder / "model.safetensors"
    save_file({**load_file(weights), **tensors}, weights, metadata={"format": "pt"})
    return folder


def refusal(folder: Path, load: Load) -> str:
    """The one line with which the model is refused."""
    with pytest.raises(CardError) as caught:
        load(folder)
    assert 1 == len(str(caught.value).splitlines())
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_threads_load_one_after_the_other(save_model: SaveModel, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two loads at once leave tensors out of one of them, or fill them with random numbers."""
    from transformers import AutoModelForCausalLM

    folder, real = save_model(), AutoModelForCausalLM.from_pretrained
    together, busy = threading.Event(), threading.Lock()

    def watched(*arguments: Any, **named: Any) -> Any:
        if not busy.acquire(blocking=False):
            together.set()
            return real(*arguments, **named)
        together.wait(0.2)  # room for the other thread to come in
        busy.release()
        return real(*arguments, **named)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", watched)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, [folder, folder]))

    assert not together.is_set()


def test_a_configuration_with_fewer_layers_is_refused(save_model: SaveModel, load: Load) -> None:
    """The first layers alone answer fluently, and are another model."""
    message = refusal(change(save_model(), {"num_hidden_layers": 1}), load)

    assert "9 tensors" in message
    assert "model.layers.1." in message
    assert "number of layers" in message


def test_biases_that_the_configuration_switches_off_are_refused(save_model: SaveModel, load: Load) -> None:
    """They are part of the model that was trained."""
    message = refusal(change(save_model(attention_bias=True), {"attention_bias": False}), load)

    assert "8 tensors" in message
    assert "k_proj.bias" in message


def test_an_adapters_tensors_inside_the_weights_are_refused(save_model: SaveModel, load: Load) -> None:
    """They would be left out, and the base alone scored."""
    import torch

    tensors = {f"model.layers.0.self_attn.q_proj.lora_{side}.weight": torch.ones(4, 32) for side in "AB"}

    assert "merge an adapter" in refusal(change(save_model(), **tensors), load)


@pytest.mark.parametrize("has_scale", [True, False])
@pytest.mark.parametrize("kind", ["int8", "uint8", "float8_e4m3fn"])
def test_quantised_tensors_without_their_configuration_are_refused(
    kind: str, has_scale: bool, save_model: SaveModel, load: Load
) -> None:
    """transformers would take the whole numbers for the weights."""
    import torch

    folder = save_model()
    tensors = {UP: torch.ones(64, 32).to(getattr(torch, kind))}
    if has_scale:
        tensors[f"{UP}_scale_inv"] = torch.ones(1, 1)

    assert "quantization_config" in refusal(change(folder, **tensors), load)


def test_buffers_that_older_releases_saved_pass_without_a_word(save_model: SaveModel, load: Load) -> None:
    """They are computed anew."""
    import torch

    notes: list[str] = []
    names = ("rotary_emb.inv_freq", "masked_bias", "attn.bias", "causal_mask")
    tensors = {f"model.layers.0.self_attn.{name}": torch.ones(8) for name in names}
    tensors["model.layers.1.attn.bias"] = torch.ones(4, 4, dtype=torch.bool)

    load(change(save_model(), **tensors), note=notes.append)

    assert [] == notes


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("model.mtp.layers.0.mlp.up_proj.weight", {}),
        ("mtp.fc.weight", {}),
        ("model.layers.2.mlp.up_proj.weight", {"num_nextn_predict_layers": 1}),
        ("model.vision_tower.blocks.0.weight", {}),
        ("audio_tower.conv1.weight", {}),
        ("model.layers.0.self_attn.k_scale", {}),
        ("v_head.summary.weight", {}),
    ],
)
def test_parts_that_a_text_model_lacks_are_left_out_and_said(
    name: str, config: dict[str, Any], save_model: SaveModel, load: Load
) -> None:
    """Towers for images and sound, layers that draft tokens ahead, heads that judge."""
    import torch

    notes: list[str] = []

    load(change(save_model(), config, **{name: torch.ones(4)}), note=notes.append)

    assert [f"1 tensors are not used, first {name}"] == [note.partition(":")[0] for note in notes]


@pytest.mark.parametrize(("layer", "drafting"), [(2, 0), (3, 1)])
def test_layers_behind_the_last_are_refused_where_none_of_them_drafts(
    layer: int, drafting: int, save_model: SaveModel, load: Load
) -> None:
    """Only as many as the configuration says."""
    import torch

    tensors = {f"model.layers.{layer}.mlp.up_proj.weight": torch.ones(4)}

    assert "1 tensors" in refusal(change(save_model(), {"num_nextn_predict_layers": drafting}, **tensors), load)


def test_two_output_embeddings_are_refused(save_model: SaveModel, load: Load) -> None:
    """config.json asks for one and the weights hold another: engines take one or the other."""
    folder = change(save_model(), {"tie_word_embeddings": True})

    assert "tie_word_embeddings true" in refusal(folder, load)


def test_an_output_embedding_stored_twice_is_one(save_model: SaveModel, load: Load) -> None:
    """As pickled checkpoints hold it."""
    from safetensors.torch import load_file

    folder = save_model()
    same = load_file(folder / "model.safetensors")["model.embed_tokens.weight"]
    change(folder, {"tie_word_embeddings": True}, **{"lm_head.weight": same})

    assert load(folder).engine_info
