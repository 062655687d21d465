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
from helpers.attention import merge_heads, scaled_dot_product_attention, softmax, split_heads
from helpers.grammar import Grammar
from helpers.learning import losses, trained
from tools.jupyterlab import (
    WIDGETS,
    barriers,
    box_of,
    description,
    explorer_with,
    looks,
    pixels,
    says,
    settled,
    too_wide,
    wait_for_description,
    wait_until_different,
)
from tools.notebooks import ROOT, notebook_files

D_MODEL = 512
ALL = [str(path.relative_to(ROOT)) for path in notebook_files() if path.parent.name != "solutions"]


EXPLORER = explorer_with("heads", "head size")
MAP = f"{EXPLORER} .tm-head-map canvas"
each_notebook = pytest.mark.parametrize(
    "path", ALL, ids=lambda path: os.path.basename(path).removesuffix(".ipynb")
)


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


def sizes_shown(said):
    """The head count and the head size that a description of the map begins with."""
    found = re.match(r"(\d+) heads? × (\d+) ", said)
    return (int(found[1]), int(found[2])) if found else None


def wait_for_sizes(canvas, n_heads, d_k):
    return wait_for_description(canvas, lambda said: sizes_shown(said) == (n_heads, d_k))


def largest_weights_shown(said):
    """The largest weight of each row, as the description gives them: at most 8 heads and 4 words."""
    return [float(weight) for weight in re.findall(r"attends most to \S+ \((\d\.\d\d)\)", said)]


def largest_weights(words, n_heads, d_k, temperature=1.0):
    """The same, computed by the core."""
    layer, x = examples.hand_made(n_heads, d_k), examples.embed(words)
    q, k, v = (split_heads(x @ w, n_heads) for w in (layer.w_q, layer.w_k, layer.w_v))
    _, weights = scaled_dot_product_attention(q, k, v, scale=1 / math.sqrt(d_k) / temperature)
    return weights[:8, :4].max(axis=-1).ravel()


@pytest.fixture
def head_explorer(opened):
    """The head explorer of notebook 04, with its sliders linked, matrices made by hand and no mask."""
    notebook = opened("notebooks/04_eight_heads.ipynb")
    explorer = notebook.show(EXPLORER)
    explorer.locator(".widget-dropdown:has(.widget-label:text-is('matrices')) select").select_option(
        "made by hand"
    )
    explorer.locator(".widget-dropdown:has(.widget-label:text-is('mask')) select").select_option("none")
    explorer.get_by_label("keep heads × head size").check()
    notebook.slider("heads", within=EXPLORER).press("Home", "ArrowRight", "ArrowRight")
    wait_for_description(notebook.show(MAP), lambda said: sizes_shown(said) == (4, 128))
    return notebook


def words_typed(notebook):
    return notebook.show(f"{EXPLORER} .widget-text input").input_value().split()


@pytest.mark.parametrize(
    "label, ends",
    [("heads", {"Home": (1, 512), "End": (16, 32)}), ("head size", {"Home": (16, 32), "End": (1, 512)})],
)
def test_the_head_explorer_shows_the_weights_at_both_ends(head_explorer, label, ends):
    slider, canvas = head_explorer.slider(label, within=EXPLORER), head_explorer.show(MAP)
    temperature = number(head_explorer.slider("temperature", within=EXPLORER).value())
    seen = {"start": pixels(canvas)}
    for key, sizes in ends.items():
        value = slider.press(key)
        said = wait_for_sizes(canvas, *sizes)
        assert int(number(value)) == (sizes[0] if label == "heads" else sizes[1])
        assert np.prod(sizes) == D_MODEL
        np.testing.assert_allclose(
            largest_weights_shown(said),
            largest_weights(words_typed(head_explorer), *sizes, temperature),
            atol=0.0051,
        )
        seen[key] = wait_until_different(lambda: pixels(canvas), list(seen.values())[-1])
    assert len(set(seen.values())) == 3, "the picture did not change with the slider"


@pytest.mark.parametrize("label, key, sizes", [("heads", "End", (16, 128)), ("head size", "Home", (4, 1))])
def test_the_head_explorer_unlinked_moves_one_slider_alone(head_explorer, label, key, sizes):
    canvas = head_explorer.show(MAP)
    slider = head_explorer.slider(label, within=EXPLORER)
    last = slider.handle.get_attribute("aria-valuemax")
    head_explorer.page.locator(EXPLORER).get_by_label("keep heads × head size").uncheck()
    assert wait_until_different(lambda: slider.handle.get_attribute("aria-valuemax"), last) != last
    head_explorer.page.wait_for_timeout(300)  # its value comes after its range
    slider.press(key)
    said = wait_for_description(canvas, lambda said: sizes_shown(said) == sizes)
    temperature = number(head_explorer.slider("temperature", within=EXPLORER).value())
    np.testing.assert_allclose(
        largest_weights_shown(said),
        largest_weights(words_typed(head_explorer), *sizes, temperature),
        atol=0.0051,
    )


@pytest.mark.parametrize("key", ["Home", "End"])
def test_the_head_explorer_shows_the_temperature(head_explorer, key):
    temperature = number(head_explorer.slider("temperature", within=EXPLORER).press(key))
    assert temperature != 1
    wait_for_numbers(
        head_explorer.show(MAP),
        largest_weights_shown,
        largest_weights(words_typed(head_explorer), 4, 128, temperature),
    )


def two_weights_shown(said):
    return [float(found) for found in re.search(r"weights (\d\.\d+), (\d\.\d+)", said).groups()]


def test_the_score_bench_shows_softmax(opened):
    notebook = opened("notebooks/02_from_scores_to_weights.ipynb")
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


def test_the_row_follower_shows_the_weights_of_the_row(opened):
    notebook = opened("notebooks/03_every_word_at_once.ipynb")
    follower = explorer_with("query")
    weights = json.loads(
        notebook.ask(
            "print(scaled_dot_product_attention(cross_queries, cross_keys, cross_values)[1].tolist())"
        )
    )
    for key, row in (("Home", 0), ("End", -1)):
        notebook.slider("query", within=follower).press(key)
        wait_for_numbers(notebook.show(f"{follower} canvas"), weights_of_values, weights[row], atol=0.00051)


def test_the_shape_theatre_shows_the_shapes(opened):
    notebook = opened("notebooks/04_eight_heads.ipynb")
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


def test_the_dot_product_grid_multiplies_and_adds(opened):
    notebook = opened("notebooks/01_one_dot_product.ipynb")
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
def test_painting_a_mask_moves_the_weights(opened, hand):
    notebook = opened("notebooks/03_every_word_at_once.ipynb")
    painter = ".jp-OutputArea-output:has(option:text-is('causal'))"
    notebook.show(f"{painter} select").select_option("none")
    canvas, readout = notebook.show(f"{painter} canvas"), notebook.show(f"{painter} .tm-readout")
    wait_for_description(canvas, lambda said: "36 of 36" in said)
    words = json.loads(notebook.ask("import json; print(json.dumps(list(six)))"))
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
    wait_for_description(canvas, lambda said: "35 of 36" in said)
    weights = np.array(
        json.loads(
            notebook.ask(
                f"mask = np.ones((6, 6), dtype=bool); mask[{row}, {column}] = False;"
                " print(scaled_dot_product_attention(q6, k6, v6, mask=mask)[1].tolist())"
            )
        )
    )
    assert weights[row, column] == 0
    np.testing.assert_allclose(
        largest_weights_shown(description(canvas)), weights[:4].max(axis=-1), atol=0.0051
    )


# -- dragging ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0.1, 0.63])
def test_a_drag_of_40_steps_ends_on_the_last_value(opened, part):
    notebook = opened("notebooks/02_from_scores_to_weights.ipynb")
    bench = explorer_with("divisor", "temperature")
    slider, picture = notebook.slider("score of Thinking", within=bench), notebook.show(f"{bench} svg")
    value = slider.drag(1, 0, 1 - part, part, steps=10)
    assert -160 < number(value) < 160
    wait_for_description(picture, lambda said: said.startswith(f"scores {number(value):g},"))
    notebook.page.wait_for_timeout(500)  # a stale picture would come now
    assert description(picture).startswith(f"scores {number(value):g},")
    assert slider.value() == value


def test_a_drag_over_the_heads_ends_on_the_last_value(head_explorer):
    slider, canvas = head_explorer.slider("heads", within=EXPLORER), head_explorer.show(MAP)
    count = int(number(slider.drag(0, 1, 0.2, 0.75, steps=10)))
    assert count == 8
    wait_for_description(canvas, lambda said: sizes_shown(said) == (count, D_MODEL // count))
    head_explorer.page.wait_for_timeout(1000)
    assert sizes_shown(description(canvas)) == (count, D_MODEL // count)


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


def test_the_head_explorer_shows_trained_heads_and_gives_the_learners_sentence_back(head_explorer):
    typed, canvas = words_typed(head_explorer), head_explorer.show(MAP)
    source = head_explorer.page.locator(
        f"{EXPLORER} .widget-dropdown:has(.widget-label:text-is('matrices')) select"
    )
    source.select_option("trained")
    said = wait_for_description(canvas, lambda said: sizes_shown(said) == (8, 4))
    words = words_typed(head_explorer)
    grammar, parameters = Grammar.read(), trained().parameters
    temperature = number(head_explorer.slider("temperature", within=EXPLORER).value())
    q, k, v = parameters.attention.project(parameters.embed(grammar.numbers(" ".join(words))))
    _, weights = scaled_dot_product_attention(q, k, v, scale=1 / math.sqrt(4) / temperature)
    np.testing.assert_allclose(largest_weights_shown(said), weights[:8, :4].max(axis=-1).ravel(), atol=0.0051)
    source.select_option("made by hand")
    wait_for_description(canvas, lambda said: sizes_shown(said) == (4, 128))
    head_explorer.page.wait_for_timeout(500)  # a view that answers late would change it again
    assert words_typed(head_explorer) == typed and sizes_shown(description(canvas)) == (4, 128)


def test_the_head_explorer_linked_again_keeps_its_number_of_heads(head_explorer):
    canvas, box = (
        head_explorer.show(MAP),
        head_explorer.page.locator(EXPLORER).get_by_label("keep heads × head size"),
    )
    box.uncheck()
    head_explorer.page.wait_for_timeout(500)
    heads = head_explorer.slider("heads", within=EXPLORER)
    for _ in range(4):
        heads.press("ArrowRight")
    wait_for_description(canvas, lambda said: sizes_shown(said) == (8, 128))
    box.check()
    wait_for_description(canvas, lambda said: sizes_shown(said) == (8, 64))
    head_explorer.page.wait_for_timeout(500)
    assert sizes_shown(description(canvas)) == (8, 64)


def all_heads(on):
    return lambda said: ("On: all heads." in said) == on


def test_a_head_is_switched_off_and_the_loss_follows(opened):
    notebook = opened("notebooks/07_learning_the_matrices.ipynb")
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


def test_an_unknown_word_is_said_with_the_nearest_known_ones(opened):
    notebook = opened("notebooks/07_learning_the_matrices.ipynb")
    box = notebook.page.locator(WIDGETS).filter(has=notebook.page.get_by_label("head 7", exact=True)).first
    sentence = box.locator(".widget-text input")
    kept = sentence.input_value()
    sentence.fill("tom himself saw the ripe aple in the <b>garden</b>")
    sentence.press("Enter")
    box.get_by_text("apple").filter(has_text="aple").first.wait_for(state="visible", timeout=30_000)
    assert box.locator("b", has_text="garden").count() == 0
    sentence.fill(kept)
    sentence.press("Enter")
