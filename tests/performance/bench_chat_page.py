"""How soon the chat's page can be used: seconds from the start of its process, and from the line with its address.

    python tests/performance/bench_chat_page.py

Needs the extras `web` and `browser`, and a Chromium. Run it twice: the first import of a library compiles it.
"""

from __future__ import annotations

import subprocess
import sys
import time

from playwright.sync_api import sync_playwright

from tests.browser.chromium import chromium

SERVE = """
from evalkit.chatting import open_chat
from evalkit.settings import RunSettings
from evalkit.web import serve
serve(open_chat(RunSettings("needle-tiny", ()), print), note=lambda line: print(line, flush=True))
"""


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for _ in range(3):
            page = browser.new_page()
            began = time.perf_counter()
            process = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            address = next(line for line in process.stdout if line.startswith("chat at ")).split()[-1]
            printed = time.perf_counter()
            page.goto(address)
            page.locator("#question textarea").fill("ready")
            usable = time.perf_counter()
            print(f"line after {printed - began:.2f} s, page usable {usable - printed:.2f} s after it")
            page.close()
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
