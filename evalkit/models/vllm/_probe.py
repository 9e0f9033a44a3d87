"""Proof that an engine reads the rotary table where a request says, in prefill and decoding, and nothing else by it.

Prompts of several lengths run in one batch, read from the top of the table and from a slot far down it, with the same
rotation in both places (nothing may change) and with another one in the slot (only those prompts change, and as though
all had been rotated so). What is compared are the scores of tokens that are forced, so that answers never part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evalkit.cards import Card
from evalkit.rope import RopeSetting

from ._rotation import window_of, write_setting
from ._shift import FIRST_ROW

if TYPE_CHECKING:
    import numpy as np

__all__ = ["is_shift_proven"]

OTHER = RopeSetting("default", 1.0)  # all pairs turn by one radian: nothing is further from a rotation in use
LENGTHS = (23, 41, 11, 32)  # of the prompts, in tokens
IS_FAR = (True, False, True, True)  # whether they read the slot; in no other order are they the same
ANSWER = 6
LARGEST_SHARE = 0.1
"""What may be left over, in parts of what the other rotation changes: engines round differently in other batches."""


def is_shift_proven(engine: Any, card: Card, rope: RopeSetting, row: int) -> bool:
    """Whether prompts that read the table from `row` on are rotated by what is written there, and others are not."""
    import numpy as np

    top = [0] * len(LENGTHS)
    far = [row if is_far else 0 for is_far in IS_FAR]
    for place in (0, row):
        write_setting(engine, rope, card, place)
    alone, moved = _scores(engine, top), _scores(engine, far)
    write_setting(engine, OTHER, card, row)
    mixed = _scores(engine, far)
    write_setting(engine, OTHER, card, 0)
    other = _scores(engine, top)
    expected = np.where(np.array(IS_FAR)[:, None], other, alone)
    left_over = np.maximum(abs(moved - alone), abs(mixed - expected)).max(axis=1)
    return bool((left_over < LARGEST_SHARE * abs(other - alone).max(axis=1)).all())


def _scores(engine: Any, rows: Sequence[int]) -> np.ndarray:
    """Scores of the forced tokens, one line for each prompt, which reads the table from its row on."""
    import numpy as np
    from vllm import SamplingParams

    words = engine.llm_engine.model_config.get_vocab_size()
    prompts, asked = [], []
    for row, length in zip(rows, LENGTHS, strict=True):
        ids = [(length * length + 7 * place) % words for place in range(min(length, window_of(engine) - ANSWER))]
        prompts.append({"prompt_token_ids": ids})
        asked.append(
            SamplingParams(
                temperature=0.0, max_tokens=ANSWER, min_tokens=0, ignore_eos=True, allowed_token_ids=ids[-1:],
                logprobs=1, detokenize=False, extra_args={FIRST_ROW: row},
            )
        )  # fmt: skip
    engine.reset_prefix_cache()
    outputs = [output.outputs[0] for output in engine.generate(prompts, asked, use_tqdm=False)]
    engine.reset_prefix_cache()
    return np.array(
        [
            [scores[token].logprob for token, scores in zip(output.token_ids, output.logprobs, strict=True)]
            for output in outputs
        ]
    )
