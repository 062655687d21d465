"""What the head explorer shows of a Result: panels, sentences, and the picture for where nothing is live."""

from __future__ import annotations

import numpy as np

from helpers import figures
from helpers.explorers.head_setting import Result

__all__ = [
    "COLOURS",
    "change",
    "description",
    "difference",
    "first_cell",
    "panels",
    "picture",
    "products",
    "row_sums",
    "writes",
]

COLOURS = ("from 0 to 1", "from 0 to each head's largest")
PRODUCTS = 16  # the largest of a dot product that are shown


def panels(result: Result, colours=COLOURS[0], off=frozenset()) -> list[figures.Panel]:
    """A panel a head: weights in the weights' colours, and what isn't weights as what it is."""
    cells = result.weights
    finite = np.where(np.isfinite(cells), cells, 0)
    signed = bool((finite < 0).any())
    largest = np.abs(finite).max(axis=(1, 2))
    limits = np.full(len(cells), max(1.0, largest.max())) if colours == COLOURS[0] else largest
    if signed:
        limits = np.full(len(cells), largest.max())
    return [
        figures.Panel(
            title, head, "signed" if signed else "weights", float(limit) or 1.0, digits=2,
            dim=i in off, masked=result.masked, faint=result.faint,
        )
        for i, (title, head, limit) in enumerate(zip(result.titles, cells, limits))
    ]  # fmt: skip


def difference(live: Result, pinned: Result) -> list[figures.Panel]:
    """The live weights less the pinned ones, in signed colours."""
    change = live.weights - pinned.weights
    limit = float(np.nanmax(np.abs(change))) or 1.0
    return [
        figures.score_panel(f"{title}: change", head, limit, 2) for title, head in zip(live.titles, change)
    ]


def first_cell(result: Result) -> tuple[int, int, int]:
    """A cell worth explaining: the largest weight of a row that counts, in head 0 or the translating one."""
    head = next((i for i, title in enumerate(result.titles) if "translated" in title), 0)
    weights = np.nan_to_num(result.weights[head]).round(3)  # equal weights differ in their last bits
    choices = np.full(len(weights), 2) if result.masked is None else (~result.masked).sum(axis=1)
    rows = [i for i in range(len(weights)) if i not in result.faint and choices[i] > 1] or [0]
    row = max(rows, key=lambda i: weights[i].max())
    return head, row, int(weights[row].argmax())


def row_sums(result: Result) -> str:
    """The row sums as they are: exactly 1 is what weights have."""
    sums = result.weights.sum(axis=-1)
    sums = sums[np.isfinite(sums)]
    empty = int((sums == 0).sum())
    others = sums[sums != 0]
    if not len(others):
        return "no row has a sum"
    low, high = others.min(), others.max()
    said = (
        f"rows sum to {low:.3f} ✓"
        if max(1 - low, high - 1) < 1e-3
        else f"rows sum to {low:.3f} to {high:.3f}"
    )
    return said + (f" ({empty} have nothing to attend to: all zeros)" if empty else "")


def description(result: Result, shown: list[figures.Panel]) -> str:
    """For those who can't see the maps."""
    said = figures.weights_alt(shown, result.rows, result.columns)
    return " ".join([f"{result.caption}.", said, *result.remarks])


def products(
    result: Result, head: int, i: int, j: int
) -> tuple[list[figures.Panel], list[str], list[str], str]:
    """The largest products that q·k is the sum of: panels, rows, columns and a note.

    A hand-designed query has one number of 64 that isn't zero, so the largest products come first.
    """
    assert (
        result.queries is not None and result.keys is not None
    )  # the view is shown for computed weights only
    q, k = result.queries[head, i], result.keys[head, j]
    order = np.argsort(-np.abs(q * k), kind="stable")[:PRODUCTS]
    rest = q @ k - (q * k)[order].sum()
    table = np.stack([q[order], k[order], (q * k)[order]])
    largest = np.abs(table).max(axis=1, keepdims=True)
    coloured = np.divide(
        table, largest, out=np.zeros_like(table), where=largest > 0
    )  # each row has its own limits
    texts = [[_number(value) for value in row] for row in table]
    panel = figures.Panel(f"q·k = {q @ k:.2f}", coloured, "signed", 1.0, labels=texts)
    n = int(np.count_nonzero(q * k))
    note = f"{result.titles[head]}, {result.rows[i]} → {result.columns[j]}: "
    note += f"q·k is the sum of {q.size} products, and {n} of them {'is' if n == 1 else 'are'} not zero."
    if q.size > PRODUCTS:
        note += f" Shown: the {len(order)} largest; the others add up to {rest:.2f}."
    return [panel], ["q", "k", "q × k"], [str(c) for c in order], note


def _number(value) -> str:
    text = f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
    text = text.removesuffix(".0")
    return text.replace("-", "−") if float(text) else "0"


def writes(result: Result) -> list[figures.Panel]:
    """How long each head's contribution to each word's output is: rows are words, columns are heads."""
    lengths = np.linalg.norm(result.writes, axis=-1).T  # (n_queries, n_heads)
    limit = float(lengths.max()) or 1.0
    return [figures.Panel("length of each head's contribution", lengths, "lengths", limit, digits=1)]


def change(result: Result, off) -> str:
    """How far the output moves when these heads are ablated, in a sentence."""
    if not off:
        return "All heads are active: the output is the sum of what they add. Ablate one to see its part go."
    moved = result.change_without(off)
    each = ", ".join(f"{word} {share:.0%}" for word, share in list(zip(result.rows, moved))[:8])
    heads = f"{'head' if len(off) == 1 else 'heads'} {', '.join(map(str, sorted(off)))}"
    more = ", …" if len(moved) > 8 else ""
    return f"Without {heads} the output moves by {moved.mean():.0%} of its length on average ({each}{more})."


def picture(result: Result, cell, colours, off, few=False) -> figures.Picture:
    """The maps with matplotlib, with their limits and row sums, and the numbers as text.

    few: without the lines on parameters and on ablating, which few controls don't show either
    """
    shown = panels(result, colours, off)
    sums = row_sums(result) + ("" if colours == COLOURS[0] else f"; colours {colours} weight")
    head, i, j = cell
    why = f"{result.titles[head]}, {result.rows[i]} → {result.columns[j]}: {result.explain(head, i, j)}"
    above = [*([] if few else [result.caption]), *result.remarks]
    said = [
        *above,
        figures.numbers_text(shown, result.rows, result.columns, sums),
        why,
        *([] if few or result.layer is None else [change(result, off)]),
    ]
    return figures.heat_maps(
        shown,
        result.rows,
        result.columns,
        note="\n".join([*above, sums]),
        alt=description(result, shown),
        text="\n".join(said),
    )
