"""What the tokenizer classes of published models do around SentencePiece and tiktoken, and where that is known from.

None of these classes is run here: each is a few facts. Ids of plain text are the library's own; a class decides what
stands before and behind a text, which ids lie beyond the vocabulary, and what a stretch of text begins with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["BY_ARCHITECTURE", "BY_MODEL_TYPE", "CLASSES", "TokenizerClass"]

_LLAMA_NAMED = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


@dataclass(frozen=True)
class TokenizerClass:
    """The facts of one class."""

    name: str
    """Its name in tokenizer_config.json, without `Fast`."""
    source: str
    """Where the facts come from, and which are not confirmed."""
    named: Mapping[str, str]
    """Special tokens where the files name none."""
    adds_bos: bool = False
    """Whether BOS stands before a text where `add_bos_token` does not say."""
    beyond: tuple[str, ...] = ()
    """Texts of the ids that follow the vocabulary of the file, in order."""
    prefix: tuple[str, ...] = ()
    """Texts, among `beyond`, that stand before every prompt."""
    knows_legacy: bool = False
    """Whether `legacy: false` and `add_prefix_space` decide which stretches of text begin with a blank."""
    drops_first_blank: bool = False
    """Whether decoding takes the blank off the first piece itself, before SentencePiece takes one off the text."""
    cleans_up: bool = False
    """Whether decoding joins blanks and marks whatever `clean_up_tokenization_spaces` says."""
    hidden: frozenset[str] = field(default_factory=frozenset)
    """Named special tokens that are never shown in decoded text."""
    encoding: str | None = None
    """tiktoken's encoding that the class extends; None = SentencePiece and `tokenizer.model`."""
    runs: tuple[str, ...] = ()
    """Texts that the class adds to the encoding's merges, in order of their ids."""


# Lists of xgen-7b-8k-base `tokenization_xgen.py` (copies): runs of 31 to 2 blanks, of 9 to 2 tabs, then marks. With
# gpt2's 50,257 they make the 50,313 tokens that llama.cpp's PR 2053 counts. That runs are merges of the encoding, not
# marks that split a text, is unconfirmed: every stored copy ends before that line.
_RUNS = (*(" " * size for size in range(31, 1, -1)), *("\t" * size for size in range(9, 1, -1)))
_CODE_MARKS = (
    "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<filename>", "<gh_stars>", "<issue_start>",
    "<issue_comment>", "<issue_closed>", "<jupyter_start>", "<jupyter_text>", "<jupyter_code>", "<jupyter_output>",
    "<empty_output>", "<commit_before>", "<commit_msg>", "<commit_after>", "<reponame>",
)  # fmt: skip

CLASSES: dict[str, TokenizerClass] = {
    each.name: each
    for each in (
        TokenizerClass(
            "LlamaTokenizer",
            "transformers 4.45 models/llama/tokenization_llama.py",
            _LLAMA_NAMED,
            adds_bos=True,
            knows_legacy=True,
            drops_first_blank=True,
        ),
        TokenizerClass(
            "IndexTokenizer",
            "IndexTeam/Index-1.9B tokenizer_config.json (no BOS, special tokens); that a stretch of text goes to "
            "SentencePiece as it is, and that the first piece loses its blank: PaddleFormers "
            "transformers/index/tokenizer.py, one re-implementation",
            {**_LLAMA_NAMED, "pad_token": "<unk>"},
            drops_first_blank=True,
        ),
        TokenizerClass(
            "InternLMTokenizer",
            "internlm/internlm-chat-7b tokenizer_config.json, InternLM repository aaaf4d7 "
            "tools/transformers/tokenization_internlm.py (the blank that it cuts is one that it puts there itself)",
            {**_LLAMA_NAMED, "pad_token": "</s>"},
            adds_bos=True,
            cleans_up=True,
        ),
        TokenizerClass(
            "ChatGLMTokenizer",
            "copies of THUDM/chatglm2-6b and chatglm3-6b tokenization_chatglm.py, which agree on ids and prefix; the "
            "four roles are chatglm3's, and chatglm2's formats write none",
            {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"},
            beyond=(
                "[MASK]", "[gMASK]", "[sMASK]", "sop", "eop",
                "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>",
            ),
            prefix=("[gMASK]", "sop"),
            hidden=frozenset({"</s>", "<unk>", "<s>"}),
        ),
        TokenizerClass(
            "XgenTokenizer",
            "Salesforce/xgen-7b-8k-base tokenizer_config.json (end of text, no BOS) and copies of its "
            "tokenization_xgen.py (runs, marks); unconfirmed: that runs are merges",
            {"eos_token": "<|endoftext|>"},
            encoding="gpt2",
            runs=_RUNS,
            beyond=_CODE_MARKS,
        ),
    )
}  # fmt: skip
"""Name → facts."""

BY_MODEL_TYPE = {
    "llama": "LlamaTokenizer", "index": "IndexTokenizer", "internlm": "InternLMTokenizer",
    "chatglm": "ChatGLMTokenizer",
}  # fmt: skip
"""The class of a folder that names none, by `model_type`."""

BY_ARCHITECTURE = {
    "LlamaForCausalLM": "LlamaTokenizer", "IndexForCausalLM": "IndexTokenizer",
    "InternLMForCausalLM": "InternLMTokenizer", "ChatGLMModel": "ChatGLMTokenizer",
    "ChatGLMForConditionalGeneration": "ChatGLMTokenizer",
}  # fmt: skip
"""The same by the first of `architectures`."""
