"""Valid inputs of every reader, small: what damage begins with."""

from __future__ import annotations

import base64
import io
import json
import zipfile
import zlib
from functools import cache
from typing import Any

from evalkit.paths import shipped

__all__ = [
    "CARD",
    "CONFIG",
    "CONFIGS",
    "DIGESTS",
    "GENERATION",
    "INDEX",
    "KEPT_ANSWERS",
    "KEPT_OUTPUTS",
    "KEPT_SCORES",
    "LINES",
    "MANIFEST",
    "NEEDLES",
    "OPENCOMPASS",
    "PUBLISHED_FILES",
    "PUBLISHED_ROWS",
    "RECORDS",
    "REPLIES",
    "SENTENCEPIECE_SETTINGS",
    "SETTINGS",
    "TEMPLATES",
    "WHEEL",
    "archives",
    "benchmark_texts",
    "pickled",
    "tiny_sentencepiece",
    "tiny_tokenizer",
]  # fmt: skip

CARD: dict[str, Any] = {
    "name": "mine", "title": "Mine", "weights": "./weights", "context_length": 4096, "licence": "MIT",
    "architecture": {"layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 64, "vocabulary": 1000},
    "rope": {"theta": 10000.0, "scaling": "linear:4", "original_length": 1024},
    "chat": {"system": "S", "roles": ["U", "A"], "separators": [" ", "</s>"]},
    "engine": {"tensor_parallel": 2, "memory_fraction": 0.5}, "stop": ["</s>"], "max_seq_len": 2048,
    "endpoint": {"base_url": "http://127.0.0.1:8000/v1", "model": "m", "prices": {"input": 1, "output": 2}},
    "sources": [{"facts": ["rope", "licence"], "source": "S"}], "notes": "2020-01-02",
}  # fmt: skip

SETTINGS: dict[str, Any] = {
    "model": "./my-model", "benchmarks": ["needle"], "limit": 8, "max-seq-len": 4096, "rope": "dynamic:8",
    "options": {"lengths": "1000,2000"}, "depths": "0:100:10", "engine": {"timeout_seconds": "5"}, "max_cost": 2.5,
    "no-prefix-reuse": True, "data": "data", "out": "out",
}  # fmt: skip

CONFIG: dict[str, Any] = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 400, "hidden_size": 32,
    "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
    "max_position_embeddings": 512, "rope_theta": 10000.0, "head_dim": 16, "tie_word_embeddings": False,
}  # fmt: skip

_PUBLISHED = CONFIG | {"hidden_act": "silu", "rms_norm_eps": 1e-6, "torch_dtype": "bfloat16", "eos_token_id": 2}

CONFIGS: tuple[dict[str, Any], ...] = (
    CONFIG,
    CONFIG | {"rope_scaling": {"type": "linear", "factor": 4.0}},
    CONFIG | {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}},
    CONFIG | {"model_type": "phi3", "partial_rotary_factor": 0.5},
    {"model_type": "llava", "text_config": CONFIG, "max_sequence_length": 4096},
    CONFIG | {"model_type": "deepseek_v3", "qk_rope_head_dim": 8, "auto_map": {"AutoModel": "x.Y"}},
    CONFIG | {"rope_condense_ratio": 8, "max_sequence_length": 4096},
    _PUBLISHED | {"architectures": ["IndexForCausalLM"], "norm_head": 1, "rope_ratio": 32, "rope_scaling": None},
    _PUBLISHED | {"architectures": ["InternLMForCausalLM"], "bias": True, "rotary": {"type": "dynamic", "base": 10000}},
    _PUBLISHED | {"architectures": ["XverseForCausalLM"], "max_tokenizer_truncation": 4096},
    {
        "architectures": ["ChatGLMModel"],
        "model_type": "chatglm",
        "num_layers": 2,
        "kv_channels": 16,
        "hidden_size": 32,
        "ffn_hidden_size": 64,
        "num_attention_heads": 2,
        "multi_query_attention": True,
        "multi_query_group_num": 1,
        "padded_vocab_size": 400,
        "layernorm_epsilon": 1e-5,
        "seq_length": 512,
        "rope_ratio": 16,
        "original_rope": True,
        "add_qkv_bias": True,
        "eos_token_id": 2,
        "torch_dtype": "float16",
    },
)

GENERATION: dict[str, Any] = {
    "eos_token_id": [1, 2], "repetition_penalty": 1.1, "bad_words_ids": [[3]], "min_length": 2, "stop_strings": ["x"],
    "num_beams": 1, "do_sample": True, "temperature": 0.7,
}  # fmt: skip

INDEX: dict[str, Any] = {"metadata": {"total_size": 5}, "weight_map": {"a.weight": "model-1.safetensors"}}

RECORDS: tuple[dict[str, Any], ...] = (
    {"input": "text", "instructions": ["Who?"], "outputs": ["A"], "evaluation": "exam", "length": 5, "score": 0.5},
    {
        "input": "é 中文 𝒳 \u2028",
        "instructions": ["a", "b"],
        "outputs": ["c", "d"],
        "evaluation": "f1",
        "length": 2,
        "score": 1,
    },
)

LINES: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "leval": (
        "coursera.pred.jsonl",
        tuple({"query": f"q{n}", "gt": "AB"[n % 2], "m_pred": "A", "evaluation": "exam"} for n in range(4)),
    ),
    "longbench": (
        "trec.jsonl",
        tuple({"pred": "Food", "answers": ["Food"], "all_classes": ["Food", "Date"], "length": n} for n in range(4)),
    ),
    "longbench-v2": (
        "model.jsonl",
        tuple(
            {
                "_id": str(n),
                "difficulty": "easy",
                "length": "short",
                "answer": "B",
                "response": "(B)",
            }
            for n in range(4)
        ),
    ),
}
"""Format → name of a file of it, and its records."""

OPENCOMPASS: dict[str, dict[str, Any]] = {
    "LongBench_trec.json": {
        str(n): {
            "origin_prompt": "p",
            "prediction": "Food",
            "gold": {"answers": ["Food"], "all_classes": ["Food", "Date"]},
        }
        for n in range(3)
    },
    "LEval_tpo.json": {str(n): {"origin_prompt": "p" * 300, "prediction": "B", "gold": "B"} for n in range(3)},
    "LongBench_hotpotqa_0.json": {"0": {"prediction": "Paris", "gold": ["Paris"]}},
}

NEEDLES: tuple[dict[str, str], ...] = (
    {"needle": "The code of Ann is 0123.", "question": "Which code has Ann?", "keyword": "0123"},
    {"needle": "Bob likes figs.", "question": "What does Bob like?", "keyword": "figs", "answer": "figs"},
)

DIGESTS: dict[str, str] = {"Exam/coursera.jsonl": "0" * 64, "/models/a.safetensors:5:6:7": "f" * 64}

MANIFEST: dict[str, Any] = {
    "schema_version": 1,
    "identity": {
        "benchmark": "needle", "protocol": "keyword", "model": "toy", "backend": "hf", "data": {},
        "truncation": "middle", "max_seq_len": None, "rope": "native", "weights": "sha256:0",
    },
    "settings": {
        "label": "keyword", "benchmark": "needle", "model": "toy", "title": "Toy", "context_length": 512,
        "unit": "tokens", "tasks": ["single"], "options": {"lengths": "256", "depths": "0,100", "repeats": "1"},
        "files": {}, "altered": [], "partial": False, "limit": None, "missing": [],
    },
    "environment": {"python": "3.11", "engine": {"dtype": "float32", "decoding": "greedy"}},
}  # fmt: skip

RECORD: dict[str, Any] = {
    "step": 0, "attempt": 1, "prompt_sha256": "0" * 64, "text": "The number is 12345.", "output_tokens": 5,
    "finish_reason": "stop", "seconds": 0.5, "cached_tokens": None, "error": None, "rope": "native", "preview": "Read…",
    "ledger": {
        "mode": "middle", "before": 256, "after": 256, "head": 256, "tail": 0, "kept": [[0, 256]],
        "evidence_kept": True, "evidence_tokens": [5], "evidence_depths": [0.0],
    },
}  # fmt: skip
RUN_LINES = tuple({"id": f"needle/single/en-256-{depth}-0-0", **RECORD} for depth in (0, 100))

KEPT_ANSWERS: tuple[dict[str, Any], ...] = tuple(
    {
        "task": "trec", "id": f"longbench/trec/{n}", "document": f"longbench/trec/{n}",
        "text": ("Food", "Date", None)[n % 3], "targets": ["Food"],
        "metadata": {"index": n, "all_classes": ["Food", "Date"], "length": 4000 * n},
    }
    for n in range(4)
)  # fmt: skip

KEPT_OUTPUTS: dict[str, Any] = {
    "schema": 1, "format": "longbench", "place": "toy", "benchmark": "longbench", "protocol": "official", "options": {},
    "model": "toy", "notes": ["a note"], "run": None, "answers_sha256": "",
    "tasks": {"trec": {"failed": 0, "draws": 1, "is_altered": False, "cluster_unit": "sample", "notes": []}},
}  # fmt: skip

KEPT_SCORES: dict[str, Any] = {
    "schema": 1,
    "benchmark": "longbench",
    "protocol": "official",
    "model": "toy",
    "tasks": {},
}

PUBLISHED_ROWS: tuple[dict[str, str], ...] = tuple(
    {
        "benchmark": "longbench", "kind": kind, "task": task, "model": "toy", "score": score, "protocol": "official",
        "n": "", "margin": "", "rope": "native", "bucket": "", "source": "me", "also_in": "", "setup": "theirs",
        "outputs": "", "note": "", "runs": "stated: 1", "digits": digits,
    }
    for kind, task, score, digits in (
        ("task", "trec", "69.5", "stated: rounded:1"), ("task", "lsht", "38", "unknown"),
        ("task", "samsum", "44.44", "inferred: truncated:2"), ("group", "few_shot", "50.65", "unknown"),
        ("overall", "overall", "45.1", ""),
    )
)  # fmt: skip

PUBLISHED_FILES: dict[str, Any] = {
    "sources.yaml": {"me": {"title": "A page", "url": "https://example.org/a", "date": "2024", "note": "odd"}},
    "setups.yaml": {
        "base": {"knobs": {"dtype": {"value": "bfloat16", "basis": "stated", "source": "A page"}}},
        "theirs": {
            "like": "base", "run": {"protocol": "official", "dtype": None},
            "knobs": {"runs": {"basis": "unknown", "source": "not said"},
                      "digits": {"value": "rounded:2", "basis": "inferred", "source": "zeros"}},
        },
    },
}  # fmt: skip

REPLIES: tuple[dict[str, Any], ...] = (
    {
        "id": "x", "object": "text_completion", "model": "toy",
        "choices": [{"index": 0, "text": "word7", "finish_reason": "stop", "token_ids": [5, 6], "stop_reason": None}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
    },
    {
        "model": "toy", "object": "chat.completion",
        "choices": [
            {"message": {"role": "assistant", "content": "word7", "reasoning_content": "hm"}, "finish_reason": "length"}
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 1}},
    },
    {"error": {"message": "Unsupported value: 'temperature'", "param": "temperature", "code": "unsupported_value"}},
    {"object": "list", "data": [{"id": "toy", "owned_by": "vllm", "max_model_len": 4096}]},
    {"tokens": [1, 2, 3], "count": 3},
)  # fmt: skip

TEMPLATES = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}",
    "{% set x = namespace(n=0) %}{% for m in messages %}{% set x.n = x.n + 1 %}{{ m['content'] | trim }}{% endfor %}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{% for i in range(9) %}{{ f(i) }}{% endfor %}{{ strftime_now('%d %b %Y') }}",
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% else %}{{ messages[0].content }}{% endif %}",
)

WHEEL = """\
from os import path
base = 'Read {x}'
words = [name for name in ['a', 'b']]
prompt = dict(type=path, text=base + ' and {y}', parts=base.split(' '), n=-3)
if base == 'Read {x}':
    other = f'{base}!'
else:
    other = base.replace('a', 'b').format(x=1)
"""


def archives() -> list[bytes]:
    """Zip files of each method of compression, with a member `data/trec.jsonl`."""
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        raw = io.BytesIO()
        with zipfile.ZipFile(raw, "w", method) as archive:
            archive.writestr(
                zipfile.ZipInfo("data/trec.jsonl", (2024, 1, 1, 0, 0, 0)), "".join(f"line {n}\n" for n in range(99))
            )
            archive.writestr(zipfile.ZipInfo("data/other.txt", (2024, 1, 1, 0, 0, 0)), "x")
        made.append(raw.getvalue())
    return made


@cache
def benchmark_texts() -> tuple[str, ...]:
    """The definitions that ship."""
    return tuple(path.read_text("utf-8") for path in sorted(shipped("benchmarks").glob("*.yaml")))


SENTENCEPIECE_SETTINGS: dict[str, Any] = {
    "tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True, "add_eos_token": False,
    "add_prefix_space": True, "bos_token": {"content": "<s>", "lstrip": False}, "eos_token": "</s>",
    "added_tokens_decoder": {"0": {"content": "<unk>", "special": True}, "300": {"content": "<|end|>"}},
    "additional_special_tokens": ["<|end|>"], "chat_template": "{{ bos_token }}", "sp_model_kwargs": {},
}  # fmt: skip
"""tokenizer_config.json beside a SentencePiece model."""


@cache
def tiny_sentencepiece() -> bytes:
    """A `tokenizer.model` of 300 pieces with byte fallback, trained here."""
    import sentencepiece

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the quick brown fox jumps over the lazy dog 中文 字符"] * 20), model_writer=out,
        model_type="bpe", vocab_size=300, byte_fallback=True, minloglevel=2, num_threads=1,
    )  # fmt: skip
    return out.getvalue()


@cache
def tiny_tokenizer() -> dict[str, Any]:
    """The `tokenizer.json` of the embedded model."""
    return dict(json.loads((shipped("model_cards") / "needle-tiny" / "tokenizer.json").read_text("utf-8")))


# torch.save of {"model.norm.weight": ones(3), "lm_head.weight": ones(2, 3).half()}: an archive, and the older format
_PICKLED = (
    "c-p0vO^ee&7{{kcH?7&)m-S_Fkp)jy)HLbq*0+VAK?rE=A`}r~HkoaLX|t0~yC@0^(uKWy@Fac!?|zQG>}d~zCr@6z=}cq0NlLf6P8o(N^MC"
    "%oJo7wBLuKOtB$HrjWWf^9J;SmGuwd#~7q(wIikt?|LSvVCi$K1WBZ7`=LPzMjUPsu0cH6=zW?+{@5VStFogS}waI<eariNj+=X%<p$Rj47Z"
    "zYJhM^5T(h*)33D~_w<4gXIb#al6QMnnrOmaN8hA8{&+QR0aTRCb7xYHWzk>>GybIMBeh+wJj>JrjD+yl)$rNBp%WTEr;TL}y!R62a+c7Szo"
    "#XWAkd*4X-??rcq*Gb3jSWi3wSFv?L!MrHTVlFF*FJ#=p0qQTE&bfJkZ_JxL;NItk+_?0CxIvX?dy9};R@+)kStm#-AK(9yW75Qo;%`=BY4Z"
    "r+2dPgzooNc%QYR86u@~!EP-R^c^7b|k<Z#{#fTBZQ&JLo$@ESM7ka$tP|u=xr@mtK(~-#(4+csMr34x|jjyWcKx#DzPNAr0<@s=6R5@~!^>"
    "0AP20JSoNdM{kZ&#3wa}Vl7M|DRTK#6yVPBkNST){QP0Qe<n~0lbSo#{g-&^dhoIRbpHLXg5q%jjvl)QJ)2bEYn}G2W}AvE{3C=|sY;T#Rw<"
    "UMQoULeE5&+QEElDEsaC0yok+IzQn^kkxv!}!dBTw&QN}3jgfrN)*(vhqdoZdFHsEqd`632pb$K*Mu!&YeK@NgJraCtoC)fzNP@E<MrW-IS4"
    "_0tGBtK+8q<5m)VD*Ky&)JApifV&3lnH5%0@@k53tsJN_?hEiPSG_~j=M1~QTFCUnT)K9jKBVj`zz7WFBf1F{@#E4E^xjkIXds3{SCc*p4R",
    "c-n1{-AcnS6vx}9+cY}e`~vU1oHwP;bubXT5fOr4^QJdaY8%%`*6gI|L_ye%qCSHU;H&uvf)}RFsuw0CkbllO|KB+i>lyQpm;LvRtJjltXJQ"
    "?`A${M0(efLHVT`0uA`(0pQ<*W5f~f=iy8huzDNX~L#w<+1di1dt)y;?o8M~z!pgXWzenpE}BBX)}v3#UoELBh?wr>|TL^^;PvGct2Y-)8VV"
    "#=LV$f0vh*&tD1MoP#iae`bip5Z{!i=6Q|P&Cbi490B?R;%UL3NsxU4k(~$3f|`;RA*BWgY7Tqm|myd_1taO?RuWqhRPRLG|Dv>I#N(OB?dw"
    "FFhk6Hn0<<L`<zBfcc0;78B<B)Jr*epc(V_43g-Jz|EkM}K|;g0q+UogR8oQ*g#7Y{WAP71yVrBKJhualq)MvVzghTO1U<kKLBxE3<)@^uT2"
    "ZjthqYo>=f$l4DPjKCpGBRj@x69_H!3w_vRj@{9{r6F",
)


def pickled() -> list[bytes]:
    """Files of pickled weights, which no library is needed to make."""
    return [zlib.decompress(base64.b85decode(text)) for text in _PICKLED]
