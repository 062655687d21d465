"""The head explorer alone, as `make app` shows it: Voilà, and a network that isn't asked for anything."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tools.jupyterlab import VoilaPage, barriers, begins_with, too_wide, voila, wait_for_description
from tools.notebooks import ROOT

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(not find_spec("voila"), reason="the app was not opened: Voilà is not installed"),
]
MAP = ".tm-scroll canvas"


class Unguarded(VoilaPage):
    """The page as it is, without the help that VoilaPage gives: requests to elsewhere are let through."""

    def __init__(self, browser, server):
        super().__init__(browser, server)
        self.answered: list[str] = []
        self.page.on("requestfinished", lambda request: self.answered.append(request.url))

    def __enter__(self):
        self.page.goto(self.server.url, wait_until="domcontentloaded")
        return self


def test_the_explorer_answers_and_nothing_is_asked_of_the_network(browser):
    with voila(ROOT / "tools" / "app.py") as server, Unguarded(browser, server) as page:
        canvas = page.show(MAP, seconds=120)
        wait_for_description(canvas, begins_with("8 heads × 64"))
        page.slider("heads").press("End")
        wait_for_description(canvas, begins_with("16 heads × 32"))
        assert page.page.locator(".jp-InputArea-editor:visible").count() == 0, "the code is shown"
        assert too_wide(page.page) == []
        assert barriers(page.page.locator("#rendered_cells, .jp-Cell").first) == []
        outside = [url for url in page.answered if not url.startswith((server.url, "data:", "blob:"))]
        assert outside == []
