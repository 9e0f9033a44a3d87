"""Chat templates as published models have them, written anew: each shows one habit."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NAMED", "TEMPLATES", "Template"]

_TURNS = "{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}"
_ASK = "{% if add_generation_prompt %}[assistant]{% endif %}"


@dataclass(frozen=True)
class Template:
    """One chat template."""

    text: str
    """Jinja text."""
    met: str
    """Where such a thing is met."""


_DATE_OR_FALLBACK = (
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    "{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}"
    "{%- endif %}"
)

TEMPLATES: dict[str, Template] = {
    "plain": Template("{{ bos_token }}" + _TURNS + _ASK, "most chat models"),
    "writes bos": Template("{{ bos_token }}" + _TURNS + _ASK, "Llama 3, DeepSeek, Gemma"),
    "no bos": Template(_TURNS + _ASK, "Qwen, Vicuna-like"),
    "date": Template(
        "{{ bos_token }}" + _DATE_OR_FALLBACK + "Today Date: {{ date_string }}\n" + _TURNS + _ASK,
        "Llama 3.2 and 3.3: today's date unless date_string is given, a constant where there is no clock",
    ),
    "date, older": Template(
        "{{ bos_token }}{%- if not date_string is defined %}{%- set date_string = '26 Jul 2024' %}{%- endif %}"
        "Today Date: {{ date_string }}\n" + _TURNS + _ASK,
        "Llama 3.1: a constant unless date_string is given",
    ),
    "date, always": Template(
        "{{ bos_token }}Current date: {{ strftime_now('%Y-%m-%d') }}\n" + _TURNS + _ASK,
        "gpt-oss, SmolLM3, Mistral Small: no fallback",
    ),
    "time": Template("{{ strftime_now('%H:%M:%S.%f') }} " + _TURNS + _ASK, "agents' templates: even the hour changes"),
    "thinking": Template(
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n"
        "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}",
        "Qwen 3: thinks unless enable_thinking is false, then writes an empty block",
    ),
    "opens thinking": Template(
        "{{ bos_token }}" + _TURNS + "{% if add_generation_prompt %}[assistant]<think>\n{% endif %}",
        "DeepSeek R1: the template itself opens the block, answers only close it",
    ),
    "channels": Template(
        "{% set effort = reasoning_effort | default('medium') %}Reasoning: {{ effort }}\n"
        + _TURNS
        + "{% for message in messages %}{% if message.role == 'assistant' %}<|channel|>final<|message|>{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}",
        "gpt-oss: thoughts and answer are channels, reasoning_effort says how long to think",
    ),
    "no system": Template(
        "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}" + _TURNS + _ASK,
        "Gemma 1 and 2, Mistral 0.1",
    ),
    "alternating only": Template(
        "{{ bos_token }}{% for message in messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        "[{{ message.role }}] {{ message.content }}\n{% endfor %}" + _ASK,
        "Mistral, Gemma, Llama 2",
    ),
    "strips": Template(
        "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content | trim }}\n{% endfor %}"
        + _ASK,
        "Llama 3, Gemma: blanks around a message are dropped",
    ),
    "drops all but the last": Template(
        "{{ bos_token }}[user] {{ messages[-1].content }}\n" + _ASK, "instruction models of one turn"
    ),
    "without generation prompt": Template("{{ bos_token }}" + _TURNS, "older fine-tunes: nothing says who speaks next"),
    "endless": Template(
        "{{ bos_token }}" + _TURNS + "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "a damaged or hostile repository: it never ends, so render it under a limit only",
    ),
}
"""Every template by name."""

NAMED: tuple[dict[str, str], ...] = (
    {"name": "default", "template": TEMPLATES["writes bos"].text},
    {"name": "tool_use", "template": "{{ bos_token }}TOOLS " + _TURNS + _ASK},
    {"name": "rag", "template": "{{ bos_token }}DOCUMENTS " + _TURNS + _ASK},
)
"""`chat_template` of tokenizer_config.json as a list of named templates: Command R, Hermes 3; `default` is meant."""
