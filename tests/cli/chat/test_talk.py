"""`evalkit chat` at a terminal: what is typed, what is seen, and when."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from .terminal import END, INTERRUPT, Terminal

Talk = Callable[..., Terminal]
Script = Callable[..., None]
Prompts = Callable[[], Sequence[str]]
Go = Callable[[str], None]

STORY = "Long ago the river froze. The baker found a key. Nobody asked why.\n"


def test_an_answer_is_seen_while_it_is_made(talk: Talk, script: Script, go: Go, prompts: Prompts, bare: Path) -> None:
    """Its beginning before its end; then times and tokens, and of the second question what the cache saves."""
    script(["The ", "baker", {"await": "go"}, " did."], ["Because."], ["Long", {"finish": "length"}])
    (bare / "story.txt").write_text(STORY)
    terminal = talk("--file", "story.txt", "--system", "Be brief.")

    assert re.search(
        r"story\.txt: \d+ tokens, 67 characters, utf-8\nwindow: 512 tokens, 64 of them for", terminal.see("> ")
    )
    terminal.type("Who found it?")
    terminal.see("The baker")
    assert " did." not in terminal.raw
    go("go")
    first = terminal.see("> ")
    assert first.startswith(" did.\n")
    assert re.search(
        r"first token \d+\.\d\d s · \d+ prompt tokens, 0 of them cached · 3 tokens at .* · ended by it", first
    )
    terminal.type("Why?")
    second = terminal.see("> ")
    assert "Because.\n" in second
    assert re.search(r"first token \d+\.\d\d s \(\d+\.\d\d s without the cached document\)", second)
    terminal.type("/reset")
    assert "2 answers forgotten; the document stays" in terminal.see("> ")
    terminal.type("And now?")
    assert "cut at 1 token, --max-new-tokens" in terminal.see("> ")
    terminal.type(END, end="")
    code, rest = terminal.ends()
    assert (0, "") == (code, rest.strip())

    conversation = f"<s>[system] Be brief.\n[user] {STORY}\n\n"
    assert [
        f"{conversation}Who found it?\n[assistant]",
        f"{conversation}Who found it?\n[assistant] The baker did.\n[user] Why?\n[assistant]",
        f"{conversation}And now?\n[assistant]",
    ] == prompts()


def test_commands(talk: Talk, script: Script, bare: Path) -> None:
    """Each shows or does what /help says of it; one that does not exist is one line."""
    script(["It is *blue*."], ["Mine."])
    (bare / "story.txt").write_text(STORY)
    (bare / "kind.txt").write_text("Be very kind.\n")
    (bare / "other.txt").write_text("Another one.")
    terminal = talk("--file", "story.txt")
    terminal.see("> ")
    told = terminal.told

    told("Which colour?")
    assert "/save FILE.md" in told("/help")
    tokens = dict(re.findall(r"(?m)^([a-z ]+?) +(\d+) tokens$", told("/tokens")))
    assert 512 == int(tokens["window"]) and 0 == int(tokens["system message"]) < int(tokens["history"])
    assert "nothing is cut" in told("/cut")
    assert "unknown command '/rset': did you mean '/reset'?" in told("/rset")
    assert "did you mean '/quit'?" in told("/quiet")
    assert "written to talk.md" in told("/save talk.md")
    assert "talk.md: is there already" in told("/save talk.md")
    assert "cannot be written" in told("/save nowhere/talk.md")
    assert "name FILE.md" in told("/save talk.doc")
    assert "nowhere.txt: " in told("/file nowhere.txt")
    assert "other.txt: " in told("/file other.txt")
    assert "system message: (none)" in told("/system")
    assert "system message set" in told("/system @kind.txt")
    assert "system message: Be very kind." in told("/system")
    assert "system message set" in told("/system Be kind.")
    assert "system message: Be kind." in told("/system")
    assert "Mine." in told("Whose?")
    assert "added to own.jsonl; asked again by: evalkit run" in told("/save own.jsonl mine")
    assert "own.jsonl has this question already" in told("/save own.jsonl mine")
    terminal.type("/quit")

    assert (0, "/quit\n") == terminal.ends()
    saved = json.loads((bare / "own.jsonl").read_text())
    assert ("Another one.", ["Whose?"], ["mine"]) == (saved["input"], saved["instructions"], saved["outputs"])
    written = (bare / "talk.md").read_text()
    assert "about story.txt" in written and "**Question**\n\nWhich colour?\n\n**Answer**\n\nIt is *blue*." in written


def test_an_answer_that_is_stopped_is_kept_as_far_as_it_went(
    talk: Talk, script: Script, go: Go, awaited: Go, prompts: Prompts
) -> None:
    """Ctrl-C ends it after its next token, twice at once; at the prompt it ends the conversation."""
    script(["So far", {"await": "go"}, ".", {"await": "never"}], [{"await": "nothing"}], ["Yes."])
    terminal = talk()
    terminal.see("> ")
    terminal.type("Tell me all.")
    terminal.see("So far")
    awaited("go")
    terminal.type(INTERRUPT, end="")
    terminal.see("^C")
    go("go")
    assert re.search(r"prompt tokens · stopped\n$", terminal.see("> "))
    terminal.type("Nothing comes?")
    terminal.see("Nothing comes?")
    awaited("nothing")
    terminal.type(INTERRUPT, end="")
    terminal.see("stopping when the prompt is read; Ctrl-C again stops at once")
    terminal.type(INTERRUPT, end="")
    terminal.see("stopped\n> ")
    terminal.type("Really?")
    terminal.see("Yes.")
    terminal.see("> ")

    assert 0 == terminal.ends(INTERRUPT)[0]
    assert "[assistant] So far.\n[user] Really?" in prompts()[2]
    assert "Nothing comes?" not in prompts()[2]


def test_a_right_answer_is_to_the_last_question(talk: Talk, script: Script, bare: Path) -> None:
    """Where that was not answered, nothing is saved: the exchange before it would get the answer."""
    script(["One."], [{"error": "the server went away"}], ["Three."])
    terminal = talk()
    terminal.see("> ")
    told = terminal.told

    told("First?")
    assert "the server went away" in told("Second?")
    assert "the last question was not answered" in told("/save own.jsonl two")
    told("Third?")
    assert "added to own.jsonl" in told("/save own.jsonl three")
    terminal.type("/quit")

    assert 0 == terminal.ends()[0]
    (saved,) = map(json.loads, (bare / "own.jsonl").read_text().splitlines())
    assert (["Third?"], ["three"]) == (saved["instructions"], saved["outputs"])


def test_a_file_is_read_again_when_it_changes(talk: Talk, script: Script, prompts: Prompts, bare: Path) -> None:
    """And the history about its old text is dropped; the text of one that is gone goes on, which is said once."""
    script(["One."], ["Two."], ["Three."], ["Four."])
    path = bare / "story.txt"
    path.write_text(STORY)
    terminal = talk("--file", "story.txt")
    terminal.see("> ")
    told = terminal.told

    told("First?")
    path.write_text("The baker sold the key to a sailor, who lost it.\n")
    changed = told("Second?")
    assert "story.txt changed and was read again; the history is dropped (1 answer about the old text)" in changed
    assert re.search(r"story\.txt: \d+ tokens, 49 characters", changed)
    path.unlink()
    assert re.search(r"story\.txt: .*; the text as it was read goes on\n", told("Third?"))
    assert "goes on" not in told("Fourth?")
    terminal.type("/quit")

    assert 0 == terminal.ends()[0]
    second, fourth = prompts()[1], prompts()[3]
    assert "lost it" in second and STORY not in second and "First?" not in second
    assert "lost it" in fourth and "Two." in fourth and "Three." in fourth


def test_what_is_pasted_and_what_is_answered_acts_on_nothing(talk: Talk, script: Script, prompts: Prompts) -> None:
    """An escape that comes in two pieces is shown as one that comes in one, thoughts too; lines are one question where
    they are pasted or end in a backslash."""
    script([{"thought": "hm \x1b"}, {"thought": "]0;OWNED\x07"}, "Red: \x1b", "[31m", " \x9b2J \u202eabc"], ["Two."])
    terminal = talk()
    terminal.see("> ")
    terminal.type("\x1b[200~Which of these:\nred\nblue?\x1b[201~")
    assert r"[thinking] hm \x1b]0;OWNED\x07" + "\n" + r"Red: \x1b[31m \x9b2J \u202eabc" + "\n" in terminal.see("\n> ")
    terminal.type("Which of\\")
    terminal.see(". ")
    terminal.type("them?")
    terminal.see("Two.")
    terminal.see("> ")
    terminal.type("/quit")

    assert 0 == terminal.ends()[0]
    assert not re.search("\x1b\\]|\x1b\\[31m|[\x07\x9b\u202e]", terminal.raw)
    assert "[user] Which of these:\nred\nblue?\n[assistant]" in prompts()[0]
    assert "[user] Which of\nthem?\n[assistant]" in prompts()[1]


def test_a_script_that_is_interrupted_has_said_what_it_heard(talk: Talk, script: Script, go: Go, awaited: Go) -> None:
    """On a line of its own, with the exit code of Ctrl-C."""
    script(["So far", {"await": "go"}, ".", {"await": "never"}])
    terminal = talk("--question", "Tell me all.")
    terminal.see("So far")
    awaited("go")
    terminal.type(INTERRUPT, end="")
    terminal.see("^C")
    go("go")

    code, rest = terminal.ends()
    assert (130, True) == (code, rest.startswith(".\nevalkit: "))
    assert "the same command continues" not in rest


def test_what_does_not_fit_is_shown(talk: Talk, script: Script, bare: Path) -> None:
    """Where it lies in the document, the text at both seams, all of it when asked; a history that grows is said."""
    script(["Yes."], ["No."])
    lines = [f"Line {number} of the tale.\n" for number in range(200)]
    (bare / "tale.txt").write_text("".join(lines))
    terminal = talk("--file", "tale.txt")

    opening = terminal.see("> ")
    found = re.search(
        r"cut: ([\d,]+) of ([\d,]+) tokens .* of tale.txt, ([\d,]+) to ([\d,]+) \((\d+) % to (\d+) %",
        opening,
    )
    assert found is not None, opening
    start, stop = (int(found[place].replace(",", "")) for place in (3, 4))
    text = "".join(lines)
    assert [round(100 * place / len(text)) for place in (start, stop)] == [int(found[5]), int(found[6])]
    seams = dict(re.findall(r"(?m)^  (kept|cut) +(?:… )?(.*?)(?: …)?$", opening))
    assert text[stop:].replace("\n", " ").startswith(seams["kept"])
    assert text[start:stop].replace("\n", " ").strip().endswith(seams["cut"].strip())
    terminal.type("/cut")
    assert "more; /cut all shows all of it" in terminal.see("\n> ")
    terminal.type("/cut all")
    assert text[start:stop].strip() in terminal.see("\n> ")
    terminal.type("Is it?")
    assert re.search(r"448 of [\d,]+ prompt tokens", terminal.see("\n> "))
    terminal.type("And then?")
    assert "the history (1 answer) stands before this question: /reset drops it" in terminal.see("\n> ")
