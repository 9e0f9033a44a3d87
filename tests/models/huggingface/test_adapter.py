"""The transformers adapter: its answers are those of transformers itself, however prompts are ordered and shared."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.errors import CardError, UserError
from evalkit.models import Completion, GenerationRequest
from evalkit.models.huggingface import _prefill as module
from evalkit.planning import TokenSpool, shared_prefixes, trie_order, unique_tokens
from evalkit.prompts import PromptTokenizer, token_array
from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Load = Callable[..., "HuggingFaceModel"]
Reference = Callable[..., list[list[int]]]
SaveModel = Callable[..., Path]

NATIVE = RopeSetting("native")


def answers(model: HuggingFaceModel, requests: Sequence[GenerationRequest]) -> dict[int, Completion]:
    """Index → completion."""
    return {completion.index: completion for completion in model.generate(NATIVE, requests)}


def texts(model: HuggingFaceModel, requests: Sequence[GenerationRequest]) -> list[str]:
    """The answers in the order of the requests' indexes."""
    return [completion.text for _, completion in sorted(answers(model, requests).items())]


def read(tokenizer: PromptTokenizer, ids: list[int]) -> str:
    """The text of generated ids without the end-of-text token."""
    return tokenizer.decode(ids[:-1] if ids[-1] == 1 else ids, skip_special=False)


def sorted_requests(requests: Sequence[GenerationRequest]) -> list[GenerationRequest]:
    """The requests in trie order, as a plan gives them."""
    return sorted(requests, key=lambda request: request.ids.tolist())


def change_weights(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite the tensors of a saved model."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("kind", ["Llama", "Qwen2", "Mistral"])
def test_answers_are_those_of_transformers_own_generate(
    kind: str, save_model: SaveModel, load: Load, ask: Ask, target: Reference, prompts: list[list[int]],
    tokenizer: PromptTokenizer,
) -> None:  # fmt: skip
    """Greedy, in float32, with prefix reuse on: every answer, token for token."""
    folder = save_model(kind=kind)
    expected = [read(tokenizer, ids) for ids in target(folder, prompts)]

    found = texts(load(folder), sorted_requests(ask(prompts)))

    assert expected == found
    assert len(prompts) - 1 <= len(set(found))


@pytest.mark.parametrize("penalty", [{"repetition_penalty": 1.6}, {"no_repeat_ngram_size": 1}])
def test_penalties_of_the_generation_configuration_count_as_in_generate(
    penalty: dict[str, Any], save_model: SaveModel, load: Load, ask: Ask, target: Reference,
    prompts: list[list[int]], tokenizer: PromptTokenizer,
) -> None:  # fmt: skip
    """Published set-ups only switch sampling off, so a model's own penalties apply; here they change answers."""
    folder = save_model(kind="Llama")
    plain = texts(load(folder), ask(prompts, max_new_tokens=12))
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **penalty}))
    expected = [read(tokenizer, ids) for ids in target(folder, prompts, 12)]

    found = texts(load(folder), ask(prompts, max_new_tokens=12))

    assert expected == found
    assert plain != found


def test_reuse_and_order_change_no_answer(load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]]) -> None:
    """Sorted, reversed, shuffled, with and without reuse: the same text for the same prompt."""
    requests = ask(prompts)
    shuffled = [requests[index] for index in (4, 0, 8, 2, 6, 1, 7, 3, 5)]
    reusing, control = load(tiny_model), load(tiny_model, is_reusing_prefixes=False)

    found = [texts(reusing, order) for order in (sorted_requests(requests), requests[::-1], shuffled)]

    assert [texts(control, requests)] * 3 == found


def test_computed_tokens_are_the_planned_unique_tokens_where_their_reuse_is_cheaper(
    load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]]
) -> None:
    """In trie order each document is computed once and each BOS, one token that all share, again; else every token."""
    spool = TokenSpool()
    for ids in prompts:
        spool.append(token_array(ids))
    order = trie_order(spool, range(len(prompts)))
    planned = unique_tokens([spool.tokens(index) for index in order], shared_prefixes(spool, order))
    requests = [ask(prompts)[index] for index in order]

    computed = [
        sum(len(prompts[index]) - (done.cached_tokens or 0) for index, done in answers(model, requests).items())
        for model in (load(tiny_model), load(tiny_model, is_reusing_prefixes=False))
    ]

    assert [planned + 2, sum(map(len, prompts))] == computed  # three documents behind one BOS


def test_an_identical_prompt_recomputes_one_token(
    load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]]
) -> None:
    """Its last one, for the logits; the answer is the same."""
    first, second = answers(load(tiny_model), ask([prompts[0], prompts[0]])).values()

    assert (0, len(prompts[0]) - 1) == (first.cached_tokens, second.cached_tokens)
    assert first.text == second.text


def test_a_call_goes_on_from_the_last_one_of_its_setting(
    load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]]
) -> None:
    """Not from one of another rotation, nor from one that was left before its end."""
    model = load(tiny_model)
    requests, turned = ask([prompts[0]]), RopeSetting("default", 2.0)

    def cached(rope: RopeSetting) -> int | None:
        (done,) = model.generate(rope, requests)
        return done.cached_tokens

    assert [0, len(prompts[0]) - 1, 0, 0] == [cached(rope) for rope in (NATIVE, NATIVE, turned, NATIVE)]
    left = model.generate(NATIVE, ask([prompts[0], prompts[1]]))
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert 0 == cached(NATIVE)


def test_a_prompt_that_continues_an_answer_reuses_the_answer(
    load: Load, tiny_model: Path, ask: Ask, target: Reference, prompts: list[list[int]]
) -> None:
    """One at a time, what was fed back is in the cache too; only the last generated token was never fed back."""
    (answer,) = target(tiny_model, [prompts[0]])

    _, second = answers(load(tiny_model, batch=1), ask([prompts[0], [*prompts[0], *answer, 5]])).values()

    assert len(prompts[0]) + len(answer) - 1 == second.cached_tokens


def test_long_prefills_behind_a_mask_come_in_pieces(
    load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounding the mask's memory changes no answer, for attention that knows no other way."""
    whole = texts(load(tiny_model), ask(prompts))
    monkeypatch.setattr(module, "MASK_ELEMENTS", 300)
    model = load(tiny_model, attention="eager")
    monkeypatch.setattr(model._prefill, "kept", lambda shared, _: shared)  # by cost, so small pieces keep nothing
    sizes: list[int] = []
    step = model._feeding.step
    monkeypatch.setattr(model._feeding, "step", lambda ids, cache: sizes.append(len(ids)) or step(ids, cache))

    pieces = texts(model, ask(prompts))

    assert whole == pieces
    assert {4, 5} & set(sizes)  # 300 elements over a prompt of 65 tokens with 5 new ones


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_generation_limit_is_exact(
    load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]], limit: int
) -> None:
    """A model that does not stop by itself gives that many tokens and says why it ended."""
    done = answers(load(tiny_model), ask(prompts[:1], max_new_tokens=limit))[0]

    assert (limit, "length", None) == (done.output_tokens, done.finish_reason, done.error)


def test_an_end_of_text_token_ends_the_answer_and_is_not_part_of_it(
    save_model: SaveModel, load: Load, ask: Ask, target: Reference, tiny_model: Path, prompts: list[list[int]],
    tokenizer: PromptTokenizer,
) -> None:  # fmt: skip
    """The generation configuration's own token counts, besides the tokenizer's."""
    (plain,) = target(tiny_model, prompts[:1])
    folder = save_model(eos_token_id=[1, plain[2]])

    done = answers(load(folder), ask(prompts[:1]))[0]

    end = plain.index(plain[2])
    assert tokenizer.decode(plain[:end], skip_special=False) == done.text
    assert (end + 1, "stop") == (done.output_tokens, done.finish_reason)


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(
    load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]]
) -> None:
    """Also where it begins inside a token; generation stops with the token that completes it."""
    model = load(tiny_model)
    plain = answers(model, ask(prompts[:1]))[0].text
    stop = plain[3:5]

    done = answers(model, ask(prompts[:1], stop=(stop, "never")))[0]

    assert plain[: plain.index(stop)] == done.text
    assert "stop" == done.finish_reason
    assert done.output_tokens < 6


def test_a_model_with_dynamic_scaling_answers_each_prompt_as_if_it_were_the_first(
    save_model: SaveModel,
    load: Load,
    ask: Ask,
    target: Reference,
    prompts: list[list[int]],
    tokenizer: PromptTokenizer,
) -> None:
    """Its base follows the longest position seen, so nothing is carried on; said once, when that setting runs."""
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    folder = save_model(max_position_embeddings=48, rope_parameters=rope)
    expected = [read(tokenizer, ids) for ids in target(folder, prompts)]
    notes: list[str] = []
    model, requests = load(folder, note=notes.append), ask(prompts)

    list(model.generate(RopeSetting("default", 20000.0), requests))
    assert [] == notes

    for order in (requests, requests[::-1]):
        assert expected == texts(model, order)
        assert {0} == {done.cached_tokens for done in answers(model, order).values()}
    assert ["no prefix reuse and one answer at a time under --rope native"] == [
        note.partition(":")[0] for note in notes
    ]


def test_a_model_with_a_sliding_window_reuses_nothing_and_says_so(
    save_model: SaveModel,
    load: Load,
    ask: Ask,
    target: Reference,
    prompts: list[list[int]],
    tokenizer: PromptTokenizer,
) -> None:
    """A cache that forgot tokens cannot be cropped; answers are still transformers' own."""
    folder = save_model(kind="Mistral", sliding_window=16)
    expected = [read(tokenizer, ids) for ids in target(folder, prompts)]

    model = load(folder)

    assert expected == texts(model, ask(prompts))
    assert {0} == {done.cached_tokens for done in answers(model, ask(prompts)).values()}
    assert "forget" in model.engine_info["prefix_reuse"]


def test_logits_that_are_no_numbers_fail_the_sample(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """A model that overflows gives no answer at all, not a wrong one."""
    folder = save_model()
    change_weights(folder, lambda tensors: tensors["lm_head.weight"].fill_(float("nan")))

    done = answers(load(folder), ask(prompts[:2]))

    assert [("", "error")] * 2 == [(each.text, each.finish_reason) for each in done.values()]
    assert all(each.error and "not finite" in each.error for each in done.values())


def test_logits_that_break_in_the_middle_of_an_answer_fail_that_sample_only(
    save_model: SaveModel, load: Load, ask: Ask, target: Reference, tiny_model: Path, prompts: list[list[int]]
) -> None:
    """The half answer is dropped, and the next prompt starts from a clean cache."""
    first, other = target(tiny_model, [prompts[0], prompts[4]])
    poison = next(token for token in first[:-1] if token not in {*prompts[0], *prompts[4], *other})
    folder = save_model()
    change_weights(folder, lambda tensors: tensors["model.embed_tokens.weight"][poison].fill_(float("nan")))
    model = load(folder)

    done = answers(model, ask([prompts[0], prompts[4]]))

    assert ("", "error") == (done[0].text, done[0].finish_reason)
    assert texts(load(tiny_model), ask(prompts[4:5])) == [done[1].text]


def test_a_fault_between_two_layers_spoils_no_later_prompt(
    load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some layers have the new keys and some do not: nothing of that cache is used again."""
    model, expected = load(tiny_model, batch=1), texts(load(tiny_model), ask(prompts[:3]))
    layer = model._model.model.layers[1]
    forward, calls = layer.forward, []

    def break_once(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 7:  # the first answer takes six passes, so this is the second prompt's prefill
            raise RuntimeError("out of memory")
        return forward(*arguments, **options)

    monkeypatch.setattr(layer, "forward", break_once)

    done = answers(model, ask(prompts[:3]))

    assert "RuntimeError: out of memory" == done[1].error
    assert done[1].is_of_memory
    assert [expected[0], "", expected[2]] == [done[index].text for index in range(3)]


def test_tokens_masked_with_minus_infinity_do_not_fail_a_sample(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some models mask padding entries of their vocabulary; the winner is still a number."""
    model = load(save_model())
    forward = model._forward

    def masked(ids: list[int]) -> Any:
        logits = forward(ids).clone()
        logits[:2] = float("-inf")
        return logits

    monkeypatch.setattr(model, "_forward", masked)

    done = answers(model, ask(prompts[:1]))[0]

    assert (None, 6) == (done.error, done.output_tokens)


def test_a_token_the_model_does_not_have_fails_that_sample_only(load: Load, tiny_model: Path, ask: Ask) -> None:
    """A tokenizer larger than the embedding is the user's mistake, but the run goes on."""
    done = answers(load(tiny_model), ask([[0, 5, 100_000], [0, 5]]))

    assert ("error", "length") == (done[0].finish_reason, done[1].finish_reason)
    assert "token 100,000 is not among the model's" in str(done[0].error)


def test_a_tokenizer_larger_than_the_embedding_is_said_at_once(load: Load, save_model: SaveModel) -> None:
    """Prompts that hold none of its last tokens would be answered without a word."""
    notes: list[str] = []

    load(save_model(vocab_size=300), note=notes.append)

    assert 1 == len([note for note in notes if "tokens and the model 300" in note])


def test_facts_say_what_the_run_really_used(load: Load, tiny_model: Path) -> None:
    """For the manifest: number format, device, attention, threads, reuse."""
    info = load(tiny_model, is_reusing_prefixes=False, dtype="bfloat16").engine_info

    assert ("bfloat16", "cpu", "sdpa", 1, "switched off") == (
        info["dtype"], info["device"], info["attention"], info["threads"], info["prefix_reuse"]
    )  # fmt: skip


def drop_tensor(folder: Path) -> None:
    """A checkpoint that was not copied whole."""
    change_weights(folder, lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight"))


def cut_file(folder: Path) -> None:
    """A file that was cut off."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def change_width(folder: Path) -> None:
    """A configuration of another model."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))


def change_kind(folder: Path) -> None:
    """A model that transformers does not know."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "nothing", "architectures": ["Nothing"]}))


@pytest.mark.parametrize("break_model", [drop_tensor, cut_file, change_width, change_kind])
def test_weights_that_do_not_fit_are_refused_in_one_line(
    break_model: Callable[[Path], None], save_model: SaveModel, load: Load
) -> None:
    """Above all, missing tensors are never filled with random numbers and scored."""
    folder = save_model()
    break_model(folder)

    with pytest.raises(CardError) as caught:
        load(folder)

    assert 1 == len(str(caught.value).splitlines())
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("device", ["cuda:99", "banana"])
def test_a_device_that_is_not_there_is_one_line(load: Load, tiny_model: Path, device: str) -> None:
    """The message names the device."""
    with pytest.raises(UserError, match=f"--device {device}") as caught:
        load(tiny_model, device=device)

    assert 1 == len(str(caught.value).splitlines())


PIECES = [list(range(2, 60)), [*range(2, 40), *range(90, 140)]]


def test_a_class_without_sdpa_attends_eagerly_and_says_so(
    tiny_model: Path, load: Load, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that comes with weights rarely declares sdpa; the model runs all the same."""
    import transformers

    expected = texts(load(tiny_model), ask(PIECES))
    monkeypatch.setattr(transformers.LlamaPreTrainedModel, "_supports_sdpa", False)
    notes: list[str] = []

    model = load(tiny_model, note=notes.append)

    assert "eager" == model.engine_info["attention"]
    assert any("no sdpa" in note for note in notes)
    assert expected == texts(model, ask(PIECES))


@pytest.mark.parametrize(("elements", "largest"), [(60, 16), (16 * 64, 17)], ids=["without a mask", "with one"])
def test_a_prompt_beyond_one_pass_is_computed_in_pieces(
    elements: int, largest: int, tiny_model: Path, load: Load, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same answers, with memory for one piece at a time."""
    expected = texts(load(tiny_model), ask(PIECES))
    monkeypatch.setattr(module, "ONE_PASS_TOKENS", 16)
    monkeypatch.setattr(module, "MASK_ELEMENTS", elements)
    model = load(tiny_model)
    sizes: list[int] = []
    step = model._feeding.step
    monkeypatch.setattr(model._feeding, "step", lambda ids, cache: sizes.append(len(ids)) or step(ids, cache))

    found = texts(model, ask(PIECES))

    assert expected == found
    assert largest == max(sizes)
