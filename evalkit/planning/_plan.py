"""The ordered work of a run: which prompts, in which rope groups, in which order, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from evalkit.prompts import Prompt, TokenIds
from evalkit.rope import RopeSetting

from ._prompts import PlannedPrompt, PromptTable
from ._spool import TokenSpool
from ._trie import shared_prefixes, trie_order, unique_tokens

__all__ = ["Counts", "Plan", "PlannedGroup", "make_plan"]

_WHOLE_PROMPT = 2**62  # longer than any prompt: the next one shares what it shares

Rope = Callable[[int], RopeSetting]
"""From prompt + max_new_tokens to the setting a prompt runs with."""


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

    def __init__(self, prompts: PromptTable, spool: TokenSpool, groups: list[PlannedGroup]) -> None:
        self.prompts = prompts
        self.spool = spool
        self.groups = groups

    def ids(self, index: int) -> TokenIds:
        """Token ids of one prompt, shape (tokens,), int32."""
        return self.spool[index]

    def under(self, rope: Rope) -> Plan:
        """The same prompts under other RoPE settings, grouped and sorted anew; ids are shared."""
        table = self.prompts.under(rope)
        return Plan(table, self.spool, list(_grouped(table, self.spool)))

    @cached_property
    def one_group(self) -> PlannedGroup:
        """All prompts that can run as if they were one group: what prefixes there would be to share."""
        order = trie_order(self.spool, [index for group in self.groups for index in group.order])
        return PlannedGroup(RopeSetting("native"), order, shared_prefixes(self.spool, order))

    def pending(self, done: frozenset[int]) -> list[PlannedGroup]:
        """The groups without finished prompts; empty groups are left out."""
        chosen = {prompt.index for prompt in self.prompts} - done
        groups = [group.restricted(chosen) for group in self.groups]
        return [group for group in groups if group.order]

    def counts(self, done: frozenset[int] = frozenset(), keep: Callable[[PlannedPrompt], bool] | None = None) -> Counts:
        """Costs of all prompts, or of those that `keep` accepts; `done` are indexes of finished ones."""
        chosen = [prompt.index for prompt in self.prompts if keep is None or keep(prompt)]
        indexes = set(chosen)
        summed = _Sums()
        for index in chosen:
            summed.add(self.prompts[index])
        unique = (group.restricted(indexes).unique_tokens(self.spool.tokens) for group in self.groups)
        return Counts(
            samples=len(chosen),
            done=len(indexes & done),
            unique_prompt_tokens=sum(unique),
            **asdict(summed),
        )


@dataclass
class _Sums:
    """What adds up over prompts; fields as in `Counts`."""

    failed: int = 0
    prompt_tokens: int = 0
    truncated: int = 0
    evidence_lost: int = 0
    longest_prompt: int = 0
    longest_sequence: int = 0
    max_new_tokens: int = 0

    def add(self, prompt: PlannedPrompt) -> None:
        tokens = prompt.tokens
        self.prompt_tokens += tokens
        if prompt.error is not None:
            self.failed += 1
            return
        self.truncated += prompt.is_truncated
        self.evidence_lost += prompt.has_lost_evidence
        self.longest_prompt = max(self.longest_prompt, tokens)
        self.longest_sequence = max(self.longest_sequence, tokens + prompt.max_new_tokens)
        self.max_new_tokens += prompt.max_new_tokens


def make_plan(prompts: Iterable[tuple[str, Prompt]], rope: Rope) -> Plan:
    """The plan of (benchmark name, prompt) pairs; streams them into a spool and sorts each rope group."""
    spool, table = TokenSpool(), PromptTable()
    for name, prompt in prompts:
        spool.append(prompt.ids)
        table.append(name, prompt, rope(len(prompt.ids) + prompt.max_new_tokens))
    return Plan(table, spool, list(_grouped(table, spool)))


def _grouped(prompts: Sequence[PlannedPrompt], spool: TokenSpool) -> Iterator[PlannedGroup]:
    members: dict[RopeSetting, list[int]] = {}
    for prompt in prompts:
        if prompt.error is None:
            members.setdefault(prompt.rope, []).append(prompt.index)
    for rope in sorted(members, key=lambda setting: setting.key):
        order = trie_order(spool, members[rope])
        yield PlannedGroup(rope, order, shared_prefixes(spool, order))
