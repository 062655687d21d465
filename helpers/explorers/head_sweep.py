"""Notebook 05: how well models with few large heads and many small ones learn, in 2017 and here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from helpers import examples, figures
from helpers.charts import COLOURS, Axis, Curve, Curves
from helpers.explorers.explorer import Explorer
from helpers.widgets.controls import row, slider
from helpers.widgets.svg import svg

__all__ = ["HeadSweep", "Result", "Setting"]

STEPS, FIRST_NEW_SEED = (300, 1500), 100  # the stored runs have smaller seeds
# What is varied: name → (row of the paper's Table 3, label, what is varied in the paper, and here)
ROWS = {
    "number of heads (row A)": ("A", "heads", (1, 4, 8, 16, 32), (1, 2, 4, 8, 16, 32)),
    "head size of 8 heads (row B)": ("B", "d_k", (16, 32, 64), (1, 2, 4)),
}


@dataclass(frozen=True)
class Setting:
    """What is varied (one of ROWS), and after how many steps of training."""

    varied: str = next(iter(ROWS))
    steps: int = STEPS[0]

    @property
    def row(self) -> str:
        return ROWS[self.varied][0]

    @property
    def label(self) -> str:
        return ROWS[self.varied][1]

    def cuts(self) -> dict[int, tuple[int, int]]:
        """What is trained here: setting → n_heads, d_k."""
        settings = ROWS[self.varied][3]
        return {s: (s, examples.SWEEP_D_MODEL // s) if self.row == "A" else (8, s) for s in settings}


@dataclass(frozen=True)
class Result:
    """By setting: the paper's perplexities, and losses above the entropy floor, stored (seeds,) and fresh."""

    setting: Setting
    paper: dict[int, float]
    stored: dict[int, np.ndarray]
    fresh: tuple[dict[int, float], ...]

    @classmethod
    def of(cls, setting: Setting, fresh=()) -> Result:
        paper = {value: _perplexity(setting.row, value) for value in ROWS[setting.varied][2]}
        return cls(setting, paper, examples.head_sweep(setting.row, setting.steps), tuple(fresh))

    def numbers(self) -> str:
        label, listings = self.setting.label, []
        listings.append((f"{value}: {found:.2f}" for value, found in self.paper.items()))
        means = {value: f"{runs.mean():.4f} ± {runs.std(ddof=1):.4f}" for value, runs in self.stored.items()}
        listings.append(f"{value}: {written}" for value, written in means.items())
        listings += [(f"{value}: {loss:.4f}" for value, loss in run.items()) for run in self.fresh]
        heads = ["Vaswani et al. 2017, perplexity"]
        heads.append(f"here, loss above the entropy floor after {self.setting.steps} steps")
        heads += ["this machine"] * len(self.fresh)
        lines = (
            f"{head}: {', '.join(f'{label} {each}' for each in found)}"
            for head, found in zip(heads, listings)
        )
        return "\n".join(lines)

    def charts(self) -> list[Curves]:
        label = "heads, with heads · d_k fixed" if self.setting.row == "A" else "d_k, with 8 heads"
        paper = Curve("", list(self.paper), list(self.paper.values()), COLOURS["scores"], marker=True)
        means = [runs.mean() for runs in self.stored.values()]
        spread = [runs.std(ddof=1) for runs in self.stored.values()]
        said = "mean and standard deviation of the stored seeds"
        curves = [Curve(said, list(self.stored), means, marker=True, spread=spread)]
        for i, run in enumerate(self.fresh):
            name = "" if i else "this machine"
            curves.append(Curve(name, list(run), list(run.values()), COLOURS["output"], "crosses"))
        tops = [*np.add(means, spread), *(loss for run in self.fresh for loss in run.values())]
        across = [Axis.around(list(values), label, 2, tuple(values)) for values in (self.paper, self.stored)]
        title = f"our small model, {self.setting.steps} steps"
        return [
            Curves(
                [paper],
                across[0],
                Axis.around(paper.y, "perplexity (lower is better)", margin=0.15),
                f"Vaswani et al. 2017, Table 3 ({self.setting.row})",
                legend=False,
            ),
            Curves(curves, across[1], Axis("nats above the entropy floor", 0, 1.3 * max(tops)), title),
        ]


class HeadSweep(Explorer):
    """The paper's perplexities beside the stored runs of the small model; a button adds runs of this machine.

    run: (n_heads, seed, steps, d_k) → the loss above the entropy floor, in nats
    """

    def __init__(self, run: Callable[[int, int, int, int], float], **layout):
        self.run = run
        self.fresh: dict[tuple[str, int], list[dict[int, float]]] = {}
        wide = {"width": "340px"}
        self.row = widgets.Dropdown(options=list(ROWS), description="varied", layout=widgets.Layout(**wide))
        self.steps = slider("steps of learning", STEPS, STEPS[0])
        self.button = widgets.Button(
            description="train with one more seed", layout=widgets.Layout(width="220px")
        )
        hidden = widgets.Layout(**wide, visibility="hidden")
        self.bar = widgets.IntProgress(value=0, max=1, description="learning", layout=hidden)
        self.view = widgets.HTML()
        self.button.on_click(lambda _: self.train())
        for control in (self.row, self.steps):
            control.observe(lambda _: self._refresh(), "value")
        super().__init__([row(self.row, self.steps), row(self.button, self.bar), self.view], **layout)
        self._refresh()

    @property
    def setting(self) -> Setting:
        return Setting(self.row.value, self.steps.value)

    def train(self):
        """Train one model for every setting of the row, with a seed that was not used before."""
        setting = self.setting
        cuts, runs = setting.cuts(), self.fresh.setdefault((setting.row, setting.steps), [])
        self.button.disabled, self.bar.max, self.bar.layout.visibility = True, len(cuts), "visible"
        found = {}
        try:
            for done, (value, (n_heads, d_k)) in enumerate(cuts.items()):
                self.bar.value, self.bar.description = done, f"{setting.label} = {value}"
                found[value] = self.run(n_heads, FIRST_NEW_SEED + len(runs), setting.steps, d_k)
            runs.append(found)
        finally:
            self.button.disabled, self.bar.layout.visibility = False, "hidden"
        self._refresh()

    def picture(self):
        said = self.result.numbers()
        alt = f"Two curves over the {self.row.value}. {said}.".replace("\n", "; ")
        return figures.sheet([self.result.charts()], (8.8, 3.4), alt=alt, text=said)

    def _refresh(self):
        setting = self.setting
        self.result = Result.of(setting, self.fresh.get((setting.row, setting.steps), ()))
        said = self.result.numbers().replace("\n", "; ")
        self.view.value = svg(
            self.result.charts(), (400, 440), 300, f"Two curves over the {self.row.value}. {said}"
        )


def _perplexity(row: str, setting: int) -> float:
    if row == "B" and setting == 64:
        row, setting = "A", 8  # the base model stands in both rows
    heads = f"perplexity_{setting}_{'heads' if setting > 1 else 'head'}"
    return examples.facts()[heads if row == "A" else f"perplexity_d_k_{setting}"][0]
