"""Why divide by √d_k? Train with and without, and store what comes out: about ten minutes.

    python benchmarks/scaling_ablation.py   writes data/scaling_ablation.csv

One head, 600 steps, five seeds for each setting. Heads of four sizes are compared at one learning rate. For
d_k = 64 there are other learning rates too, and two settings that take apart what the division does: a model
that divides but starts with W_Q eight times as large, and one that doesn't divide but starts with an eighth.
The README of the data folder says what the columns mean. Afterwards python data/make.py renews the checksums.
"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np

from helpers.grammar import Grammar
from helpers.learning import Parameters, losses, read, train

DATA = Path(__file__).resolve().parent.parent / "data"
SEEDS, STEPS, CHECKPOINTS, RATE = range(5), 600, (0, 50, 100, 200, 300, 400, 600), 0.01
SETTINGS = [  # d_k, scaled, learning_rate, w_q_start
    *((d_k, scaled, RATE, 1) for d_k, scaled in itertools.product((4, 16, 64, 256), (True, False))),
    *((64, scaled, rate, 1) for rate, scaled in itertools.product((0.00125, 0.005, 0.02), (True, False))),
    (64, True, RATE, 8),
    (64, False, RATE, 0.125),
]


def main():
    grammar = Grammar.read()
    every, some = grammar.every_word(), grammar.draw(np.random.default_rng(2), 1_000)
    rows = []
    for setting, seed in itertools.product(SETTINGS, SEEDS):
        d_k, scaled, learning_rate, w_q_start = setting
        rng, n = np.random.default_rng(seed), grammar.sentences.shape[1]
        sizes = dict(d_model=32, n_heads=1, d_k=d_k)
        start = Parameters.random(len(grammar.words), n, rng=rng, dtype=np.float32, scaled=scaled, **sizes)
        start.w_q[:] *= w_q_start
        training = train(
            start, grammar.draw, rng, STEPS, 64, learning_rate, checkpoints=CHECKPOINTS, progress=False
        )
        for step, parameters in training.checkpoints.items():
            _, weights = read(parameters, some.tokens, some.positions)  # (batch, 1, n, n)
            measured = (
                every.shares @ losses(parameters, every) - every.floor,
                weights[np.arange(len(some)), 0, some.positions].max(axis=-1).mean(),
            )
            rows.append([*setting, seed, step, *(f"{value:.4f}" for value in measured)])
        print(f"{setting}, seed {seed}: {rows[-1][-2]} nats above the floor", flush=True)
    with open(DATA / "scaling_ablation.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            ["d_k", "scaled", "learning_rate", "w_q_start", "seed", "step"]
            + ["above_the_floor", "largest_weight"]
        )
        table.writerows(rows)


if __name__ == "__main__":
    main()
