"""A pseudo-terminal that a command runs in, as a person sees and types it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

__all__ = ["END", "INTERRUPT", "PATIENCE", "Terminal"]

ENTER, INTERRUPT, END = "\r", "\x03", "\x04"
PATIENCE = 90.0  # seconds on a busy machine
LOOKS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
"""Colours, and how readline speaks to a terminal."""


class Terminal:
    """`evalkit` with these arguments, running in 24 lines of 100 columns."""

    def __init__(self, *arguments: object) -> None:
        self._master, worker = pty.openpty()
        fcntl.ioctl(worker, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "evalkit", *map(str, arguments)],
            stdin=worker, stdout=worker, stderr=worker, env={**os.environ, "TERM": "xterm-256color"},
            preexec_fn=_own_terminal,
        )  # fmt: skip
        os.close(worker)
        self.raw = ""
        """All that was written so far."""
        self._seen = 0

    def type(self, text: str, end: str = ENTER) -> None:
        """Press these keys."""
        os.write(self._master, (text + end).encode())

    def see(self, text: str) -> str:
        """Wait for a text behind the last that was waited for; what stands between, without colours."""
        until = time.monotonic() + PATIENCE
        while (found := self._plain().find(text, self._seen)) < 0:
            assert time.monotonic() < until and self._read(), f"no {text!r} in:\n{self._plain()}"
        between, self._seen = self._plain()[self._seen : found], found + len(text)
        return between

    def told(self, line: str) -> str:
        """Type a line; what is shown up to the next prompt."""
        self.type(line)
        return self.see("\n> ")

    def ends(self, pressing: str = "") -> tuple[int, str]:
        """The exit code, and what was written behind the last text that was waited for.

        `pressing` is pressed until it ends: readline does not hear Ctrl-C just as it has written its prompt.
        """
        until, again = time.monotonic() + PATIENCE, 0.0
        while True:
            if pressing and time.monotonic() >= again:
                os.write(self._master, pressing.encode())
                again = time.monotonic() + PATIENCE / 6
            if not self._read():
                break
            assert time.monotonic() < until, f"it goes on:\n{self._plain()}"
        return self._process.wait(PATIENCE), self._plain()[self._seen :]

    def close(self) -> None:
        """End it, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _plain(self) -> str:
        return LOOKS.sub("", self.raw).replace("\r", "")

    def _read(self) -> bool:
        """Take what comes within a moment; whether the command may still write."""
        if not select.select([self._master], [], [], 1.0)[0]:
            return True
        try:
            new = os.read(self._master, 65536)
        except OSError:  # Linux' way to say that nobody writes any more
            return False
        self.raw += new.decode("utf-8", "replace")
        return bool(new)


def _own_terminal() -> None:
    """The standard input becomes the terminal that rules the process, and Ctrl-C reaches it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
