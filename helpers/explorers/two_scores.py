"""Notebook 02: two scores, a divisor and a temperature, and what softmax makes of them."""

from __future__ import annotations

import math

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from helpers import figures
from helpers.attention import softmax
from helpers.explorers.explorer import Explorer, slider

__all__ = ["TwoScores"]

DIVISORS = [
    ("1", 1.0),
    ("√3", math.sqrt(3)),
    ("2", 2.0),
    ("4", 4.0),
    ("√64 = 8", 8.0),
    ("16", 16.0),
    ("√512", math.sqrt(512)),
    ("64", 64.0),
]
WIDEST_GAP = 8.0  # the curve is drawn for gaps from -8 to 8


class TwoScores(Explorer):
    """Two weights as bars, the gap on the curve 1/(1+e^-gap), and the learning signal p(1-p).

    words: the two keys; scores: their two scores, before the division
    """

    def __init__(self, words=("Thinking", "Machines"), scores=(112, 96), **layout):
        self.words = words
        wide = dict(style={"description_width": "initial"}, layout=widgets.Layout(width="340px"))
        self.first = widgets.IntSlider(
            value=scores[0], min=-160, max=160, description=f"score of {words[0]}", **wide
        )
        self.second = widgets.IntSlider(
            value=scores[1], min=-160, max=160, description=f"score of {words[1]}", **wide
        )
        self.divisor = slider("divisor", DIVISORS, 8.0)
        self.temperature = widgets.FloatSlider(
            value=1.0, min=0.25, max=4.0, step=0.25, description="temperature", **wide
        )
        self.view = widgets.HTML()
        for control in (self.first, self.second, self.divisor, self.temperature):
            control.observe(lambda _: self._refresh(), "value")
        wrap = widgets.Layout(flex_flow="row wrap")
        super().__init__(
            [
                widgets.HBox([self.first, self.second], layout=wrap),
                widgets.HBox([self.divisor, self.temperature], layout=wrap),
                self.view,
            ],
            **layout,
        )
        self._refresh()

    def compute(self):
        """Sets scaled (2,), weights (2,), gap and signal from the present settings."""
        self.scaled = (
            np.array([self.first.value, self.second.value]) / self.divisor.value / self.temperature.value
        )
        self.weights = softmax(self.scaled)
        self.gap = self.scaled[0] - self.scaled[1]
        self.signal = self.weights[0] * self.weights[1]

    def numbers(self) -> str:
        return (
            f"scores {self.first.value}, {self.second.value} → divided {self.scaled[0]:.3f}, {self.scaled[1]:.3f} → "
            f"weights {self.weights[0]:.4f}, {self.weights[1]:.4f}; gap {self.first.value - self.second.value}, divided {self.gap:.3f}; learning signal p(1−p) = {self.signal:.3g}"
        )

    def picture(self):
        figure = Figure(figsize=(8.4, 2.9), layout="constrained")
        left, right, meter = figure.subplots(1, 3, width_ratios=(1, 1.5, 0.25))
        meter.bar([0], [self.signal], color=figures.COLOURS["scores"])
        meter.set(ylim=(0, 0.25), xticks=[], ylabel="learning signal p(1−p)")
        drawn = left.bar(self.words, self.weights, color=figures.COLOURS["weights"], width=0.6)
        left.bar_label(drawn, [f"{w:.4f}" for w in self.weights], fontsize=9, padding=2)
        left.set(ylim=(0, 1.12), ylabel="weight")
        gaps = np.linspace(-WIDEST_GAP, WIDEST_GAP, 161)
        right.plot(gaps, softmax(np.stack([gaps, 0 * gaps], axis=-1))[:, 0], color=figures.COLOURS["weights"])
        right.plot(
            [np.clip(self.gap, -WIDEST_GAP, WIDEST_GAP)], [self.weights[0]], "o", color="#111827", ms=9
        )
        right.set(
            xlabel="gap between the divided scores", ylabel=f"weight of {self.words[0]}", ylim=(-0.03, 1.06)
        )
        for axes in (left, right, meter):
            axes.spines[["top", "right"]].set_visible(False)
        return figures.Picture(
            figure,
            f"Two bars of weights and the point on the softmax curve. {self.numbers()}.",
            self.numbers(),
        )

    def _refresh(self):
        self.compute()
        self.view.value = self._svg()

    def _svg(self) -> str:
        """The same picture for the live view: light enough to be sent at every move of a slider."""
        (p, q), bar, dot, ink = (
            self.weights,
            figures.COLOURS["weights"],
            figures.COLOURS["scores"],
            "var(--jp-ui-font-color1, #374151)",
        )
        across = lambda gap: (
            330 + 390 * (min(max(gap, -WIDEST_GAP), WIDEST_GAP) + WIDEST_GAP) / (2 * WIDEST_GAP)
        )
        up = lambda weight: 190 - 160 * weight
        gaps = np.linspace(-WIDEST_GAP, WIDEST_GAP, 65)
        curve = " ".join(
            f"{across(g):.1f},{up(w):.1f}"
            for g, w in zip(gaps, softmax(np.stack([gaps, 0 * gaps], axis=-1))[:, 0])
        )
        text = lambda x, y, words, size=13, anchor="middle", weight="normal": (
            f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="{ink}">{words}</text>'
        )
        bars = "".join(
            f'<rect x="{x}" y="{up(w):.1f}" width="70" height="{160 * w:.1f}" fill="{bar}"/>'
            + text(x + 35, up(w) - 6, f"{w:.4f}", weight="bold")
            + text(x + 35, 208, word)
            for x, w, word in ((60, p, self.words[0]), (170, q, self.words[1]))
        )
        beyond = " (beyond the edge)" if abs(self.gap) > WIDEST_GAP else ""
        return (
            f'<svg viewBox="0 0 760 262" width="100%" style="max-width:760px" role="img" aria-label="{self.numbers()}" font-family="system-ui, sans-serif">'
            f'<line x1="40" y1="190" x2="260" y2="190" stroke="{ink}"/>{bars}'
            f'<line x1="330" y1="190" x2="720" y2="190" stroke="{ink}"/><line x1="525" y1="190" x2="525" y2="30" stroke="{ink}" stroke-dasharray="3 4" opacity="0.5"/>'
            f'<polyline points="{curve}" fill="none" stroke="{bar}" stroke-width="2.5"/><circle cx="{across(self.gap):.1f}" cy="{up(p):.1f}" r="7" fill="{dot}"/>'
            f"{text(330, 206, '−8', 11)}{text(525, 206, '0', 11)}{text(720, 206, '8', 11)}{text(525, 224, f'gap {self.first.value - self.second.value}, divided {self.gap:.3f}{beyond}')}"
            f"{text(40, 224, f'divided scores {self.scaled[0]:.3f} and {self.scaled[1]:.3f}', anchor='start')}"
            f"{text(40, 248, f'learning signal p(1−p) = {self.signal:.3g}', anchor='start', weight='bold')}"
            f'<rect x="330" y="238" width="390" height="12" fill="none" stroke="{ink}"/><rect x="330" y="238" width="{390 * self.signal / 0.25:.1f}" height="12" fill="{dot}"/></svg>'
        )
