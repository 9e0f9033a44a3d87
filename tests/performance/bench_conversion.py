"""Converting pickled shards against loading and saving them: time, speed and memory.

    python tests/performance/bench_conversion.py [--layers 16] [--shards 4] [--repeats 3] [--folder FOLDER]

A random Index of 550M parameters in float16 is published in shards of `.bin`. Two arms convert them to safetensors,
each in processes of its own, in turn: evalkit (digest of the published files, check of every name, normalised head,
SHA-256 of what is written), and the control, which loads each shard with torch.load and saves it by safetensors' own
`save_file`. Both force what they wrote to disk. Memory is what each process takes beyond its imports, at its highest:
anonymous memory, and all of it with the mapped files, whose pages the system takes back when it needs them.
Goal: at most twice the control's time, and no more anonymous memory than it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

HIDDEN, INNER, VOCABULARY = 1536, 4096, 32000
MOST_TIME, MOST_MEMORY = 2.0, 1.0


def config(layers: int) -> dict[str, Any]:
    """The published configuration."""
    return {
        "architectures": ["IndexForCausalLM"], "model_type": "index", "norm_head": 1, "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": layers, "num_attention_heads": 12,
        "num_key_value_heads": 12, "hidden_act": "silu", "max_position_embeddings": 4096, "rms_norm_eps": 1e-6,
        "torch_dtype": "float16", "tie_word_embeddings": False,
    }  # fmt: skip


def publish(folder: Path, layers: int, shards: int) -> int:
    """Write the published files, shard by shard; the bytes of their tensors."""
    import torch

    shapes = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        shapes |= {f"{prefix}self_attn.{letter}_proj.weight": (HIDDEN, HIDDEN) for letter in "qkvo"}
        shapes |= {f"{prefix}mlp.{name}_proj.weight": (INNER, HIDDEN) for name in ("gate", "up")}
        shapes[f"{prefix}mlp.down_proj.weight"] = (HIDDEN, INNER)
        shapes |= {f"{prefix}{name}.weight": (HIDDEN,) for name in ("input_layernorm", "post_attention_layernorm")}
    shapes |= {"model.norm.weight": (HIDDEN,), "lm_head.weight": (VOCABULARY, HIDDEN)}
    names = list(shapes)
    places = {
        name: f"pytorch_model-{i * shards // len(names) + 1:05}-of-{shards:05}.bin" for i, name in enumerate(names)
    }
    total = 0
    for file in sorted(set(places.values())):
        part = {name: torch.randn(shapes[name]).half() for name in names if places[name] == file}
        total += sum(tensor.numel() * 2 for tensor in part.values())
        torch.save(part, folder / file)
    (folder / "config.json").write_text(json.dumps(config(layers)), "utf-8")
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index), "utf-8")
    return total


def memory() -> tuple[int, int]:
    """Bytes of anonymous memory and of all memory that this process has now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon", "VmRSS"))}
    return found["RssAnon"], found["VmRSS"]


def measured(work: Any) -> dict[str, float]:
    """Seconds of `work()`, and the most memory above that at its start, looked at every 2 ms."""
    start, most, done = memory(), list(memory()), threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            most[:] = map(max, most, memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    return {"seconds": seconds, "anonymous": most[0] - start[0], "all": most[1] - start[1]}


def convert(folder: Path) -> dict[str, float]:
    """What evalkit does when the model is first loaded."""
    import torch  # noqa: F401
    import transformers.models.llama.modeling_llama  # noqa: F401

    from evalkit.cards import load_card
    from evalkit.models import BackendOptions
    from evalkit.models.conversion import loadable

    return measured(lambda: loadable(load_card(folder), BackendOptions(), "hf"))


def control(folder: Path) -> dict[str, float]:
    """Load and save, as anybody would."""
    import torch
    from safetensors.torch import save_file

    def work() -> None:
        target = Path(os.environ["EVALKIT_CACHE"]) / "control"
        target.mkdir(parents=True)
        for path in sorted(folder.glob("*.bin")):
            made = target / f"{path.stem}.safetensors"
            save_file(torch.load(path, weights_only=True, map_location="cpu"), made, metadata={"format": "pt"})
            with made.open("rb+") as file:
                os.fsync(file.fileno())

    return measured(work)


def in_process(arm: str, folder: Path, cache: Path) -> dict[str, float]:
    """What one arm took, in a process of its own with an empty cache."""
    shutil.rmtree(cache, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, __file__, "--arm", arm, "--folder", str(folder)],
        env={**os.environ, "EVALKIT_CACHE": str(cache)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Print what both arms took, and whether the goal holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work, with room for three times the model")
    parser.add_argument("--arm", choices=["evalkit", "control"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps({"evalkit": convert, "control": control}[options.arm](options.folder)))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder, cache = Path(place) / "index", Path(place) / "cache"
        folder.mkdir()
        total = publish(folder, options.layers, options.shards)
        runs: dict[str, list[dict[str, float]]] = {"evalkit": [], "control": []}
        for _ in range(options.repeats):
            for arm, found in runs.items():
                found.append(in_process(arm, folder, cache))
    print(f"{total / 1e9:.2f} GB in {options.shards} shards, {options.repeats} times each; median")
    middle = {
        arm: {key: statistics.median(each[key] for each in found) for key in found[0]} for arm, found in runs.items()
    }
    for arm, values in middle.items():
        speed = total / 1e6 / values["seconds"]
        print(
            f"{arm:8} {values['seconds']:6.2f} s  {speed:6.0f} MB/s  anonymous {values['anonymous'] / 1e6:6.0f} MB  "
            f"with mapped files {values['all'] / 1e6:6.0f} MB"
        )
    ours, theirs = middle["evalkit"], middle["control"]
    is_met = ours["seconds"] <= MOST_TIME * theirs["seconds"] and ours["anonymous"] <= MOST_MEMORY * theirs["anonymous"]
    print(f"goal {'met' if is_met else 'missed'}: {ours['seconds'] / theirs['seconds']:.2f} of the time, "
          f"{ours['anonymous'] / theirs['anonymous']:.2f} of the anonymous memory")  # fmt: skip
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
