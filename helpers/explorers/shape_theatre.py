"""Notebook 04: every number carries its word and its column through split and merge, rightly and wrongly."""

from __future__ import annotations

from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from helpers import figures
from helpers.attention import merge_heads, split_heads
from helpers.explorers.explorer import Explorer
from helpers.figures import Map
from helpers.widgets.controls import choose, row, sentence_line, slider, word_list
from helpers.widgets.head_map import HeadMap

__all__ = ["Result", "Setting", "ShapeTheatre"]

WAYS = (
    "right: transpose at the split and at the merge",
    "wrong: reshape only, at both",
    "wrong: no transpose at the merge",
)
SCENES = ("1 words", "2 split", "3 merged")


@dataclass(frozen=True)
class Setting:
    words: tuple[str, ...] = ("Thinking", "Machines")
    d_model: int = 16
    n_heads: int = 4
    way: str = WAYS[0]
    scene: str = SCENES[1]


@dataclass(frozen=True)
class Result:
    """Where each number stands at each step, as word · d_model + column.

    stages: x (1, n, d_model), split (n_heads, n, d_k), merged (1, n, d_model)
    """

    setting: Setting
    stages: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, setting: Setting) -> Result:
        n, d, h = len(setting.words), setting.d_model, setting.n_heads
        x = np.arange(n * d).reshape(n, d)
        split = x.reshape(h, n, d // h) if setting.way == WAYS[1] else split_heads(x, h)
        merged = merge_heads(split) if setting.way == WAYS[0] else split.reshape(n, d)
        return cls(setting, (x[None], split, merged[None]))

    @property
    def shown(self) -> int:
        return SCENES.index(self.setting.scene)

    def numbers(self) -> str:
        there, n = self.stages[self.shown], len(self.setting.words)
        shape = there.shape if self.shown == 1 else there.shape[1:]
        if self.shown == 0:
            return f"shape {shape}: each row is one word"
        if self.shown == 1:
            owners = there // self.setting.d_model  # which word each number came from
            whole = sum((owner == np.arange(n)[:, None]).all() for owner in owners)
            return f"shape {shape}: {whole} of {len(there)} heads have every word in its own row"
        kept = int((there == self.stages[0]).sum())
        return f"shape {shape}: {kept} of {there.size} numbers are back at their position"

    def maps(self, stage: int) -> list[Map]:
        """The panels of one step: every number is written as its word's first letter and its column."""
        words, d = self.setting.words, self.setting.d_model
        names = (
            [("x", "merged")[stage // 2]] if stage != 1 else [f"head {i}" for i in range(len(self.stages[1]))]
        )
        found = []
        for name, cells in zip(names, self.stages[stage]):
            labels = [[f"{words[v // d][0]}{v % d}" for v in line] for line in cells.tolist()]
            rows = [f"row {i}" for i in range(len(words))] if stage == 1 else words
            panel = figures.Panel(name, cells // d, "words", digits=0, labels=labels)
            found.append(Map(panel, rows, [str(j) for j in range(cells.shape[-1])]))
        return found


class ShapeTheatre(Explorer):
    """Follow single numbers through split_heads and merge_heads, or through the reshape that goes wrong.

    words: two to four; d_model: a number that every head count up to 8 divides; way: one of WAYS, at first
    """

    def __init__(self, words=("Thinking", "Machines"), d_model=16, n_heads=4, way=WAYS[0], **layout):
        self.words, self.d_model = tuple(word_list("words", words)), d_model
        counts = [h for h in (1, 2, 4, 8) if d_model % h == 0]
        self.heads = slider("heads", counts, choose("n_heads", n_heads, counts))
        wide = widgets.Layout(width="420px")
        way = choose("way", way, WAYS)
        self.way = widgets.Dropdown(options=WAYS, value=way, description="way", layout=wide)
        self.scene = slider("step", SCENES, SCENES[1])
        self.stage, self.summary = HeadMap(cell_size=40, reads="{row}, column {column}"), widgets.HTML()
        for control in (self.heads, self.way, self.scene):
            control.observe(lambda _: self._refresh(), "value")
        super().__init__([row(self.heads, self.scene), self.way, self.summary, self.stage], **layout)
        self._refresh()

    @property
    def setting(self) -> Setting:
        controls = (self.heads.value, self.way.value, self.scene.value)
        return Setting(self.words, self.d_model, *controls)

    def picture(self):
        """All three steps, below each other."""
        now, said = self.result.setting, self.result.numbers()
        maps = self.result.maps(self.result.shown)
        panels, text = [each.panel for each in maps], f"{now.way}, {now.scene}\n"
        small = len(maps[0].columns) <= 9
        text += figures.numbers_text(panels, maps[0].rows, maps[0].columns, said) if small else said
        alt = f"Where each number of {' and '.join(now.words)} stands. {now.way}, step {now.scene}. {said}."
        tall = 0.62 + 0.3 * len(now.words)
        size, note = (8.8, 3 * tall + 0.4), f"{now.way}\nstep {now.scene}, {said}"
        return figures.sheet(
            [self.result.maps(stage) for stage in range(3)], size, note=note, alt=alt, text=text
        )

    def _refresh(self):
        self.result = Result.of(self.setting)
        maps, now = self.result.maps(self.result.shown), self.result.setting
        self.summary.value = sentence_line(self.result.numbers())
        self.stage.show(
            [each.panel for each in maps],
            maps[0].rows,
            maps[0].columns,
            note="T5 is number 5 of the word that begins with T; the colour is the word's.",
            description=f"{now.way}, step {now.scene}. {self.result.numbers()}",
        )
