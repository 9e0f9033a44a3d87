"""The requests of one call, answered by several replicas: a thread for each, and one reader of what they answer.

All that is shared is guarded by the inbox's condition. An answer is taken from the schedule and handed to the reader in
one step, so whatever dies, and when, no request is answered twice and none is forgotten.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence

from evalkit.errors import EngineStoppedError, RunStoppedError, one_line
from evalkit.printable import counted

from .._base import Completion, GenerationRequest, HoldsRotations, ModelAdapter, RopeGroup
from .._requests import MadeRequests
from ._base import ReplicaLostError
from ._facts import Facts
from ._inbox import Inbox
from ._member import MOST_FRUITLESS, FailingError, Member
from ._schedule import Lease, Schedule

__all__ = ["Round", "in_parallel"]

ROOM = 4
"""Answers for each replica that wait for the reader before replicas wait for it: a forced write takes some tens of
milliseconds, in which no engine finishes more."""
LOOK_SECONDS = 1.0
"""After which who got no work asks again: what others are at may turn out to take them long."""
PAUSE_SECONDS = 1.0
"""Before the next start of a replica that answered nothing since its last one; four times that before the third."""
GRACE_SECONDS = 5.0
"""How long the end of a round waits for threads: one may hang in native code, which nothing ends but the process."""

Place = tuple[int, int]
"""Group, and place in its order."""


class _StoppedError(Exception):
    """The reader has left."""


class Round:
    """One call's requests, and who answers which."""

    def __init__(
        self,
        groups: Sequence[RopeGroup],
        indexes: Sequence[Sequence[int]],
        members: Sequence[Member],
        schedule: Schedule,
        inbox: Inbox,
        facts: Facts,
        reserves: int,
    ) -> None:
        """`indexes` are those of each group's requests, in their order.

        So many `reserves`, the last of the members, are only called where others are lost.
        """
        self._groups = groups
        self._indexes = indexes
        self._members = members
        self._schedule = schedule
        self._inbox = inbox
        self._facts = facts
        self._changed = inbox.changed
        self._answered: deque[Completion] = deque()
        self._open: list[dict[int, Place]] = [{} for _ in members]
        """Of each member, the index of every request that it is at."""
        self._failed: list[list[Place]] = [[] for _ in members]
        """Of each member, the requests that it failed at since its last answer."""
        self._unanswered = sum(map(len, indexes))
        self._error: BaseException | None = None
        self._last_reason = ""
        self._reserves = deque(range(len(members) - reserves, len(members)))
        self._away: set[int] = set(self._reserves)
        """Members that are not called, or were lost and are not back."""
        self._is_left = False
        for number in self._reserves:
            schedule.leave(number)

    def answers(self) -> Iterator[Completion]:
        """Completions as they finish. What ends a run is raised behind those that came before it."""
        try:
            for number in range(len(self._members) - len(self._reserves)):
                self._call(number)
            while (completion := self._next()) is not None:
                yield completion
        finally:
            self._leave()

    def _call(self, number: int) -> None:
        member = self._members[number]
        member.thread = threading.Thread(
            target=self._work, args=(number, member.thread), name=f"evalkit-{member.label}", daemon=True
        )
        member.thread.start()

    def _next(self) -> Completion | None:
        """The next completion; None behind the last one."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._answered or self._inbox.has_lines or self._is_over)
                completion = self._answered.popleft() if self._answered else None
                self._changed.notify_all()
            self._inbox.show()
            if completion is not None:
                self._unanswered -= 1
                return completion
            if self._is_over and not self._answered:
                self._check()
                return None

    @property
    def _is_over(self) -> bool:
        """Whether nothing more comes."""
        return self._error is not None or self._schedule.is_done or all(member.is_given_up for member in self._members)

    def _check(self) -> None:
        """Raise where not everything is answered."""
        if self._error is not None:
            raise self._error
        if not self._schedule.is_done:
            total, are = counted(sum(map(len, self._indexes)), "prompt"), "is" if self._unanswered == 1 else "are"
            raise RunStoppedError(
                f"stopped: no replica is left ({self._last_reason}); {self._unanswered:,} of {total} {are} not "
                "answered; what is finished is kept, the same command continues"
            )

    def _leave(self) -> None:
        """End the threads, and the engines too where they have anything under way; one that opens its engine may go on.

        What is kept open answers the next round.
        """
        with self._changed:
            self._is_left = True
            is_broken_off = self._error is not None or not self._schedule.is_done or bool(self._answered)
            self._changed.notify_all()
        deadline = time.monotonic() + GRACE_SECONDS
        if is_broken_off:
            in_parallel([member.end for member in self._members], GRACE_SECONDS)
        for member in self._members:
            if member.thread is not None and (member.is_open or is_broken_off):
                member.thread.join(max(0.0, deadline - time.monotonic()))
        self._inbox.show()

    def _work(self, number: int, before: threading.Thread | None) -> None:
        """The thread of a member. `before` is the one that it had in the round before."""
        try:
            if before is not None:
                before.join()
            self._inbox.of_thread(self._members[number].log)
            while self._serve(number):
                self._pause(self._members[number].fruitless)
        except _StoppedError:
            return
        except BaseException as error:  # it belongs to whoever reads the answers
            with self._changed:
                self._error = self._error or error
                self._changed.notify_all()

    def _serve(self, number: int) -> bool:
        """Answer until nothing is left; whether the member was lost and may be started again."""
        member = self._members[number]
        try:
            if self._is_ending:
                return False
            adapter = member.open()
            self._join(number)
            while (lease := self._lease(number)) is not None:
                member.log.write(f"is asked {counted(sum(len(places) for _, places in lease.groups), 'prompt')}")
                self._answer(number, adapter, lease)
        except (ReplicaLostError, EngineStoppedError) as error:
            return self._lose(number, error)
        return False

    @property
    def _is_ending(self) -> bool:
        return self._is_left or self._error is not None or self._schedule.is_done

    def _lease(self, number: int) -> Lease | None:
        """What the member answers next; None where it has nothing more to do."""
        with self._changed:
            while not self._is_ending:
                lease = self._schedule.take(number)
                if lease is not None:
                    places = ((group, place) for group, chosen in lease.groups for place in chosen)
                    self._open[number] = {self._indexes[group][place]: (group, place) for group, place in places}
                    return lease
                self._changed.wait(LOOK_SECONDS)
        return None

    def _answer(self, number: int, adapter: ModelAdapter, lease: Lease) -> None:
        asked = [
            RopeGroup(self._groups[group].rope, _Chosen(self._groups[group].requests, places))
            for group, places in lease.groups
        ]
        for completions in _calls(adapter, asked):
            try:
                for completion in completions:
                    self._take(number, completion)
            finally:
                if isinstance(completions, Generator):
                    completions.close()
        for index in list(self._open[number]):
            self._take(number, Completion(index, finish_reason="error", error="the backend gave no answer"))

    def _take(self, number: int, completion: Completion) -> None:
        """Hand on what a member answered, or have it asked again where it failed for the member's sake."""
        is_of_replica = completion.error is not None and (not completion.is_of_prompt or completion.is_of_memory)
        if not is_of_replica:
            self._note_answer(number)
        with self._changed:
            if (place := self._open[number].pop(completion.index, None)) is None:
                raise RuntimeError(f"the backend answered request {completion.index}, which is not open")
            self._wait_for_room()
            if not is_of_replica:
                self._schedule.finish(number, *place)
                self._answered.append(completion)
                self._failed[number] = []
            elif self._schedule.retry(number, *place):
                self._members[number].log.write(f"fails at a prompt, which is asked again: {completion.error}")
                self._failed[number].append(place)
            else:
                self._answered.append(completion)
            self._changed.notify_all()
        if completion.error is not None and not completion.is_of_prompt:
            self._members[number].fails(completion.error)

    def _note_answer(self, number: int) -> None:
        """With the first answer of an engine, keep what it runs with."""
        member = self._members[number]
        is_first = not member.has_answered
        member.answers()
        if is_first:
            with self._changed:
                line = self._facts.add(member.label, member.engine_info)
            if line is not None:
                self._inbox.tell(line)

    def _wait_for_room(self) -> None:
        most = ROOM * len(self._members)
        self._changed.wait_for(lambda: len(self._answered) < most or self._is_left or self._error is not None)
        if self._is_left:
            raise _StoppedError

    def _lose(self, number: int, error: Exception) -> bool:
        """Deal the member's work anew, say so, and tell whether it is started again."""
        member = self._members[number]
        reason = _reason(member, error)
        if self._is_left:
            member.forget()
            raise _StoppedError
        was_open = member.is_open
        with self._changed:
            count, self._open[number] = len(self._open[number]), {}
            given_up = self._deal_anew(number, is_of_prompt=not isinstance(error, FailingError))
            self._last_reason = reason
            for group, place in given_up:
                why = f"its replica died each time that it was asked ({reason})"
                index = self._indexes[group][place]
                self._answered.append(Completion(index, finish_reason="error", error=why, is_of_prompt=True))
            self._changed.notify_all()
        member.lose(is_excused=bool(given_up))
        with self._changed:
            if member.is_given_up:
                self._schedule.leave(number)
            line = self._loss(member, was_open=was_open, count=count, reason=reason)
            member.log.write(line)
            self._inbox.tell(line)
        return not member.is_given_up

    def _deal_anew(self, number: int, *, is_of_prompt: bool) -> list[Place]:
        """Take a member's work back, and call another one in its place; the requests that are given up for it."""
        failed, self._failed[number] = self._failed[number], []
        if self._reserves:
            self._call(self._reserves.popleft())
        if number in self._away:
            return []
        self._away.add(number)
        if is_of_prompt:
            return self._schedule.lose(number)
        self._schedule.leave(number)
        for place in failed:
            self._schedule.excuse(*place)
        return []

    def _loss(self, member: Member, *, was_open: bool, count: int, reason: str) -> str:
        """What to say of a loss, in one line."""
        others = any(not each.is_given_up for each in self._members if each is not member)
        goes = "goes to the others" if count == 1 else "go to the others"
        parts = [f"its {counted(count, 'open prompt')} {goes}"] if count and others else []
        if member.is_given_up:
            parts.append(f"it is given up, nothing came of {MOST_FRUITLESS} starts in a row")
        else:
            parts.append("trying it again")
        return f"{member.label} {'is lost' if was_open else 'cannot be had'} ({reason}): {'; '.join(parts)}"

    def _pause(self, fruitless: int) -> None:
        """Wait before the next start of what answered nothing since its last one."""
        with self._changed:
            seconds = PAUSE_SECONDS * 4 ** (fruitless - 1) if fruitless else 0.0
            self._changed.wait_for(lambda: self._is_ending, seconds)

    def _join(self, number: int) -> None:
        """Let a member that was lost take part again."""
        with self._changed:
            if number in self._away:
                self._away.remove(number)
                self._schedule.join(number)
                self._changed.notify_all()


class _Chosen(MadeRequests):
    """Some requests of a group."""

    def __init__(self, requests: Sequence[GenerationRequest], places: Sequence[int]) -> None:
        super().__init__(places)
        self._requests = requests

    def _request(self, index: int) -> GenerationRequest:
        return self._requests[index]


def _calls(adapter: ModelAdapter, groups: Sequence[RopeGroup]) -> Iterator[Iterator[Completion]]:
    """The answers of groups: together where the engine holds several, the others one group after the other."""
    held: list[RopeGroup] = []
    if len(groups) > 1 and isinstance(adapter, HoldsRotations):
        held = [group for group in groups if adapter.holds(group.rope)]
    if len(held) > 1:
        assert isinstance(adapter, HoldsRotations)
        yield adapter.generate_together(held)
    for group in groups if len(held) < 2 else (each for each in groups if each not in held):
        yield adapter.generate(group.rope, group.requests)


def _reason(member: Member, error: Exception) -> str:
    """Why a member is lost, without its name, which is said before."""
    text = one_line(error)
    return re.sub(rf"^{re.escape(member.label)} (is lost|cannot be had): ", "", text)


def in_parallel(calls: Sequence[Callable[[], None]], seconds: float) -> None:
    """Make the calls at once, and wait so long at most for all of them."""
    threads = [threading.Thread(target=call, name="evalkit-replicas", daemon=True) for call in calls]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
