"""Model folders: their weights, and the card derived from one that has none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.cards import contradictions, load_card
from evalkit.errors import CardError, UserError

WriteModel = Callable[..., Path]


def test_a_folder_without_safetensors_is_refused(write_model: WriteModel) -> None:
    """Missing weights are found before anything is loaded."""
    card = load_card(write_model(weights=False))

    with pytest.raises(CardError, match=r"no weights \(\*\.safetensors, pytorch_model\.bin\)"):
        card.require_weights()


@pytest.mark.parametrize("name", ["consolidated.00.pth", "model.pt", "adapter_model.bin"])
def test_pickles_of_another_layout_are_named(write_model: WriteModel, name: str) -> None:
    """The folder says what lies there, and what to do."""
    folder = write_model(weights=False)
    (folder / name).write_bytes(b"")

    with pytest.raises(CardError, match=f"found {name}, pickled in another layout: save the model again"):
        load_card(folder).require_weights()


def test_a_missing_shard_is_named(write_model: WriteModel) -> None:
    """All shards of the index must be there."""
    folder = write_model()
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")

    with pytest.raises(CardError, match=r"1 shards are missing, first model-2\.safetensors"):
        load_card(folder).require_weights()


def test_complete_weights_give_their_folder(write_model: WriteModel) -> None:
    """Weights that are complete are given as the folder to load."""
    folder = write_model()

    assert str(folder) == load_card(folder).require_weights()


def test_a_model_folder_is_a_card(write_model: WriteModel) -> None:
    """A folder as downloaded from the hub gives a card without writing one."""
    folder = write_model(chat_template="{{ messages }}")

    card = load_card(folder)

    assert ("My-model", "My model", 4096, "tokenizer") == (card.name, card.title, card.context_length, card.chat)
    assert (2, 64, 128, 4, 2, 16, 300) == (
        *(card.architecture.layers, card.architecture.hidden, card.architecture.feed_forward),
        *(
            card.architecture.heads,
            card.architecture.kv_heads,
            card.architecture.head_dim,
            card.architecture.vocabulary,
        ),
    )
    assert folder == card.weights_path


def test_a_model_folder_without_template_is_not_taken_for_a_base_model(write_model: WriteModel) -> None:
    """Whether prompts may go without a chat format is the user's decision (`--chat none`), not a guess."""
    assert load_card(write_model()).chat == "tokenizer"


def test_a_template_file_counts(write_model: WriteModel) -> None:
    """A chat template in a file of its own is seen too."""
    folder = write_model()
    (folder / "chat_template.jinja").write_text("{{ messages }}", "utf-8")

    assert load_card(folder).chat == "tokenizer"


@pytest.mark.parametrize(
    ("changes", "theta", "scaling"),
    [
        ({}, 10000.0, None),
        ({"rope_theta": None}, None, None),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, 5e5, None),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 5e5}}, 5e5, "yarn:4"),
        ({"rope_scaling": {"type": "linear", "factor": 8.0}}, 10000.0, "linear:8"),
        ({"rope_scaling": {"rope_type": "dynamic", "factor": 2.5}}, 10000.0, "dynamic:2.5"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 10000.0, "native"),
        ({"rope_scaling": {"type": "linear"}}, 10000.0, "native"),
        ({"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e6}}}, None, "native"),
    ],
)
def test_rope_is_read_in_every_spelling(
    write_model: WriteModel, changes: dict[str, object], theta: float | None, scaling: str | None
) -> None:
    """Both generations of configuration files give the base and the scaling."""
    card = load_card(write_model(changes))

    assert (theta, scaling) == (card.rope.theta, card.rope.scaling)


def test_remote_code_is_announced(write_model: WriteModel) -> None:
    """A model whose config maps a class to repository code says that it needs permission."""
    card = load_card(write_model({"auto_map": {"AutoModelForCausalLM": "modeling_mine.Mine"}}))

    assert card.trust_remote_code_required


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_position_embeddings": None}, r"no context length .*: write a card\.yaml"),
        ({"max_position_embeddings": "long"}, "max_position_embeddings: expected a positive whole number"),
        ({"max_position_embeddings": True}, "max_position_embeddings: expected a positive whole number"),
        ({"rope_theta": -1}, "rope_theta: expected a positive number"),
        ({"rope_scaling": "linear"}, "rope_scaling: expected an object"),
        ({"max_position_embeddings": 10**30}, "max_position_embeddings: expected at most"),
        ({"max_position_embeddings": 10**400}, "a number of 401 digits"),
        ({"rope_theta": float("inf")}, "rope_theta: expected a number from 1e-06 to 1e.18, found inf"),
        ({"rope_theta": float("nan")}, "rope_theta: expected a positive number, found nan"),
        ({"rope_theta": 10**290}, "rope_theta: expected a number from"),
        ({"rope_scaling": {"type": "linear", "factor": 1e-9}}, "factor: expected a number from"),
        ({"rope_scaling": {"type": "linear", "factor": 1e30}}, "factor: expected a number from"),
        ({"rope_scaling": {"type": "linear", "factor": 1e17}}, "factor: expected at most 1,000,000"),
        ({"rope_scaling": {"type": "linear", "factor": float("inf")}}, "factor: expected a number from"),
        ({"rope_scaling": {"type": ["linear"], "factor": 2}}, "type: expected a word"),
        (
            {"model_type": "phi3", "head_dim": 1, "partial_rotary_factor": 0.1},
            "partial_rotary_factor: 0.1 of a head of 1",
        ),
        ({"hidden_size": 2, "num_attention_heads": 64, "head_dim": None}, "head_dim: Input should be greater than 0"),
    ],
)
def test_an_unusable_config_names_its_field(write_model: WriteModel, changes: dict[str, object], message: str) -> None:
    """A config.json that states nonsense is a user error with file and field."""
    folder = write_model(changes)

    with pytest.raises(CardError, match=rf"config\.json: {message}"):
        load_card(folder)


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"a": ', "[" * 100_000, '{"rope_theta": 1, "rope_theta": 2}', '{"a": "\\ud800"}']
)
def test_a_damaged_config_is_refused(tmp_path: Path, text: str) -> None:
    """A config.json that is not a JSON object is a user error."""
    (tmp_path / "config.json").write_text(text, "utf-8")

    with pytest.raises(UserError, match=r"config\.json: "):
        load_card(tmp_path)


def test_an_adapter_beside_a_model_is_refused(write_model: WriteModel) -> None:
    """Loading it or leaving it out would give two different models, and nobody could tell which."""
    folder = write_model()
    (folder / "adapter_config.json").write_text("{}", "utf-8")

    with pytest.raises(CardError, match=r"adapter \(LoRA\).*merge"):
        load_card(folder)


def test_a_folder_of_an_adapter_alone_says_what_it_is(tmp_path: Path) -> None:
    """An adapter without its base model is not a model."""
    (tmp_path / "adapter_config.json").write_text("{}", "utf-8")

    with pytest.raises(CardError, match=r"adapter \(LoRA\)"):
        load_card(tmp_path)


@pytest.mark.parametrize("is_folder", [True, False])
def test_gguf_weights_are_named(tmp_path: Path, is_folder: bool) -> None:
    """They need another program, which the message names."""
    file = tmp_path / "model-Q4_K_M.gguf"
    file.write_bytes(b"GGUF\xbd")

    with pytest.raises(CardError, match=r"GGUF weights.*llama"):
        load_card(tmp_path if is_folder else file)


def test_weights_in_a_folder_of_their_own_are_complete(write_model: WriteModel) -> None:
    """Shards lie where the index says."""
    folder = write_model(weights=False)
    (folder / "shards").mkdir()
    (folder / "shards" / "a.safetensors").write_bytes(b"")
    index = {"weight_map": {"a": "shards/a.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")

    assert str(folder) == load_card(folder).require_weights()


def test_a_card_that_claims_more_than_its_weights_is_found_out(write_model: WriteModel) -> None:
    """Both numbers are said; a card that claims no more says nothing."""
    folder = write_model()
    text = "name: c\ntitle: C\nlicence: none\nweights: .\ncontext_length: {}\n"

    (folder / "card.yaml").write_text(text.format(8192), "utf-8")
    claims = contradictions(load_card(folder))
    (folder / "card.yaml").write_text(text.format(4096), "utf-8")

    assert [True] == ["claims 8,192 tokens" in claim and "4,096" in claim for claim in claims]
    assert [] == contradictions(load_card(folder))


@pytest.mark.parametrize(
    "shard",
    [
        "w.bin", "../w.safetensors", "/tmp/w.safetensors", "w.safetensors/../../w.bin", "x" * 5000 + ".safetensors",
        "x/" * 600 + "w.safetensors", "a\0.safetensors", "a\n.safetensors", 5, None, ["w.safetensors"],
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_a_shard_that_is_no_safetensors_file_of_the_folder_is_refused(write_model: WriteModel, shard: object) -> None:
    """An index may name a pickle, which runs code, or a file that nobody hashes."""
    folder = write_model()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}), "utf-8")

    with pytest.raises(CardError, match=r"no \*\.safetensors file of this folder"):
        load_card(folder).require_weights()


@pytest.mark.parametrize(
    "given",
    [
        {"do_sample": True},
        {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20},
        {"do_sample": True, "temperature": 0.7, "top_k": 0, "repetition_penalty": 1.05},
    ],
)
def test_a_folder_draws_as_generate_would(write_model: WriteModel, given: dict[str, object]) -> None:
    """What the file leaves open included: transformers' own list of warpers does to scores what the card's does."""
    torch = pytest.importorskip("torch")
    from transformers import GenerationConfig
    from transformers.generation.utils import GenerationMixin

    from evalkit.models import Sampling
    from evalkit.models.huggingface._draw import warped

    folder = write_model()
    (folder / "generation_config.json").write_text(json.dumps(given), "utf-8")
    config = GenerationConfig.from_pretrained(folder)
    config.update(**config._get_default_generation_params(), defaults_only=True)
    config.repetition_penalty = 1.0  # a processor, which the card's penalty sets
    scores = 3 * torch.randn(2, 90, generator=torch.Generator().manual_seed(1))
    chain = GenerationMixin()._get_logits_processor(config, input_ids_seq_length=1, device="cpu")

    card = load_card(folder)

    assert card.sampling is not None
    drawn = card.sampling
    found = warped(scores, Sampling(drawn.temperature, drawn.top_p, drawn.top_k))
    assert torch.equal(chain(torch.zeros((2, 1), dtype=torch.long), scores), found)
    assert given.get("repetition_penalty") == drawn.repetition_penalty
    assert "sampling" in card.facts_of("sources")
    assert not card.remarks


@pytest.mark.parametrize("given", [None, {}, {"do_sample": False, "temperature": 0.6}, {"temperature": 0.6}])
def test_a_folder_that_does_not_ask_for_draws_has_none(
    write_model: WriteModel, given: dict[str, object] | None
) -> None:
    """As `generate`, which draws only where it is told to."""
    folder = write_model()
    if given is not None:
        (folder / "generation_config.json").write_text(json.dumps(given), "utf-8")

    assert load_card(folder).sampling is None


@pytest.mark.parametrize(
    ("given", "remark"),
    [
        ({"temperature": 0}, r"generation_config\.json: a chat decodes greedily: temperature"),
        ({"top_p": "high"}, r"generation_config\.json: a chat decodes greedily: top_p"),
        ({"min_p": 0.1, "typical_p": 1.0}, r"generation_config\.json: a chat draws without min_p 0\.1$"),
    ],
)
def test_draws_that_cannot_be_made_are_told(write_model: WriteModel, given: dict[str, object], remark: str) -> None:
    """A run, which does not ask for them, goes on."""
    folder = write_model()
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True, **given}), "utf-8")

    (told,) = load_card(folder).remarks

    assert re.search(remark, told)
