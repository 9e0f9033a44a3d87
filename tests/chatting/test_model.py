"""Questions and answers: what is computed again, who is answered when, and what the user is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.chatting import ChatModel, Conversation, Heard, Reply
from evalkit.documents import Document
from evalkit.errors import SampleError, UserError
from evalkit.models import Completion
from evalkit.tasks.samples import Turn

from .talks import QUESTION, Engine, about, whole

NewChat = Callable[..., ChatModel]


def test_the_second_question_computes_what_is_new(new_chat: NewChat) -> None:
    """The document is read once for all questions about it, also those of a conversation begun anew."""
    model, conversation = new_chat(max_new_tokens=24), about(8)
    first = whole(model.ask(model.prepare(conversation, QUESTION)))
    conversation = conversation.and_then(QUESTION, first.text)
    asked = model.prepare(conversation, "And to whom was it sent?")
    second = whole(model.ask(asked))
    anew = whole(model.ask(model.prepare(conversation.anew(), "Who drove over the bridge?")))

    assert "91537" in first.text
    assert 0 == first.cached_tokens
    assert second.prompt_tokens == len(asked.prompt.ids)
    # All of the first prompt but its last token may be left of it, and its answer where that is encoded as it was.
    assert first.prompt_tokens - 1 <= (second.cached_tokens or 0) < second.prompt_tokens
    assert asked.document_tokens < (anew.cached_tokens or 0) < anew.prompt_tokens


def test_the_time_to_the_first_token_stands_beside_that_of_the_first_question(new_chat: NewChat) -> None:
    """Known once a question was asked of which nothing was cached."""
    model, conversation = new_chat(max_new_tokens=4), about(8)
    replies = [whole(model.ask(model.prepare(conversation, question))) for question in (QUESTION, "Who?")]
    other = whole(model.ask(model.prepare(about(6), QUESTION)))

    first, second = replies
    assert first.first_token_seconds is not None and second.first_token_seconds is not None
    assert first.first_token_seconds == first.first_token_seconds_uncached == second.first_token_seconds_uncached
    assert second.first_token_seconds < first.first_token_seconds <= first.seconds
    assert other.first_token_seconds_uncached != first.first_token_seconds  # its own, or unknown: it begins alike


def test_the_time_without_a_cache_is_unknown_where_nobody_says_what_was_cached(new_chat: NewChat) -> None:
    """The first question of a chat need not be the first that a server got about the document."""
    model = new_chat(Engine())

    reply = whole(model.ask(model.prepare(about(2), QUESTION)))

    assert reply.cached_tokens is None and reply.first_token_seconds is not None
    assert reply.first_token_seconds_uncached is None


def test_two_conversations_in_turn_are_answered_as_each_alone(new_chat: NewChat) -> None:
    """One cache, two documents: what the other one left is never read."""
    tales = [about(8), about(8, "The secret code of Lars is 69563. ")]
    questions = [QUESTION, "What is the secret code of Lars?"]
    asking = [*zip(tales, questions, strict=True)] * 2
    together, alone = new_chat(max_new_tokens=24), new_chat(max_new_tokens=24, is_reusing_prefixes=False)

    mixed = [whole(together.ask(together.prepare(*each))).text for each in asking]

    assert [whole(alone.ask(alone.prepare(*each))).text for each in asking] == mixed
    assert ["91537" in mixed[0], "69563" in mixed[1]] == [True, True]


@pytest.mark.parametrize("spec", ["native", "none", "linear:2", "ntk:2", "yarn:2", "dynamic:2"])
def test_answers_behind_a_cache_are_those_without_one_under_every_rope_setting(
    spec: str, new_chat: NewChat, tiny_model: Path, notes: list[str]
) -> None:
    """Beyond the original length a dynamic rule turns each prompt otherwise: nothing is reused, and that is said."""
    given: dict[str, Any] = {"model": str(tiny_model), "max_new_tokens": 8, "rope": spec, "max_seq_len": 2048}
    model, fresh = new_chat(**given), new_chat(**given, is_reusing_prefixes=False)
    conversation = about(10)
    for question in ("Who?", "Who drove?", "Who drove over it?"):
        asked = model.prepare(conversation, question)
        reply = whole(model.ask(asked))
        assert whole(fresh.ask(fresh.prepare(conversation, question))).text == reply.text
        conversation = conversation.and_then(question, reply.text)

    assert (reply.cached_tokens == 0) is (spec == "dynamic:2")
    assert len(asked.prompt.ids) > 512  # the model's own length
    assert (spec == "dynamic:2") == any("computed anew for each question" in line for line in notes)
    assert len([line for line in notes if "computed anew" in line]) <= 2  # one for each model


def test_a_page_turns_the_model_from_question_to_question(new_chat: NewChat) -> None:
    """Each answer is that of a model opened under that spec, whatever was asked before."""
    model, conversation = new_chat(max_new_tokens=16, is_rope_free=True), about(8)
    specs = ["native", "ntk:8", "native", "linear:4", "dynamic:4", "ntk:8"]

    answers = [whole(model.ask(model.prepare(conversation, QUESTION, rope=spec))) for spec in specs]

    each_alone = {spec: new_chat(max_new_tokens=16, rope=spec) for spec in specs}
    for spec, reply in zip(specs, answers, strict=True):
        alone = each_alone[spec]
        asked = alone.prepare(conversation, QUESTION)
        assert model.prepare(conversation, QUESTION, rope=spec).rope == asked.rope
        assert whole(alone.ask(asked)).text == reply.text
    assert len({reply.text for reply in answers}) > 1


def test_specs_that_cannot_be_are_one_line(new_chat: NewChat) -> None:
    """Before any weights are read; a chat that was opened under one spec takes no other."""
    free, bound = new_chat(is_rope_free=True), new_chat(rope="ntk:2")

    for spec in ("ntk:0", "longrope", "nonsense"):
        with pytest.raises(UserError, match=r"^[^\n]+$"):
            free.check_rope(spec)
    with pytest.raises(UserError, match="opened under --rope ntk:2 alone"):
        bound.prepare(about(2), QUESTION, rope="ntk:4")
    bound.check_rope("ntk:2")
    free.check_rope("yarn:4")
    assert not free.is_loaded


@pytest.mark.parametrize("mode", ["middle", "none"])
def test_what_fits_is_neither_cut_nor_refused(new_chat: NewChat, mode: str) -> None:
    """To the last token, whatever would be done with more."""
    model, conversation = new_chat(truncation=mode, max_seq_len=512), about(8)
    examples = [Turn("word " * 20, "word " * 20)] * 20
    most = max(count for count in range(20) if model.fits(conversation, QUESTION, examples[:count]))

    assert 0 < most < 19
    assert model.prepare(conversation, QUESTION, examples[:most]).cut is None
    if mode == "none":
        with pytest.raises(SampleError):
            model.prepare(conversation, QUESTION, examples[: most + 1])
    else:
        assert model.prepare(conversation, QUESTION, examples[: most + 1]).cut is not None


def test_questions_of_several_threads_are_answered_one_after_the_other(new_chat: NewChat) -> None:
    """First come, first served; who waits sees how many are before."""
    engine = Engine(is_held=True)
    model = new_chat(engine)
    asked = model.prepare(about(2), QUESTION)
    first, waits = model.ask(asked), model.ask(asked)
    engine.go_on.release()
    assert "one " == next(first).text
    second = next(waits)

    assert isinstance(second, Heard) and ("", 1) == (second.text, second.waiting)
    assert 2 == model.waiting
    done: list[Heard | Reply] = []
    thread = threading.Thread(target=lambda: done.extend(waits))
    thread.start()
    engine.go_on.release(5)
    assert "one two three" == whole(first).text
    thread.join(10)
    assert isinstance(done[-1], Reply) and "one two three" == done[-1].text
    assert ["begins", "ends", "begins", "ends"] == engine.log
    assert 0 == model.waiting


def test_an_answer_that_is_closed_ends_before_the_next_begins(new_chat: NewChat) -> None:
    """The engine is let go first, then whoever waits is answered."""
    engine = Engine()
    model = new_chat(engine)
    asked = model.prepare(about(2), QUESTION)
    parts = model.ask(asked)
    next(parts)
    parts.close()  # type: ignore[attr-defined]

    assert ["begins", "ends"] == engine.log
    assert 0 == model.waiting
    assert "one two three" == whole(model.ask(asked)).text


def test_many_threads_get_their_own_answers(new_chat: NewChat) -> None:
    """Prompts made and answers given at once, by threads that know nothing of each other."""
    model, found = new_chat(max_new_tokens=12), {}
    labels = {number: about(2, f"The secret code of Lars is {number}. ") for number in (69563, 41273, 80617, 52916)}

    def ask(number: int, conversation: Conversation) -> None:
        found[number] = whole(model.ask(model.prepare(conversation, "What is the secret code of Lars?"))).text

    threads = [threading.Thread(target=ask, args=each) for each in labels.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert all(str(number) in found[number] for number in labels), found


def test_a_backend_that_fails_says_so_in_the_reply(new_chat: NewChat) -> None:
    """The conversation goes on; an error that nobody wrote is not hidden."""
    model = new_chat(Engine(error=UserError("the server is gone")))
    asked = model.prepare(about(2), QUESTION)

    reply = whole(model.ask(asked))

    assert ("", "the server is gone", "error") == (reply.text, reply.error, reply.completion.finish_reason)
    model = new_chat(Engine(error=RuntimeError("a fault")))
    with pytest.raises(RuntimeError, match="a fault"):
        whole(model.ask(asked))
    assert 0 == model.waiting


def test_a_backend_that_shows_answers_whole_has_no_time_to_the_first_token(new_chat: NewChat) -> None:
    """Nothing is heard before the reply."""

    class Whole:
        """An engine without a stream."""

        def generate(self, rope: object, requests: Sequence[Any]) -> Any:  # noqa: ARG002
            """One answer."""
            return iter([Completion(requests[0].index, "one")])

        def close(self) -> None:
            """Nothing to give back."""

    model = new_chat(Whole())
    (reply,) = model.ask(model.prepare(about(2), QUESTION))

    assert isinstance(reply, Reply)
    assert ("one", None, None) == (reply.text, reply.first_token_seconds, reply.first_token_seconds_uncached)


def test_what_a_document_takes_of_the_window_is_known_before_a_question(new_chat: NewChat) -> None:
    """Its tokens, the room that is left, and what would be cut."""
    model = new_chat(max_new_tokens=64, max_seq_len=512)
    short, long = model.measure(about(8)), model.measure(about(40))

    assert (512, None) == (short.window, short.cut)
    assert short.room == 512 - 64 - short.prompt_tokens > 0
    assert short.document_tokens < short.prompt_tokens < short.document_tokens + 10
    assert 0 == long.room and long.cut is not None and long.cut.gaps
    assert long.document_tokens < long.prompt_tokens
    ((start, stop),) = long.cut.gaps
    document = about(40).document
    assert document is not None and 0 < start < stop < len(document.text)
    assert long.cut == model.prepare(about(40), "").cut
    assert 0 == model.measure(Conversation()).document_tokens


def test_a_document_is_encoded_once_for_all_questions(new_chat: NewChat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a megabyte only what is new is read again."""
    model = new_chat()
    conversation = Conversation(
        Document("long.txt", "".join(f"word {number} and more of it. " for number in range(9000)))
    )
    model.prepare(conversation, "First?")
    read: list[int] = []
    encode = model._tokenizer._remembered._encode  # type: ignore[union-attr]
    monkeypatch.setattr(
        model._tokenizer._remembered,
        "_encode",
        lambda texts: read.extend(len(each.text) for each in texts) or encode(texts),
    )
    model.measure(conversation)
    model.prepare(conversation, "Second?")

    assert 0 < sum(read) < 150_000
    assert 200_000 < len(conversation.document.text)  # type: ignore[union-attr]


def test_no_truncation_and_no_room_is_one_line_with_numbers(new_chat: NewChat) -> None:
    """For the question and already when the document is opened."""
    model = new_chat(truncation="none")
    for ask in (lambda: model.prepare(about(100), QUESTION), lambda: model.measure(about(100))):
        with pytest.raises(SampleError, match=r"^prompt of \d+ tokens does not fit \d+ .*truncation is 'none'[^\n]*$"):
            ask()


def test_examples_and_system_message_stand_before_the_document(new_chat: NewChat) -> None:
    """In the order of a run; the cut is still one of the document."""
    model = new_chat(max_seq_len=512, max_new_tokens=64)
    conversation = Conversation(about(40).document, "Be brief.", (Turn("Who?", "Martin."),))

    asked = model.prepare(conversation, "And?", [Turn("Hello", "Good day.")])

    text = model.session.tokenizer.decode(asked.prompt.ids.tolist(), skip_special=False)
    assert -1 < text.find("Be brief.") < text.find("Hello") < text.find("The workers")
    assert asked.cut is not None and asked.cut.gaps and not asked.cut.is_beyond
    document = about(40).document
    assert document is not None
    assert f"{document.text}\n\nWho?"[asked.cut.stop :] in text


def test_a_closed_model_reads_its_weights_again(new_chat: NewChat) -> None:
    """The page that forgot it was closed still answers."""
    engine = Engine()
    model = new_chat(engine, max_new_tokens=4)
    model.close()
    model.close()

    assert ["closed"] == engine.log
    assert not model.is_loaded
    assert whole(model.ask(model.prepare(about(2), QUESTION))).error is None
    assert model.is_loaded
