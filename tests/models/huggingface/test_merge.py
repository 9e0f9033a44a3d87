"""An adapter is merged as peft merges it, and one of another model changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evalkit.cards import read_adapter
from evalkit.errors import CardError
from evalkit.models.huggingface._merge import merge_adapter
from tests.adapters import save_adapter

SaveModel = Callable[..., Path]
Load = Callable[..., Any]
SHAPES = {"model.layers.0.self_attn.q_proj": (32, 32), "model.layers.1.mlp.down_proj": (32, 64)}


def network(folder: Path) -> Any:
    """A model of transformers."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.mark.parametrize("stable", [False, True])
def test_weights_become_w_and_scale_times_b_a(tiny_model: Path, tmp_path: Path, stable: bool) -> None:
    """As peft's own `merge_and_unload`, where that is installed."""
    folder = save_adapter(tmp_path / "a", SHAPES, use_rslora=stable, base_model_name_or_path=str(tiny_model))
    from safetensors.torch import load_file

    tensors, before, model = load_file(folder / "adapter_model.safetensors"), network(tiny_model), network(tiny_model)

    assert 2 == merge_adapter(model, read_adapter(folder))

    scale = 8 / 2 if stable else 8 / 4
    for name in SHAPES:
        up, down = (tensors[f"base_model.model.{name}.lora_{side}.weight"] for side in "BA")
        expected = before.get_submodule(name).weight + scale * up @ down
        assert torch.allclose(expected, model.get_submodule(name).weight, atol=1e-6)
    untouched = "model.layers.1.self_attn.q_proj"
    assert torch.equal(before.get_submodule(untouched).weight, model.get_submodule(untouched).weight)


@pytest.mark.filterwarnings("default")
def test_it_is_what_peft_merges(tiny_model: Path, tmp_path: Path) -> None:
    """The peer of the few lines here."""
    peft = pytest.importorskip("peft")
    folder = save_adapter(tmp_path / "a", SHAPES, base_model_name_or_path=str(tiny_model))
    ours = network(tiny_model)
    merge_adapter(ours, read_adapter(folder))

    theirs = peft.PeftModel.from_pretrained(network(tiny_model), folder).merge_and_unload()

    for name in SHAPES:
        assert torch.allclose(theirs.get_submodule(name).weight, ours.get_submodule(name).weight, atol=1e-6)


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ({"model.layers.0.self_attn.q_proj": (64, 32)}, "another model"),
        ({"model.layers.7.self_attn.q_proj": (32, 32)}, "no layer"),
        ({"model.layers.0.self_attn.q_proj": (32, 32), "model.norm": (32, 32)}, "only linear layers"),
        ({}, "holds no tensors"),
    ],
)
def test_an_adapter_of_another_model_changes_nothing(
    shapes: dict[str, tuple[int, int]], reason: str, tiny_model: Path, tmp_path: Path
) -> None:
    """One line, and the weights are as they were."""
    adapter = read_adapter(save_adapter(tmp_path / "a", shapes))
    before, model = network(tiny_model), network(tiny_model)

    with pytest.raises(CardError, match=reason) as caught:
        merge_adapter(model, adapter)

    assert 1 == len(str(caught.value).splitlines())
    for (name, ours), (_, theirs) in zip(model.named_parameters(), before.named_parameters(), strict=True):
        assert torch.equal(ours, theirs), name


def test_tensors_that_are_no_a_or_b_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    """A magnitude, a whole layer, an embedding: left out, they would make another model."""
    from safetensors.torch import load_file, save_file

    folder = save_adapter(tmp_path / "a", SHAPES)
    path = folder / "adapter_model.safetensors"
    save_file(load_file(path) | {"base_model.model.lm_head.weight": torch.ones(2, 2)}, path)

    with pytest.raises(CardError, match="lm_head"):
        merge_adapter(network(tiny_model), read_adapter(folder))


def test_tensors_that_are_no_numbers_of_weights_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    """Cast, they would be another adapter."""
    from safetensors.torch import load_file, save_file

    path = save_adapter(tmp_path / "a", SHAPES) / "adapter_model.safetensors"
    save_file({name: tensor.to(torch.int32) for name, tensor in load_file(path).items()}, path)

    with pytest.raises(CardError, match="holds I32"):
        merge_adapter(network(tiny_model), read_adapter(path.parent))


def test_two_tensors_for_one_side_of_a_layer_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    """With and without peft's prefix: one of them would be dropped in silence."""
    from safetensors.torch import load_file, save_file

    path = save_adapter(tmp_path / "a", SHAPES) / "adapter_model.safetensors"
    name = "model.layers.1.mlp.down_proj.lora_B.weight"
    tensors = load_file(path)
    save_file(tensors | {name: tensors[f"base_model.model.{name}"] * 2}, path)

    with pytest.raises(CardError, match="are the same"):
        merge_adapter(network(tiny_model), read_adapter(path.parent))


def test_a_layer_with_one_side_alone_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    """A torn copy."""
    from safetensors.torch import load_file, save_file

    folder = save_adapter(tmp_path / "a", SHAPES)
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    del tensors["base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"]
    save_file(tensors, path)

    with pytest.raises(CardError, match="lora_B of"):
        merge_adapter(network(tiny_model), read_adapter(folder))


def test_a_damaged_file_is_one_line(tiny_model: Path, tmp_path: Path) -> None:
    """It names the file."""
    folder = save_adapter(tmp_path / "a", SHAPES)
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(CardError, match=r"adapter_model\.safetensors: cannot be read"):
        merge_adapter(network(tiny_model), read_adapter(folder))


def test_quantised_weights_take_no_adapter(tiny_model: Path, tmp_path: Path) -> None:
    """A merge would be into numbers that are no weights."""
    model = network(tiny_model)
    model.config.quantization_config = {"quant_method": "gptq"}

    with pytest.raises(CardError, match="quantised"):
        merge_adapter(model, read_adapter(save_adapter(tmp_path / "a", SHAPES)))


def test_a_tied_output_takes_no_adapter(save_model: SaveModel, tmp_path: Path) -> None:
    """It would change the embedding too."""
    folder = save_model(tie_word_embeddings=True)
    rows = network(folder).lm_head.weight.shape[0]
    adapter = read_adapter(save_adapter(tmp_path / "a", {"lm_head": (rows, 32)}))

    with pytest.raises(CardError, match="tied"):
        merge_adapter(network(folder), adapter)


def test_the_adapter_answers_with_it(
    load: Load, tiny_model: Path, tmp_path: Path, ask: Callable[..., Any], prompts: list[list[int]]
) -> None:
    """The whole way, from options to texts: a merged folder gives the same."""
    from transformers import AutoTokenizer

    from evalkit.rope import RopeSetting

    adapter = read_adapter(save_adapter(tmp_path / "a", SHAPES, size=0.5))
    merged = network(tiny_model)
    merge_adapter(merged, adapter)
    merged.save_pretrained(tmp_path / "merged")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "merged")

    def texts(model: Any) -> list[str]:
        return [each.text for each in model.generate(RopeSetting("native"), ask(prompts))]

    found = texts(load(tiny_model, adapter=adapter))

    assert texts(load(tmp_path / "merged")) == found
    assert texts(load(tiny_model)) != found
