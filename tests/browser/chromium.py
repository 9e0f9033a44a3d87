"""Which browser tests use; run as a program it prints its path, or says what is missing and fails."""

from __future__ import annotations

import os
import shutil
import sys

__all__ = ["chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The browser: `EVALKIT_CHROMIUM`, or one that is found on the path; None where there is none."""
    return next(filter(None, map(shutil.which, (os.environ.get("EVALKIT_CHROMIUM") or "", *NAMES))), None)


if __name__ == "__main__":
    found = chromium()
    sys.stdout.write(f"{found}\n" if found else "")
    sys.exit(None if found else "no Chromium: apt-get install chromium, or name one with EVALKIT_CHROMIUM=/path/to/it")
