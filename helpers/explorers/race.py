"""Notebook 04: several functions that compute the same, and how long each takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import ipywidgets as widgets

from helpers import examples, figures
from helpers.charts import Bars
from helpers.explorers.explorer import Explorer
from helpers.widgets.svg import svg

__all__ = ["Race", "Result", "measure"]

ROUNDS = 7


def measure(functions, *arguments, rounds: int = ROUNDS) -> dict[str, float]:
    """Each function's median time in seconds, in turns, so that a slow moment of the machine hits all."""
    times: dict[str, list[float]] = {function.__name__: [] for function in functions}
    for _ in range(rounds):
        for function in functions:
            start = time.perf_counter()
            function(*arguments)
            times[function.__name__].append(time.perf_counter() - start)
    return {name: sorted(spent)[len(spent) // 2] for name, spent in times.items()}


@dataclass(frozen=True)
class Result:
    """The seconds that each function took, and where they were measured."""

    times: dict[str, float]
    where: str

    def ratios(self) -> dict[str, float]:
        fastest = min(self.times.values())
        return {name: spent / fastest for name, spent in self.times.items()}

    def written(self) -> dict[str, str]:
        return {name: f"{r:.1f}×" if r < 10 else f"{r:,.0f}×" for name, r in self.ratios().items()}

    def listing(self) -> str:
        return ", ".join(f"{name} {text}" for name, text in self.written().items())

    def chart(self) -> Bars:
        ratios, texts = self.ratios(), list(self.written().values())
        title, label = f"measured: {self.where}", "time relative to the fastest"
        return Bars(list(ratios), list(ratios.values()), label, texts, title=title, across=True)


class Race(Explorer):
    """Bars of the times, relative to the fastest: a stored run at first, this machine's after the button.

    functions: to be called with the arguments; their names must be those of the stored run
    """

    def __init__(self, functions, *arguments, **layout):
        self.functions, self.arguments = list(functions), arguments
        stored = examples.three_ways()
        unknown = [function.__name__ for function in self.functions if function.__name__ not in stored]
        if unknown or not self.functions:
            named = f"{', '.join(unknown)} is not among" if unknown else "there is no function: give some of"
            raise ValueError(f"{named} the functions of the stored run: {', '.join(stored)}")
        times = {function.__name__: stored[function.__name__] for function in self.functions}
        self.result = Result(times, "a stored run")
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
            self.result = Result(measure(self.functions, *self.arguments), "this machine")
        finally:
            self.button.disabled, self.button.description = False, "measure again"
        self._refresh()

    def picture(self):
        chart, listing, where = self.result.chart(), self.result.listing(), self.result.where
        alt = f"Times of {len(chart.names)} ways, relative to the fastest, in {where}: {listing}."
        return figures.sheet([[chart]], (7.4, 2.8), alt=alt, text=f"{where}: {listing}")

    def _refresh(self):
        said = f"Times relative to the fastest, {self.result.where}: {self.result.listing()}"
        self.view.value = svg([self.result.chart()], (640,), 60 + 26 * len(self.functions), said)
