"""Train the small models that the head explorer shows under its sliders: python benchmarks/trained_heads.py

Six models with 1, 2, 4, 8, 16 and 32 heads, n_heads · d_k = 32 each, otherwise as in notebook 07: seed 0,
the same grammar, 1500 steps of Adam. The one with 8 heads is the model of notebook 07 itself.
Writes data/trained_heads.npz, in about a minute. Run python data/make.py afterwards to renew the checksums.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np

from helpers.grammar import Grammar
from helpers.learning import Parameters, losses, train

DATA = Path(__file__).resolve().parent.parent / "data"
HEAD_COUNTS, D_MODEL, STEPS, SEED = (1, 2, 4, 8, 16, 32), 32, 1500, 0


def model(grammar: Grammar, n_heads: int) -> Parameters:
    """The trained model, in the 16 bits a number in which it's stored: training in 64 bits, so that the
    rounding of another machine is lost again."""
    rng = np.random.default_rng(SEED)
    start = Parameters.random(len(grammar.words), grammar.sentences.shape[1], D_MODEL, n_heads, rng)
    learned = train(start, grammar.draw, rng, STEPS, progress=False).parameters
    arrays = {name: array.astype(np.float16) for name, array in learned.arrays().items()}
    return Parameters(**arrays, n_heads=n_heads)


def main():
    grammar, stored, above = Grammar.read(), {}, []
    every_word = grammar.every_word()
    for n_heads in HEAD_COUNTS:
        trained = model(grammar, n_heads)
        stored |= {f"{name}_{n_heads}": array for name, array in trained.arrays().items()}
        read = {name: array.astype(np.float32) for name, array in trained.arrays().items()}
        loss = every_word.shares @ losses(Parameters(**read, n_heads=n_heads), every_word)
        above.append(loss - every_word.floor)
        print(f"{n_heads} heads: {above[-1]:.4f} nats above the entropy floor", flush=True)
    stored |= {"above_floor": np.round(above, 4).astype(np.float32)}
    content = runpy.run_path(str(DATA / "make.py"))["npz"](stored)
    (DATA / "trained_heads.npz").write_bytes(content)
    print(f"wrote data/trained_heads.npz, {len(content):,} bytes; run python data/make.py for its checksum")


if __name__ == "__main__":
    main()
