"""Does a head take one sense of "apple"? Train, turn heads off, and store what comes out: about five minutes.

    python benchmarks/apple_on_trial.py             writes data/apple_on_trial.csv and data/trained.npz
    python benchmarks/apple_on_trial.py --summary   prints what the stored table says, and trains nothing

Ten seeds, each once with 8 heads of d_k = 4 and once with 1 head of d_k = 32: the same number of parameters,
steps and sentences. Afterwards python data/make.py renews the checksums. The README of the data folder says
what the columns mean.
"""

from __future__ import annotations

import csv
import itertools
import runpy
import sys
from pathlib import Path

import numpy as np

from helpers import examples
from helpers.grammar import Grammar
from helpers.learning import Parameters, Training, ablate, losses, read, train

DATA = Path(__file__).resolve().parent.parent / "data"
SEEDS, D_MODEL, STEPS = range(10), 32, 1500
CHECKPOINTS = (0, 10, 30, 60, 100, 150, 200, 300, 500, 800, 1150, STEPS)
SENTENCES = 10_000  # on which heads are turned off: drawn once, the same for all


def run(grammar: Grammar, seed: int, n_heads: int) -> Training:
    rng = np.random.default_rng(seed)
    start = Parameters.random(len(grammar.words), grammar.sentences.shape[1], D_MODEL, n_heads, rng)
    return train(start, grammar.draw, rng, STEPS, checkpoints=CHECKPOINTS, progress=False)


def greedy(parameters, words):
    """Turn off the head that is missed least, then the next, and so on: (heads off, table)."""
    off: tuple[int, ...] = ()
    while len(off) < parameters.n_heads:
        tables = {
            (*off, head): ablate(parameters, (*off, head), words)
            for head in range(parameters.n_heads)
            if head not in off
        }
        off = min(tables, key=lambda heads: tables[heads].mean())
        yield off, tables[off]


def weights_on(parameters, grammar, words, role):
    """How much of a hidden word's weight goes to the word of a role, by head, sense and hidden role:
    (n_heads, n_senses, n_roles).
    """
    place_of = {
        tuple(row): place
        for row, place in zip(
            grammar.sentences, (grammar.role_of == grammar.roles.index(role)).argmax(axis=1)
        )
    }
    whole = words.tokens.copy()
    whole[np.arange(len(words)), words.positions] = words.targets
    there = np.array([place_of[tuple(row)] for row in whole])
    _, weights = read(parameters, words.tokens, words.positions)  # (batch, n_heads, n, n)
    return [
        words.table(weights[np.arange(len(words)), head, words.positions, there])
        for head in range(parameters.n_heads)
    ]


def rows_of(n_heads, seed, measure, heads, table, senses):
    for sense, row in zip(senses, table):
        yield [n_heads, seed, measure, "+".join(map(str, heads)), sense, *(f"{value:.4f}" for value in row)]


def measure_all(grammar):
    words, every = grammar.draw(np.random.default_rng(2017), SENTENCES), grammar.every_word()
    senses = [f"{noun} ({sense})" for noun, sense in grammar.senses]
    rows = [
        *rows_of("", "", "floor, all sentences", (), every.table(every.surprisals), senses),
        *rows_of("", "", "floor, sample", (), words.table(words.surprisals), senses),
    ]
    for seed, n_heads in itertools.product(SEEDS, (8, 1)):
        training = run(grammar, seed, n_heads)
        if (seed, n_heads) == (0, 8):
            store(training)
        p = training.parameters
        rows += rows_of(n_heads, seed, "loss, all sentences", (), every.table(losses(p, every)), senses)
        rows += rows_of(n_heads, seed, "loss, sample", (), ablate(p, (), words), senses)
        if n_heads == 8:
            for head in range(8):
                rows += rows_of(
                    n_heads, seed, "loss, all sentences", (head,), ablate(p, (head,), every), senses
                )
                rows += rows_of(n_heads, seed, "loss, sample", (head,), ablate(p, (head,), words), senses)
            for pair in itertools.combinations(range(8), 2):
                rows += rows_of(
                    n_heads,
                    seed,
                    "loss, sample",
                    pair,
                    ablate(p, pair, words).mean(axis=0, keepdims=True),
                    ["all"],
                )
            for off, table in greedy(p, words):
                rows += rows_of(
                    n_heads, seed, "loss, sample, one by one", off, table.mean(axis=0, keepdims=True), ["all"]
                )
            for head, table in enumerate(weights_on(p, grammar, words, "place")):
                rows += rows_of(n_heads, seed, "weight on the place", (head,), table, senses)
        print(f"seed {seed}, {n_heads} head{'s' * (n_heads > 1)}: done", flush=True)
    return rows


def store(training):
    arrays = {
        "steps": np.array(list(training.checkpoints)),
        "losses": np.float32(training.losses),
        "floors": np.float32(training.floors),
    }
    for name in training.parameters.arrays():
        arrays[name] = np.stack([p.arrays()[name] for p in training.checkpoints.values()]).astype(np.float32)
    (DATA / "trained.npz").write_bytes(runpy.run_path(str(DATA / "make.py"))["npz"](arrays))


def one_sided(adjective):
    """The head whose loss differs most between the settings, where its gap ranks among all ways to name the
    senses, and whether it takes a side.

    To take a side is: missed by at least 0.2 nat in one setting, three times as much as in the other, all
    nouns agreeing.

    adjective: (n_heads, n_nouns, 2), how much a hidden adjective misses each head, outdoors and in town
    """
    gaps = adjective[..., 0] - adjective[..., 1]  # (n_heads, n_nouns)
    signs = np.array([(1, *others) for others in itertools.product((1, -1), repeat=gaps.shape[1] - 1)])
    by_naming = np.abs(gaps @ signs.T / gaps.shape[1]).max(axis=0)  # the first naming is by setting
    head = int(np.abs(gaps.mean(axis=1)).argmax())
    low, high = sorted(adjective[head].mean(axis=0))
    agree = (np.sign(gaps[head]) == np.sign(gaps[head].mean())).all()
    return head, int((by_naming > by_naming[0]).sum()) + 1, bool(high >= 0.2 and high >= 3 * low and agree)


def summary():
    """What the table says, seed by seed."""
    table = examples.apple_on_trial()
    floor = table["", "", "floor, all sentences", ""].mean()
    print(
        f"The floor is {floor:.4f} nat. Loss above the floor, over all sentences; all other figures are nat"
        " lost on the sample.\n"
    )
    print(
        "| seed | 8 heads | 1 head | all 8 off | heads missed by less than 0.05 | missed most | off, one by"
        " one, below +0.1 | pair worse than its parts | most one-sided head: adjective outdoors / in town |"
        " apple: fruit / brand | its weight on the place | rank of 16 | takes a side |"
    )
    print("|" + "---|" * 13)
    for seed in map(str, SEEDS):
        whole = table["8", seed, "loss, sample", ""]
        missed = np.stack(
            [table["8", seed, "loss, sample", str(head)] - whole for head in range(8)]
        )  # (n_heads, n_senses, n_roles)
        means = missed.mean(axis=(1, 2))
        surplus = {
            (i, j): (table["8", seed, "loss, sample", f"{i}+{j}"] - whole).mean() - means[i] - means[j]
            for i, j in itertools.combinations(range(8), 2)
        }
        pair = max(surplus, key=surplus.get)
        one_by_one = sorted(
            (len(key[3].split("+")), rows.mean())
            for key, rows in table.items()
            if key[:3] == ("8", seed, "loss, sample, one by one")
        )
        adjective = missed[:, :, 3].reshape(8, -1, 2)  # senses come in pairs: outdoors, in town
        head, rank, side = one_sided(adjective)
        weight = table["8", seed, "weight on the place", str(head)][:, 3].reshape(-1, 2).mean(axis=0)
        cells = [
            seed,
            *(f"{table[h, seed, 'loss, all sentences', ''].mean() - floor:.4f}" for h in "81"),
            f"{one_by_one[-1][1] - whole.mean():.2f}",
            f"{(means < 0.05).sum()} of 8",
            f"head {means.argmax()}: {means.max():.2f}",
            sum(loss < whole.mean() + 0.1 for _, loss in one_by_one),
            f"{pair[0]} and {pair[1]}: {surplus[pair]:.2f}",
            f"head {head}: " + " / ".join(f"{m:.2f}" for m in adjective[head].mean(axis=0)),
            " / ".join(f"{m:.2f}" for m in adjective[head, 0]),
            " / ".join(f"{w:.2f}" for w in weight),
            rank,
            "yes" if side else "no",
        ]
        print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    if "--summary" in sys.argv:
        summary()
        sys.exit()
    grammar = Grammar.read()
    rows = measure_all(grammar)
    with open(DATA / "apple_on_trial.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["n_heads", "seed", "measure", "heads", "sense", *grammar.roles])
        table.writerows(rows)
    print("wrote data/apple_on_trial.csv and data/trained.npz; run python data/make.py for their checksums")
