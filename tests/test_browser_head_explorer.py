"""The head explorer in a real JupyterLab and a real browser: what a learner sees where they look."""

from __future__ import annotations

import re

import numpy as np
import pytest

from helpers.explorers import HeadExplorer
from helpers.explorers.head_setting import Setting, compute
from tools import jupyterlab
from tools.jupyterlab import Notebook, barriers, pixels, wait_for_description, wait_until_different

WORDS = "the cat saw the dog and ran"
RIPE = "in the garden tom himself saw the ripe [mask]"
CELLS = {
    "designed": f"HeadExplorer({WORDS!r})",
    "learned": f"HeadExplorer({RIPE!r}, source='trained', n_heads=4, mask='causal')",
    "given": "HeadExplorer.from_weights('a b c', np.random.default_rng(0).dirichlet(np.ones(3), (3, 2, 3)))",
    "few": f"HeadExplorer({WORDS!r}, controls='few')",
}
SIZES = {"1280 × 1000": (1280, 1000), "900 × 700": (900, 700)}
PANE = ".jp-WindowedPanel-outer"


START = "import numpy as np\nfrom helpers.explorers import HeadExplorer"


@pytest.fixture
def path(notebook_of):
    """A notebook with one explorer a cell, each with its name as a class."""
    explorers = (f"e = {code}\ne.add_class('{name}')\ne" for name, code in CELLS.items())
    return notebook_of("heads", [START, *explorers])


@pytest.fixture
def notebook(opened, path):
    found = opened(path)
    found.page.set_viewport_size(dict(width=1280, height=1000))
    yield found
    found.page.mouse.move(0, 0)


def at_top(notebook, name):
    """The explorer of this name, scrolled to the top of the window."""
    box = notebook.show(f".{name}")
    notebook.page.locator(f".{name} .tm-scroll canvas").first.wait_for()
    box.evaluate(
        f"""box => {{ const pane = document.querySelector('{PANE}');
        pane.scrollTop += box.getBoundingClientRect().top - pane.getBoundingClientRect().top; }}"""
    )
    notebook.page.wait_for_timeout(200)
    return box


def in_view(element):
    """Whether all of an element can be seen without scrolling."""
    pane = element.page.locator(PANE).first.bounding_box()
    box = element.bounding_box()
    return box["y"] >= pane["y"] - 1 and box["y"] + box["height"] <= pane["y"] + pane["height"] + 1


def reading(box):
    return [box.locator(f".tm-{line}").first.inner_text() for line in ("readout", "reason")]


def wait_for_reading(box, condition, seconds=20):
    for _ in range(20 * seconds):
        if condition(*reading(box)):
            return reading(box)
        box.page.wait_for_timeout(50)
    raise AssertionError(f"the explorer reads {reading(box)}")


def reasons_of(said):
    """What the core says of the cells that the line names; the same word may stand in two places."""
    head, row, column, weight = parts(said)
    explorer, words = HeadExplorer(WORDS), WORDS.split()
    places = [(head, i, j) for i, j in np.ndindex(7, 7) if (words[i], words[j]) == (row, column)]
    return {
        explorer.result.explain(*place) for place in places if round(explorer.weights[place], 3) == weight
    }


def cell_pointed_at(box, part=(0.7, 0.2)):
    """Move the mouse over the maps until a cell is read out, other than the kept one. Returns its line."""
    canvas, before = box.locator(".tm-scroll canvas").first, reading(box)[0]
    where = canvas.bounding_box()
    for step in range(30):
        x, y = (
            where["x"] + (part[0] + 0.01 * step) * where["width"],
            where["y"] + (part[1] + 0.01 * step) * where["height"],
        )
        box.page.mouse.move(x, y)
        box.page.wait_for_timeout(60)
        if reading(box)[0] != before:
            return reading(box)[0]
    raise AssertionError("no cell was read out")


def parts(text):
    """Head, query, key and weight of "head 1: next word · dog attends to and: weight 0.998 · …"."""
    head, row, column, weight = re.match(
        r"head (\d+)[^·]* · (\S+) attends to (\S+): weight (\d\.\d+)", text
    ).groups()
    return int(head), row, column, float(weight)


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"])
def theme(request, notebook):
    notebook.use_theme(request.param)
    yield request.param
    if request.param != "JupyterLab Light":
        notebook.use_theme("JupyterLab Light")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["designed", "few"])
def test_controls_heads_and_explanation_share_one_screen(notebook, theme, size, name):
    notebook.page.set_viewport_size(dict(zip(("width", "height"), SIZES[size])))
    notebook.page.wait_for_timeout(400)
    box = at_top(notebook, name)
    for hand in ("mouse", "keyboard"):
        if hand == "mouse":
            cell_pointed_at(box)
        else:
            box.locator(".tm-scroll canvas").first.focus()
            for key in ("ArrowRight", "PageDown", "ArrowDown", "ArrowDown", "ArrowRight"):
                notebook.page.keyboard.press(key)
        wait_for_reading(box, lambda said, reason: reason in reasons_of(said))
        for part in (
            ".widget-slider",
            ".widget-text",
            ".tm-readout",
            ".tm-reason",
            ".tm-row",
            ".tm-scroll canvas",
        ):
            assert in_view(box.locator(part).first), f"{part} is out of view at {size}, by {hand}"
    notebook.page.keyboard.press("Escape")


def test_a_clicked_cell_stays_explained(notebook):
    box = at_top(notebook, "designed")
    kept = cell_pointed_at(box, (0.3, 0.3))
    notebook.page.mouse.down()
    notebook.page.mouse.up()
    notebook.wait_until_idle()
    notebook.page.mouse.move(5, 5)
    wait_for_reading(box, lambda said, reason: said == kept and reason.startswith("q·k ="))


def test_a_words_row_is_shown_in_every_head_and_kept(notebook):
    box = at_top(notebook, "designed")
    bars, word = box.locator(".tm-row-bars canvas"), box.locator(".tm-row-words button").nth(4)
    before = pixels(bars)
    word.hover()
    shown = wait_until_different(lambda: pixels(bars), before)
    assert shown != before
    said = wait_for_reading(box, lambda said, _: said.startswith("Row of dog"))[0]
    best = HeadExplorer(WORDS).weights[:, 4]
    assert f"in head 0: the {best[0].max():.2f} · 1: and {best[1].max():.2f}" in said
    word.click()
    notebook.page.mouse.move(5, 5)
    notebook.page.wait_for_timeout(150)
    assert word.get_attribute("aria-pressed") == "true"
    cell_pointed_at(box, (0.1, 0.2))
    assert "tm-shown" in word.get_attribute("class"), "a kept row stays while cells are pointed at"
    word.click()
    where = bars.bounding_box()
    notebook.page.mouse.move(where["x"] + 68, where["y"] + 30)  # the first bar is a cell, too
    wait_for_reading(box, lambda said, _: said.startswith("head 0: previous word · dog attends to the"))
    word.focus()
    notebook.page.keyboard.press("Space")
    assert word.get_attribute("aria-pressed") == "true"
    notebook.page.keyboard.press("Space")


def sizes_shown(said):
    """The head count and the head size that a description of the maps begins with."""
    found = re.match(r"(\d+) heads? × (\d+) ", said)
    return (int(found[1]), int(found[2])) if found else None


def wait_for_weights(canvas, n_heads, d_k, temperature=1.0):
    """Wait until the description has these sizes, and each row's largest weight as the core computes it."""
    expected = compute(Setting(tuple(WORDS.split()), n_heads, d_k, temperature=temperature)).weights
    expected = expected[:8, :4].max(axis=-1).ravel()

    def as_computed(said):
        found = [float(weight) for weight in re.findall(r"attends most to \S+ \((\d\.\d\d)\)", said)]
        same = len(found) == len(expected) and np.allclose(found, expected, atol=0.0051)
        return sizes_shown(said) == (n_heads, d_k) and same

    wait_for_description(canvas, as_computed)


def test_the_sliders_reach_both_ends_linked_and_alone(notebook):
    box = at_top(notebook, "designed")
    canvas = box.locator(".tm-scroll canvas").first
    heads, size = (notebook.slider(label, within=".designed") for label in ("heads", "head size"))
    for slider, key, sizes in (
        (heads, "Home", (1, 512)),
        (heads, "End", (16, 32)),
        (size, "End", (1, 512)),
        (size, "Home", (16, 32)),
    ):
        before = pixels(canvas)
        slider.press(key)
        wait_for_weights(canvas, *sizes)
        assert wait_until_different(lambda: pixels(canvas), before) != before
    assert heads.drag(0, 1, 0.2, 0.75, steps=10) == "8"
    notebook.page.wait_for_timeout(700)  # a stale picture would come now
    assert sizes_shown(canvas.get_attribute("aria-label")) == (8, 64)
    box.get_by_role("button", name="More controls", exact=True).click()
    box.get_by_label("keep heads × head size the same").uncheck()
    notebook.page.wait_for_timeout(500)  # the sliders' values come after their ranges
    size.press("Home")
    wait_for_weights(canvas, 8, 1)
    notebook.slider("temperature", within=".designed").press("Home")
    wait_for_weights(canvas, 8, 1, 0.25)
    notebook.slider("temperature", within=".designed").press("ArrowRight", "ArrowRight")
    box.get_by_label("keep heads × head size the same").check()
    wait_for_weights(canvas, 8, 64)
    box.get_by_role("button", name="Fewer controls", exact=True).click()


def test_the_head_count_moves_on_trained_heads_with_their_loss(notebook):
    box = at_top(notebook, "learned")
    canvas = box.locator(".tm-scroll canvas").first
    slider = notebook.slider("heads", within=".learned")
    for key, n_heads in (("Home", 1), ("End", 32)):
        assert slider.press(key) == str(n_heads)
        said = wait_for_description(canvas, lambda said, n=n_heads: said.startswith(f"{n} head"))
        assert re.search(r"Loss 0\.\d{4} nats above the entropy floor", said)
    slider.press("Home", "ArrowRight", "ArrowRight")
    wait_for_description(canvas, lambda said: said.startswith("4 heads"))


def test_masked_cells_are_hatched_and_said_to_be_masked(notebook):
    box = at_top(notebook, "learned")
    canvas = box.locator(".tm-scroll canvas").first
    canvas.focus()
    notebook.page.keyboard.press("Home")
    for key in ("Home", *["ArrowUp"] * 8, "End"):
        notebook.page.keyboard.press(key)
    said, _ = wait_for_reading(
        box, lambda said, reason: "in attends to [mask]: masked" in said and reason.startswith("masked")
    )
    colours = canvas.evaluate(
        """canvas => { const { width, height } = canvas, context = canvas.getContext('2d');
        const data = context.getImageData(0, 0, width, height).data; let clear = 0;
        for (let k = 3; k < data.length; k += 4) clear += data[k] === 0; return clear / (width * height); }"""
    )
    assert colours > 0.2, "masked cells are not painted over"
    assert "masked" in box.locator(".tm-legend").first.inner_text()
    canvas.blur()


def test_every_rare_control_does_what_it_says(notebook):
    page, box = notebook.page, at_top(notebook, "designed")
    canvas = box.locator(".tm-scroll canvas").first

    def button(text):
        return box.get_by_role("button", name=text, exact=True)

    def choose(label, value):
        dropdown = box.locator(f".widget-dropdown:has(.widget-label:text-is('{label}')) select")
        dropdown.select_option(value)

    assert not notebook.page.locator(".designed .widget-slider:has-text('temperature')").is_visible()
    button("More controls").click()
    before = pixels(canvas)
    button("Pin this setting").click()
    box.locator(".tm-scroll canvas").nth(1).wait_for()
    notebook.slider("temperature", within=".designed").press("End")
    assert wait_until_different(lambda: pixels(canvas), before) != before
    choose("show pinned", "as a difference")
    box.get_by_text("red: more weight than when pinned").first.wait_for()
    button("Unpin").click()
    notebook.slider("temperature", within=".designed").press("ArrowLeft", "ArrowLeft")
    button("Show the products of q·k").click()
    box.get_by_text("is the sum of 64 products").first.wait_for()
    button("Show each head's contribution").click()
    box.get_by_label("head 3", exact=True).uncheck()
    box.get_by_text(re.compile("Without head 3 the output moves by")).first.wait_for()
    box.get_by_label("head 3", exact=True).check()
    choose("mask", "padding")
    wait_for_description(canvas, lambda said: "mask padding" in said)
    assert box.locator(".tm-row-words button").all_inner_texts()[-2:] == ["[pad]", "[pad]"]
    choose("mask", "none")
    box.get_by_label("keys from another sentence").check()
    wait_for_description(canvas, lambda said: "elle attends most to she" in said)
    box.get_by_label("keys from another sentence").uncheck()
    choose("matrices", "apple, by hand")
    wait_for_description(canvas, lambda said: "pie attends most to apple" in said)
    choose("matrices", "hand-designed")
    wait_for_description(canvas, lambda said: said.startswith("8 heads × 64"))
    assert barriers(page.locator(".designed")) == []
    notebook.use_theme("JupyterLab Dark")
    assert barriers(page.locator(".designed, .given")) == []
    notebook.use_theme("JupyterLab Light")
    for text in ("Show the products of q·k", "Show each head's contribution", "Fewer controls"):
        button(text).click()
    notebook.slider("layer", within=".given").press("End")
    wait_for_description(
        page.locator(".given .tm-scroll canvas").first, lambda said: said.startswith("layer 2 of")
    )


def test_in_the_default_windowing_mode_the_explorer_lives_when_it_is_scrolled_to(
    browser, lab_folder, path, monkeypatch
):
    settings = {name: value for name, value in jupyterlab.SETTINGS.items() if "tracker" not in name}
    monkeypatch.setattr(jupyterlab, "SETTINGS", settings)
    with (
        jupyterlab.jupyterlab(lab_folder) as server,
        Notebook(browser, server, path) as notebook,
    ):
        notebook.run_all()
        pane = notebook.page.locator(PANE).first
        for name in ("few", "designed"):
            pane.evaluate("(pane, end) => pane.scrollTo(0, end ? pane.scrollHeight : 0)", name == "few")
            box = at_top(notebook, name)
            cell_pointed_at(box)
            wait_for_reading(box, lambda said, reason: "weight" in said and reason.startswith("q·k ="))
        assert notebook.error_outputs() + notebook.console_errors == []
