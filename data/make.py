"""Make every generated file of this folder, and the checksums of all of them.

    python data/make.py            writes into data/
    python data/make.py FOLDER     writes into another folder, to compare

The same bytes come out on every machine: the random numbers come from NumPy's frozen
generator, and the archives carry a fixed date and are not compressed.
"""

import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
NOT_DATA = {"README.md", "make.py", "SHA256SUMS"}

# The scores q·k of the eight heads: rows are the queries Thinking and Machines, columns the keys.
# Only the gap within a row counts after softmax; a gap of 16 becomes 2 after the division by 8.
SCORES = [
    [[112, 96], [88, 120]],  # the two numbers of the well-known picture; mostly itself
    [[30, 54], [57, 41]],  # each looks at the other word
    [[72, 24], [65, 33]],  # both look at Thinking
    [[-20, 20], [-12, 44]],  # both look at Machines
    [[16, 15], [9, 11]],  # nearly even
    [[90, 26], [29, 61]],  # itself, and hardly anything else
    [[-8, -12], [21, 5]],  # mild: a little towards Thinking, and clearly so from Machines
    [[27, 59], [34, 33]],  # Thinking looks at Machines, Machines looks at both
]

# Every hand-made job with its rule, and the query and key matrices as (row, column, gain) triples.
# Rows are the numbers of a word vector (the layout is in README.md), columns the 64 columns of a head.
# 8 times 8 makes a score of 64, which is 8 after the division by sqrt(64). Two different codes still score
# about 16 up or down with gains 2 and 1: the same code scores 128, so that chance does not blur the map.
POSITIONS, CODE, CONSTANT, FIRST, LAST, CAPITAL = range(64), range(64, 128), 128, 129, 130, 131
WHERE_AM_I = [(t, t, 8) for t in POSITIONS]


def ask_for(*offsets):
    """The query at position t asks for the positions t + offset, as far as there are any."""
    return [(t, t + offset, 8) for t in POSITIONS for offset in offsets if t + offset in POSITIONS]


def marked(*rows):
    """Every query asks in column 0, and the words with one of these marks answer."""
    return [(CONSTANT, 0, 8)], [(row, 0, 8) for row in rows]


JOBS = {
    "previous word": ("looks at the word before it", ask_for(-1), WHERE_AM_I),
    "next word": ("looks at the word after it", ask_for(1), WHERE_AM_I),
    "same word": (
        "looks at every place where the same word stands, its own included; capitals do not count",
        [(row, column, 2) for column, row in enumerate(CODE)],
        [(row, column, 1) for column, row in enumerate(CODE)],
    ),
    "first word": ("looks at the first word", *marked(FIRST)),
    "last word": ("looks at the last word", *marked(LAST)),
    "itself": ("looks at its own place", ask_for(0), WHERE_AM_I),
    "two words back": ("looks at the word two places before it", ask_for(-2), WHERE_AM_I),
    "every word evenly": ("looks at every word with the same weight", [], []),
    "two words ahead": ("looks at the word two places after it", ask_for(2), WHERE_AM_I),
    "three words back": ("looks at the word three places before it", ask_for(-3), WHERE_AM_I),
    "three words ahead": ("looks at the word three places after it", ask_for(3), WHERE_AM_I),
    "capitalised words": ("looks at the words that start with a capital letter", *marked(CAPITAL)),
    "any word but itself": ("looks at every place but its own", [(t, t, -8) for t in POSITIONS], WHERE_AM_I),
    "both neighbours": ("looks at the word before it and the word after it", ask_for(-1, 1), WHERE_AM_I),
    "words before": ("looks at all words before it", ask_for(*range(-63, 0)), WHERE_AM_I),
    "words after": ("looks at all words after it", ask_for(*range(1, 64)), WHERE_AM_I),
}


def whole_numbers(rng, low, high, shape):
    # From random_sample, because randint gives other numbers where the machine's integers are 32 bits wide.
    return (low + np.floor(rng.random_sample(shape) * (high - low + 1))).astype(np.int64)


def solve(rows, targets, start, allowed, rng):
    """Change single entries of start until rows @ start equals the targets exactly.

    rows: (2, n), targets: (2,), start: (n,), allowed: (m,) the values an entry may take
    returns: (n,)
    """
    found = start.copy()
    while (rows @ found != targets).any():
        change = allowed[:, None] - found  # (m, n): every change of one entry
        missing = (targets - rows @ found)[:, None, None] - rows[:, None] * change
        cost = np.abs(missing).sum(axis=0) + 0.9 * rng.random_sample(
            change.shape
        )  # ties, and ways out of dead ends
        cost[change == 0] = np.inf
        value, entry = np.unravel_index(cost.argmin(), cost.shape)
        found[entry] = allowed[value]
    return found


def thinking_machines():
    """Two words and the four matrices of a layer with eight heads: exact small integers."""
    rng = np.random.RandomState(2017)
    small = np.arange(-4, 5)
    x = whole_numbers(rng, -2, 2, (2, 512))
    queries = whole_numbers(rng, -4, 4, (8, 2, 64))
    values = whole_numbers(rng, -3, 3, (8, 2, 64))
    keys = np.array(
        [
            [
                solve(
                    queries[head], np.array(SCORES[head])[:, word], whole_numbers(rng, -4, 4, 64), small, rng
                )
                for word in range(2)
            ]
            for head in range(8)
        ]
    )

    def sparse(density, *shape):
        return np.where(rng.random_sample(shape) < density, 2 * whole_numbers(rng, 0, 1, shape) - 1, 0)

    def matrix(wanted):
        """The sparse matrix that turns x into the wanted vectors: (8, 2, 64) -> (512, 512)."""
        wanted = wanted.swapaxes(0, 1).reshape(2, 512)
        columns = [
            solve(x, wanted[:, column], sparse(0.15, 512), np.array([-1, 0, 1]), rng) for column in range(512)
        ]
        return np.stack(columns, axis=1)

    arrays = {
        "x": x,
        "w_q": matrix(queries),
        "w_k": matrix(keys),
        "w_v": matrix(values),
        "w_o": sparse(0.02, 512, 512),
    }
    return {name: array.astype(np.int8) for name, array in arrays.items()}


def hand_made():
    """The matrices of the hand-made jobs, without the rows of w_q, w_k and w_v from 132 on: they are zero."""
    w_q, w_k = np.zeros((2, len(JOBS), 132, 64), np.int8)
    for job, (_, query_gains, key_gains) in enumerate(JOBS.values()):
        for matrix, gains in ((w_q, query_gains), (w_k, key_gains)):
            for row, column, gain in gains:
                matrix[job, row, column] = gain
    w_v = np.zeros((132, 64), np.int8)
    w_v[CODE, range(64)] = 1  # a value is the word's code
    return {"w_q": w_q, "w_k": w_k, "w_v": w_v}


def npz(arrays):
    """The bytes of an .npz file, the same on every machine and every day."""
    archive = io.BytesIO()
    with zipfile.ZipFile(
        archive, "w", zipfile.ZIP_STORED
    ) as file:  # compressed bytes differ between zlib versions
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # otherwise Windows writes 0 here
            file.writestr(entry, content.getvalue())
    return archive.getvalue()


def main(folder=HERE):
    """Write the generated files and SHA256SUMS into folder."""
    jobs = [{"name": name, "rule": rule} for name, (rule, _, _) in JOBS.items()]
    made = {
        "thinking_machines.npz": npz(thinking_machines()),
        "hand_made.npz": npz(hand_made()),
        "hand_made.json": (json.dumps(jobs, indent=1) + "\n").encode(),
    }
    others = {
        path.name: path.read_bytes()
        for path in HERE.iterdir()
        if path.is_file() and not path.name.startswith(".") and path.name not in NOT_DATA | made.keys()
    }
    sums = [
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted((made | others).items())
    ]
    made["SHA256SUMS"] = "".join(sums).encode()
    for name, content in made.items():
        (Path(folder) / name).write_bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
