"""The tokenizer of needle-tiny: byte-level BPE of at most 4,096 entries, every digit and every Han character apart.

    python make_tokenizer.py OUT

Its merges are learned from the needle grammar, so that each name is one token, and from lists of common words, so
that other text is not spelled out byte by byte. The 256 bytes are entries, so any UTF-8 text survives a round trip.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from evalkit.tasks.needle import _grammar_en, _grammar_zh
from evalkit.tasks.needle._grammar import haystack, needle

VOCABULARY = 4096
SPECIALS = ("<pad>", "<bos>", "<eos>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ '<|assistant|>' + message['content'] + eos_token }}"
    "{% else %}{{ '<|user|>' + message['content'] }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

# A digit, a Han character, a word, punctuation, line ends, blanks: each a piece no merge may cross.
PIECES = r"\p{N}|\p{Han}| ?[\p{L}\p{M}&&[^\p{Han}]]+| ?[^\s\p{L}\p{M}\p{N}]+|\r?\n+|\s+(?!\S)|\s+"

COMMON_WORDS = """\
the of and to in a is that for it as was with be by on not he this are or his from at which but have
an had they you were there one all we their has would been when who will more if no out so said what up its about into
than them can only other new some could time these two may then do first any my now such like our over man me even
most made after also did many before must through back years where much your way well down should because each just
those people how too little state good very make world still own see men work long get here between both life being
under never day same another know while last might us great old year off come since against go came right used take
three states himself few house use during without again place around however home small found thought went say part
once general high upon school every does got united left number course war until always away something fact though
water less public put think almost hand enough far took head yet government system set better told nothing night end
why called find going look asked later point knew next program city business give group toward young days let room
word given order within white rather large national side often large history question answer text following choose
correct option options based article passage paragraph document write summary summarize according information context
please read questions answers only story report meeting speaker language model data result results example examples
paper method methods section table figure figures study research show shows different important problem value function
return import class self def else elif print true false none string list name names file files line code user system
company law court agreement party section date person children woman women family country money market percent million
billion health level form change development process service power position line means force week month hour minute
second love friend mother father brother sister voice face eyes light door car street food animal science book books
letter letters letter mind reason sense case cases kind area local real possible whole above below others another able
probably really already together across along among behind beside early late black red green short full open close
play run move live believe hold bring happen begin seem help talk turn start need want feel try leave call keep become
tion tions ment ness able ible ing ings ed er ers est ly ally ful less ous ive ity ies ation ations ence ance ent ant
ate ated ating ize ized izing ism ist al ial ical ary ory re un in im dis pre pro con com sub inter trans over under"""

COMMON_HAN = """\
的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所
然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已
工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给
世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感
建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记
南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运""".replace("\n", "")

PUNCTUATION = """\
. , ; : ? ! " ' ( ) [ ] { } - -- --- ... / // \\ # ## ### * ** *** = == => ->
+ < > <= >= & | || % $ @ ^ _ __ ~ ` ```
， 。 ； ： ？ ！ 、 “ ” ‘ ’ （ ） 《 》 【 】 —— ……"""


def corpus() -> Iterator[str]:
    """What the merges are learned from, often repeated where a whole token is wanted."""
    for language in ("en", "zh"):
        yield from itertools.islice(haystack(0, language), 4000)
        yield from (
            f"{fact.question} {fact.answer} {fact.statement}" for fact in (needle(s, language) for s in range(400))
        )
    texts = [text for grammar in (_grammar_en, _grammar_zh) for text in grammar.WORDS.values()]
    words = [word for text in texts for word in text.replace("|", " ").split()]
    for name in _grammar_en.NAMES.split():
        yield f" {name}" * 400
    for word in itertools.chain(
        words, _grammar_en.PROMPT.split(), _grammar_zh.NAMES.split(), _grammar_zh.PROMPT.split()
    ):
        yield f" {word}" * 60
    for rank, word in enumerate(COMMON_WORDS.split()):
        yield f" {word}" * (40 - rank // 20)
        yield f" {word.capitalize()}" * 3
    yield COMMON_HAN * 30
    yield " ".join(PUNCTUATION.split()) * 20
    yield from [
        "Read ",
        "Question: ",
        "Answer: ",
        "x\n",
        "x\n\n",
        "x\n\n\n",
        "x  y",
        "x   y",
        "x    y",
        "x        y",
    ] * 30


def build() -> Tokenizer:
    """The trained tokenizer; it adds one BOS where special tokens are asked for."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in SPECIALS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    bos = tokenizer.token_to_id("<bos>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", bos)]
    )
    check(tokenizer)
    return tokenizer


def check(tokenizer: Tokenizer) -> None:
    """Raises where a name of the grammar is not one token."""
    names = [f" {name}" for name in _grammar_en.NAMES.split()] + _grammar_zh.NAMES.split()
    split = [name for name in names if len(tokenizer.encode(name, add_special_tokens=False).ids) != 1]
    if split:
        raise ValueError(f"names of more than one token: {split}")


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes tokenizer.json and tokenizer_config.json, in the form that transformers 4 and 5 both read."""
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "attention_mask"],
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "additional_special_tokens": ["<|user|>", "<|assistant|>"],
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    save(build(), Path(sys.argv[1]))
