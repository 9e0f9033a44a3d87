"""What the manifest of a run says before the run begins: identity, what was asked for, with which libraries."""

from __future__ import annotations

from pathlib import Path

from evalkit.files import user_path
from evalkit.plugins import plugin_versions
from evalkit.tasks import is_sample_file, join_options
from evalkit.versions import environment

from ._job import markup_tokens
from ._session import Job, Session
from .folder import DRAWS, Manifest, has_manifest, read_manifest

__all__ = ["manifest_of"]


def manifest_of(session: Session, job: Job, weights: str) -> Manifest:
    """The manifest of a job's run folder, before the backend has said what it runs with."""
    settings = session.settings
    return Manifest(
        identity={**job.identity, "weights": weights},
        settings={
            "label": job.label,
            "benchmark": _lasting(job.named),
            "model": settings.model,
            "title": session.card.title,
            "context_length": session.card.context_length,
            "unit": session.tokenizer.unit,
            "tasks": list(job.tasks),
            "options": _all_options(job),
            "missing": list(job.missing),
            "skipped": list(job.skipped),
            "limit": settings.limit,
            "samples": settings.samples,
            "partial": settings.partial,
            "altered": job.altered,
            "files": {
                name: str(located.path.resolve()) for places in job.files.values() for name, located in places.items()
            },
            **({DRAWS: job.draws} if job.draws > 1 else {}),
            "prefix_reuse": settings.is_reusing_prefixes,
            **({} if settings.chat is None else {"chat": _lasting_chat(settings.chat)}),
            **({"markup_tokens": markup} if (markup := markup_tokens(session.card)) else {}),
            **({} if job.reasoning.thinking is None else {"thinking": str(job.reasoning.thinking)}),
        },
        environment={**environment(), **_plugin_versions(session, job)},
    )


def _plugin_versions(session: Session, job: Job) -> dict[str, str]:
    """Versions of the packages outside evalkit that ask and answer in this run."""
    return plugin_versions(("evalkit.tasks", job.benchmark.spec.kind), ("evalkit.models", session.backend))


def _lasting(benchmark: str) -> str:
    """A benchmark as named, a file by its absolute path: the run can then be scored from any folder."""
    if is_sample_file(benchmark):
        return str(user_path(benchmark).resolve())
    file, sign, name = benchmark.partition("#")  # FILE#SET
    return f"{Path(file).resolve()}{sign}{name}" if Path(file).suffix in {".yaml", ".yml"} else benchmark


def _lasting_chat(chat: str) -> str:
    """What `--chat` says, a Jinja file by its absolute path."""
    return chat if chat in {"tokenizer", "none", "server"} else str(Path(chat).resolve())


def _all_options(job: Job) -> dict[str, str]:
    """The job's options, and the samples that earlier calls of the same run asked for."""
    if not has_manifest(job.folder):
        return job.options
    return join_options(job.benchmark.spec, read_manifest(job.folder).settings.get("options", {}), job.options)
