"""Files of dialogues in every form that is read, and what is said of others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from evalkit.chatting.roleplay import LARGEST_FILE, read_examples
from evalkit.errors import DataError, MissingDependencyError
from evalkit.tasks.samples import Turn

HI, BYE = Turn("Hi", "Ahoy!"), Turn("Bye", "Fair winds.")
MESSAGES = [
    {"role": "system", "content": "You are a sailor."}, {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Ahoy!"}, {"role": "user", "content": "Bye"},
    {"role": "assistant", "content": "Fair winds."},
]  # fmt: skip
SHAREGPT = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ahoy!"}]
LINES = "Ann: Hi\nSailor: Ahoy!\n\nAnn: Bye\nSailor: Fair winds.\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", '{"question": "Hi", "answer": "Ahoy!"}\n\n{"user": "Bye", "assistant": "Fair winds."}'),
        ("a.json", json.dumps([{"question": "Hi", "answer": "Ahoy!"}, {"question": "Bye", "answer": "Fair winds."}])),
        ("a.json", json.dumps(MESSAGES, indent=1)),
        ("a.json", json.dumps({"messages": MESSAGES})),
        ("a.jsonl", f"{json.dumps({'conversations': SHAREGPT})}\n{json.dumps({'messages': MESSAGES[3:]})}"),
        ("a.json", json.dumps([{"dialog": ["Ann: Hi", "Sailor: Ahoy!"]}, {"dialog": "Ann: Bye\nSailor: Fair winds."}])),
        ("a.csv", "question,answer\nHi,Ahoy!\nBye,Fair winds.\n"),
        ("a.csv", '\ufeffid,Answer,Question\n1,Ahoy!,Hi\n2,"Fair winds.",Bye\n'),
        ("a.csv", "Hi,Ahoy!\r\nBye,Fair winds."),
        ("a.csv", '序号,对话\n1,"Ann: Hi\nSailor: Ahoy!"\n,"Ann: Bye\nSailor: Fair winds."\n'),
        ("a.tsv", "user\tassistant\nHi\tAhoy!\nBye\tFair winds.\n"),
        ("a.txt", LINES),
        ("a.txt", LINES.replace(": ", "：").replace("\n\n", "\n----\n")),
        ("a", "Sailor: (sings)\nAnn: Hi\nSailor: Ahoy!\nBob: Bye\nSailor: Fair winds.\nAnn: Oh"),
    ],
)
def test_every_form_gives_the_same_examples(name: str, text: str) -> None:
    """In the order of the file; what nobody asked, and what nobody answered, is left out."""
    character = "Sailor" if text.startswith("Sailor") else None

    examples = read_examples((name, text.encode()), character)

    assert (HI, BYE) == examples.turns
    assert (2, name) == (len(examples), examples.name)


def test_a_file_of_index_character_is_read_as_it_is(tmp_path: Path) -> None:
    """Dialogues in the cells of a column, several speakers, the character's name that of the file."""
    path = tmp_path / "三三.csv"
    path.write_text(
        '序号,对话\n2,"三三：姐姐？\n二二：这个按键是干什么的。\n三三：姐姐，你又乱玩。"\n'
        ',"欧卡：三三博士！\n路人：您好！\n三三：欧卡，嗨。\n"\n9,三三：喂\n', "utf-8",
    )  # fmt: skip

    examples = read_examples(path)

    assert (
        Turn("这个按键是干什么的。", "姐姐，你又乱玩。"),
        Turn("三三博士！\n您好！", "欧卡，嗨。"),
    ) == examples.turns
    assert ("三三", "2 examples of 三三") == (examples.character, examples.notes[-1])


def test_the_character_is_named_or_speaks_second() -> None:
    """Who is named wins over the file, the file over the order of the lines."""
    data = LINES.encode()

    assert "Sailor" == read_examples(("talk.txt", data)).character
    assert "Ann" == read_examples(("Ann.txt", data)).character
    assert "Ann" == read_examples(("talk.txt", data), "Ann").character
    assert (Turn("Ahoy!", "Bye"),) == read_examples(("talk.txt", data), "Ann").turns
    named = json.dumps({"role_name": "Ann", "dialog": LINES})
    assert "Ann" == read_examples(("talk.json", named.encode())).character


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("name", ["三三.txt", "三三.csv", "三三.json"])
def test_a_file_may_have_any_encoding_that_a_document_may(name: str, encoding: str) -> None:
    """Editors and spreadsheets in China write others than UTF-8."""
    said = "二二：我们去哪里玩？\n三三：姐姐，我们回家吧。"
    texts = {
        ".txt": said,
        ".csv": f'序号,对话\n1,"{said}"\n',
        ".json": json.dumps({"dialog": said}, ensure_ascii=False),
    }

    examples = read_examples((name, texts[Path(name).suffix].encode(encoding)))

    assert (Turn("我们去哪里玩？", "姐姐，我们回家吧。"),) == examples.turns


def test_what_is_said_may_have_lines_and_colons() -> None:
    """A line without a speaker goes on; an address and a sentence before a colon name nobody."""
    text = "A: Where?\nB: See\nhttp://example.org\nfirst. Then: left\n  : done\nA: Thanks"

    assert (Turn("Where?", "See\nhttp://example.org\nfirst. Then: left\n  : done"),) == read_examples(
        ("a.txt", text.encode())
    ).turns


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.txt", "Once upon a time\nA: b", "a.txt:1: 'Once upon a time' says nobody; begin it with a speaker, NAME"),
        ("a.txt", "A: b\nA: c\n", "a.txt: ['A'] alone; a dialogue needs two speakers"),
        ("a.jsonl", '{"question": "a", "answer": "b"}\n{"question"', "a.jsonl:2: not JSON"),
        ("a.jsonl", '{"question": "a"}\n', "a.jsonl:1: no question and answer, messages or dialogue (fields:"),
        ("a.jsonl", '{"question": "a", "answer": 3}\n', "a.jsonl:1: answer is 3, a text is expected"),
        ("a.json", '[{"question": "a", "answer": "b"},\n 3]', "a.json: item 2: 3 is no object"),
        ("a.json", '{"messages": [{"role": "pirate", "content": "b"}]}', "item 1, message 1: role 'pirate' is none of"),
        ("a.json", '{"messages": [{"role": "user", "content": "b"}]}', "a.json: no question with an answer in it"),
        ("a.csv", "question,answer\na,b\n\na,b,c\n", "a.csv:4: 3 columns where line 1 has 2; put commas in quotes"),
        ("a.csv", 'question,answer\n"a"b,c\n', "a.csv:2: no CSV ("),
        ("a.csv", "one,two,three\n1,2,3\n", "a.csv:1: columns ['one', 'two', 'three'] are no question and answer"),
        ("a.csv", ",\n,\n", "a.csv: empty"),
    ],
)
def test_a_file_that_is_none_of_dialogues_is_named(name: str, text: str, problem: str) -> None:
    """File, place, what is wrong and what is expected, in one line."""
    with pytest.raises(DataError) as caught:
        read_examples((name, text.encode()))

    assert problem in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_a_file_has_bounds(tmp_path: Path) -> None:
    """In bytes and in examples, as an upload and from the disk."""
    big = tmp_path / "a.txt"
    big.write_bytes(b"A: b\n" * (LARGEST_FILE // 5 + 1))

    with pytest.raises(DataError, match=r"a\.txt: larger than 8,388,608 bytes"):
        read_examples(big)
    with pytest.raises(DataError, match=r"a\.txt: larger than 8,388,608 bytes"):
        read_examples(("a.txt", big.read_bytes()))
    with pytest.raises(DataError, match="10,001 examples, 10,000 are the most"):
        read_examples(("a.csv", "".join(f"q{number},a\n" for number in range(10_001)).encode()))
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file"):
        read_examples(tmp_path / "nowhere.txt")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is a pipe"):  # and is not waited for
        read_examples(tmp_path / "pipe")
    with pytest.raises(DataError, match="says nothing in it; its speakers are"):
        read_examples(("a.txt", LINES.encode()), "Bob")


def test_role_play_says_what_is_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is read."""
    monkeypatch.setitem(__import__("sys").modules, "bm25s", None)

    with pytest.raises(MissingDependencyError, match=r"role play needs 'bm25s': pip install 'evalkit\[chat\]'"):
        read_examples(("a.txt", LINES.encode()))
