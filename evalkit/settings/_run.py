"""The settings of a run. A new one is a field of `RunSettings` and a line of `RunOptions`, nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypedDict

from evalkit.errors import UserError, shown
from evalkit.files import user_path

from ._flag import Flag, settings_of

__all__ = ["MOST_DRAWS", "MOST_REPLICAS", "MOST_TOKENS", "BenchmarkOptions", "RunOptions", "RunSettings"]

MOST_SAMPLES = 10**9
MOST_TOKENS = 2**25
"""Of a window: no model is made for more, and one more digit is a slip of the keyboard."""
MOST_REPLICAS = 4096
"""Of a run, and parts of one: more is a slip of the keyboard."""
MOST_GPUS = 64
"""Of a replica: no machine holds more, and a replica stands on one."""
MOST_ROWS = 4096  # of a batch: more is a slip of the keyboard
MOST_DRAWS = 10_000
"""Answers to one sample: more is a slip of the keyboard."""
MOST_SEED = 2**63 - 1
COLDEST, HOTTEST = 0.01, 100  # vLLM raises what is colder to that (SamplingParams), so two backends would differ
MOST_PENALTY = 100  # published ones lie between 1 and 2
COARSEST = 100  # ratio of neighbours on a grid of RoPE multipliers
ROPE_MODES = ("effective-base", "engine")
REASONING = ("apart", "scored")
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class RunSettings:
    """A run as asked for; what each field means stands in its `Flag`, where `--help` reads it too.

    None = the protocol's, the card's or the model's own value.
    """

    model: Annotated[str, Flag("Card (name or YAML), model folder, hub id (owner/name), or server URL.", "CARD")]
    benchmarks: Annotated[tuple[str, ...], Flag("Benchmark names, YAML files or files of samples.", "BENCHMARK...")]
    protocol: Annotated[str | None, Flag("Protocol; `evalkit benchmarks show` explains them.")] = None
    tasks: Annotated[tuple[str, ...], Flag("Only this task; may be repeated.", "--task")] = ()
    limit: Annotated[int | None, Flag("Only the first N samples of each task.")] = None
    samples: Annotated[
        str | None, Flag("Only these: ids with commas, @FILE of ids, random:N[:SEED] of each task.", metavar="WHICH")
    ] = None
    max_seq_len: Annotated[int | None, Flag("Window of prompt and answer, in tokens.")] = None
    max_new_tokens: Annotated[int | None, Flag("Generation limit instead of the protocol's, in tokens.")] = None
    max_reasoning_tokens: Annotated[
        int | None, Flag("Tokens for thoughts before the answer, beside the limit of the answer.")
    ] = None
    """None = thoughts and answer share the answer's limit."""
    reasoning: Annotated[
        str | None, Flag("`apart` (thoughts are stored and not scored) or `scored`, instead of the protocol's.")
    ] = None
    temperature: Annotated[float | None, Flag("Draw tokens at this temperature; 0 = greedy, the default.")] = None
    top_p: Annotated[float | None, Flag("Draw from the likeliest tokens that hold this share of probability.")] = None
    top_k: Annotated[int | None, Flag("Draw from so many of the likeliest tokens.")] = None
    repetition_penalty: Annotated[
        float | None, Flag("Penalty on tokens seen before, of draws, instead of the model's own.")
    ] = None
    sampling_seed: Annotated[int | None, Flag("Seed of all draws; 0 by default.")] = None
    samples_per_question: Annotated[int | None, Flag("Answers drawn for each sample.", metavar="K")] = None
    """None = one."""
    truncation: Annotated[str | None, Flag("Truncation mode instead of the protocol's.")] = None
    rope: Annotated[str, Flag("native, none, linear:F, ntk:F, dynamic:F, yarn:F, base:B…")] = "native"
    rope_grid: Annotated[float | None, Flag("Round dynamic multipliers up on a grid of this ratio.")] = None
    rope_mode: Annotated[str, Flag("effective-base, or engine: what the engine itself makes of --rope.")] = (
        "effective-base"
    )
    rope_replaces_native: Annotated[bool, Flag("Let --rope replace the scaling a model was released with.")] = False
    rope_stacks_on_native: Annotated[bool, Flag("Put --rope on top of the scaling a model was released with.")] = False
    chat: Annotated[str | None, Flag("`tokenizer`, `none` (prompts as they are), `server`, or a Jinja file.")] = None
    chat_args: Annotated[
        Mapping[str, str],
        Flag("Argument of the chat template: enable_thinking=false.", "--chat-arg", metavar="NAME=VALUE"),
    ] = field(default_factory=dict)
    """Beside the card's (`chat_args`); true, false and numbers as JSON writes them, all else is text."""
    backend: Annotated[str | None, Flag("hf, vllm or endpoint; by default what the model needs.")] = None
    base_url: Annotated[
        tuple[str, ...], Flag("Server for --backend endpoint; several of one model share the prompts.", metavar="URL")
    ] = ()
    """Several share the prompts; which ones is no part of a run's identity."""
    engine: Annotated[Mapping[str, str], Flag("Setting of the vllm or endpoint backend.", metavar="NAME=VALUE")] = (
        field(default_factory=dict)
    )
    """In place of the card's (`Engine`, `Endpoint`)."""
    send_key_to: Annotated[
        str | None, Flag("Host, or VARIABLE@HOST, that a card of yours may send its key to.", metavar="HOST")
    ] = None
    """Several are separated by commas; no part of a run's identity."""
    max_cost: Annotated[float | None, Flag("Send nothing that could cost more, in the card's currency.")] = None
    dtype: Annotated[str | None, Flag("float32, bfloat16 or float16 instead of the card's.")] = None
    device: Annotated[str, Flag("Device of the hf backend; auto = CUDA where there is one.")] = "auto"
    device_map: Annotated[
        str | None, Flag("auto = layers of the hf backend over several GPUs and the host's memory.", metavar="auto")
    ] = None
    adapter: Annotated[
        str | None, Flag("Folder of a LoRA adapter (peft) that the model runs with.", metavar="PATH")
    ] = None
    attention: Annotated[str, Flag("Attention of the hf backend: auto, sdpa, eager, flash_attention_2.")] = "auto"
    is_reusing_prefixes: Annotated[bool, Flag("Compute every prompt whole.", "--no-prefix-reuse")] = True
    """Compute shared prefixes once."""
    batch: Annotated[str | None, Flag("Answers the hf backend decodes at once: a number, or auto.", metavar="N")] = None
    trust_remote_code: Annotated[bool, Flag("Run code that comes with the model.")] = False
    options: Annotated[
        Mapping[str, str], Flag("Any other option of the benchmark.", "--option", metavar="NAME=VALUE")
    ] = field(default_factory=dict)
    """All options of the benchmarks, those of `BenchmarkOptions` included, as text."""
    partial: Annotated[bool, Flag("Go on with the data that is at hand.")] = False
    data: Annotated[Path | None, Flag("Folder with this benchmark's files.", metavar="DIR")] = None
    replicas: Annotated[
        int | None, Flag("Answer with so many copies of the model side by side, on Ray.", metavar="N")
    ] = None
    """None = one, in this process; with `ray` as many as the cluster's accelerators hold."""
    gpus_per_replica: Annotated[int | None, Flag("Accelerators of each replica.", metavar="K")] = None
    """None = those that its engine is set to use, else one where there are any."""
    ray: Annotated[
        str | None, Flag("Put replicas on the Ray cluster at HOST:PORT; auto = this machine's.", metavar="ADDRESS")
    ] = None
    """None = a Ray of this command alone, on this machine."""
    shard: Annotated[str | None, Flag("Answer part I of N only; `evalkit merge` joins the parts.", metavar="I/N")] = (
        None
    )
    out: Annotated[Path | None, Flag("Run folder; default results/CARD-BENCHMARK-PROTOCOL.", metavar="DIR")] = None

    def check(self) -> None:
        """Raise `UserError` for settings no run can have."""
        self.check_values()
        if not self.benchmarks:
            raise UserError("no benchmark named; `evalkit benchmarks list` shows them")
        self.check_together()
        self.check_decoding()
        self._check_parallel()

    def check_decoding(self) -> None:
        """Raise `UserError` for ways of answering that cannot be, whatever is asked."""
        self._check_rope_mode()
        self._check_sampling()

    def check_together(self) -> None:
        """Raise `UserError` for settings that exclude each other, whatever else will be said."""
        if len(set(self.benchmarks)) < len(self.benchmarks):
            raise UserError(f"a benchmark is named twice: {', '.join(self.benchmarks)}")
        if self.samples is not None and self.limit is not None:
            raise UserError(f"{_flag('samples')} and {_flag('limit')} both choose samples; leave one out")
        if self.rope_replaces_native and self.rope_stacks_on_native:
            flags = f"{_flag('rope_replaces_native')} and {_flag('rope_stacks_on_native')}"
            raise UserError(f"{flags}: a model's own scaling is switched off or kept beneath, not both; leave one out")
        if self.data is not None and len(self.benchmarks) > 1:
            flag = _flag("data")
            raise UserError(f"{flag} is one benchmark's folder; run the benchmarks one by one, or set EVALKIT_DATA")

    def _check_rope_mode(self) -> None:
        """Raise `UserError` where an engine's own rule is asked for and there is none, or nothing to round."""
        flag = f"{_flag('rope_mode')} {self.rope_mode}"
        if self.rope_mode == "engine" and self.rope == "native":
            raise UserError(
                f"{flag} is for a spec that the engine is told, and {_flag('rope')} native tells it none; name another"
            )
        if self.rope_mode == "engine" and self.rope_stacks_on_native:
            raise UserError(f"{flag}: an engine has one rule; leave {_flag('rope_stacks_on_native')} out")
        if self.rope_mode == "engine" and self.rope_grid is not None:
            raise UserError(f"{flag} leaves every multiplier to the engine; leave {_flag('rope_grid')} out")

    def _check_sampling(self) -> None:
        """Raise `UserError` for settings of draws where nothing is drawn."""
        if self.temperature:
            return
        if (self.samples_per_question or 1) > 1:
            flag = _flag("samples_per_question")
            raise UserError(
                f"{flag} {self.samples_per_question}: greedy decoding gives the same answer each time; add "
                f"{_flag('temperature')}, or leave {flag} out"
            )
        given = [
            name
            for name in ("top_p", "top_k", "repetition_penalty", "sampling_seed")
            if getattr(self, name) is not None
        ]
        if given:
            flags = ", ".join(map(_flag, given))
            raise UserError(f"{flags}: greedy decoding draws nothing; add {_flag('temperature')}, or leave it out")

    def _check_parallel(self) -> None:
        """Raise `UserError` for settings of replicas where there are none, or where one process answers a part."""
        if self.shard is not None and self.is_replicated:
            raise UserError(
                f"{_flag('shard')} and {_flag('replicas')}: a shard is one process's part; leave one of them out"
            )
        if self.gpus_per_replica is not None and not self.is_replicated:
            raise UserError(
                f"{_flag('gpus_per_replica')} is for {_flag('replicas')} or {_flag('ray')}; add one of them"
            )

    def check_values(self) -> None:
        """Raise `UserError` for a value that is wrong by itself."""
        for name, most in (
            ("limit", MOST_SAMPLES),
            ("max_seq_len", MOST_TOKENS),
            ("max_new_tokens", MOST_TOKENS),
            ("max_reasoning_tokens", MOST_TOKENS),
        ):
            self._demand(name, lambda count: count >= 1, "must be 1 or more")
            self._demand(name, most.__ge__, f"must be at most {most:,}")
        for path in filter(None, (self.data, self.out)):
            user_path(path)
        rule = f"must be greater than 1, and at most {COARSEST}"
        self._demand("rope_grid", lambda ratio: 1 < ratio <= COARSEST, rule)
        self._demand("rope_mode", ROPE_MODES.__contains__, f"must be {' or '.join(ROPE_MODES)}")
        rule = f"must be 0 (greedy), or from {COLDEST} to {HOTTEST}"
        self._demand("temperature", lambda heat: heat == 0 or COLDEST <= heat <= HOTTEST, rule)
        self._demand("top_p", lambda share: 0 < share <= 1, "must be greater than 0, and at most 1")
        self._demand("top_k", lambda count: 1 <= count <= MOST_TOKENS, f"must be from 1 to {MOST_TOKENS:,}")
        self._demand(
            "repetition_penalty", lambda size: 0 < size <= MOST_PENALTY, f"must be above 0, at most {MOST_PENALTY}"
        )
        self._demand("sampling_seed", lambda seed: 0 <= seed <= MOST_SEED, "must be a whole number from 0 to 2**63 - 1")
        self._demand(
            "samples_per_question", lambda count: 1 <= count <= MOST_DRAWS, f"must be from 1 to {MOST_DRAWS:,}"
        )
        self._demand("reasoning", REASONING.__contains__, f"must be {' or '.join(REASONING)}")
        self._demand("dtype", DTYPES.__contains__, f"must be one of {', '.join(DTYPES)}")
        self._demand("attention", str.isidentifier, "must be auto, sdpa, eager or another name of transformers'")
        self._demand("device_map", "auto".__eq__, "must be auto")
        self._demand("batch", _is_batch, f"must be auto, or a whole number from 1 to {MOST_ROWS:,}")
        self._demand("replicas", lambda count: 1 <= count <= MOST_REPLICAS, f"must be from 1 to {MOST_REPLICAS:,}")
        self._demand("gpus_per_replica", lambda count: 0 <= count <= MOST_GPUS, f"must be from 0 to {MOST_GPUS}")
        self._demand("ray", _is_cluster, "expected HOST:PORT of a cluster's head, or auto")
        self._demand("shard", _is_shard, f"must be I/N, part I of N as in 1/8; N at most {MOST_REPLICAS:,}")
        self._demand("max_cost", lambda cost: 0 < cost < math.inf, "must be greater than 0, and finite")

    @property
    def most_rows(self) -> int | None:
        """Answers to decode at once; None for as many as the backend chooses."""
        return None if self.batch in {None, "auto"} else int(self.batch)

    @property
    def is_replicated(self) -> bool:
        """Whether copies of the model on Ray answer."""
        return self.replicas is not None or self.ray is not None

    @property
    def part(self) -> tuple[int, int] | None:
        """Which part of how many parts of the work is asked for, the first one 1; None for all of it."""
        if self.shard is None:
            return None
        index, _, count = self.shard.partition("/")
        return int(index), int(count)

    def _demand(self, name: str, is_right: Callable[[Any], bool], rule: str) -> None:
        value = getattr(self, name)
        if value is not None and not is_right(value):
            found = f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else shown(value)
            raise UserError(f"{_flag(name)} {found}: {rule}")


def _is_batch(text: str) -> bool:
    return text == "auto" or (text.isdecimal() and text.isascii() and 1 <= int(text[:9]) <= MOST_ROWS)


def _is_cluster(text: str) -> bool:
    """Whether it is HOST:PORT, or `auto`."""
    host, colon, port = text.rpartition(":")
    is_port = port.isdecimal() and port.isascii() and 0 < int(port[:6]) < 2**16
    return text == "auto" or ("://" not in text and bool(colon and host) and is_port)


def _is_shard(text: str) -> bool:
    """Whether it is I/N with 1 ≤ I ≤ N, in plain digits."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    return found is not None and 1 <= int(found[1]) <= int(found[2]) <= MOST_REPLICAS


def _flag(name: str) -> str:
    return settings_of(RunSettings)[name].flag


@dataclass(frozen=True)
class BenchmarkOptions:
    """Options of benchmarks that have flags of their own; they end in `RunSettings.options`, as all others."""

    lengths: Annotated[str | None, Flag("Prompt lengths in tokens: 256,512 or FIRST:LAST:STEP.")] = None
    depths: Annotated[str | None, Flag("Depths of the needle in percent: 0,50,100 or FIRST:LAST:STEP.")] = None
    repeats: Annotated[int | None, Flag("Samples of each cell, each with a haystack of its own.")] = None
    seed: Annotated[int | None, Flag("Seed of the benchmark's own random choices.")] = None
    haystack: Annotated[Path | None, Flag("Text file, folder of them, or *.jsonl (`text`).", metavar="PATH")] = None
    needles: Annotated[Path | None, Flag("YAML list of needle, question, keyword.", metavar="FILE")] = None
    repeat_haystack: Annotated[bool, Flag("Repeat a haystack that is too short.")] = False
    lang: Annotated[str | None, Flag("Languages: en, zh or en,zh.")] = None


class RunOptions(TypedDict, total=False):
    """The fields of `RunSettings` that `evaluate` and `plan` take by name; values as loose as a caller writes them."""

    protocol: str | None
    tasks: str | Sequence[str]
    limit: int | None
    samples: str | Sequence[str] | None
    max_seq_len: int | None
    max_new_tokens: int | None
    max_reasoning_tokens: int | None
    reasoning: str | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    repetition_penalty: float | None
    sampling_seed: int | None
    samples_per_question: int | None
    truncation: str | None
    rope: str
    rope_grid: float | None
    rope_mode: str
    rope_replaces_native: bool
    rope_stacks_on_native: bool
    chat: str | None
    chat_args: Mapping[str, object]
    backend: str | None
    base_url: str | Sequence[str] | None
    engine: Mapping[str, object]
    send_key_to: str | None
    max_cost: float | None
    dtype: str | None
    device: str
    device_map: str | None
    adapter: str | Path | None
    attention: str
    is_reusing_prefixes: bool
    batch: int | str | None
    trust_remote_code: bool
    options: Mapping[str, object]
    partial: bool
    data: str | Path | None
    replicas: int | None
    gpus_per_replica: int | None
    ray: str | None
    shard: str | None
    out: str | Path | None
