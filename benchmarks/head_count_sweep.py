"""Train the small model of notebook 05 with few large heads and many small ones.

    python benchmarks/head_count_sweep.py

The function that trains is taken from the notebook's cell with the tag head-sweep, so that what is
measured is what is shown. Writes data/head_count_sweep.csv. About ten minutes on one core.

    row A: n_heads · d_k = 32 throughout       row B: 8 heads with d_v = 4, and d_k made smaller

Every setting is trained with the seeds 0 to 9, for 300 and for 1500 steps. above_floor is the mean loss over
all hidden words of the grammar, less the loss of a reader who knows the grammar, in nat.
"""

import csv
import pathlib

import nbformat

ROOT = pathlib.Path(__file__).parent.parent
SEEDS = range(10)
SETTINGS = [("A", h, 32 // h) for h in (1, 2, 4, 8, 16, 32)] + [("B", 8, d_k) for d_k in (1, 2, 4)]


def training_function():
    """above_the_floor of the tagged cell."""
    names: dict = {}
    exec(
        "import numpy as np\nfrom helpers.grammar import Grammar\n"
        "from helpers.learning import Parameters, losses, train",
        names,
    )
    for cell in nbformat.read(ROOT / "notebooks" / "05_how_many_heads.ipynb", as_version=4).cells:
        if "head-sweep" in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return names["above_the_floor"]


if __name__ == "__main__":
    above_the_floor, rows, known = training_function(), [], {}
    todo = [(*setting, steps, seed) for setting in SETTINGS for steps in (300, 1500) for seed in SEEDS]
    for done, (row, n_heads, d_k, steps, seed) in enumerate(todo, 1):
        run = (n_heads, seed, steps, d_k)
        if run not in known:  # 8 heads of 4 stand in both rows
            known[run] = above_the_floor(*run)
        rows.append((row, n_heads, d_k, steps, seed, f"{known[run]:.5f}"))
        print(
            f"\r{done} of {len(todo)}: row {row}, {n_heads} heads of d_k {d_k}, {steps} steps, "
            f"seed {seed}: {known[run]:.4f}   ",
            end="",
            flush=True,
        )
    with open(ROOT / "data" / "head_count_sweep.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["row", "n_heads", "d_k", "steps", "seed", "above_floor"])
        table.writerows(rows)
    print("\nwrote data/head_count_sweep.csv; run python data/make.py for its checksum")
