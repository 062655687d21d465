"""Every notebook in a real JupyterLab and a real browser: what a learner does, and sees."""

from __future__ import annotations

import json
import math
import os
import re
from functools import partial

import numpy as np
import pytest

from helpers import examples
from helpers.attention import merge_heads, softmax, split_heads
from helpers.grammar import Grammar
from helpers.learning import losses, trained
from tools.jupyterlab import (
    WIDGETS,
    barriers,
    box_of,
    description,
    explorer_with,
    looks,
    says,
    settled,
    too_wide,
    wait_for_description,
    wait_until_different,
)
from tools.notebooks import ROOT, notebook_files

ALL = [str(path.relative_to(ROOT)) for path in notebook_files() if path.parent.name != "solutions"]


def with_notebooks(paths):
    """Give a test each of these paths. Its name then says so, and tests of one notebook run together."""
    return pytest.mark.parametrize(
        "path", paths, ids=lambda path: os.path.basename(path).removesuffix(".ipynb")
    )


def with_notebook(number):
    return with_notebooks([path for path in ALL if os.path.basename(path).startswith(number)])


each_notebook = with_notebooks(ALL)


def number(text):
    """What a slider reads, as a number: "−16", "0.25", "√3" or "√64 = 8"."""
    text = text.split("=")[-1].strip().replace("−", "-").replace(",", "")
    return math.sqrt(float(text[1:])) if text.startswith("√") else float(text)


def wait_for_numbers(element, read, expected, atol=0.0051):
    """Wait until the numbers that read() finds in the description are the expected ones."""
    wait_for_description(
        element,
        lambda said: (
            np.shape(read(said)) == np.shape(expected) and np.allclose(read(said), expected, atol=atol)
        ),
    )


# -- every slider of every notebook ------------------------------------------------------------------------


def descriptions(box):
    """What the pictures of an explorer say of themselves."""
    return " | ".join(
        box.locator(":is(canvas, svg)[aria-label], img[alt]").evaluate_all(
            "all => all.map(one => one.getAttribute('aria-label') ?? one.alt)"
        )
    )


def spoken(slider):
    """The name and the value that a screen reader reads out for a slider."""
    return tuple(
        slider.handle.evaluate(
            "handle => [handle.getAttribute('aria-label'), handle.getAttribute('aria-valuetext')]"
        )
    )


@each_notebook
def test_every_slider_goes_to_both_ends_and_changes_what_is_seen(opened, path, record_property):
    notebook = opened(path)
    for button in notebook.page.get_by_role("button", name="More controls", exact=True).all():
        button.click()
    present, tested = notebook.page.locator(".noUi-target").count(), 0
    for place, label in notebook.sliders():
        slider = notebook.slider_number(place)
        box = box_of(slider)
        first = slider.press("Home")
        look = partial(looks, box)
        seen, said = settled(look), descriptions(box)
        last = slider.press("End")
        assert last != first, f"the slider {label} does not move"
        now = wait_until_different(look, seen)
        assert now != seen, f"the slider {label} changes no picture and no text"
        assert wait_until_different(partial(descriptions, box), said) != said, (
            f"the slider {label} changes no description"
        )
        assert spoken(slider) == (label, last)
        assert slider.drag(0) == first and slider.drag(1) == last, (
            f"the slider {label} does not follow the mouse"
        )
        slider.press("Home")
        settled(look)  # a slider that is linked to this one follows through the kernel
        tested += 1
    record_property("notebook", os.path.basename(path))
    record_property("sliders", (tested, present))
    assert tested == present, "not every slider is shown and can be moved"


# -- the numbers that are shown are the core's --------------------------------------------------------------


def largest_weights_shown(said):
    """The largest weight of each row, as the description gives them: at most 8 heads and 4 words."""
    return [float(weight) for weight in re.findall(r"attends most to \S+ \((\d\.\d\d)\)", said)]


def two_weights_shown(said):
    return [float(found) for found in re.search(r"weights (\d\.\d+), (\d\.\d+)", said).groups()]


@with_notebook("02")
def test_the_score_bench_shows_softmax(opened, path):
    notebook = opened(path)
    bench = explorer_with("divisor", "temperature")
    sliders = [
        notebook.slider(label, within=bench)
        for label in ("score of Thinking", "score of Machines", "divisor", "temperature")
    ]
    for slider in sliders:
        for key in ("Home", "End"):
            slider.press(key)
            first, second, divisor, temperature = (number(each.value()) for each in sliders)
            weights = softmax(np.array([first, second]) / divisor / temperature)
            wait_for_numbers(notebook.show(f"{bench} svg"), two_weights_shown, weights, atol=0.00006)
            texts = notebook.show(f"{bench} svg").locator("text").all_text_contents()
            assert {f"{weight:.4f}" for weight in weights} <= set(texts)


def weights_of_values(said):
    return [float(found) for found in re.findall(r"(\d\.\d{3}) v\(", said)]


@with_notebook("03")
def test_the_row_follower_shows_the_weights_of_the_row(opened, path):
    notebook = opened(path)
    follower = explorer_with("query")
    weights = json.loads(
        notebook.ask(
            "print(scaled_dot_product_attention(cross_queries, cross_keys, cross_values)[1].tolist())"
        )
    )
    for key, row in (("Home", 0), ("End", -1)):
        notebook.slider("query", within=follower).press(key)
        wait_for_numbers(notebook.show(f"{follower} canvas"), weights_of_values, weights[row], atol=0.00051)


@with_notebook("04")
def test_the_shape_theatre_shows_the_shapes(opened, path):
    notebook = opened(path)
    theatre = explorer_with("heads", "step")
    x = np.arange(2 * 16).reshape(2, 16)
    for heads in ("Home", "End"):
        n_heads = int(number(notebook.slider("heads", within=theatre).press(heads)))
        for step, there in (
            ("Home", x),
            ("ArrowRight", split_heads(x, n_heads)),
            ("End", merge_heads(split_heads(x, n_heads))),
        ):
            notebook.slider("step", within=theatre).press(step)
            shape = f"shape {there.shape}:"
            wait_for_description(notebook.show(f"{theatre} canvas"), says(shape))
    assert "32 of 32 numbers" in description(notebook.show(f"{theatre} canvas"))


def dot_product_shown(said):
    return float(re.search(r"q·k = ([-−]?[\d.]+)", said)[1].replace("−", "-"))


@with_notebook("01")
def test_the_dot_product_grid_multiplies_and_adds(opened, path):
    notebook = opened(path)
    grid = explorer_with("coordinate")
    example = examples.thinking_machines()
    q, k = (example.x[0] @ w[:, :64] for w in (example.attention.w_q, example.attention.w_k))
    length = np.linalg.norm(q) * np.linalg.norm(k)
    canvas = notebook.show(f"{grid} canvas")
    for label, key, product in [
        ("q there", "Home", lambda value: q @ k + (value - q[0]) * k[0]),
        ("q there", "End", lambda value: q @ k + (value - q[0]) * k[0]),
        ("k there", "Home", lambda value: q @ k + (value - k[0]) * q[0]),
        ("k there", "End", lambda value: q @ k + (value - k[0]) * q[0]),
        ("angle of k to q", "Home", lambda angle: length),
        ("angle of k to q", "End", lambda angle: -length),
    ]:
        notebook.slider("coordinate", within=grid).press("Home")
        notebook.show(f"{grid} button").click()
        wait_for_numbers(canvas, dot_product_shown, q @ k)
        wait_for_numbers(
            canvas, dot_product_shown, product(number(notebook.slider(label, within=grid).press(key)))
        )
    notebook.show(f"{grid} button").click()
    wait_for_numbers(canvas, dot_product_shown, q @ k)
    canvas.focus()
    notebook.page.keyboard.press("ArrowRight")
    for key in ("End", "Enter"):
        notebook.page.keyboard.press(key)
    wait_for_description(canvas, lambda said: f"coordinate 7: {q[7]:g} × {k[7]:g}" in said)
    assert notebook.slider("coordinate", within=grid).value() == "7"


@pytest.mark.parametrize("hand", ["mouse", "keyboard"])
@with_notebook("03")
def test_painting_a_mask_moves_the_weights(opened, path, hand):
    notebook = opened(path)
    painter = ".jp-OutputArea-output:has(option:text-is('causal'))"
    notebook.show(f"{painter} select").select_option("none")
    canvas, readout = notebook.show(f"{painter} canvas"), notebook.show(f"{painter} .tm-readout")
    wait_for_description(canvas, lambda said: "25 of 25" in said)
    words = json.loads(notebook.ask("import json; print(json.dumps(list(phone.words)))"))
    if hand == "mouse":
        box = canvas.bounding_box()
        notebook.page.mouse.move(box["x"] + 150, box["y"] + 230)
    else:
        canvas.focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"):
            notebook.page.keyboard.press(key)
    row, column = (
        words.index(word) for word in re.search(r"“(\w+)” attends to “(\w+)”", readout.inner_text()).groups()
    )
    assert row != column, "a cell on the diagonal would not tell rows from columns"
    if hand == "mouse":
        notebook.page.mouse.click(box["x"] + 150, box["y"] + 230)
    else:
        notebook.page.keyboard.press("Enter")
    wait_for_description(canvas, lambda said: "24 of 25" in said)
    weights = np.array(
        json.loads(
            notebook.ask(
                f"mask = np.ones((5, 5), dtype=bool); mask[{row}, {column}] = False;"
                " print(scaled_dot_product_attention(q, k, v, mask=mask)[1].tolist())"
            )
        )
    )
    assert weights[row, column] == 0
    np.testing.assert_allclose(
        largest_weights_shown(description(canvas)), weights[:4].max(axis=-1), atol=0.0051
    )


# -- dragging ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0.1, 0.63])
@with_notebook("02")
def test_a_drag_of_40_steps_ends_on_the_last_value(opened, path, part):
    notebook = opened(path)
    bench = explorer_with("divisor", "temperature")
    slider, picture = notebook.slider("score of Thinking", within=bench), notebook.show(f"{bench} svg")
    value = slider.drag(1, 0, 1 - part, part, steps=10)
    assert -160 < number(value) < 160
    wait_for_description(picture, lambda said: said.startswith(f"scores {number(value):g},"))
    notebook.page.wait_for_timeout(500)  # a stale picture would come now
    assert description(picture).startswith(f"scores {number(value):g},")
    assert slider.value() == value


# -- for everyone ------------------------------------------------------------------------------------------


@each_notebook
def test_axe_finds_nothing_serious(opened, path):
    boxes = opened(path).page.locator(WIDGETS)
    assert boxes.count()
    assert barriers(boxes) == []


CONTROLS = """box => [...box.querySelectorAll('input, select, button, textarea, [tabindex="0"]')]
  .filter(control => control.checkVisibility() && !control.disabled && control.tabIndex >= 0)
  .filter(control => control.type !== 'radio' || control === box.querySelector(`input[type=radio]`))
"""
FOCUS_FIRST = (
    f"box => {{ window.boxOfTest = box; window.controlsOfTest = ({CONTROLS})(box);"
    " window.controlsOfTest[0]?.focus(); return window.controlsOfTest.length; }"
)
FOCUSED = """() => {
  const control = document.activeElement;
  return { place: window.controlsOfTest.indexOf(control), inside: window.boxOfTest.contains(control),
           kind: [control.tagName, control.type, control.className].join(),
           name: control.outerHTML.slice(0, 150) };
}"""
NAMES_WITHOUT = (
    "reached => window.controlsOfTest.filter((_, place) => !reached.includes(place))"
    ".map(control => control.outerHTML.slice(0, 150))"
)


def surroundings(page):
    """How the page looks where the focus is, with a small margin."""
    box, view = (
        page.evaluate("() => window.controlsOfTest.at(window.focusOfTest).getBoundingClientRect().toJSON()"),
        page.viewport_size,
    )
    left, top = max(0, box["x"] - 12), max(0, box["y"] - 12)
    return page.screenshot(
        clip={
            "x": left,
            "y": top,
            "width": min(view["width"] - left, box["width"] + 24),
            "height": min(view["height"] - top, box["height"] + 24),
        }
    )


def focus_is_seen(page, place):
    page.evaluate(
        "place => { window.focusOfTest = place;"
        " window.controlsOfTest[place].scrollIntoView({ block: 'nearest' }); }",
        place,
    )
    focused = surroundings(page)
    page.evaluate("window.controlsOfTest[window.focusOfTest].blur()")
    blurred = surroundings(page)
    page.evaluate("window.controlsOfTest[window.focusOfTest].focus()")
    return focused != blurred


@each_notebook
def test_every_control_is_reached_with_the_tab_key(opened, path):
    page, kinds = opened(path).page, set()
    for box in page.locator(WIDGETS).all():
        box.scroll_into_view_if_needed()
        wanted, reached = box.evaluate(FOCUS_FIRST), set()
        if wanted > 1:  # there and back, so that the browser marks the focus
            page.keyboard.press("Tab")
            page.keyboard.press("Shift+Tab")
        for _ in range(2 * wanted + 5):  # a slider's number takes the focus too
            focused = page.evaluate(FOCUSED)
            if not focused["inside"]:
                break
            if (
                focused["place"] >= 0 and focused["kind"] not in kinds
            ):  # pictures take time: one for each kind of control
                assert focus_is_seen(page, focused["place"]), f"the focus cannot be seen: {focused['name']}"
                kinds.add(focused["kind"])
            reached.add(focused["place"])
            page.keyboard.press("Tab")
        assert page.evaluate(NAMES_WITHOUT, list(reached)) == []


@each_notebook
@pytest.mark.parametrize("width", [1280, 900])
def test_nothing_is_cut_or_wider_than_its_place(opened, path, width):
    page = opened(path).page
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_timeout(500)  # the maps follow the width
    try:
        assert too_wide(page) == []
    finally:
        page.set_viewport_size({"width": 1280, "height": 1000})


# -- what was learned ---------------------------------------------------------------------------------------


def all_heads(on):
    return lambda said: ("On: all heads." in said) == on


@with_notebook("07")
def test_a_head_is_switched_off_and_the_loss_follows(opened, path):
    notebook = opened(path)
    box = notebook.page.locator(WIDGETS).filter(has=notebook.page.get_by_label("head 7", exact=True)).first
    canvas = box.locator("canvas").first
    canvas.scroll_into_view_if_needed()
    shown = {}
    for on in (True, False):
        box.get_by_label("head 0", exact=True).set_checked(on)
        said = wait_for_description(canvas, all_heads(on))
        shown[on] = float(re.search(r"Loss (\d\.\d\d) nat", said)[1])
    sample = Grammar.read().draw(np.random.default_rng(2017), 2000)
    for on, loss in shown.items():
        expected = sample.shares @ losses(trained().parameters, sample, np.array([on] + [True] * 7))
        assert loss == pytest.approx(expected, abs=0.0051)
    box.get_by_label("head 0", exact=True).check()


@with_notebook("07")
def test_an_unknown_word_is_said_with_the_nearest_known_ones(opened, path):
    notebook = opened(path)
    box = notebook.page.locator(WIDGETS).filter(has=notebook.page.get_by_label("head 7", exact=True)).first
    sentence = box.locator(".widget-text input")
    kept = sentence.input_value()
    sentence.fill("tom himself saw the ripe aple in the <b>garden</b>")
    sentence.press("Enter")
    box.get_by_text("apple").filter(has_text="aple").first.wait_for(state="visible", timeout=30_000)
    assert box.locator("b", has_text="garden").count() == 0
    sentence.fill(kept)
    sentence.press("Enter")
