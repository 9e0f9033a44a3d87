"""Seeds of draws: made of the prompt, the run's seed and the number of the draw, and of nothing else."""

from __future__ import annotations

from evalkit.models import Sampling

DIGEST = "ab" * 32


def test_the_seed_of_a_draw_is_always_the_same() -> None:
    """A record of an older run must not meet another draw under its number; a signed number of 64 bits holds it."""
    drawn = Sampling(0.7, 0.9, 20, seed=3).of_draw(DIGEST, 5)

    assert 5025124815978276848 == drawn.seed
    assert (0.7, 0.9, 20) == drawn.rule


def test_prompt_seed_and_draw_each_change_the_seed() -> None:
    """Temperature does not: the same draws are compared at several temperatures."""
    base = Sampling(0.7).of_draw(DIGEST, 0)
    others = [
        Sampling(0.7).of_draw("ac" * 32, 0),
        Sampling(0.7, seed=1).of_draw(DIGEST, 0),
        Sampling(0.7).of_draw(DIGEST, 1),
    ]

    assert 4 == len({base.seed, *(each.seed for each in others)})
    assert all(0 <= each.seed < 2**63 for each in others)
    assert base.seed == Sampling(1.5).of_draw(DIGEST, 0).seed


def test_an_identity_names_what_is_set() -> None:
    """What is not asked for is not in it."""
    assert "temperature 0.7, top-p 0.9, top-k 20" == str(Sampling(0.7, 0.9, 20))
    assert "temperature 1" == str(Sampling(1.0))
    assert "temperature 0.3, repetition-penalty 1.1" == str(Sampling(0.3, repetition_penalty=1.1))
    assert "temperature 0.1234567891" == str(Sampling(0.1234567891))
