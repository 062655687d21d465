"""What learners do: run cells again and in another order, restart, change the theme, type anything at all."""

from __future__ import annotations

import pytest

from tools.jupyterlab import (
    SLIDERS,
    WIDGETS,
    Slider,
    barriers,
    begins_with,
    box_of,
    description,
    explorer_with,
    looks,
    settled,
    too_wide,
    wait_for_description,
    wait_until_different,
)
from tools.notebooks import FOLDER, notebook_files

COURSE = [path.name for path in notebook_files() if path.parent == FOLDER]
HEADS, BENCH = explorer_with("heads", "head size"), explorer_with("divisor", "temperature")
CELLS = [
    "from helpers.explorers import HeadExplorer, TwoScores",
    "HeadExplorer()",
    "HeadExplorer()",
    "bench = TwoScores()\nbench",
    "bench",
]
each_notebook = pytest.mark.parametrize("name", COURSE, ids=lambda name: name.removesuffix(".ipynb"))


@pytest.fixture
def twice(opened, notebook_of):
    """A notebook that holds two explorers twice."""
    return opened(notebook_of("twice", CELLS))


def slider_in(notebook, explorer, place, label):
    """The slider with this label in one of several explorers of a kind, counted from 0."""
    return Slider(
        notebook,
        notebook.page.locator(explorer)
        .nth(place)
        .locator(f'{SLIDERS}:has(> .widget-label:text-is("{label}"))')
        .first,
    )


def assert_alive(slider):
    slider.press("Home")
    seen = settled(lambda: looks(box_of(slider)))
    slider.press("End")
    assert wait_until_different(lambda: looks(box_of(slider)), seen) != seen, "the slider is dead"


# -- two copies, run twice, restarted ------------------------------------------------------------------------


def test_two_explorers_of_a_kind_do_not_disturb_each_other(twice):
    first, second = (slider_in(twice, HEADS, place, "heads") for place in (0, 1))
    second.press("Home", "ArrowRight")
    settled(lambda: looks(box_of(second)))
    value, seen = second.value(), settled(lambda: looks(box_of(second)))
    assert_alive(first)
    assert (second.value(), settled(lambda: looks(box_of(second)))) == (value, seen)
    assert first.value() != value


def test_two_views_of_one_explorer_move_together(twice):
    first, second = (slider_in(twice, BENCH, place, "score of Thinking") for place in (0, 1))
    for key, value in (("Home", "−160"), ("End", "160")):
        assert first.press(key).replace("-", "−") == value
        pictures = [twice.page.locator(BENCH).nth(place).locator("svg").first for place in (0, 1)]
        for picture in pictures:
            wait_for_description(picture, begins_with(f"scores {value},".replace("−", "-")))
        assert second.value() == first.value()


def test_a_cell_run_twice_leaves_one_live_explorer(twice):
    for _ in range(2):
        twice.run_cell(2)
    assert twice.page.locator(f"{HEADS}:visible").count() == 2
    assert_alive(slider_in(twice, HEADS, 0, "heads"))
    assert_alive(slider_in(twice, HEADS, 1, "heads"))


def test_a_restart_leaves_the_picture_and_the_next_run_a_live_explorer(twice):
    slider = slider_in(twice, HEADS, 0, "heads")
    slider.press("Home")
    canvas = twice.show(f"{HEADS} canvas")
    said, seen = description(canvas), settled(lambda: looks(box_of(slider)))
    twice.restart()
    assert (description(canvas), settled(lambda: looks(box_of(slider)))) == (said, seen)
    slider.press("End")  # nobody answers, and nothing breaks
    assert twice.error_outputs() + twice.console_errors == []
    twice.run_all()
    assert_alive(slider_in(twice, HEADS, 0, "heads"))
    assert_alive(slider_in(twice, BENCH, 1, "divisor"))


# -- anything at all in the sentence box ---------------------------------------------------------------------

MARKUP = "<img src=x onerror=alert(1)> <script>alert(2)</script> <b>bold</b>"
SHOWN = {
    "markup": MARKUP,
    "emoji": "two 🙂 faces 🙃",
    "right to left": "שלום עולם مرحبا",
    "Chinese": "思考 机器",
    "64 words of 40 letters": " ".join(["w" * 40] * 64),
}
REFUSED = {
    "no word": ("", "no word"),
    "spaces": ("   ", "no word"),
    "65 words": ("word " * 65, "65 words"),
    "a word of 10,000 letters": ("x" * 10_000, "10000 letters"),
}


@pytest.fixture
def type_sentence(twice):
    """The first explorer, its first map, and a function that types into its sentence box."""
    explorer = twice.page.locator(HEADS).first
    box, canvas = explorer.locator(".widget-text input").first, explorer.locator(".tm-scroll canvas").first

    def type_in(text):
        box.fill(text)
        box.press("Enter")

    type_in("Thinking Machines")
    wait_for_description(
        canvas, lambda said: "Machines attends most" in said and "now attends most" not in said
    )
    yield explorer, canvas, type_in
    assert twice.dialogs == []
    assert explorer.locator(".jupyter-widgets :is(img, script, b:text-is('bold'))").count() == 0
    assert too_wide(twice.page) == []


@pytest.mark.parametrize("kind", SHOWN)
def test_what_is_typed_is_shown_as_text(type_sentence, kind):
    explorer, canvas, type_in = type_sentence
    seen = looks(explorer)
    type_in(SHOWN[kind])
    first = SHOWN[kind].split()[0]
    wait_for_description(canvas, lambda said: f" {first[:8]}" in said and "Machines" not in said)
    assert wait_until_different(lambda: looks(explorer), seen) != seen
    type_in("Thinking Machines")
    wait_for_description(canvas, lambda said: "Machines attends most" in said)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_shown_is_answered_in_a_sentence(type_sentence, kind):
    explorer, canvas, type_in = type_sentence
    typed, answer = REFUSED[kind]
    said = description(canvas)
    type_in(typed)
    explorer.get_by_text(answer).first.wait_for(state="visible", timeout=20_000)
    # The sentence takes a line, so the maps may be drawn smaller; what they show is kept.
    assert description(canvas) == said and canvas.is_visible(), "the last good picture is not kept"
    type_in("Thinking Machines now")
    wait_for_description(canvas, lambda said: "now attends most" in said)
    assert explorer.get_by_text(answer).count() == 0


@pytest.mark.parametrize("name", COURSE[:1], ids=lambda name: name.removesuffix(".ipynb"))
def test_markup_as_a_prediction_is_text(opened, name):
    notebook = opened(f"notebooks/{name}")
    prediction = notebook.show(explorer_with("my guess"))
    prediction.locator("input").fill("<img src=x onerror=alert(1)>")
    prediction.locator("button").click()
    prediction.get_by_text("<img src=x").wait_for(state="visible", timeout=20_000)
    assert prediction.locator(".jupyter-widgets img").count() == 0


# -- the whole course ----------------------------------------------------------------------------------------

# the lightest and the darkest of what a canvas shows, and of most of it, as luminances, after WCAG 2
CONTRAST = """canvas => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, Math.min(canvas.height, 40));
  const paper = getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor;
  const behind = paper.match(/[\\d.]+/g).map(Number);
  const part = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const count = new Map();
  for (let k = 0; k < data.length; k += 4) {
    const a = data[k + 3] / 255;
    const [r, g, b] = [0, 1, 2].map(c => part(data[k + c] * a + behind[c] * (1 - a)));
    const light = (0.2126 * r + 0.7152 * g + 0.0722 * b).toFixed(2);
    count.set(light, (count.get(light) ?? 0) + 1);
  }
  const all = [...count.keys()].map(Number);
  const ground = Number([...count].sort((a, b) => b[1] - a[1])[0][0]);
  const [lightest, darkest] = [Math.max(...all), Math.min(...all)].map(light => light + 0.05);
  return { ground, contrast: Math.max(lightest / (ground + 0.05), (ground + 0.05) / darkest) };
}"""


@each_notebook
def test_the_dark_theme_leaves_everything_readable(opened, name):
    notebook = opened(f"notebooks/{name}")
    maps = [canvas for canvas in notebook.page.locator(f"{WIDGETS} canvas").all() if canvas.is_visible()]
    assert all(canvas.evaluate(CONTRAST)["ground"] > 0.5 for canvas in maps)
    notebook.use_theme("JupyterLab Dark")
    try:
        place, _ = notebook.sliders()[-1]
        assert_alive(notebook.slider_number(place))
        for canvas in maps:
            seen = canvas.evaluate(CONTRAST)
            assert seen["ground"] < 0.2 and seen["contrast"] > 4.5, description(canvas)
        assert barriers(notebook.page.locator(WIDGETS)) == []
    finally:
        notebook.use_theme("JupyterLab Light")


@each_notebook
def test_cells_run_again_from_the_last_to_the_first(opened, name):
    notebook = opened(f"notebooks/{name}")
    for number, cell in reversed(list(enumerate(notebook.cells(), 1))):
        if cell["cell_type"] == "code":
            notebook.run_cell(number)
            assert notebook.error_outputs() == []
    for place, _ in notebook.sliders():
        assert_alive(notebook.slider_number(place))
