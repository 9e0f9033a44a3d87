"""The chat formats of the shipped cards on one fixed conversation, written out."""

from __future__ import annotations

import pytest

from evalkit.cards import list_cards, load_card
from evalkit.prompts import PromptTokenizer, chat_format
from evalkit.prompts._foreign import Characters
from evalkit.tasks import Message

SYSTEM = Message("system", "Be brief.")
FIRST = Message("user", "你好")
TALK = (FIRST, Message("assistant", "Hi."), Message("user", "So?"))

VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions."
)
XGEN = (
    "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the human's questions.\n\n"
)
WRITTEN = {
    "chatglm2-6b": ("[gMASK]sop[Round 1]\n\n问：你好\n\n答：Hi.\n\n[Round 2]\n\n问：So?\n\n答："),
    "chatglm2-6b-32k": ("[gMASK]sop[Round 1]\n\n问：你好\n\n答：Hi.\n\n[Round 2]\n\n问：So?\n\n答："),
    "internlm-chat-7b-8k": "<|User|>:你好<eoh>\n<|Bot|>:Hi.<eoa>\n<|User|>:So?<eoh>\n<|Bot|>:",
    "longchat-7b-v1.5-32k": f"{VICUNA} USER: 你好 ASSISTANT: Hi.</s>USER: So? ASSISTANT:",
    "vicuna-7b-v1.5-16k": f"{VICUNA} USER: 你好 ASSISTANT: Hi.</s>USER: So? ASSISTANT:",
    "xgen-7b-8k": f"{XGEN}### Human: 你好\n### Assistant: Hi.\n### Human: So?\n### Assistant:",
    "xverse-13b-256k": "Human: 你好\n\nAssistant: Hi.<|endoftext|>Human: So?\n\nAssistant: ",
}
WITH_SYSTEM = {
    "chatglm2-6b": "[gMASK]sopBe brief.\n\n[Round 1]\n\n问：你好\n\n答：",
    "chatglm2-6b-32k": "[gMASK]sopBe brief.\n\n[Round 1]\n\n问：你好\n\n答：",
    "internlm-chat-7b-8k": "<|System|>:Be brief.\n<|User|>:你好<eoh>\n<|Bot|>:",
    "xgen-7b-8k": "Be brief.\n\n### Human: 你好\n### Assistant:",
    "xverse-13b-256k": "Be brief.\n\nHuman: 你好\n\nAssistant: ",
}
BY_TOKENIZER = {"index-1.9b-32k", "index-1.9b-chat", "index-1.9b-character", "qwen2-1.5b-instruct", "qwen3-8b"}
NOT_CHATTING = {"index-1.9b", "index-1.9b-pure", "needle-tiny", "gpt-4", "gpt-3.5-turbo-16k"}


def rendered(name: str, *messages: Message) -> str:
    """The text that a shipped card makes of messages; its format asks nothing of the tokenizer but to render."""

    tokenizer = PromptTokenizer(Characters())
    return chat_format(load_card(name), tokenizer).wrap(messages, tokenizer)


def test_every_shipped_card_is_held_to_a_text_or_leaves_it_to_others() -> None:
    """A new card with a format of its own has to be written out here."""
    assert {card.name for card in list_cards()} == {*WRITTEN, *BY_TOKENIZER, *NOT_CHATTING}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_conversation_is_written_as_the_published_set_ups_wrote_it(name: str) -> None:
    """Question, answer, question, up to where the model answers."""
    assert WRITTEN[name] == rendered(name, *TALK)


@pytest.mark.parametrize("name", WITH_SYSTEM)
def test_a_system_message_stands_before_the_first_turn(name: str) -> None:
    """Where the format has no place of its own for it, too."""
    assert WITH_SYSTEM[name] == rendered(name, SYSTEM, FIRST)


@pytest.mark.parametrize("name", WRITTEN)
def test_one_question_begins_the_conversation(name: str) -> None:
    """Nothing in a format depends on what is still to come."""
    assert WRITTEN[name].startswith(rendered(name, FIRST))
