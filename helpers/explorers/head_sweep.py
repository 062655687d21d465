"""Notebook 05: how well models with few large heads and many small ones learn, in 2017 and here."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from helpers import examples, figures
from helpers.explorers.explorer import Explorer, slider

__all__ = ["HeadSweep"]

STEPS, FIRST_NEW_SEED = (300, 1500), 100  # the stored runs have smaller seeds
# What is varied: name → (row of the paper's Table 3, label, what is varied in the paper, and here)
ROWS = {
    "number of heads (row A)": ("A", "heads", (1, 4, 8, 16, 32), (1, 2, 4, 8, 16, 32)),
    "head size of 8 heads (row B)": ("B", "d_k", (16, 32, 64), (1, 2, 4)),
}


class HeadSweep(Explorer):
    """The paper's perplexities beside the stored runs of the small model; a button adds runs of this machine.

    run: (n_heads, seed, steps, d_k) → the loss above the floor, in nat
    """

    def __init__(self, run: Callable[[int, int, int, int], float], **layout):
        self.run, self.fresh = run, {}
        self.row = widgets.Dropdown(
            options=list(ROWS), description="varied", layout=widgets.Layout(width="340px")
        )
        self.steps = slider("steps of learning", STEPS, STEPS[0])
        self.button = widgets.Button(
            description="train with one more seed", layout=widgets.Layout(width="220px")
        )
        self.bar = widgets.IntProgress(
            value=0, max=1, description="learning", layout=widgets.Layout(width="340px", visibility="hidden")
        )
        self.view = widgets.HTML()
        self.button.on_click(lambda _: self.train())
        for control in (self.row, self.steps):
            control.observe(lambda _: self._refresh(), "value")
        wrap = widgets.Layout(flex_flow="row wrap", grid_gap="16px")
        super().__init__(
            [
                widgets.HBox([self.row, self.steps], layout=wrap),
                widgets.HBox([self.button, self.bar], layout=wrap),
                self.view,
            ],
            **layout,
        )
        self._refresh()

    def train(self):
        """Train one model for every setting of the row, with a seed that was not used before."""
        row, _, _, settings = ROWS[self.row.value]
        runs = self.fresh.setdefault((row, self.steps.value), [])
        self.button.disabled, self.bar.max, self.bar.layout.visibility = True, len(settings), "visible"
        found = {}
        try:
            for done, setting in enumerate(settings):
                self.bar.value, self.bar.description = done, f"{ROWS[self.row.value][1]} = {setting}"
                n_heads, d_k = (setting, examples.SWEEP_D_MODEL // setting) if row == "A" else (8, setting)
                found[setting] = self.run(n_heads, FIRST_NEW_SEED + len(runs), self.steps.value, d_k)
            runs.append(found)
        finally:
            self.button.disabled, self.bar.layout.visibility = False, "hidden"
        self._refresh()

    def stored(self) -> dict[int, np.ndarray]:
        return examples.head_sweep(ROWS[self.row.value][0], self.steps.value)

    def numbers(self) -> str:
        row, label, settings, _ = ROWS[self.row.value]
        paper = ", ".join(f"{label} {setting}: {_perplexity(row, setting):.2f}" for setting in settings)
        ours = ", ".join(
            f"{label} {setting}: {runs.mean():.4f} ± {runs.std(ddof=1):.4f}"
            for setting, runs in self.stored().items()
        )
        fresh = "".join(
            "\nthis machine: " + ", ".join(f"{label} {setting}: {loss:.4f}" for setting, loss in run.items())
            for run in self._fresh()
        )
        return f"Vaswani et al. 2017, perplexity: {paper}\nhere, loss above the floor after {self.steps.value} steps: {ours}{fresh}"

    def picture(self):
        row, label, settings, _ = ROWS[self.row.value]
        figure = Figure(figsize=(8.8, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(
            settings,
            [_perplexity(row, setting) for setting in settings],
            "o-",
            color=figures.COLOURS["scores"],
        )
        left.set(ylabel="perplexity (lower is better)", title=f"Vaswani et al. 2017, Table 3 ({row})")
        runs = self.stored()
        right.errorbar(
            list(runs),
            [r.mean() for r in runs.values()],
            [r.std(ddof=1) for r in runs.values()],
            marker="o",
            capsize=4,
            color=figures.COLOURS["weights"],
            label="mean and standard deviation of the stored seeds",
        )
        for run in self._fresh():
            right.plot(
                list(run),
                list(run.values()),
                "x",
                color=figures.COLOURS["output"],
                ms=8,
                label="this machine" if run is self._fresh()[0] else None,
            )
        right.set(ylabel="loss above the floor, nat", title=f"our small model, {self.steps.value} steps")
        right.set_ylim(bottom=0, top=1.25 * right.get_ylim()[1])
        right.legend(frameon=False, fontsize=8, loc="upper right")
        for axes, ticks in ((left, settings), (right, list(runs))):
            axes.set_xscale("log", base=2)
            axes.set_xticks(ticks, [str(tick) for tick in ticks])
            axes.set_xlabel("heads, with heads · d_k fixed" if row == "A" else "d_k, with 8 heads")
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", alpha=0.25)
        return figures.Picture(
            figure,
            f"Two curves over the {self.row.value}. {self.numbers()}.".replace("\n", "; "),
            self.numbers(),
        )

    def _fresh(self) -> list[dict[int, float]]:
        return self.fresh.get((ROWS[self.row.value][0], self.steps.value), [])

    def _refresh(self):
        picture = self.picture()
        drawn = base64.b64encode(picture.png()).decode()
        self.view.value = f'<img src="data:image/png;base64,{drawn}" alt="{html.escape(picture.alt)}" style="max-width:100%">'


def _perplexity(row: str, setting: int) -> float:
    if row == "B" and setting == 64:
        row, setting = "A", 8  # the base model stands in both rows
    return examples.facts()[
        f"perplexity_{setting}_{'heads' if setting > 1 else 'head'}"
        if row == "A"
        else f"perplexity_d_k_{setting}"
    ][0]
