"""CPU seconds of whole commands that load no model, beside what importing a tokenizer library takes.

    python tests/performance/bench_startup.py [--repeats 5]

Controls, in the same run: an empty Python, `import tokenizers`, and `from transformers import AutoTokenizer`.
CPU seconds of the process and its children, the least of the repeats, so that a busy machine matters little.
Goal: a plan, with its five prompts, costs less than a second and less than a third of that last import.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.models.endpoint.scripted_server import ScriptedServer  # noqa: E402

TOY = ROOT / "tests/toy_plugin"  # a benchmark without data, whose prompts a server tokenises in a few requests
EVALKIT = [sys.executable, "-m", "evalkit"]
GOAL_SECONDS = 1.0
GOAL_SHARE = 1 / 3


def cpu_seconds(command: list[str], repeats: int) -> float:
    """The least that a process of this command takes, its children included; with byte code cached."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{TOY}",
        "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "bench-startup"),
    }
    found = []
    for _ in range(repeats + 1):  # the first one writes the byte code
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def commands(address: str, folder: Path) -> dict[str, list[str]]:
    """Every command by the name it is printed under."""
    plan = [*EVALKIT, "plan"]
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import tokenizers": [sys.executable, "-c", "import tokenizers"],
        "import AutoTokenizer": [sys.executable, "-c", "from transformers import AutoTokenizer"],
        "evalkit --help": [*EVALKIT, "--help"],
        "evalkit plan needle-tiny": [*plan, "needle-tiny", "needle", "--limit", "5"],
        "evalkit plan FOLDER": [*plan, str(folder), "needle", "--limit", "5"],
        "evalkit plan ADDRESS": [*plan, address, str(TOY / "toy.yaml"), "--limit", "5"],
        "evalkit cards check FOLDER": [*EVALKIT, "cards", "check", str(folder)],
        "evalkit cards show FOLDER": [*EVALKIT, "cards", "show", str(folder)],
    }


def copy_folder(target: Path) -> Path:
    """The embedded model as a folder without a card."""
    for file in (ROOT / "model_cards/needle-tiny").iterdir():
        if file.suffix in {".json", ".safetensors"}:
            (target / file.name).write_bytes(file.read_bytes())
    return target


def main() -> int:
    """Print one line for each command; 1 where a plan misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats: int = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder, ScriptedServer() as server:
        server.behaviour.tokenizes, server.behaviour.owned_by = True, "vllm"
        named = commands(server.base_url, copy_folder(Path(folder)))
        seconds = {name: cpu_seconds(command, repeats) for name, command in named.items()}
    control = seconds["import AutoTokenizer"]
    for name, value in seconds.items():
        print(f"{name:28} {value:7.3f} s  {value / control:6.1%} of importing AutoTokenizer")
    plans = [value for name, value in seconds.items() if name.startswith("evalkit plan")]
    holds = max(plans) < min(GOAL_SECONDS, GOAL_SHARE * control)
    print("goal:", "holds" if holds else "FALLS SHORT")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
