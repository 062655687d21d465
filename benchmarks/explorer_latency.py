"""How long after a key press does a picture change, in a real JupyterLab and a real browser?

    .venv/bin/python -m benchmarks.explorer_latency            # about two minutes
    .venv/bin/python -m benchmarks.explorer_latency --rounds 2

Prints a Markdown table. All designs stand in one notebook and take turns, so
whatever else the machine does slows all of them; only the ratios mean anything.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from tools.jupyterlab import Notebook, chromium, jupyterlab, pixels, what_is_missing

SIZES = (1, 2, 4, 8, 16, 32, 64)  # a longer head than 64 gives the same picture
CELLS = [
    """
import ipywidgets as widgets
import matplotlib.pyplot as plt
from helpers import examples
from helpers.explorers import HeadExplorer

%matplotlib inline
words = examples.sentence("soup")
x = examples.embed(words)
""",
    f"""
slider = widgets.SelectionSlider(options={SIZES}, value=4, description="head size")
label = widgets.Label("4")
slider.observe(lambda change: setattr(label, "value", str(change.new)), "value")
floor = widgets.VBox([slider, label])
floor.add_class("floor")
label.add_class("picture")
floor
""",
    f"""
def new_figure(head_size):
    weights = examples.hand_made(8, head_size)(x)[1]
    figure, grid = plt.subplots(2, 4, figsize=(12, 7))
    for head, axes in enumerate(grid.flat):
        axes.imshow(weights[head], vmin=0, vmax=1)
        axes.set_title(f"head {{head}}")
        axes.set_xticks(range(16), words, rotation=90)
        axes.set_yticks(range(16), words)
    plt.tight_layout()
    plt.show()

sizes = widgets.SelectionSlider(options={SIZES}, value=4, description="head size")
figure = widgets.interactive(new_figure, head_size=sizes)
figure.add_class("figure")                        # the same as interact, with a name to find it by
figure
""",
    """
explorer = HeadExplorer(words, n_heads=8)
explorer.linked.value = False
explorer.head_size.value = 4
explorer.add_class("sixteen")
explorer.layout.min_height = "900px"                      # the page keeps its length when the heads change
explorer
""",
    """
longer = HeadExplorer([f"word{i}" for i in range(64)], n_heads=8)
longer.linked.value = False
longer.head_size.value = 4
longer.add_class("sixty-four")
longer
""",
]
# name: box, slider, what is looked at, stops of the slider to drag over, key presses a round
DESIGNS = {
    "the floor: a slider that changes a Label": (".floor", "head size", ".floor .picture", 7, 8),
    "interact and a new figure, 8 heads, 16 words": (".figure", "head size", ".figure img", 7, 2),
    "HeadExplorer, 8 heads, 16 words: head size": (
        ".sixteen",
        "head size",
        ".sixteen .tm-scroll canvas",
        7,
        8,
    ),
    "HeadExplorer, 8 or 9 heads, 16 words: heads": (
        ".sixteen",
        "heads",
        ".sixteen .tm-scroll canvas",
        16,
        8,
    ),
    "HeadExplorer, 8 heads, 64 words: head size": (
        ".sixty-four",
        "head size",
        ".sixty-four .tm-scroll canvas",
        7,
        8,
    ),
}
# Looks at the pixels, or the text, after every frame, and notes when they differ from the frame before. The
# pixels of a canvas are read only after a frame in which it was drawn: reading costs more than drawing.
WATCH = """() => {
  const watch = window.watch = { selector: null, last: '', changes: [], pressed: 0 };
  const drawn = new Set();
  for (const name of ['drawImage', 'putImageData', 'fillRect', 'fillText']) {
    const draw = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...what) {
      drawn.add(this.canvas);
      return draw.apply(this, what);
    };
  }
  addEventListener('keydown', (event) => { watch.pressed = event.timeStamp; }, true);
  const look = (element) => {
    if (element instanceof HTMLCanvasElement) {
      if (!drawn.has(element)) return watch.last;
      const [width, height] = [Math.min(400, element.width), Math.min(300, element.height)];
      let sum = element.width * 7919 + element.height;
      const { data } = element.getContext('2d').getImageData(0, 0, width, height);
      for (const pixel of new Uint32Array(data.buffer)) sum = (sum * 31 + pixel) | 0;
      return String(sum);
    }
    if (element instanceof HTMLImageElement)
      return element.complete && element.naturalWidth ? element.src : watch.last;
    return element ? element.textContent : watch.last; // between two figures there may be none
  };
  const afterFrame = () => {
    const time = performance.now();
    const now = watch.selector ? look(document.querySelector(watch.selector)) : watch.last;
    if (now !== watch.last) watch.changes.push(time);
    watch.last = now;
    drawn.clear();
    // next, when this frame is done
    requestAnimationFrame(() => scheduler.postTask(afterFrame, { priority: 'user-blocking' }));
  };
  afterFrame();
}"""


class Design:
    def __init__(self, notebook: Notebook, box, label, picture, stops, presses):
        self.notebook, self.page = notebook, notebook.page
        self.box, self.label, self.picture, self.stops, self.presses = box, label, picture, stops, presses
        self.milliseconds, self.updates, self.bytes, self.forward = [], [], 0, True

    def start(self):
        self.slider = self.notebook.slider(self.label, within=self.box)
        self.slider.handle.focus()
        # what is out of view isn't painted, and would be measured as faster than it is
        self.page.locator(self.box).first.evaluate("box => box.scrollIntoView({ block: 'start' })")
        self.notebook.wait_until_idle()
        self.page.evaluate("selector => { watch.selector = selector; }", self.picture)
        self.page.wait_for_timeout(150)

    def press(self) -> float:
        """One key press, there and back in turn. Returns the milliseconds until the picture has changed."""
        self.page.evaluate("watch.changes.length = 0")
        self.page.keyboard.press("ArrowRight" if self.forward else "ArrowLeft")
        self.forward = not self.forward
        self.page.wait_for_function("watch.changes.length", timeout=30_000)
        milliseconds = self.page.evaluate("watch.changes[0] - watch.pressed")
        self.notebook.wait_until_idle()
        self.page.wait_for_timeout(30)
        return milliseconds

    def check(self):
        """What the browser shows has to change with a press: a drawing that nobody sees does not count."""
        element = self.page.locator(self.picture).first
        before = pixels(element)
        self.press()
        if pixels(self.page.locator(self.picture).first) == before:
            raise SystemExit(f"{self.picture} looks the same after a key press: nothing was measured.")
        self.start()  # taking pictures has scrolled
        self.press()

    def drag(self, seconds: float = 1) -> float:
        """Drag the handle to and fro, a stop every 1/60 s, and back to where it was. Returns the pictures
        seen a second.
        """
        track, handle, mouse = (
            self.slider.track.bounding_box(),
            self.slider.handle.bounding_box(),
            self.page.mouse,
        )
        last = float(self.slider.handle.get_attribute("aria-valuemax"))
        y = handle["y"] + handle["height"] / 2
        there = list(range(self.stops)) + list(range(self.stops - 2, 0, -1))
        mouse.move(handle["x"] + handle["width"] / 2, y)
        mouse.down()
        self.page.evaluate("watch.changes.length = 0")
        start, moves = time.perf_counter(), 0
        while (now := time.perf_counter() - start) < seconds:
            mouse.move(track["x"] + there[moves % len(there)] / last * track["width"], y)
            moves += 1
            time.sleep(max(0, moves / 60 - (time.perf_counter() - start)))
        seen = self.page.evaluate("watch.changes.length")
        mouse.move(handle["x"] + handle["width"] / 2, y)
        mouse.up()
        self.notebook.wait_until_idle(120)
        return seen / now


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each design has its turn (default 5)"
    )
    rounds = parser.parse_args().rounds
    if missing := what_is_missing():
        raise SystemExit(missing)
    with tempfile.TemporaryDirectory(prefix="thinking-machines-latency-") as folder:
        cells = [
            {
                "cell_type": "code",
                "id": f"cell-{i}",
                "metadata": {},
                "source": source.strip(),
                "outputs": [],
                "execution_count": None,
            }
            for i, source in enumerate(CELLS)
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        Path(folder, "latency.ipynb").write_text(
            json.dumps(
                {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
            )
        )
        with jupyterlab(Path(folder)) as server, chromium() as browser:
            notebook, traffic = Notebook(browser, server, "latency.ipynb"), [0]
            for event in ("framesent", "framereceived"):  # before the notebook opens its websocket
                notebook.page.on(
                    "websocket",
                    lambda socket, event=event: socket.on(event, lambda data: traffic.append(len(data))),
                )
            with notebook:
                designs = measure(notebook, rounds, traffic)
                problems = notebook.error_outputs() + notebook.console_errors
    if problems:
        raise SystemExit("\n".join(problems))
    print(table(designs))


def measure(notebook: Notebook, rounds: int, traffic: list[int]) -> dict[str, Design]:
    notebook.run_all()
    if notebook.error_outputs():
        raise SystemExit("\n".join(notebook.error_outputs()))
    notebook.page.evaluate(WATCH)
    designs = {name: Design(notebook, *how) for name, how in DESIGNS.items()}
    for design in designs.values():
        design.start()
        design.check()
        design.slider.press(*["Home"] + ["ArrowRight"] * (7 if design.label == "heads" else 2))
    for number in range(rounds):
        for design in designs.values():
            design.start()
            before = len(traffic)
            design.milliseconds += [design.press() for _ in range(design.presses)]
            design.bytes += sum(traffic[before:])
            if (
                design.presses > 2 or number == rounds - 1
            ):  # the slow one is dragged once: it is busy for long after
                design.updates.append(design.drag())
    return designs


def table(designs: dict[str, Design]) -> str:
    floor, figure, *_ = (statistics.median(design.milliseconds) for design in designs.values())
    lines = [
        "| design | median / p95 ms | × floor | new figure ÷ this | updates/s while dragging | kB a step |",
        "|---|---|---|---|---|---|",
    ]
    for name, design in designs.items():
        median, late = (
            statistics.median(design.milliseconds),
            statistics.quantiles(design.milliseconds, n=20, method="inclusive")[-1],
        )
        lines.append(
            f"| {name} | {median:.0f} / {late:.0f} | {median / floor:.2f} | {figure / median:.0f} "
            f"| {statistics.median(design.updates):.1f} "
            f"| {design.bytes / len(design.milliseconds) / 1000:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
