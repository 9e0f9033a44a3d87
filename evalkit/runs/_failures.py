"""When a run stops because every answer fails for the same reason, which is then not of the samples."""

from __future__ import annotations

import re

from evalkit.errors import RunStoppedError, one_line
from evalkit.models import Completion

__all__ = ["FailureWatch"]

AT_FIRST = 5
"""Equal failures in a row that stop a run which has not answered anything yet in this call."""
LATER = 20
"""The same behind the first answer: a kernel or a server may fail a while, and what it fails at is tried again."""


class FailureWatch:
    """Counts equal failures in a row, numbers aside; those that are of a prompt alone neither count nor break a row."""

    def __init__(self) -> None:
        self._is_answering = False
        self._reason = ""
        self._count = 0

    def take(self, completion: Completion) -> None:
        """Raise `RunStoppedError` where this completion is the last that a run needs to know it would only fail."""
        if completion.error is None:
            self._is_answering = True
            self._count = 0
            return
        if completion.is_of_prompt:
            return
        reason = re.sub(r"\d+", "#", completion.error)
        self._count = self._count + 1 if reason == self._reason else 1
        self._reason = reason
        if self._count >= (LATER if self._is_answering else AT_FIRST):
            raise RunStoppedError(
                f"stopped: {self._count} samples in a row failed alike ({one_line(completion.error)}); what is "
                "finished is kept, the same command continues"
            )
