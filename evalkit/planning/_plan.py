"""The ordered work of a run: which prompts, in which rope groups, in which order, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from evalkit.prompts import Ledger, Prompt, TokenIds
from evalkit.rope import RopeSetting
from evalkit.tasks import StopRule

from ._spool import TokenSpool
from ._trie import shared_prefixes, trie_order, unique_tokens

__all__ = ["Counts", "Plan", "PlannedGroup", "PlannedPrompt", "make_plan"]

_WHOLE_PROMPT = 2**62  # longer than any prompt: the next one shares what it shares

Rope = Callable[[int], RopeSetting]
"""From prompt + max_new_tokens to the setting a prompt runs with."""


@dataclass(frozen=True, slots=True)
class PlannedPrompt:
    """One prompt of a plan; its ids are in the plan's spool."""

    index: int
    """Index in the plan and in its spool."""
    sample_id: str
    """Sample id."""
    benchmark: str
    """Benchmark name."""
    task: str
    """Task name."""
    step: int
    """Step of the sample."""
    tokens: int
    """Prompt length, in tokens."""
    digest: str
    """sha256 of the ids."""
    ledger: Ledger | None
    """What truncation did; None for a failed prompt."""
    max_new_tokens: int
    """Generation limit, in tokens."""
    stop: tuple[str, ...]
    """Stop strings."""
    rope: RopeSetting
    """Setting of the prompt's rope group."""
    error: str | None
    """Why it cannot be run."""
    stop_rule: StopRule = field(default_factory=StopRule)
    """How the answer ends and is read."""


@dataclass(frozen=True)
class PlannedGroup:
    """Prompts that run under one RoPE setting, in trie order."""

    rope: RopeSetting
    """The setting."""
    order: list[int]
    """Indexes of prompts, sorted by token ids."""
    shared: list[int]
    """Tokens that each prompt shares with the one before it in `order`."""

    def unique_tokens(self, tokens: Callable[[int], int]) -> int:
        """Nodes of the group's trie: the prompt tokens that must be computed at least."""
        return unique_tokens([tokens(index) for index in self.order], self.shared)

    def restricted(self, chosen: set[int]) -> PlannedGroup:
        """The group without the prompts that are not chosen, still sorted."""
        order: list[int] = []
        shared: list[int] = []
        smallest = 0
        for index, prefix in zip(self.order, self.shared, strict=True):
            smallest = min(smallest, prefix) if order else 0  # over a gap, the smallest shared prefix holds
            if index in chosen:
                order.append(index)
                shared.append(smallest)
                smallest = _WHOLE_PROMPT
        return PlannedGroup(self.rope, order, shared)


@dataclass(frozen=True)
class Counts:
    """What a set of prompts costs."""

    samples: int
    """Prompts, those already done included."""
    done: int
    """Prompts with a finished record."""
    failed: int
    """Prompts that cannot be run."""
    prompt_tokens: int
    """Tokens of all prompts."""
    unique_prompt_tokens: int
    """Nodes of the token tries of the rope groups: the least that must be computed."""
    truncated: int
    """Prompts that truncation shortened."""
    evidence_lost: int
    """Prompts that lost their needle or gold answer to truncation."""
    longest_prompt: int
    """Tokens of the longest prompt."""
    longest_sequence: int
    """Tokens of the longest prompt with its generation limit."""
    max_new_tokens: int
    """Sum of generation limits, in tokens."""


class Plan:
    """All prompts of one round of a run."""

    def __init__(self, prompts: list[PlannedPrompt], spool: TokenSpool, groups: list[PlannedGroup]) -> None:
        self.prompts = prompts
        self.spool = spool
        self.groups = groups

    def ids(self, index: int) -> TokenIds:
        """Token ids of one prompt, shape (tokens,), int32."""
        return self.spool[index]

    def pending(self, done: frozenset[int]) -> list[PlannedGroup]:
        """The groups without finished prompts; empty groups are left out."""
        chosen = {prompt.index for prompt in self.prompts} - done
        groups = [group.restricted(chosen) for group in self.groups]
        return [group for group in groups if group.order]

    def counts(self, done: frozenset[int] = frozenset(), keep: Callable[[PlannedPrompt], bool] | None = None) -> Counts:
        """Costs of all prompts, or of those that `keep` accepts; `done` are indexes of finished ones."""
        chosen = [prompt for prompt in self.prompts if keep is None or keep(prompt)]
        indexes = {prompt.index for prompt in chosen}
        usable = [prompt for prompt in chosen if prompt.ledger is not None]
        ledgers = [prompt.ledger for prompt in usable if prompt.ledger is not None]
        return Counts(
            samples=len(chosen),
            done=len(indexes & done),
            failed=len(chosen) - len(usable),
            prompt_tokens=sum(prompt.tokens for prompt in chosen),
            unique_prompt_tokens=sum(
                group.restricted(indexes).unique_tokens(self.spool.tokens) for group in self.groups
            ),
            truncated=sum(ledger.is_truncated for ledger in ledgers),
            evidence_lost=sum(ledger.evidence_kept is False for ledger in ledgers),
            longest_prompt=max((prompt.tokens for prompt in usable), default=0),
            longest_sequence=max((prompt.tokens + prompt.max_new_tokens for prompt in usable), default=0),
            max_new_tokens=sum(prompt.max_new_tokens for prompt in usable),
        )


def make_plan(prompts: Iterable[tuple[str, Prompt]], rope: Rope) -> Plan:
    """The plan of (benchmark name, prompt) pairs; streams them into a spool and sorts each rope group."""
    spool = TokenSpool()
    planned = [_planned(index, name, prompt, spool, rope) for index, (name, prompt) in enumerate(prompts)]
    return Plan(planned, spool, list(_grouped(planned, spool)))


def _planned(index: int, benchmark: str, prompt: Prompt, spool: TokenSpool, rope: Rope) -> PlannedPrompt:
    spool.append(prompt.ids)
    tokens = len(prompt.ids)
    return PlannedPrompt(
        index=index,
        sample_id=prompt.sample_id,
        benchmark=benchmark,
        task=prompt.task,
        step=prompt.step,
        tokens=tokens,
        digest=prompt.digest,
        ledger=prompt.ledger,
        max_new_tokens=prompt.max_new_tokens,
        stop=prompt.stop,
        rope=rope(tokens + prompt.max_new_tokens),
        error=prompt.error,
        stop_rule=prompt.stop_rule,
    )


def _grouped(prompts: Sequence[PlannedPrompt], spool: TokenSpool) -> Iterator[PlannedGroup]:
    members: dict[RopeSetting, list[int]] = {}
    for prompt in prompts:
        if prompt.error is None:
            members.setdefault(prompt.rope, []).append(prompt.index)
    for rope in sorted(members, key=lambda setting: setting.key):
        order = trie_order(spool, members[rope])
        yield PlannedGroup(rope, order, shared_prefixes(spool, order))
