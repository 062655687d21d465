"""A real JupyterLab, or Voilà, in a real browser, for tests that do what a learner does.

    with jupyterlab() as server, chromium() as browser:
        with Notebook(browser, server, "notebooks/04_eight_heads.ipynb") as notebook:
            notebook.run_all()
            slider = notebook.slider("heads")
            slider.press("End")

Nothing of the person who runs it is used or changed: the server has folders of
its own and saves no notebook. Server, kernels and browser end with the block.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from tools.notebooks import ROOT, with_own_environment

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAMS = (  # where macOS and Windows keep theirs
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
)
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/notebook-extension/tracker": {
        "windowingMode": "none"
    },  # every cell is drawn, not only the near ones
}
SECOND = 1000  # Playwright counts in milliseconds
# The toolbar says idle for about a second before there is a kernel: its name has to be there too.
IDLE = """() => {
  const name = document.querySelector('.jp-NotebookPanel-toolbar .jp-KernelName')?.textContent.trim();
  const light = document.querySelector('.jp-NotebookPanel-toolbar .jp-Notebook-ExecutionIndicator');
  const status = light?.dataset.status;
  return name && name !== 'No Kernel' && status === 'idle';
}"""
SLIDERS = ".widget-inline-hbox:has(.noUi-handle)"  # numbers and lists of values alike
WIDGETS = (  # an explorer, or a prediction, with its views and controls
    ".jp-OutputArea-output:has(.jupyter-widgets)"
)
CELLS = "window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
ERRORS = """() => {
  const said = [], { cells } = window.jupyterapp.shell.currentWidget.content.model;
  for (let place = 0; place < cells.length; place++) {
    const cell = cells.get(place), name = `cell ${place + 1}`;
    if (cell.type !== 'code') continue;
    if (!cell.executionCount) said.push(`${name} has not run`);
    for (let i = 0; i < cell.outputs.length; i++) {
      if (!['error', 'stream'].includes(cell.outputs.get(i).type)) continue;  // pictures are large
      const output = cell.outputs.get(i).toJSON();
      if (output.output_type === 'error') said.push(`${name}: ${output.ename}: ${output.evalue}`);
      else if (output.name === 'stderr') said.push(`${name}: stderr: ${output.text}`);
    }
  }
  return said;
}"""
RUN_ALL = """() => {
  window.runOfAllCells = 'running';
  window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.runOfAllCells = 'done'; });
}"""
RUN_CELL = """async place => {
  const content = window.jupyterapp.shell.currentWidget.content;
  content.deselectAll();
  content.activeCellIndex = place;
  await window.jupyterapp.commands.execute('notebook:run-cell');
}"""
ASK = """async code => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code, store_history: false });
  let said = '';
  future.onIOPub = ({ content }) => { said += content.text ?? content.evalue ?? ''; };
  await future.done;
  return said;
}"""


class Server(NamedTuple):
    url: str
    token: str
    process: subprocess.Popen
    opens: str = "doc/tree"  # what stands before a notebook's path in its address


def what_is_missing() -> str | None:
    """Why the browser tests cannot run here, in a sentence; None if they can."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return "The package playwright is not installed."
    if browser_found():
        return None
    with sync_playwright() as playwright:
        if Path(playwright.chromium.executable_path).exists():
            return None
    return (
        f"There is no browser: none of {', '.join(BROWSERS)} is on the PATH, and playwright has none of its"
        " own (playwright install chromium)."
    )


def browser_found() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None) or next(
        (place for place in PROGRAMS if Path(place).is_file()), None
    )


@contextmanager
def jupyterlab(root: Path = ROOT, program: str = "jupyterlab"):
    """A server of JupyterLab, or of Notebook 7 ("notebook"), on a free port, for the notebooks below root."""
    port, token = _free_port(), secrets.token_hex(16)
    options = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        "--ServerApp.open_browser=False",
        "--ServerApp.log_level=WARN",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "--FileCheckpoints.checkpoint_dir={room}/checkpoints",  # else opening a notebook leaves one beside it
        "--ServerApp.shutdown_no_activity_timeout=900",
        "--MappingKernelManager.cull_idle_timeout=600",  # if the tests are killed
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--ServerApp.allow_root=True")
    with _serving(program, options, root, port, token, f"/api/status?token={token}") as server:
        yield server._replace(opens="notebooks") if program == "notebook" else server


@contextmanager
def voila(notebook: Path):
    """A Voilà server on a free port, which runs one notebook for everyone who opens its address."""
    port = _free_port()
    options = [str(notebook), "--Voila.ip=127.0.0.1", f"--port={port}", "--no-browser"]
    options.append(
        "--VoilaConfiguration.extension_denylist=@jupyter-notebook/lab-extension"
    )  # Notebook 7's own
    with _serving("voila", options, notebook.parent, port, "", "/voila/static/voila.js") as server:
        yield server


@contextmanager
def _serving(program: str, options: list[str], root: Path, port: int, token: str, answers: str):
    """A server with its own folders, from when it answers. {room} in an option stands for those folders."""
    room = Path(tempfile.mkdtemp(prefix="thinking-machines-lab-"))
    environment = {
        key: value
        for key, value in with_own_environment(room).items()
        if not key.startswith(("JUPYTER", "PYTEST"))
    }
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"
    for name in ("CONFIG", "DATA", "RUNTIME"):
        environment[f"JUPYTER_{name}_DIR"] = str(room / name)
    for name in ("SETTINGS", "WORKSPACES"):
        environment[f"JUPYTERLAB_{name}_DIR"] = str(room / name)
    for name, value in SETTINGS.items():
        file = room / "SETTINGS" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    options = [option.replace("{room}", str(room)) for option in options]
    with open(room / "server.log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", program, *options],
            cwd=root,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Server(f"http://127.0.0.1:{port}", token, process)
        _wait_for(server, answers, room / "server.log")
        yield server
    finally:
        _end(process)
        shutil.rmtree(room, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_for(server: Server, answers: str, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise RuntimeError(f"the server ended at once:\n{log.read_text()}")
        try:
            urllib.request.urlopen(server.url + answers, timeout=5).read()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the server did not answer within {seconds} seconds:\n{log.read_text()}")


def _end(process: subprocess.Popen) -> None:
    """End the server and every kernel it has started, politely first."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for member in psutil.wait_procs(family, timeout=3)[1]:
        member.kill()


@contextmanager
def chromium(**options):
    """A browser with an empty profile, as a Playwright context; options as for launch_persistent_context."""
    from playwright.sync_api import sync_playwright

    profile = tempfile.mkdtemp(prefix="thinking-machines-browser-")
    flags = FLAGS + (["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])
    options = {"viewport": {"width": 1280, "height": 1000}, **options}
    try:
        with sync_playwright() as playwright:
            context = playwright.chromium.launch_persistent_context(
                profile, executable_path=browser_found(), headless=True, args=flags, **options
            )
            try:
                yield context
            finally:
                context.close()
    finally:
        shutil.rmtree(profile, ignore_errors=True)


class WidgetPage:
    """A page with widgets on it: what JupyterLab and Voilà have in common."""

    def __init__(self, browser):
        self.page = browser.new_page()
        self.console_errors: list[str] = []
        self.dialogs: list[str] = []
        self.page.on(
            "console",
            lambda message: self.console_errors.append(message.text) if message.type == "error" else None,
        )
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.on("dialog", self._answer)

    def _answer(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def wait_until_idle(self, seconds: float = 60) -> None:
        """Wait for a kernel that has nothing to do, where the page shows that."""

    def show(self, selector: str, seconds: float = 30):
        """The first element that fits a CSS selector, scrolled into view."""
        found = self.page.locator(selector).first
        found.wait_for(state="visible", timeout=seconds * SECOND)
        found.evaluate("element => element.scrollIntoViewIfNeeded()")  # at once, as it may be drawn anew
        return found

    def slider(self, label: str, within: str = "") -> Slider:
        """The slider with exactly this label, in the first element that fits the selector `within`."""
        return Slider(self, self.show(f'{within} {SLIDERS}:has(> .widget-label:text-is("{label}"))'.strip()))

    def sliders(self) -> list[tuple[int, str]]:
        """Every slider that is shown and can be moved, as its number and label."""
        boxes = self.page.locator(SLIDERS)
        return [
            (number, box.locator(".widget-label").first.inner_text())
            for number, box in enumerate(boxes.all())
            if box.is_visible() and not box.locator(".noUi-target[disabled]").count()
        ]

    def slider_number(self, number: int) -> Slider:
        box = self.page.locator(SLIDERS).nth(number)
        box.scroll_into_view_if_needed()
        return Slider(self, box)


class VoilaPage(WidgetPage):
    """What Voilà makes of its notebook. Use it in a with block."""

    def __init__(self, browser, server: Server):
        super().__init__(browser)
        self.server = server

    def __enter__(self):
        # Voilà asks the network for MathJax: the tests do without, so that they say the same with and without
        # a network.
        self.page.route(
            lambda url: not url.startswith((self.server.url, "data:", "blob:")),
            lambda route: route.fulfill(body=""),
        )
        self.page.goto(self.server.url, wait_until="domcontentloaded", timeout=300 * SECOND)
        return self

    def __exit__(self, *_):
        self.page.close()


class Notebook(WidgetPage):
    """One notebook, opened in JupyterLab. Use it in a with block."""

    def __init__(self, browser, server: Server, path: str):
        super().__init__(browser)
        self.path, self.server = path, server

    def __enter__(self):
        try:
            self.page.goto(
                f"{self.server.url}/{self.server.opens}/{self.path}?token={self.server.token}&reset",
                wait_until="domcontentloaded",
            )
            self.wait_until_idle(90)
        except BaseException:
            self.page.close()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.page.evaluate("window.jupyterapp?.shell.currentWidget?.sessionContext.shutdown()")
        finally:
            self.page.close()

    def wait_until_idle(self, seconds: float = 60) -> None:
        self.page.wait_for_function(IDLE, timeout=seconds * SECOND, polling=50)

    def run_all(self, seconds: float = 300) -> None:
        """Run every cell; wait until each has its number, as a failed one has too, and the kernel is idle."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        for _ in range(3):  # on a busy machine JupyterLab says idle before it runs anything
            self.page.evaluate(RUN_ALL)
            done = "window.runOfAllCells === 'done'"
            self.page.wait_for_function(done, timeout=seconds * SECOND, polling=100)
            self.wait_until_idle(seconds)
            if not (said := self.error_outputs()) or not said[0].endswith("has not run"):
                return

    def run_cell(self, number: int) -> None:
        """Run one cell, counted from 1, as a learner does who clicks into it and presses Shift-Enter."""
        self.page.evaluate(RUN_CELL, number - 1)
        self.wait_until_idle()

    def restart(self) -> None:
        """Restart the kernel and run nothing."""
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.wait_until_idle()

    def ask(self, code: str) -> str:
        """What the kernel prints when it runs this code, without a trace in the notebook."""
        return self.page.evaluate(ASK, code).strip()

    def use_theme(self, name: str) -> None:
        """Change JupyterLab's theme, as its menu does: "JupyterLab Light" or "JupyterLab Dark"."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name
        )
        light = "false" if "Dark" in name else "true"
        self.page.wait_for_selector(
            f"body[data-jp-theme-light='{light}']", state="attached", timeout=30 * SECOND
        )
        self.page.wait_for_timeout(300)  # its style sheet comes after the mark on the page

    def cells(self) -> list[dict]:
        """The notebook as it stands in the browser, with its outputs."""
        return self.page.evaluate(CELLS)

    def error_outputs(self) -> list[str]:
        """A line for each cell that failed or wrote to stderr, or has not run."""
        return self.page.evaluate(ERRORS)

    def show(self, selector: str, seconds: float = 30):
        self.scroll_to(selector)  # cells are drawn only when they are near
        return super().show(selector, seconds)

    def scroll_to(self, selector: str) -> None:
        """Go down the notebook a screen at a time until an element is there."""
        pane = self.page.locator(".jp-WindowedPanel-outer").first
        if self.page.locator(selector).count():
            return
        pane.evaluate("pane => pane.scrollTo(0, 0)")
        for _ in range(200):
            if self.page.locator(selector).count():
                return
            before = pane.evaluate(
                "pane => { const before = pane.scrollTop; pane.scrollBy(0, pane.clientHeight / 2);"
                " return before; }"
            )
            self.page.wait_for_timeout(100)
            if pane.evaluate("pane => pane.scrollTop") <= before:
                return


class Slider:
    def __init__(self, notebook: Notebook, box):
        self.notebook, self.box = notebook, box
        self.handle, self.track = box.locator(".noUi-handle").first, box.locator(".noUi-base").first

    def value(self) -> str:
        """What the slider reads, as the learner sees it."""
        return self.box.locator(".widget-readout").first.inner_text().strip()

    def press(self, *keys: str) -> str:
        """Press keys on the handle (Home, End, ArrowLeft, ArrowRight, …) and return the new value."""
        self.handle.focus()
        for key in keys:
            self.notebook.page.keyboard.press(key)
        self.notebook.wait_until_idle()
        return self.value()

    def drag(self, *parts: float, steps: int = 8) -> str:
        """Drag the handle with the mouse to parts of the track, 0 to 1, in turn, and return the new value."""
        self.handle.scroll_into_view_if_needed()
        start, track, mouse = self.handle.bounding_box(), self.track.bounding_box(), self.notebook.page.mouse
        mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
        mouse.down()
        for part in parts:
            mouse.move(track["x"] + part * track["width"], track["y"] + track["height"] / 2, steps=steps)
        mouse.up()
        self.notebook.wait_until_idle()
        return self.value()


def explorer_with(*labels: str) -> str:
    """The selector of the explorer that has controls with these labels."""
    return ".jp-OutputArea-output" + "".join(f":has(.widget-label:text-is('{label}'))" for label in labels)


def box_of(slider: Slider):
    """The explorer that a slider is in."""
    return slider.box.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')][1]")


def pixels(element) -> str:
    """A fingerprint of how an element looks now."""
    return hashlib.sha256(element.screenshot(animations="disabled", caret="hide")).hexdigest()


def description(element) -> str:
    """What an element says of itself to someone who cannot see it."""
    return element.get_attribute("aria-label") or element.get_attribute("alt") or ""


def wait_for_description(element, condition, seconds: float = 30) -> str:
    """Wait until the description satisfies a condition. It follows the values, and is there before the pixels
    are looked at.
    """
    end = time.monotonic() + seconds
    while not condition(said := description(element)):
        if time.monotonic() > end:
            raise AssertionError(
                f"the description did not follow within {seconds} seconds; it says: {said!r}"
            )
        element.page.wait_for_timeout(50)
    element.page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    return said


def says(words: str):
    """The condition that a description holds these words."""
    return lambda said: words in said


def begins_with(words: str):
    return lambda said: said.startswith(words)


PICTURES = "canvas, img, svg, .widget-html-content"
LOOKS = """elements => {  // the sum is made in the page: pictures are large
  let sum = 0x811c9dc5;
  const add = number => { sum = Math.imul(sum ^ number, 0x01000193); };
  for (const element of elements) {
    const { tagName, width, height } = element;
    if (tagName === 'CANVAS' && width && height)
      new Uint32Array(element.getContext('2d').getImageData(0, 0, width, height).data.buffer).forEach(add);
    const text = tagName === 'CANVAS' ? `${width} ${height}` : element.src ?? element.outerHTML;
    for (let i = 0; i < text.length; i++) add(text.charCodeAt(i));
  }
  return String(sum);
}"""


def looks(box) -> str:
    """A fingerprint of every picture and text in a box, without its controls."""
    return box.locator(PICTURES).evaluate_all(LOOKS)


def settled(look, seconds: float = 20) -> str:
    """Look until the same is seen three times in a row: a picture may follow its slider late."""
    end, seen = time.monotonic() + seconds, [look()]
    while seen[-3:] != 3 * seen[-1:] and time.monotonic() < end:
        time.sleep(0.05)
        seen.append(look())
    return seen[-1]


def wait_until_different(look, before: str, seconds: float = 20) -> str:
    """Look again until what is seen differs from before; return that, or before if nothing changes."""
    end = time.monotonic() + seconds
    while (now := look()) == before and time.monotonic() < end:
        time.sleep(0.05)
    return now


TOO_WIDE = """() => {
  const name = element =>
    `${element.tagName.toLowerCase()}.${element.className}: ${element.textContent.trim().slice(0, 60)}`;
  const wide = element => element.scrollWidth > element.clientWidth + 1;
  const said = [];
  if (wide(document.documentElement)) said.push('the whole page');
  const explorer = '.jp-OutputArea-output:has(.jupyter-widgets)';
  for (const element of document.querySelectorAll(`${explorer}, ${explorer} .widget-box`))
    if (element.checkVisibility() && wide(element)) said.push('wider than its place: ' + name(element));
  const texts = '.jupyter-widgets :is(.widget-label, .widget-readout), button.jupyter-widgets';
  for (const element of document.querySelectorAll(texts))
    if (element.checkVisibility() && element.clientWidth && wide(element)) said.push('cut: ' + name(element));
  return said;
}"""


def too_wide(page) -> list[str]:
    """What does not fit: the page, an explorer or a box in one that has to be scrolled sideways, a label or a
    button that is cut.
    """
    return page.evaluate(TOO_WIDE)


AXE = """async boxes => {
  const said = [];
  for (const box of boxes)
    for (const { impact, id, nodes } of (await axe.run(box, { resultTypes: ['violations'] })).violations)
      if (['serious', 'critical'].includes(impact))
        said.push(...nodes.map(node => `${id} (${impact}): ${node.html.slice(0, 200)}`));
  return said;
}"""


def barriers(boxes) -> list[str]:
    """What axe-core finds in these elements that is serious or critical for someone who cannot see or cannot
    use a mouse.
    """
    import axe_playwright_python

    boxes.page.evaluate(
        (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    )
    return boxes.evaluate_all(AXE)
