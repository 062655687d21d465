"""A notebook of the site that runs in the browser, for tests that do what a learner does.

with serving(folder) as host, chromium() as browser:
    with LiteNotebook(browser, host, "notebooks/04_eight_heads.ipynb") as notebook:
        notebook.run_all()
"""

from __future__ import annotations

import time
from pathlib import Path

from tools.jupyterlab import IDLE, SECOND, Notebook
from tools.site import RUN
from tools.web import Host

READY = "document.querySelector('#course-bar button')?.hidden === false"
KEPT = "document.querySelector('#course-bar').dataset.kept === 'yes'"
SET_SOURCE = """([place, source]) =>
  window.jupyterapp.shell.currentWidget.content.model.cells.get(place).sharedModel.setSource(source)"""


class LiteNotebook(Notebook):
    """One notebook of a built site, opened in JupyterLite. Use it in a with block."""

    def __init__(self, browser, host: Host, path: str):
        super().__init__(browser, None, path)
        self.host = host
        self.asked: list[str] = []  # every address that the page and its kernel ask for
        self.page.context.on("request", self._ask)
        self.refused: list[str] = []  # what a server had not
        self.page.context.on("response", self._look)
        self.seconds = 0.0  # from the click until Python is ready

    def _ask(self, request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.asked.append(request.url)

    def _look(self, response) -> None:
        # JupyterLite also asks the server for folders that are in the browser only.
        if response.status >= 400 and "/lite/api/contents/" not in response.url:
            self.refused.append(response.url)

    def wrong(self) -> list[str]:
        """What the console complained of, and what was asked for in vain."""
        said = [said for said in self.console_errors if not said.startswith("Failed to load resource")]
        return said + self.refused

    def _answer(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.accept()

    def __enter__(self):
        try:
            self.open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.page.context.remove_listener("request", self._ask)
        self.page.context.remove_listener("response", self._look)
        self.page.close()

    def open(self) -> None:
        start = time.monotonic()
        page = RUN.format(name=Path(self.path).stem, path=self.path)
        self.page.goto(self.host.url + page, wait_until="domcontentloaded")
        self.wait_until_ready()
        self.seconds = time.monotonic() - start

    def wait_until_ready(self, seconds: float = 240) -> None:
        self.page.wait_for_function(READY, timeout=seconds * SECOND, polling=100)
        self.page.wait_for_function(IDLE, timeout=seconds * SECOND, polling=100)

    def wait_until_kept(self, seconds: float = 120) -> None:
        """Wait until the browser has kept all it takes to run this notebook without a network."""
        self.page.wait_for_function(KEPT, timeout=seconds * SECOND, polling=100)

    def reload(self) -> None:
        self.save()
        self.page.reload(wait_until="domcontentloaded")
        self.wait_until_ready()

    def save(self) -> None:
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")

    def write(self, number: int, code: str) -> None:
        """Put code into a cell, counted from 1."""
        self.page.evaluate(SET_SOURCE, [number - 1, code])

    def said(self) -> str:
        """What the bar above the notebook says."""
        return self.page.locator("#course-bar [role=status]").inner_text()
