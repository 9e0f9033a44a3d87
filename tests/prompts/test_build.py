"""From requests to prompts, with a real tokenizer: what is kept, what is lost, and the ledger that says so."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cards import ChatRoles
from evalkit.prompts import ChatFormat, Prompt, PromptBuilder, PromptTokenizer, Range, digest_ids
from evalkit.tasks import Message, Request

Ask = Callable[..., Request]
NewBuilder = Callable[..., PromptBuilder]

NEW = 4  # generation limit of every request below
TEMPLATE = ChatFormat("template")
WORDS = [f"word{number}" for number in range(60)]
STORY = " ".join(WORDS)
SAGA = [f"word{number}" for number in range(900)]

texts = st.text(st.characters(codec="utf-8", exclude_characters="<"), min_size=1, max_size=120)  # no "<s>" by chance
windows = st.integers(NEW + 2, 80)


def one(builder: PromptBuilder, request: Request) -> Prompt:
    """The prompt of one request."""
    (prompt,) = builder.build([request])
    return prompt


def whole(tokenizer: PromptTokenizer, text: str) -> list[int]:
    """The ids of a text nothing is cut from."""
    return tokenizer.start(tokenizer.encode(text), is_wrapped=False)


@pytest.mark.parametrize("mode", ["middle", "index", "opencompass-left", "opencompass-drop-middle"])
@given(text=texts, window=windows)
def test_modes_on_tokens_send_exactly_the_ranges_of_the_ledger(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask, mode: str, text: str, window: int
) -> None:
    """No decoding in between: the ids are those of the whole prompt at the kept positions, and the counts add up."""
    ids = whole(tokenizer, text)

    prompt = one(new_builder(mode, window), request_for(text))

    ledger = prompt.ledger
    assert ledger is not None
    assert list(itertools.chain(*(ids[span.start : span.stop] for span in ledger.kept))) == prompt.ids.tolist()
    assert (len(ids), len(prompt.ids)) == (ledger.before, ledger.after)
    assert ledger.after == sum(span.tokens for span in ledger.kept)
    assert (ledger.after < ledger.before) == ledger.is_truncated


@pytest.mark.parametrize("mode", ["middle", "opencompass-drop-middle"])
@given(text=texts, window=windows)
def test_head_and_tail_are_a_true_prefix_and_suffix(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask, mode: str, text: str, window: int
) -> None:
    """What is left is the beginning and the end of the prompt and nothing else, BOS included."""
    ids = whole(tokenizer, text)

    prompt = one(new_builder(mode, window), request_for(text))

    ledger = prompt.ledger
    assert ledger is not None
    head, tail = ledger.head, ledger.tail
    assert ids[:head] + ids[len(ids) - tail :] == prompt.ids.tolist()
    assert head + tail == ledger.after
    assert tokenizer.bos_id == prompt.ids[0]


@pytest.mark.parametrize("mode", ["middle", "context-middle", "none"])
@given(parts=st.tuples(texts, texts, texts), window=windows)
def test_a_prompt_and_its_answer_never_exceed_the_window(
    new_builder: NewBuilder, request_for: Ask, mode: str, parts: tuple[str, str, str], window: int
) -> None:
    """Either the prompt leaves room for the answer, or the sample fails with a reason and no ids at all."""
    prompt = one(new_builder(mode, window), request_for("".join(parts), parts[1]))

    assert len(prompt.ids) + NEW <= window
    assert (prompt.error is None) == (len(prompt.ids) > 0) == (prompt.ledger is not None)


@given(parts=st.tuples(texts, texts, texts), window=windows)
def test_context_middle_keeps_instruction_and_question_whole(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask, parts: tuple[str, str, str], window: int
) -> None:
    """Not a character of what stands before and after the context is lost, also where tokens cross the border."""
    before, context, after = "Read: " + parts[0], parts[1], parts[2] + " So?"

    prompt = one(new_builder("context-middle", window), request_for(before + context + after, context))

    text = tokenizer.decode(prompt.ids.tolist(), skip_special=True)
    assert prompt.error or (text.startswith(before) and text.endswith(after))


def test_context_middle_keeps_words_that_cross_the_border_of_the_context(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask
) -> None:
    """A token can hold the end of the instruction and the start of the document; it stays, at every budget."""
    before, context, after = "Read: so", "ws of " + "x y z " * 20 + "Document is as fol", "lows. So?"
    request = request_for(before + context + after, context)
    merged = [tokenizer.encode(text) for text in (before + context + after, before, context, after)]
    assert len(merged[0]) < sum(map(len, merged[1:]))

    prompts = [one(new_builder("context-middle", window), request) for window in range(NEW + 1, 160)]

    texts = [tokenizer.decode(prompt.ids.tolist(), skip_special=True) for prompt in prompts if not prompt.error]
    assert 100 < len(texts)
    assert [] == [text for text in texts if not (text.startswith(before) and text.endswith(after))]


def test_context_middle_fills_the_budget(tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask) -> None:
    """The context gets all the room that instruction and question leave."""
    request = request_for(f"Read: {STORY}\nSo?", STORY)

    prompt = one(new_builder("context-middle", 60), request)

    assert 60 - NEW == len(prompt.ids)
    assert prompt.ledger is not None
    assert (2, len(whole(tokenizer, request.text))) == (len(prompt.ledger.kept), prompt.ledger.before)


def test_context_middle_cuts_a_context_down_to_its_last_token(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask
) -> None:
    """And fails only where not even that has room; the error counts instruction and question to the token."""
    before, context, after = "Read: ", "q" * 30, "\nSo?"
    outside = len(whole(tokenizer, before)) + len(tokenizer.encode(after))
    request = request_for(before + context + after, context)
    assert outside + 30 == len(whole(tokenizer, request.text))

    least, none = (one(new_builder("context-middle", outside + room + NEW), request) for room in (1, 0))

    assert f"{before}q{after}" == tokenizer.decode(least.ids.tolist(), skip_special=True)
    assert f"instruction and question alone take {outside} tokens and the budget is {outside}" in str(none.error)


def test_context_middle_without_room_for_any_context_is_a_failed_sample(
    new_builder: NewBuilder, request_for: Ask
) -> None:
    """The error says how much the rest alone takes; a question is never asked about nothing."""
    request = request_for(f"{STORY} Read: alpha beta\nSo?", "alpha beta")

    prompt = one(new_builder("context-middle", 40), request)

    assert prompt.error is not None
    assert "instruction and question alone take" in prompt.error


def test_context_middle_needs_a_context(new_builder: NewBuilder, request_for: Ask) -> None:
    """A task without a context field fails under this mode and says which mode to use."""
    prompt = one(new_builder("context-middle", 40), request_for(STORY))

    assert prompt.error is not None
    assert "use 'middle'" in prompt.error


@pytest.mark.parametrize(
    ("text", "times"),
    [("Read: {0}\n{0}\nSo?", "it more than once"), ("Read: nothing at all, twice over.\nSo?", "none")],
)
def test_context_middle_needs_a_context_that_stands_there_once(
    new_builder: NewBuilder, request_for: Ask, text: str, times: str
) -> None:
    """Which of two to cut could only be guessed; a prompt that fits is never looked into."""
    request = request_for(text.format("alpha beta gamma"), "alpha beta gamma")

    cut, whole_prompt = (one(new_builder("context-middle", window), request) for window in (16, 500))

    assert f"needs a context field, and this prompt shows {times}; use 'middle'" in str(cut.error)
    assert whole_prompt.error is None


@given(text=texts, window=windows)
def test_legacy_mid_decodes_both_halves_and_tokenises_them_again(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask, text: str, window: int
) -> None:
    """OpenCompass's vLLM wrapper joins the decoded halves; special tokens go and the BOS comes back once."""
    ids, half = whole(tokenizer, text), (window - NEW) // 2
    joined = "".join(tokenizer.decode(part, skip_special=True) for part in (ids[:half], ids[-half:]))

    prompt = one(new_builder("opencompass-legacy-vllm-mid", window), request_for(text))

    assert (whole(tokenizer, joined) if len(ids) > window - NEW else ids) == prompt.ids.tolist()
    assert 1 == prompt.ids.tolist().count(0)


def test_legacy_mid_drops_special_tokens_that_a_text_spells(new_builder: NewBuilder, request_for: Ask) -> None:
    """Where it cuts: the halves are decoded without them. Where nothing is cut they stay."""
    request = request_for(f"So </s> it was: {STORY}")

    cut, whole_prompt = (one(new_builder("opencompass-legacy-mid", window), request) for window in (60, 4096))

    assert (0, 1) == (cut.ids.tolist().count(1), whole_prompt.ids.tolist().count(1))


@pytest.mark.parametrize("chat", [ChatFormat("none"), TEMPLATE], ids=["base model", "chat model"])
@pytest.mark.parametrize(
    ("mode", "window", "decoded_as_one"),
    [("longbench-official", 530, False), ("longbench-v2-official", 30 + NEW, True)],
)
def test_longbench_cuts_the_raw_prompt_before_it_is_wrapped(
    tokenizer: PromptTokenizer,
    new_builder: NewBuilder,
    request_for: Ask,
    mode: str,
    window: int,
    decoded_as_one: bool,
    chat: ChatFormat,
) -> None:
    """The middle of the text goes, the template stays whole, and base models get the same text unwrapped."""
    raw = whole(tokenizer, STORY)
    halves = [raw[:15], raw[-15:]]
    pieces = [list(itertools.chain(*halves))] if decoded_as_one else halves
    short = "".join(tokenizer.decode(piece, skip_special=True) for piece in pieces)
    text = chat.wrap([Message("user", short)], tokenizer) if chat.kind != "none" else short

    prompt = one(new_builder(mode, window, chat), request_for(STORY))

    assert text.removeprefix("<s>") == tokenizer.decode(prompt.ids.tolist()[1:], skip_special=False)
    assert prompt.ledger is not None
    assert ((Range(0, 15), Range(len(raw) - 15, len(raw))), len(raw)) == (prompt.ledger.kept, prompt.ledger.before)
    assert prompt.ledger.is_truncated


def test_longbench_sends_six_tasks_unwrapped_and_cuts_them_all_the_same(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask
) -> None:
    """A task that skips the chat format is cut too, although its message differs from its text by a newline."""
    request = request_for(STORY, messages=(Message("user", STORY + "\n"),), is_wrapped=False)

    prompt = one(new_builder("longbench-official", 530, TEMPLATE), request)

    text = tokenizer.decode(prompt.ids.tolist(), skip_special=True)
    assert (STORY[:5], STORY[-5:]) == (text[:5], text[-5:])
    assert len(prompt.ids) < 40


def test_leval_cuts_the_document_by_words_on_the_right(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask
) -> None:
    """L-Eval's baselines keep the first words of the document; question and instruction are not counted."""
    story = " ".join(SAGA)

    prompt = one(new_builder("leval-official", 600 + 512), request_for(f"Read: {story}\nSo?", story))

    text = tokenizer.decode(prompt.ids.tolist(), skip_special=True)
    kept = text.removeprefix("Read: ").removesuffix("\nSo?").split(" ")
    assert SAGA[:100] == kept  # 600 words, then 350, then 100: the first that take at most 600 tokens
    assert len(tokenizer.encode(" ".join(kept))) <= 600 < len(tokenizer.encode(" ".join(SAGA[:350])))
    assert prompt.ledger is not None
    assert (0, True) == (prompt.ledger.tail, prompt.ledger.is_truncated)


@pytest.mark.parametrize(
    "mode", ["longbench-official", "longbench-v2-official", "leval-official", "opencompass-legacy-mid"]
)
def test_modes_that_cut_texts_leave_a_text_that_fits_alone(
    new_builder: NewBuilder, request_for: Ask, mode: str
) -> None:
    """Nothing is decoded and encoded again without need, which would drop special tokens that a text spells."""
    request = request_for(f"Read: {STORY}</s>\nSo?", STORY)

    cut, whole_prompt = (one(new_builder(each, 4096), request) for each in (mode, "middle"))

    assert whole_prompt.digest == cut.digest
    assert cut.ledger is not None
    assert not cut.ledger.is_truncated


@pytest.mark.parametrize(
    ("mode", "window"),
    [
        ("middle", 70),
        ("index", 70),
        ("context-middle", 70),
        ("opencompass-legacy-mid", 70),
        ("opencompass-legacy-vllm-mid", 70),
        ("longbench-official", 560),
        ("longbench-v2-official", 60 + NEW),
    ],
)
def test_a_needle_in_the_part_that_is_cut_is_lost_and_the_ledger_says_so(
    new_builder: NewBuilder, request_for: Ask, mode: str, window: int
) -> None:
    """Evidence is kept at the ends, lost in the middle, and unknown where it never stood in the prompt."""
    builder = new_builder(mode, window)
    needles = {"end": "word58 word59", "middle": "word30 word31", "nowhere": "word61"}

    kept = {
        place: one(builder, request_for(f"Read: {STORY}\nSo?", STORY, [needle])).ledger.evidence_kept  # type: ignore[union-attr]
        for place, needle in needles.items()
    }

    assert {"end": True, "middle": False, "nowhere": None} == kept


def test_a_needle_cut_in_two_is_lost(tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask) -> None:
    """Two halves left and right of the seam are not the needle, even if the cut joins them."""
    needle = "qqqqqq"  # six tokens: the vocabulary has no two of them in one
    text = f"qqq{STORY}{needle}{STORY}qqq"

    prompt = one(new_builder("middle", 1 + len(needle) + NEW), request_for(text, evidence=[needle]))

    assert needle == tokenizer.decode(prompt.ids.tolist(), skip_special=True)
    assert prompt.ledger is not None
    assert (False, (0,)) == (prompt.ledger.evidence_kept, prompt.ledger.evidence_lost)


def test_a_leval_answer_beyond_the_kept_words_is_lost(new_builder: NewBuilder, request_for: Ask) -> None:
    """Right truncation loses the end of the document."""
    builder, story = new_builder("leval-official", 600 + 512), " ".join(SAGA)

    kept = [
        one(builder, request_for(f"{story}\nSo?", story, [needle])).ledger.evidence_kept  # type: ignore[union-attr]
        for needle in ("word0 word1", "word858 word859")
    ]

    assert [True, False] == kept


@pytest.mark.parametrize("mode", ["middle", "none", "opencompass-left", "longbench-official"])
@pytest.mark.parametrize("window", [NEW - 1, NEW])
def test_no_room_for_a_prompt_is_a_failed_sample_in_every_mode(
    new_builder: NewBuilder, request_for: Ask, mode: str, window: int
) -> None:
    """The error names the window and the generation limit."""
    prompt = one(new_builder(mode, window), request_for("So?"))

    assert prompt.error is not None
    assert f"max_seq_len {window} minus max_new_tokens {NEW}" in prompt.error
    assert (0, None) == (len(prompt.ids), prompt.ledger)


def test_a_prompt_without_a_single_token_is_a_failed_sample(
    new_tokenizer: Callable[..., object], request_for: Ask
) -> None:
    """A model cannot go on from nothing."""
    from evalkit.prompts import TruncationMode

    builder = PromptBuilder(PromptTokenizer(new_tokenizer()), ChatFormat("none"), TruncationMode.MIDDLE, 50)

    prompt = one(builder, request_for(""))

    assert prompt.error is not None
    assert "empty" in prompt.error


def test_the_users_generation_limit_replaces_the_protocols(new_builder: NewBuilder, request_for: Ask) -> None:
    """It takes its room from the prompt."""
    prompt = one(new_builder("middle", 50, max_new_tokens=20), request_for(STORY))

    assert (30, 20) == (len(prompt.ids), prompt.max_new_tokens)


@pytest.mark.parametrize("roles", [("USER", "ASSISTANT"), ("问", "答")])
def test_fastchat_prompts_get_one_bos_and_no_template(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask, roles: tuple[str, str]
) -> None:
    """The role format is tokenised as text, with the BOS that the tokenizer wants."""
    chat = ChatFormat("roles", roles=ChatRoles(system="A chat.", roles=roles, separators=(" ", "</s>")))

    prompt = one(new_builder("middle", 200, chat), request_for("So?"))

    expected = f"<s>A chat. {roles[0]}: So? {roles[1]}:"
    assert expected == tokenizer.decode(prompt.ids.tolist(), skip_special=False)
    assert 1 == prompt.ids.tolist().count(0)


def test_prompts_come_in_order_and_do_not_depend_on_their_batch(new_builder: NewBuilder, request_for: Ask) -> None:
    """Failed and whole ones stay where they are; equal requests give equal prompts."""
    asked = ["So?" * (number % 9 + 1) for number in range(150)]

    prompts = list(new_builder("none", 12).build([request_for(text) for text in asked]))

    alone = [one(new_builder("none", 12), request_for(text)) for text in asked]
    assert [prompt.digest for prompt in alone] == [prompt.digest for prompt in prompts]
    assert [prompt.error for prompt in alone] == [prompt.error for prompt in prompts]
    assert 1 < len({prompt.error for prompt in prompts})


def test_building_streams(new_builder: NewBuilder, request_for: Ask) -> None:
    """The first prompt of an endless benchmark is there at once."""
    endless = (request_for(f"word{number}") for number in itertools.count())

    prompts: Sequence[Prompt] = list(itertools.islice(new_builder("middle", 50).build(endless), 3))

    assert 3 == len({digest_ids(prompt.ids) for prompt in prompts})
