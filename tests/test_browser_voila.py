"""The last notebook of the first part as a page of its own, made by Voilà: no code, live explorers."""

from __future__ import annotations

import pytest

from tools.jupyterlab import (
    VoilaPage,
    begins_with,
    explorer_with,
    looks,
    settled,
    voila,
    wait_for_description,
    wait_until_different,
)
from tools.notebooks import FOLDER

HEADS = explorer_with("heads", "head size")


@pytest.fixture(scope="module")
def page(browser):
    with voila(FOLDER / "04_eight_heads.ipynb") as server, VoilaPage(browser, server) as page:
        page.show(f"{HEADS} .tm-scroll canvas", seconds=240)
        yield page


@pytest.mark.parametrize(
    "label, ends",
    [
        ("heads", {"Home": "1 head × 512", "End": "16 heads × 32"}),
        ("head size", {"Home": "16 heads × 32", "End": "1 head × 512"}),
    ],
)
def test_the_head_explorer_follows_the_keyboard_in_voila(page, label, ends):
    slider, canvas = page.slider(label, within=HEADS), page.show(f"{HEADS} .tm-scroll canvas")
    slider.press("ArrowLeft", "ArrowRight")
    seen = {"start": settled(lambda: looks(page.page.locator(HEADS)))}
    for key, sizes in ends.items():
        slider.press(key)
        wait_for_description(canvas, begins_with(sizes))
        seen[key] = wait_until_different(lambda: looks(page.page.locator(HEADS)), list(seen.values())[-1])
    assert len(set(seen.values())) >= 2
    assert page.console_errors + page.dialogs == []


def test_nothing_failed_on_the_page_of_voila(page):
    assert (
        page.page.locator(
            "[data-mime-type='application/vnd.jupyter.error'],"
            " [data-mime-type='application/vnd.jupyter.stderr']"
        ).count()
        == 0
    )
    assert page.page.locator(".jp-InputArea-editor:visible, .highlight:visible").count() == 0, (
        "Voilà shows the code"
    )
