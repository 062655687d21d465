"""Measure the three ways of notebook 04 and store their times: python benchmarks/three_ways.py

The functions are taken from the notebook's cells with the tag three-ways, so that
what is measured is what is shown. Writes data/three_ways.csv.
"""

import csv
import pathlib

import nbformat

from helpers import examples
from helpers.explorers.race import measure

ROOT = pathlib.Path(__file__).parent.parent


def ways() -> list:
    """The functions of the tagged cells, in their order."""
    cells = nbformat.read(ROOT / "notebooks" / "04_eight_heads.ipynb", as_version=4).cells
    names: dict = {}
    exec("import numpy as np\nfrom helpers.attention import merge_heads, softmax, split_heads", names)
    before = set(names)
    for cell in cells:
        if "three-ways" in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return [value for name, value in names.items() if name not in before and callable(value)]


if __name__ == "__main__":
    example = examples.thinking_machines()
    times = measure(ways(), example.x, example.attention, rounds=31)
    fastest = min(times.values())
    with open(ROOT / "data" / "three_ways.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["way", "time_relative_to_the_fastest"])
        table.writerows([name, f"{spent / fastest:.2f}"] for name, spent in times.items())
    print("wrote data/three_ways.csv; run python data/make.py for its checksum")
