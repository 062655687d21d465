"""The one live heat map of the course: any number of panels of one size, drawn on a canvas."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

import anywidget
import numpy as np
import traitlets

from helpers.figures import Panel, palette_table

_HERE = pathlib.Path(__file__).parent
PALETTES = ("weights", "signed", "lengths", "mask", "words")


class HeadMap(anywidget.AnyWidget):
    """Heat maps that show the number under the pointer or the keyboard focus.

    Arrow keys move over the cells, PageUp and PageDown over the panels, Enter or
    a click presses a cell. It does no arithmetic: it shows what show() is given.

    focus:       the panel drawn with a frame, -1 for none
    reads_above: True for a line above the maps that reads out the cell, with a reason from Python under it,
                 and for a line of words that shows a word's row in every head as bars
    fit:         the share of the window's height that all panels together may take; 0 for no limit
    rest:        the cell [panel, row, column] that is read out while no cell is pointed at
    reason, reason_of: why a cell has its number, and which cell that is
    """

    # one module: anywidget has no build step, and a browser can't import from beside a string
    _esm = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("word_row.js", "head_map.js"))
    _css = _HERE / "head_map.css"
    data = traitlets.Bytes(b"").tag(sync=True)
    shape = traitlets.List(traitlets.Int(), [0, 0, 0]).tag(sync=True)
    panels = traitlets.List(traitlets.Dict()).tag(sync=True)
    rows = traitlets.List(traitlets.Unicode()).tag(sync=True)
    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    palettes = traitlets.Dict().tag(sync=True)
    reads = traitlets.Unicode("{row} attends to {column}").tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
    focus = traitlets.Int(-1).tag(sync=True)
    reads_above = traitlets.Bool(False).tag(sync=True)
    fit = traitlets.Float(0.0).tag(sync=True)
    rest = traitlets.List(traitlets.Int()).tag(sync=True)
    reason = traitlets.Unicode("").tag(sync=True)
    reason_of = traitlets.List(traitlets.Int()).tag(sync=True)
    cell_size = traitlets.Int(44).tag(sync=True)
    listens = traitlets.Bool(False).tag(sync=True)  # else the page does not tell where the pointer is
    stamp = traitlets.Int(0).tag(sync=True)

    def __init__(self, **traits):
        super().__init__(
            palettes={name: palette_table(name).tobytes() for name in PALETTES},
            **traits,
        )
        self._pressed: list[Callable] = []
        self._pointed: list[Callable] = []
        self.on_msg(self._message)

    def show(
        self,
        panels: Sequence[Panel],
        rows: Sequence[str],
        columns: Sequence[str],
        note="",
        description="",
        focus=-1,
        rest=(),
        reason="",
    ):
        """Replace what is shown, in one message.

        panels: each with cells of shape (rows, columns)
        reason: why the cell `rest` has its number
        """
        # the page takes -inf for a masked cell
        marked = [p.cells if p.masked is None else np.where(p.masked, -np.inf, p.cells) for p in panels]
        cells = np.stack(marked).astype("<f4")
        if cells.shape[1:] != (len(rows), len(columns)):
            raise ValueError(
                f"the panels have {cells.shape[1]} rows and {cells.shape[2]} columns, "
                f"and there are words for {len(rows)} and {len(columns)}"
            )
        drawn = [
            dict(
                title=p.title,
                palette=p.palette,
                low=p.lowest,
                high=p.limit,
                digits=p.digits,
                labels=p.labels,
                dim=p.dim,
                faint=list(p.faint),
            )
            for p in panels
        ]
        shown = dict(
            data=cells.tobytes(),
            shape=list(cells.shape),
            panels=drawn,
            rows=list(rows),
            columns=list(columns),
            note=note,
            description=description,
            focus=focus,
            rest=list(rest),
            reason=reason,
            reason_of=list(rest),
        )
        changed = {name: value for name, value in shown.items() if value != getattr(self, name)}
        if changed:  # only what changed is checked and sent
            with self.hold_sync():
                for name, value in changed.items():
                    setattr(self, name, value)
                self.stamp += 1

    def explain(self, cell: Sequence[int], reason: str):
        """Say why the cell [panel, row, column] has its number."""
        with self.hold_sync():
            self.reason_of, self.reason = list(cell), reason

    def on_press(self, callback: Callable[[int, int, int], None]):
        """callback(panel, row, column) when a cell is clicked, or Enter is pressed on it."""
        self._pressed.append(callback)

    def on_point(self, callback: Callable[[int, int, int], None]):
        """callback(panel, row, column) when the pointer or the keyboard comes to a cell.

        A sweep over many cells tells some of them, and the last one.
        """
        self._pointed.append(callback)
        self.listens = True

    def _message(self, _, content, buffers):
        callbacks = {"press": self._pressed, "point": self._pointed}.get(content.get("kind"), [])
        cell = content.get("cell", [])
        if len(cell) == 3 and all(isinstance(v, int) and 0 <= v < size for v, size in zip(cell, self.shape)):
            for callback in callbacks:
                callback(*cell)
