"""Why divide by √d_k? Train with and without, and store what comes out: about six minutes.

    python benchmarks/scaling_ablation.py   writes data/scaling_ablation.csv

Five seeds for each size of head, one head of d_k and d_v = 32, 600 steps. The loss is that over all
sentences, above its floor, in nat. Afterwards python data/make.py renews the checksums.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from helpers.grammar import Grammar
from helpers.learning import Parameters, losses, train

DATA = Path(__file__).resolve().parent.parent / "data"
SIZES, SEEDS, STEPS, CHECKPOINTS = (4, 16, 64, 256), range(5), 600, (50, 100, 200, 300, 400, 600)


def main():
    grammar = Grammar.read()
    every = grammar.every_word()
    with open(DATA / "scaling_ablation.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["d_k", "scaled", "seed", "step", "above_the_floor"])
        for d_k in SIZES:
            for scaled in (True, False):
                for seed in SEEDS:
                    rng = np.random.default_rng(seed)
                    start = Parameters.random(
                        len(grammar.words),
                        grammar.sentences.shape[1],
                        32,
                        1,
                        rng,
                        d_k=d_k,
                        dtype=np.float32,
                        scaled=scaled,
                    )
                    training = train(start, grammar.draw, rng, STEPS, checkpoints=CHECKPOINTS, progress=False)
                    for step, parameters in training.checkpoints.items():
                        table.writerow(
                            [
                                d_k,
                                scaled,
                                seed,
                                step,
                                f"{every.shares @ losses(parameters, every) - every.floor:.4f}",
                            ]
                        )
            print(f"d_k {d_k}: done", flush=True)


if __name__ == "__main__":
    main()
