"""How to make a run again: the command as far as the manifest records it, what it leaves open, versions, digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from evalkit.errors import UserError
from evalkit.files import sha256_of
from evalkit.runs import LOG, Manifest
from evalkit.scores import KeptOutputs, read_outputs_file
from evalkit.settings import BenchmarkOptions, settings_of
from evalkit.tasks import BenchmarkSpec
from evalkit.versions import environment

from ._cells import say
from ._content import PageRun
from ._labels import Labels

__all__ = ["Recipe", "kept_outputs", "recipe_of"]

IN_LABELS = (
    "max-reasoning-tokens", "max-new-tokens", "rope-replaces-native", "rope-stacks-on-native", "rope-grid", "rope-mode",
    "rope", "max-seq-len", "reasoning", "temperature", "top-p", "top-k", "sampling-seed", "chat", "dtype", "attention",
    "adapter",
)  # fmt: skip
"""Overrides as the label of a run names them, `NAME-VALUE`; a name that begins another one stands behind it."""
SWITCHES = ("rope-replaces-native", "rope-stacks-on-native")
"""Those that are flags without a value."""
UNTOLD = {"chat": "reproduce_chat", "adapter": "reproduce_adapter"}
"""Overrides of which the label has a name that may be no path."""
NOT_LIBRARIES = ("engine",)
SCORING = ("evalkit", "python", "numpy", "rapidfuzz", "jieba")
"""What scores answers."""


@dataclass(frozen=True)
class Recipe:
    """How to make a run again."""

    commands: Sequence[str]
    """What to type."""
    notes: Sequence[str]
    """What the commands leave open."""
    versions: Sequence[tuple[str, str]]
    """Package, or fact of the engine, and its version or value."""
    digests: Sequence[tuple[str, str]]
    """What it is of, and the digest."""


def kept_outputs(run: PageRun) -> KeptOutputs | None:
    """Where the answers of scores came from; None for a run folder, and where nothing tells it."""
    try:
        return read_outputs_file(run.folder) if run.manifest is None else None
    except UserError:
        return None


def recipe_of(run: PageRun, words: Labels) -> Recipe:
    """How to make the run, or the scores of outputs, again."""
    if run.manifest is not None:
        return _of_run(run, run.manifest, words)
    return _of_outputs(run, kept_outputs(run), words)


def _of_outputs(run: PageRun, kept: KeptOutputs | None, words: Labels) -> Recipe:
    commands = [_score_command(kept)] if kept is not None and kept.format != "evalkit" else []
    digests = [] if kept is None or kept.answers_sha256 is None else [("answers.jsonl", kept.answers_sha256)]
    return Recipe(
        commands=[*commands, _again(run)],
        notes=[words["reproduce_elsewhere"]],
        versions=[_scored_by(words)],
        digests=digests,
    )


def _again(run: PageRun) -> str:
    """The command that makes the scores again from the answers that are here."""
    return f"evalkit score {quote(str(run.folder))}"


def _scored_by(words: Labels) -> tuple[str, str]:
    """What made the scores of this page of the answers."""
    found = environment()
    return words["reproduce_scored"], ", ".join(f"{name} {found[name]}" for name in SCORING if name in found)


def _score_command(kept: KeptOutputs) -> str:
    options = [f"--code-backend {quote(value)}" for name, value in kept.options.items() if name == "code-backend"]
    is_by_length = kept.format == "longbench" and kept.benchmark == "longbench-e"
    named = ["--e"] if is_by_length else [f"--benchmark {quote(kept.benchmark)}"]
    words = ["evalkit score", quote(kept.place), f"--format {quote(kept.format)}", *named]
    return " ".join([*words, f"--protocol {quote(kept.protocol)}", *options, "--out DIR"])


def _of_run(run: PageRun, manifest: Manifest, words: Labels) -> Recipe:
    flags, untold = _overrides(manifest)
    settings = manifest.settings
    words_of = [quote(str(settings.get(name, ""))) for name in ("model", "benchmark")]
    parts = ["evalkit run", *words_of, f"--protocol {quote(str(manifest.identity.get('protocol', '')))}", *flags]
    parts += [*_choices(manifest, run), *_options(manifest, run.spec), *_of_engine(manifest)]
    return Recipe(
        commands=[" ".join(parts), _again(run)],
        notes=[words[key] for key in [*untold, *_untold(manifest)]],
        versions=[*_versions(manifest), _scored_by(words)],
        digests=list(_digests(run, manifest, words)),
    )


def _overrides(manifest: Manifest) -> tuple[list[str], list[str]]:
    """Flags of what overrides the protocol, as the label tells it; and keys of what it does not tell whole."""
    _, *extras = str(manifest.settings.get("label", "")).split("+")
    flags, untold = list[str](), list[str]()
    changed = {f"{name}-{Path(value).name}" for name, value in (manifest.settings.get("options") or {}).items()}
    changed |= {f"{name}-{value}" for name, value in (manifest.settings.get("options") or {}).items()}
    for extra in extras:
        name = next((each for each in IN_LABELS if extra.startswith(f"{each}-")), "")
        if name in SWITCHES:
            flags.append(f"--{name}")
        elif name:
            flags.append(f"--{name} {quote(extra.removeprefix(f'{name}-'))}")
            untold += [UNTOLD[name]] if name in UNTOLD else []
        elif extra not in changed:
            argument, sign, _ = extra.partition("=")
            flags.append(f"--chat-arg {quote(extra)}" if sign and argument else f"--truncation {quote(extra)}")
    return flags, untold


def _choices(manifest: Manifest, run: PageRun) -> Iterator[str]:
    """Flags of which tasks and samples were asked."""
    settings = manifest.settings
    protocol = str(manifest.identity.get("protocol", ""))
    tasks = [str(task) for task in settings.get("tasks") or []]
    all_tasks = [task for task in run.spec.tasks if run.spec.has_task(task, protocol)]
    if set(tasks) < set(all_tasks) - set(settings.get("missing") or []):
        yield from (f"--task {quote(task)}" for task in tasks)
    for name in ("limit", "samples"):
        if settings.get(name) is not None:
            yield f"--{name} {quote(str(settings[name]))}"
    if manifest.draws > 1:
        yield f"--samples-per-question {manifest.draws}"
    if settings.get("partial"):
        yield "--partial"
    if settings.get("prefix_reuse") is False:
        yield "--no-prefix-reuse"


def _options(manifest: Manifest, spec: BenchmarkSpec) -> Iterator[str]:
    """Flags of options of the benchmark that are not at their defaults."""
    for name, value in (manifest.settings.get("options") or {}).items():
        option = spec.options.get(name)
        if option is None or value == option.default:
            continue
        setting = settings_of(BenchmarkOptions).get(name.replace("-", "_"))
        if setting is None:
            yield f"--option {quote(f'{name}={value}')}"
        else:
            yield setting.flag if setting.kind is bool else f"{setting.flag} {quote(value)}"


def _of_engine(manifest: Manifest) -> Iterator[str]:
    backend = str(manifest.identity.get("backend", "hf"))
    if backend == "vllm":
        yield "--backend vllm"
    if manifest.identity.get("trust_remote_code"):
        yield "--trust-remote-code"


def _untold(manifest: Manifest) -> Iterator[str]:
    """Keys of what no manifest records."""
    backend = str(manifest.identity.get("backend", "hf"))
    is_address = "://" in str(manifest.settings.get("model", ""))
    if backend == "endpoint" and not is_address:
        yield "reproduce_server"
    if backend != "hf":
        yield "reproduce_engine"


def _versions(manifest: Manifest) -> Iterator[tuple[str, str]]:
    environment: Mapping[str, Any] = manifest.environment
    yield from ((str(name), str(value)) for name, value in environment.items() if name not in NOT_LIBRARIES)
    engine = environment.get("engine")
    yield from ((f"engine: {name}", str(value)) for name, value in (engine.items() if isinstance(engine, dict) else ()))


def _digests(run: PageRun, manifest: Manifest, words: Labels) -> Iterator[tuple[str, str]]:
    identity = manifest.identity
    if manifest.identity_digest:
        yield words["reproduce_identity"], manifest.identity_digest
    for name in ("weights", "tokenizer", "template", "adapter"):
        if identity.get(name) is not None:
            yield words[f"reproduce_{name}_digest"], str(identity[name])
    data = identity.get("data")
    for name, digest in data.items() if isinstance(data, dict) else ():
        yield say(words, "reproduce_data", name=name), str(digest)
    if run.run_folder is not None:
        yield LOG, sha256_of(run.run_folder / LOG)
