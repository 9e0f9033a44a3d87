"""What many tests need: a tokenizer and models of a few kilobytes, a benchmark without data, the command line.

Nothing here needs the network, an accelerator or benchmark data.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from tests.hub_server import HubServer, running_hub, set_offline
from tests.wild.fixtures import tomorrow, wild_model, wild_raw, wild_tokenizer, wild_tokenizer_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["tomorrow", "wild_model", "wild_raw", "wild_tokenizer", "wild_tokenizer_folder"]  # fixtures for every test

# On a busy machine an example can take any time; that says nothing about the code.
settings.register_profile("evalkit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("evalkit")

os.environ["HF_HUB_OFFLINE"] = "1"  # before its client is imported: no test asks the real hub
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models: a thread pool costs more than it brings

ROOT = Path(__file__).parents[1]
PYTHONPATH = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ["PYTHONPATH"] = os.pathsep.join(PYTHONPATH)  # commands run this tree's evalkit, wherever they start

EXTENDING = Path(__file__).parent / "extending"
TOY = Path(__file__).parent / "toy_plugin"
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
CORPUS = [
    "Read the story. Which word is number 2? word12 word93 word40\n[user] [assistant] You said: so?",
    "Der Fluß und die Brücke über den Fluß, 2024. Document is as follows.",
    "第一个话题是什么？答案在文中。",
    "def count(words): return {word: len(word) for word in words}  # dictionary",
]


class Outcome(NamedTuple):
    """What one call of the command line did."""

    code: int
    """Exit code."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""

    @property
    def complaint(self) -> str:
        """The one line on standard error of a command that refused its input."""
        assert 1 == len(self.err.splitlines()), self
        return self.last_complaint

    @property
    def last_complaint(self) -> str:
        """The one line that refused the input, after notes on the way there; each note is a line of its own."""
        lines = self.err.splitlines()
        assert 2 == self.code, self
        assert all(line.startswith("evalkit: ") for line in lines), self
        return lines[-1].removeprefix("evalkit: ")


Command = Callable[..., Outcome]
Install = Callable[..., Path]
SaveModel = Callable[..., Path]


def make_tokenizer(template: str | None = TEMPLATE, *, adds_bos: bool = False) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of some 400 entries: <s> is 0, </s> is 1."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(CORPUS * 3, trainer)
    if adds_bos:
        core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = template
    return tokenizer


@pytest.fixture(scope="session")
def new_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """Maker of tiny tokenizers: `new_tokenizer(template, adds_bos=…)`."""
    return make_tokenizer


@pytest.fixture(scope="session")
def save_model(tmp_path_factory: pytest.TempPathFactory) -> SaveModel:
    """Saver of random Llama models of some 40,000 parameters: `save_model(template=…, **configuration)`.

    Weights depend on the seed alone, so that two configurations can be compared on the same weights.
    """

    def save(
        template: str | None = TEMPLATE, *, folder: Path | None = None, kind: str = "Llama", **changes: Any
    ) -> Path:
        import torch
        import transformers

        folder = folder or tmp_path_factory.mktemp("models") / "tiny"
        tokenizer = make_tokenizer(template)
        tokenizer.save_pretrained(folder)
        values = {
            "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512, "bos_token_id": 0,
            "eos_token_id": 1, "initializer_range": 0.4, "tie_word_embeddings": False,
        }  # fmt: skip
        transformers.utils.logging.disable_progress_bar()
        torch.manual_seed(7)
        config = getattr(transformers, f"{kind}Config")(**values | changes)
        getattr(transformers, f"{kind}ForCausalLM")(config).save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def tiny_model(save_model: SaveModel) -> Path:
    """A model folder: tiny random Llama with tokenizer and chat template."""
    return save_model()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without benchmark data, working in an empty folder (given back)."""
    for name in ("EVALKIT_DATA", "EVALKIT_GOLDEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare: Path) -> Iterator[HubServer]:  # noqa: ARG001
    """A hub on this machine that `HF_ENDPOINT` names, asked online, with a cache of its own and no token."""
    from huggingface_hub import constants

    with running_hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        set_offline(monkeypatch, False)
        yield server


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    """The toy benchmark and model installed as a third party's package; the benchmark's YAML file."""
    monkeypatch.syspath_prepend(TOY)
    monkeypatch.setenv("PYTHONPATH", str(TOY), prepend=os.pathsep)
    return str(TOY / "toy.yaml")


@pytest.fixture
def extending(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of `docs/extending.md`, installed; its folder."""
    monkeypatch.syspath_prepend(EXTENDING)
    return EXTENDING


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Installer of a package: `install("name", {"evalkit.metrics": {"own": "module:value"}}, {path: text})`.

    The folder that it is in comes back. Modules of two tests must not have one name.
    """

    def make(package: str, offers: Mapping[str, Mapping[str, str]], files: Mapping[str, str] | None = None) -> Path:
        place = tmp_path / "site" / package
        points = "".join(
            f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in names.items()) for group, names in offers.items()
        )
        info = f"{package.replace('-', '_')}-1.0.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        texts = {f"{info}/METADATA": metadata, f"{info}/entry_points.txt": points, **(files or {})}
        for path, text in texts.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(place)
        return place

    return make


@pytest.fixture
def evalkit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bare: Path) -> Command:  # noqa: ARG001
    """Caller of the command line in this process, on a bare machine: `evalkit("run", model, "leval")`."""

    def call(*arguments: object) -> Outcome:
        from evalkit.cli import main

        monkeypatch.setattr(sys, "argv", ["evalkit", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return call


@pytest.fixture(scope="session")
def upstream() -> Iterator[None]:
    """Upstream's prompts can be read: from the cache, a wheel at hand, or the package index."""
    from evalkit.data import dataset_configs
    from evalkit.errors import DataError

    try:
        dataset_configs("leval")
    except DataError as error:
        if "pip cannot download" not in str(error):
            raise
        pytest.skip(f"no wheel at hand and no package index: {error}")
    yield
