"""Notebooks in a real JupyterLab and a real browser: what a learner does, and sees."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from helpers import examples
from helpers.attention import MultiHeadAttention
from jupyterlab import Notebook, chromium, description, jupyterlab, looks, pixels, wait_for_description, wait_until_different, what_is_missing
from notebooks import ROOT, notebook_files

D_MODEL = 512
EXPLORER = ".jp-OutputArea-output:has(.widget-label:text-is('heads')):has(.widget-label:text-is('head size'))"
MAP = f"{EXPLORER} .tm-head-map canvas"
ALL = [str(path.relative_to(ROOT)) for path in notebook_files() if path.parent.name != "solutions"]


@pytest.fixture(scope="module")
def lab():
    """A server and a browser for all tests of this file."""
    if missing := what_is_missing():
        pytest.skip(f"no browser test was run: {missing}")
    with jupyterlab() as server, chromium() as browser:
        yield server, browser


@pytest.fixture(scope="module")
def open_notebooks(lab):
    """The notebooks that have been opened and run, by path; each is opened once."""
    notebooks = {}
    yield notebooks
    for notebook in notebooks.values():
        notebook.__exit__()


@pytest.fixture
def opened(lab, open_notebooks):
    """Open a notebook and run it. Neither the run nor the test may leave an error behind."""
    server, browser = lab
    used = []

    def open_and_run(path):
        if path not in open_notebooks:
            open_notebooks[path] = Notebook(browser, server, path).__enter__()
            open_notebooks[path].run_all()
        used.append(open_notebooks[path])
        used[-1].page.bring_to_front()
        assert used[-1].error_outputs() == []
        return used[-1]

    yield open_and_run
    for notebook in used:
        assert notebook.error_outputs() + notebook.console_errors == []


def sizes_shown(said):
    """The head count and the head size that a description of the map begins with."""
    found = re.match(r"(\d+) heads? × (\d+) ", said)
    return (int(found[1]), int(found[2])) if found else None


def largest_weights_shown(said):
    """The largest weight of each row, as the description gives them: at most 8 heads and 4 words."""
    return [float(weight) for weight in re.findall(r"looks most at \S+ \((\d\.\d\d)\)", said)]


def largest_weights(words, n_heads, d_k):
    """The same, computed by the core."""
    layer = examples.hand_made(n_heads, d_k)
    assert isinstance(layer, MultiHeadAttention)
    _, weights = layer(examples.embed(words))
    return weights[:8, :4].max(axis=-1).ravel()


@pytest.mark.parametrize("label, ends", [("heads", {"Home": (1, 512), "End": (16, 32)}), ("head size", {"Home": (16, 32), "End": (1, 512)})])
def test_the_head_explorer_follows_the_keyboard(opened, label, ends):
    notebook = opened("notebooks/04_eight_heads.ipynb")
    explorer = notebook.show(EXPLORER)
    explorer.locator(".widget-dropdown:has(.widget-label:text-is('matrices')) select").select_option("made by hand")
    explorer.locator(".widget-dropdown:has(.widget-label:text-is('mask')) select").select_option("none")
    words = explorer.locator(".widget-text:has(.widget-label:text-is('sentence')) input").input_value().split()
    slider, canvas = notebook.slider(label, within=EXPLORER), notebook.show(MAP)
    slider.press("Home", "ArrowRight", "ArrowRight")                         # away from both ends
    wait_for_description(canvas, lambda said: sizes_shown(said) not in ends.values())
    seen = {"start": pixels(canvas)}
    for key, sizes in ends.items():
        value = slider.press(key)
        said = wait_for_description(canvas, lambda said: sizes_shown(said) == sizes)
        assert int(float(value)) == (sizes[0] if label == "heads" else sizes[1])
        assert np.prod(sizes) == D_MODEL
        np.testing.assert_allclose(largest_weights_shown(said), largest_weights(words, *sizes), atol=0.0051)
        seen[key] = wait_until_different(lambda: pixels(canvas), list(seen.values())[-1])
    assert len(set(seen.values())) == 3, "the picture did not change with the slider"


def test_the_head_explorer_follows_the_mouse(opened):
    notebook = opened("notebooks/04_eight_heads.ipynb")
    slider, canvas = notebook.slider("heads", within=EXPLORER), notebook.show(MAP)
    slider.drag(0)
    wait_for_description(canvas, lambda said: sizes_shown(said) == (1, 512))
    slider.drag(1)
    assert sizes_shown(wait_for_description(canvas, lambda said: sizes_shown(said) == (16, 32))) == (16, 32), description(canvas)


@pytest.mark.parametrize("path", ALL, ids=lambda path: os.path.basename(path).removesuffix(".ipynb"))
def test_every_slider_changes_what_is_seen(opened, path):
    notebook = opened(path)
    for number, label in notebook.sliders():
        slider = notebook.slider_number(number)
        box = slider.box.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')][1]")
        slider.press("Home")
        first, value = looks(box), slider.value()
        assert slider.press("End") != value, f"the slider {label} does not move"
        assert wait_until_different(lambda: looks(box), first) != first, f"the slider {label} changes no picture and no text"
