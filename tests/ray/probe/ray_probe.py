"""A backend without a model: it tells where it runs, and does what the first token of a prompt says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.cards import Engine
from evalkit.errors import CardError, UserError
from evalkit.models import BackendOptions, Completion, GenerationRequest, RopeGroup
from evalkit.models.vllm._engine import _for_workers
from evalkit.rope import RopeSetting

ANSWER, USER_ERROR, BUG, NOTE, SLEEP, KILL, PRINT, CHILD = range(10**6, 10**6 + 8)
"""First tokens of prompts; no model has so many."""


class Probe:
    """Answers with the sum of a prompt's tokens."""

    name = "probe"

    def __init__(self, card: Any, tokenizer: Any, options: BackendOptions) -> None:  # noqa: ARG002
        if options.device == "refused":
            raise CardError(f"{card.name}: cannot be loaded")
        self._note = options.note
        self._seconds = float(os.environ.get("PROBE_SECONDS", "0"))  # that an answer takes
        self.answered = 0

    @property
    def engine_info(self) -> dict[str, Any]:
        """Where it runs."""
        return {
            "process": os.getpid(),
            "threads": os.environ.get("OMP_NUM_THREADS"),
            "accelerators": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "path": list(sys.path),
            "secret": os.environ.get("SOME_API_KEY"),
            "vllm": _for_workers(Engine(tensor_parallel=2)),
            "answered": self.answered,
        }

    def holds(self, rope: RopeSetting) -> bool:
        """Every setting but one."""
        return rope.rope_type != "native"

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """The answers, in order."""
        for request in requests:
            time.sleep(self._seconds)
            self._do(int(request.ids[0]))
            self.answered += 1
            yield Completion(request.index, text=f"{rope.key}: {int(request.ids.sum())}", output_tokens=1)

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        """The answers of one group after the other."""
        for group in groups:
            yield from self.generate(group.rope, group.requests)

    def close(self) -> None:
        """Nothing is held."""

    def _do(self, what: int) -> None:
        if what == USER_ERROR:
            raise UserError("the engine says what to do")
        if what == BUG:
            raise ZeroDivisionError("a bug")
        if what == NOTE:
            self._note("worth knowing")
        if what == SLEEP:
            time.sleep(600)
        if what == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if what == PRINT:
            os.write(1, b"printed by a library\n")
        if what == CHILD:
            self._note(f"its child ended with {subprocess.run(['false'], check=False).returncode}")
