"""Notebook 07: turn heads of a trained model off, and see which words and which senses suffer."""

from __future__ import annotations

from functools import lru_cache

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from helpers import figures, learning
from helpers.charts import GREY
from helpers.explorers.explorer import Explorer
from helpers.explorers.masked_word import (
    SAMPLE,
    draw_likeliest,
    exact,
    likeliest_table,
    likeliest_text,
    probabilities,
    read_sentence,
    sample,
)
from helpers.grammar import MASK, Grammar
from helpers.widgets.controls import sentence_line, slider
from helpers.widgets.head_map import HeadMap

__all__ = ["HeadSwitch"]

ERROR = "#b91c1c"


class HeadSwitch(Explorer):
    """A switch for each head of a trained model, and what the model knows with the active heads.

    It shows the likeliest words of a sentence of one's own, and the loss by sense and role,
    with all heads and with the active ones.

    parameters: a trained model
    text:       as many of the grammar's words as its sentences have
    hidden:     which of these words is hidden, counted from 1
    off:        the heads that are off to begin with, counted from 0
    """

    def __init__(
        self,
        parameters: learning.Parameters,
        grammar: Grammar,
        text="in the garden tom himself saw the ripe apple",
        hidden=9,
        off=(),
        **layout,
    ):
        self.parameters, self.grammar, self.tokens = parameters, grammar, read_sentence(text, grammar)
        self.sample = sample(grammar)
        self.losses = lru_cache(maxsize=None)(
            lambda heads: learning.losses(parameters, self.sample, np.array(heads), batch=256)
        )  # (2000,)
        self.switches = [
            widgets.Checkbox(
                value=i not in off, description=f"head {i}", indent=False, layout=widgets.Layout(width="84px")
            )
            for i in range(parameters.n_heads)
        ]
        self.all_on, self.all_off = (
            widgets.Button(description=name, layout=widgets.Layout(width="90px"))
            for name in ("all on", "all off")
        )
        self.sentence = widgets.Text(
            value=text, description="sentence", continuous_update=False, layout=widgets.Layout(width="520px")
        )
        self.hidden = slider("hidden word", range(1, len(self.tokens) + 1), hidden)
        self.message, self.summary, self.before, self.after, self.by_sense, self.by_role = (
            widgets.HTML() for _ in range(6)
        )
        self.maps = HeadMap(cell_size=38)  # the smallest that has room for the numbers
        self._listen()
        wrap = widgets.Layout(flex_flow="row wrap", grid_gap="0 24px")
        super().__init__(
            [
                widgets.HBox(
                    [*self.switches, self.all_on, self.all_off], layout=widgets.Layout(flex_flow="row wrap")
                ),
                widgets.HBox([self.sentence, self.hidden], layout=wrap),
                self.message,
                self.summary,
                widgets.HBox([self.before, self.after], layout=wrap),
                self.maps,
                widgets.HBox([self.by_sense, self.by_role], layout=wrap),
            ],
            **layout,
        )
        self._refresh()

    @property
    def on(self) -> tuple[bool, ...]:
        return tuple(switch.value for switch in self.switches)

    @property
    def every(self) -> tuple[bool, ...]:
        return (True,) * self.parameters.n_heads

    def chosen(self) -> str:
        numbers = [str(i) for i, on in enumerate(self.on) if on]
        if len(numbers) in (0, len(self.on)):
            return "all heads" if numbers else "no head"
        return f"{'head' if len(numbers) == 1 else 'heads'} {', '.join(numbers)}"

    def compute(self):
        """Sets found_all and found (n_words,), weights (n_heads, n, n), and known (n_words,) or None."""
        self.place = self.hidden.value - 1
        self.found_all, self.weights = probabilities(self.parameters, self.tokens, self.place)
        self.found, _ = probabilities(self.parameters, self.tokens, self.place, np.array(self.on))
        self.known, self.remark = exact(self.grammar, self.tokens, self.place)

    def means(self, groups, values) -> np.ndarray:
        """The sample's mean of some values (2000,) for each group, by the numbers of the groups (2000,)."""
        return np.bincount(groups, self.sample.shares * values) / np.bincount(groups, self.sample.shares)

    def tables(self) -> dict[str, tuple[list[str], np.ndarray]]:
        """By sense and by role: names, and (3, names): entropy floor, loss with all heads and with active."""
        values = self.sample.surprisals, self.losses(self.every), self.losses(self.on)
        senses, roles = [f"{noun} ({sense})" for noun, sense in self.grammar.senses], list(self.grammar.roles)
        return {
            name: (names, np.stack([self.means(groups, each) for each in values]))
            for name, names, groups in (
                ("sense", senses, self.sample.senses),
                ("role", roles, self.sample.roles),
            )
        }

    def numbers(self) -> str:
        whole, part = (float(self.sample.shares @ self.losses(heads)) for heads in (self.every, self.on))
        return (
            f"On: {self.chosen()}. Loss {part:.2f} nats, with all heads {whole:.2f}, "
            f"entropy floor {self.sample.floor:.2f}, on {SAMPLE:,} words drawn once."
        )

    def asked(self) -> str:
        token = self.tokens[self.place]
        return (
            f"Hidden is word {self.hidden.value}, {self.grammar.words[token]}: {' '.join(self._columns())}. "
            f"Its probability: {self.found_all[token]:.3f} with all heads, {self.found[token]:.3f} now. "
            f"{self.remark}"
        ).strip()

    @figures.own_style()
    def picture(self):
        panel, rows, columns = self._rows()
        figure = Figure(figsize=(9.2, 9.6), layout="constrained")
        top, middle, bottom = figure.subfigures(3, 1, height_ratios=(0.8, 1.45, 1))
        for axes, title, found in zip(
            top.subplots(1, 2), ("all heads", f"on: {self.chosen()}"), (self.found_all, self.found)
        ):
            draw_likeliest(axes, title, self.grammar, found, self.known, self.tokens[self.place])
        figures.draw_panel(middle.subplots(), panel, rows, columns, "head", "")
        senses, roles = bottom.subplots(1, 2, width_ratios=(1.7, 1), sharey=True)
        for axes, (name, (names, (floor, whole, part))) in zip((senses, roles), self.tables().items()):
            x = np.arange(len(names))
            axes.bar(x - 0.2, whole, 0.4, color=figures.COLOURS["scores"], label="all heads")
            axes.bar(x + 0.2, part, 0.4, color=figures.COLOURS["output"], label="now")
            axes.hlines(floor, x - 0.4, x + 0.4, color=GREY, lw=2, label="floor")
            axes.set_xticks(x, names, rotation=35, ha="right", rotation_mode="anchor", fontsize=8)
            axes.set_title(f"loss by {name}, nats", fontsize=10)
            axes.spines[["top", "right"]].set_visible(False)
        senses.set_ylim(0, 1.25 * max(table.max() for _, table in self.tables().values()))
        senses.legend(frameon=False, fontsize=8, ncols=3, loc="upper left")
        alt = (
            "The likeliest words with all heads and with the active ones, each head's weights "
            f"from the hidden word, and the loss by sense and by role. {self.numbers()} {self.asked()}"
        )
        losses = [
            f"loss by {name} (floor, all heads, now): "
            + ", ".join(
                f"{label} {floor:.2f} {whole:.2f} {part:.2f}"
                for label, floor, whole, part in zip(names, *table)
            )
            for name, (names, table) in self.tables().items()
        ]
        said = [
            self.numbers(),
            self.asked(),
            f"likely with all heads: {likeliest_text(self.grammar, self.found_all, self.known)}",
            f"likely now: {likeliest_text(self.grammar, self.found)}",
            *losses,
            figures.numbers_text([panel], rows, columns, figures.row_sum_note([panel])),
        ]
        return figures.Picture(figure, alt, "\n".join(said))

    def _columns(self):
        return [MASK if i == self.place else self.grammar.words[token] for i, token in enumerate(self.tokens)]

    def _rows(self):
        rows = self.weights[:, self.place]
        (panel,) = figures.weight_panels(rows, [f"{MASK} attends to (rows sum to 1)"])
        return (
            panel,
            [f"head {i}" + ("" if on else " (off)") for i, on in enumerate(self.on)],
            self._columns(),
        )

    def _refresh(self, _=None):
        self.compute()
        panel, rows, columns = self._rows()
        self.summary.value = sentence_line(self.numbers()) + sentence_line(self.asked())
        for view, title, found in (
            (self.before, "all heads", self.found_all),
            (self.after, f"on: {self.chosen()}", self.found),
        ):
            view.value = likeliest_table(title, self.grammar, found, self.known, self.tokens[self.place])
        for view, (name, (names, table)) in zip((self.by_sense, self.by_role), self.tables().items()):
            view.value = _loss_table(name, names, table)
        looks = ", ".join(
            f"{row} to {columns[weights.argmax()]} ({weights.max():.2f})"
            for row, weights in zip(rows, panel.cells)
        )
        self.maps.show(
            [panel],
            rows,
            columns,
            note=f"A row for each head; {figures.row_sum_note([panel])}. "
            "An ablated head has the same weights as before, but its output counts as zeros.",
            description=f"{self.numbers()} {self.asked()} {MASK} attends most: {looks}.",
        )

    def _listen(self):
        for control in (*self.switches, self.hidden):
            control.observe(self._refresh, "value")
        self.sentence.observe(self._sentence_changed, "value")
        self.all_on.on_click(lambda _: self.switch_all(True))
        self.all_off.on_click(lambda _: self.switch_all(False))

    def switch_all(self, on: bool):
        for switch in self.switches:  # one picture for all of them
            switch.unobserve(self._refresh, "value")
            switch.value = on
            switch.observe(self._refresh, "value")
        self._refresh()

    def _sentence_changed(self, change):
        try:
            self.tokens = read_sentence(change.new, self.grammar)
        except ValueError as problem:
            self.message.value = sentence_line(f"{problem} The last good sentence is kept.", ERROR)
            return
        self.message.value = ""
        self._refresh()


def _loss_table(name, names, table) -> str:
    """Losses as HTML; a bar shows how much more the loss is than with all heads."""
    cell = "padding:1px 10px 1px 0;text-align:left"
    head = "".join(
        f'<th scope="col" style="{cell}">{title}</th>'
        for title in (name, "floor", "all heads", "now", "more than with all")
    )
    bar = f"height:12px;background:{figures.COLOURS['output']}"
    rows = "".join(
        f'<tr><th scope="row" style="{cell}">{label}</th>'
        + "".join(f'<td style="{cell}">{loss:.2f}</td>' for loss in (floor, whole, part))
        + f'<td style="{cell}"><div style="display:flex;align-items:center;gap:6px">'
        + f'<span style="width:{min(110, 40 * max(0, part - whole)):.0f}px;{bar}"></span>'
        + f"{_signed(part - whole)}</div></td></tr>"
        for label, floor, whole, part in zip(names, *table)
    )
    caption = f'<caption style="text-align:left;font-weight:bold">loss by {name}, nats</caption>'
    style = "font-variant-numeric:tabular-nums;border-spacing:0;line-height:1.5;margin-top:8px"
    return f'<table style="{style}">{caption}<tr>{head}</tr>{rows}</table>'


def _signed(value: float) -> str:
    text = f"{value:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")
