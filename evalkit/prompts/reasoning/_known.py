"""Tags between which models of today think, in the order they are looked for in a template and a tokenizer.

Sources are the reasoning parsers of vLLM 0.32 (`vllm/reasoning/…`), written by or with the models' makers, unless
another is named.
"""

from __future__ import annotations

from evalkit.cards import ReasoningTags

__all__ = ["KNOWN_TAGS"]

KNOWN_TAGS: tuple[ReasoningTags, ...] = tuple(
    ReasoningTags(open=opened, close=closed)
    for opened, closed in (
        # qwen3, deepseek_r1, deepseek_v3, glm4_moe, hunyuan_a13b, ernie45, nemotron_v3, minimax_m2, olmo3, step3.
        # SmolLM3: chat_template.jinja of HuggingFaceTB/SmolLM3-3B-checkpoints at 99d07b0.
        # Where they switch thoughts off, templates end with the closing tag: "<think>\n\n</think>\n\n" (Qwen 3),
        # "<think></think>" (GLM 4.5), "</think>" (DeepSeek V3.1).
        ("<think>", "</think>"),
        # Magistral: SpecialTokens.begin_think and end_think of mistral_common/tokens/tokenizers/base.py.
        ("[THINK]", "[/THINK]"),
        ("<seed:think>", "</seed:think>"),  # seed_oss
        ("<mm:think>", "</mm:think>"),  # minimax_m3
        ("<|START_THINKING|>", "<|END_THINKING|>"),  # cohere_command
        ("◁think▷", "◁/think▷"),  # Kimi: SGLang's page on reasoning parsers (separate_reasoning.md)
        ("<|channel>", "<channel|>"),  # Gemma 4: gemma4_utils
        # gpt-oss: thoughts are the channel `analysis`, the answer is `final` (openai/harmony). What stands between the
        # two channels (`<|end|><|start|>assistant`) counts as thoughts, and so do calls of tools.
        ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    )
)
"""All pairs."""
