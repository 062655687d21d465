"""Notebook 02: two scores, a divisor and a temperature, and what softmax makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from helpers import figures
from helpers.attention import softmax
from helpers.charts import COLOURS, Axis, Bars, Curve, Curves
from helpers.explorers.explorer import Explorer
from helpers.widgets.controls import integer_slider, row, slider, word_list
from helpers.widgets.svg import svg

__all__ = ["Result", "Setting", "TwoScores"]

DIVISORS = [("1", 1.0), ("√3", math.sqrt(3)), ("2", 2.0), ("4", 4.0), ("√64 = 8", 8.0), ("16", 16.0)]
DIVISORS += [("√512", math.sqrt(512)), ("64", 64.0)]
LARGEST, WIDEST_GAP = 160, 8.0  # the curve is drawn for gaps from -8 to 8


@dataclass(frozen=True)
class Setting:
    words: tuple[str, ...] = ("Thinking", "Machines")
    scores: tuple[int, ...] = (112, 96)
    divisor: float = 8.0
    temperature: float = 1.0


@dataclass(frozen=True)
class Result:
    """The divided scores (2,) and their weights (2,)."""

    setting: Setting
    scaled: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, setting: Setting) -> Result:
        scaled = np.array(setting.scores) / setting.divisor / setting.temperature
        return cls(setting, scaled, softmax(scaled))

    @property
    def gap(self) -> float:
        return float(self.scaled[0] - self.scaled[1])

    @property
    def signal(self) -> float:
        return float(self.weights[0] * self.weights[1])

    def numbers(self) -> str:
        (first, second), (p, q), scaled = self.setting.scores, self.weights, self.scaled
        return (
            f"scores {first}, {second} → divided {scaled[0]:.3f}, {scaled[1]:.3f} → "
            f"weights {p:.4f}, {q:.4f}; gap {first - second}, divided {self.gap:.3f}; "
            f"learning signal p(1−p) = {self.signal:.3g}"
        )

    def charts(self) -> list[Bars | Curves]:
        gaps = np.linspace(-WIDEST_GAP, WIDEST_GAP, 81)
        curve = Curve("", gaps, softmax(np.stack([gaps, 0 * gaps], axis=-1))[:, 0])
        beyond = "beyond the edge" if abs(self.gap) > WIDEST_GAP else ""
        at = float(np.clip(self.gap, -WIDEST_GAP, WIDEST_GAP))
        dot = Curve("", [at], [self.weights[0]], COLOURS["output"], "dot", names=[beyond])
        across = Axis("gap between the divided scores", -WIDEST_GAP, WIDEST_GAP)
        up = Axis(f"weight of {self.setting.words[0]}", 0, 1.05)
        texts = [f"{weight:.4f}" for weight in self.weights]
        signal, texts_of_signal = "learning signal p(1−p)", [f"{self.signal:.3g}"]
        return [
            Bars(self.setting.words, self.weights, "weight", texts, low=0, high=1.12),
            Curves([curve, dot], across, up, legend=False),
            Bars([""], [self.signal], signal, texts_of_signal, (COLOURS["scores"],), high=0.28),
        ]


class TwoScores(Explorer):
    """Two weights as bars, the gap on the curve 1/(1+e^-gap), and the learning signal p(1-p).

    words: the two keys; scores: their two scores, before the division: whole numbers from -160 to 160
    """

    def __init__(self, words=("Thinking", "Machines"), scores=(112, 96), **layout):
        self.words = tuple(word_list("words", words, 2))
        if len(scores) != 2 or not all(abs(score) <= LARGEST and score == int(score) for score in scores):
            raise ValueError(
                f"scores must be two whole numbers from −{LARGEST} to {LARGEST}, and got {scores}"
            )
        self.first, self.second = (
            integer_slider(f"score of {word}", int(score), -LARGEST, LARGEST)
            for word, score in zip(self.words, scores)
        )
        self.divisor = slider("divisor", DIVISORS, 8.0)
        self.temperature = slider("temperature", [i / 4 for i in range(1, 17)], 1.0)
        self.view = widgets.HTML()
        for control in (self.first, self.second, self.divisor, self.temperature):
            control.observe(lambda _: self._refresh(), "value")
        super().__init__(
            [row(self.first, self.second), row(self.divisor, self.temperature), self.view], **layout
        )
        self._refresh()

    @property
    def setting(self) -> Setting:
        scores = (self.first.value, self.second.value)
        return Setting(self.words, scores, self.divisor.value, self.temperature.value)

    def picture(self):
        said = self.result.numbers()
        alt = f"Two bars of weights, the point on the softmax curve, and the learning signal. {said}."
        return figures.sheet([self.result.charts()], (8.8, 3.0), widths=[(1, 1.5, 0.45)], alt=alt, text=said)

    def _refresh(self):
        self.result = Result.of(self.setting)
        self.view.value = svg(self.result.charts(), (250, 400, 130), 250, self.result.numbers())
