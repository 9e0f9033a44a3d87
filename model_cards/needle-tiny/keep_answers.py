"""Keep the answers behind the table of RoPE settings beside the model card, where comparisons find them.

    for rope in native dynamic:2 dynamic:4 dynamic:8 linear:4 linear:8; do
        evalkit run model_cards/needle-tiny needle --lengths 2048,4096 --depths 0,50,100 --repeats 30 \\
            --rope $rope --out runs/$rope
    done
    python model_cards/needle-tiny/keep_answers.py runs/*
"""

from __future__ import annotations

import sys
from pathlib import Path

from evalkit.scores import answers_of_run, keep_answers

ANSWERS = Path(__file__).parent / "answers"

for name in sys.argv[1:]:
    folder = ANSWERS / Path(name).name.replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    keep_answers(folder, answers_of_run(Path(name)))
