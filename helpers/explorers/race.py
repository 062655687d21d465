"""Notebook 04: several functions that compute the same, and how long each takes."""

from __future__ import annotations

import math
import time

import ipywidgets as widgets
from matplotlib.figure import Figure

from helpers import examples, figures
from helpers.explorers.explorer import Explorer, sentence_line

__all__ = ["Race", "measure"]

ROUNDS = 7


def measure(functions, *arguments, rounds: int = ROUNDS) -> dict[str, float]:
    """The median time of each function in seconds, taken in turns, so that a slow moment of the machine hits all."""
    times = {function.__name__: [] for function in functions}
    for _ in range(rounds):
        for function in functions:
            start = time.perf_counter()
            function(*arguments)
            times[function.__name__].append(time.perf_counter() - start)
    return {name: sorted(spent)[len(spent) // 2] for name, spent in times.items()}


class Race(Explorer):
    """Bars of the times, relative to the fastest: a stored run at first, this machine's after the button.

    functions: to be called with the arguments; their names must be those of the stored run
    """

    def __init__(self, functions, *arguments, **layout):
        self.functions, self.arguments = list(functions), arguments
        stored = examples.six_ways()
        self.times, self.where = (
            {function.__name__: stored[function.__name__] for function in functions},
            "a stored run",
        )
        self.button = widgets.Button(
            description="measure on this machine", layout=widgets.Layout(width="220px")
        )
        self.button.on_click(lambda _: self.run())
        self.view = widgets.HTML()
        super().__init__([self.button, self.view], **layout)
        self._refresh()

    def run(self):
        self.button.disabled, self.button.description = True, "measuring …"
        try:
            self.times, self.where = measure(self.functions, *self.arguments), "this machine"
        finally:
            self.button.disabled, self.button.description = False, "measure again"
        self._refresh()

    def ratios(self) -> dict[str, float]:
        fastest = min(self.times.values())
        return {name: spent / fastest for name, spent in self.times.items()}

    def picture(self):
        figure = Figure(figsize=(7.4, 2.8), layout="constrained")
        axes = figure.subplots()
        ratios = self.ratios()
        drawn = axes.barh(list(ratios), list(ratios.values()), color=figures.COLOURS["weights"])
        axes.bar_label(drawn, [_times(ratio) for ratio in ratios.values()], padding=3, fontsize=9)
        axes.set(
            xscale="log",
            xlabel="time, relative to the fastest (logarithmic)",
            xlim=(0.7, max(ratios.values()) * 6),
        )
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        listing = ", ".join(f"{name} {_times(ratio)}" for name, ratio in ratios.items())
        return figures.Picture(
            figure,
            f"Times of {len(ratios)} ways, relative to the fastest, in {self.where}: {listing}.",
            f"{self.where}: {listing}",
        )

    def _refresh(self):
        rows = "".join(
            f'<div style="display:flex;align-items:center;gap:8px;line-height:1.6"><span style="width:150px">{name}</span>'
            f'<span style="width:{12 + 60 * math.log10(ratio):.0f}px;height:14px;background:{figures.COLOURS["weights"]}"></span><b>{_times(ratio)}</b></div>'
            for name, ratio in self.ratios().items()
        )
        self.view.value = (
            sentence_line(f"Time relative to the fastest, {self.where} (bars: logarithmic)") + rows
        )


def _times(ratio: float) -> str:
    return f"{ratio:.1f}×" if ratio < 10 else f"{ratio:,.0f}×"
