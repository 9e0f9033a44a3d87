"""Keep answers beside the model card: of its table of RoPE settings, where comparisons find them, and of the sweep.

    for rope in native dynamic:2 dynamic:4 dynamic:8 linear:4 linear:8; do
        evalkit run model_cards/needle-tiny needle --lengths 2048,4096 --depths 0,50,100 --repeats 30 \\
            --rope $rope --out runs/$rope
    done
    python model_cards/needle-tiny/keep_answers.py answers runs/*

    evalkit rope sweep model_cards/needle-tiny needle --spec none --spec linear:2,4,8 --spec dynamic:2,4,8 \\
        --spec ntk:2,4,8 --spec yarn:2,4,8 --out sweep
    python model_cards/needle-tiny/keep_answers.py sweep sweep/*/needle
"""

from __future__ import annotations

import sys
from pathlib import Path

from evalkit.scores import answers_of_run, keep_answers

target = Path(__file__).parent / sys.argv[1]
for run in map(Path, sys.argv[2:]):
    folder = target / (run.parent if run.name == "needle" else run).name.replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    keep_answers(folder, answers_of_run(run))
