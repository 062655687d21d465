"""The head explorer of the pages without a kernel, in a real browser, from a file."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from helpers.explorers.head_setting import DESIGNED, OWN_SENTENCE, TRAINED, Setting, compute
from helpers.explorers.head_views import description as in_words
from helpers.explorers.head_views import panels
from tools import static_explorer
from tools.jupyterlab import barriers, description, too_wide, wait_for_description

pytestmark = pytest.mark.site
MAP = ".tm-maps .tm-scroll canvas"
DESIGNED_8 = Setting(static_explorer.WORDS, 8, 64, DESIGNED)
TRAINED_8 = Setting(OWN_SENTENCE[TRAINED], 8, 4, TRAINED)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    for name in static_explorer.NAMES:
        (folder / f"{name}.html").write_text(static_explorer.page(name), encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser, files, request):
    """A page that is shown from its file; nothing else may be asked for, and no script may fail."""
    page, said, asked = browser.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    def show(name, width=1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto((files / f"{name}.html").as_uri(), wait_until="commit")
        page.locator(MAP).wait_for()
        return page

    yield show
    page.close()
    assert said == []
    assert {url.split(":")[0] for url in asked} == {"file"} and len(set(asked)) == 1


def choose(page, setting):
    """Bring the controls to a setting, as a reader does."""
    if page.get_by_role("combobox").count():
        page.get_by_role("combobox", name="matrices").select_option(setting.source)
        page.get_by_role("combobox", name="mask").select_option(setting.mask)
        page.get_by_label("divide the scores").set_checked(setting.scaled)
    for name, value in (("heads", setting.n_heads), ("head size", setting.d_k)):
        slider = page.get_by_role("slider", name=name, exact=True)
        slider.press("Home")
        while slider.get_attribute("aria-valuetext") != str(value):
            before = slider.get_attribute("aria-valuetext")
            slider.press("ArrowRight")
            assert slider.get_attribute("aria-valuetext") != before, f"{name} can't be {value}"


def shows(page, setting):
    result = compute(setting)
    expected = in_words(result, panels(result))
    wait_for_description(page.locator(MAP), lambda said: said == expected)
    assert page.locator(".tm-caption").inner_text().startswith(result.caption)
    return result


@pytest.mark.parametrize("name", static_explorer.NAMES)
def test_both_sliders_go_to_their_ends_by_the_keyboard_and_stay_linked(opened, name):
    page = opened(name)
    heads, size = (page.get_by_role("slider", name=each, exact=True) for each in ("heads", "head size"))
    shows(page, DESIGNED_8)
    for slider, key, n_heads in (
        (heads, "Home", 1),
        (heads, "End", 16),
        (size, "End", 1),
        (size, "Home", 16),
    ):
        slider.press(key)
        shows(page, replace(DESIGNED_8, n_heads=n_heads, d_k=512 // n_heads))


@pytest.mark.parametrize(
    "setting",
    [
        DESIGNED_8,
        replace(DESIGNED_8, mask="causal"),
        replace(DESIGNED_8, n_heads=16, d_k=32, scaled=False, mask="causal"),
        TRAINED_8,
        replace(TRAINED_8, n_heads=32, d_k=1, mask="causal"),
        replace(TRAINED_8, n_heads=1, d_k=32, scaled=False),
    ],
    ids=static_explorer.key,
)
def test_the_cell_that_the_arrow_keys_reach_is_explained_as_in_the_notebook(opened, setting):
    page = opened("04_eight_heads")
    choose(page, setting)
    result = shows(page, setting)
    page.locator(MAP).press("Home")  # the first key comes to a cell, the others move
    head, n = len(result.weights) - 1, len(result.rows)
    page.locator(MAP).press("PageUp")
    for row, column in [(0, 0), (n - 2, 1), (n - 1, n - 1), (1, n - 1)]:
        for key, times in (("ArrowUp", n), ("Home", 1), ("ArrowDown", row), ("ArrowRight", column)):
            for _ in range(times):
                page.locator(MAP).press(key)
        expected = result.explain(head, row, column)
        page.wait_for_function(
            "text => document.querySelector('.tm-reason').textContent === text", arg=expected, timeout=3000
        )
        said = page.locator(".tm-readout").inner_text()
        place = f"{result.titles[head]} · {result.rows[row]} attends to {result.columns[column]}: "
        hidden = result.masked is not None and result.masked[row, column]
        weight = (
            "masked, weight 0"
            if hidden
            else f"weight {result.weights[head, row, column]:.3f} · row sums to 1.000"
        )
        assert said.startswith(place + weight)
    page.wait_for_function(
        "text => document.querySelector('.tm-maps [role=status]').textContent.includes(text)", arg=expected
    )


def test_unlinked_the_head_size_moves_alone_and_linked_it_comes_back(opened):
    page = opened("04_eight_heads")
    page.get_by_label("keep heads").uncheck()
    choose(page, replace(DESIGNED_8, d_k=4))
    shows(page, replace(DESIGNED_8, d_k=4))
    page.get_by_label("keep heads").check()
    shows(page, DESIGNED_8)
    page.get_by_role("combobox", name="matrices").select_option(TRAINED)
    assert page.get_by_label("keep heads").is_disabled()
    shows(page, TRAINED_8)


def test_a_pointed_at_cell_is_read_out_and_a_clicked_one_kept(opened):
    page = opened("04_eight_heads")
    before = page.locator(".tm-readout").inner_text()
    page.locator(MAP).click(position={"x": 90, "y": 75})
    page.mouse.move(0, 0)
    page.wait_for_timeout(100)
    kept = page.locator(".tm-readout").inner_text()
    assert kept != before and "weight 0." in kept


@pytest.mark.parametrize("name", static_explorer.NAMES)
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_axe_finds_no_barrier(opened, name, width, theme):
    page = opened(name, width)
    page.emulate_media(color_scheme=theme)
    page.get_by_role("slider", name="heads", exact=True).press("End")
    assert too_wide(page) == []
    assert barriers(page.locator("main")) == []
    page.locator(MAP).hover(position={"x": 90, "y": 75})
    page.wait_for_timeout(100)
    line = page.locator(".tm-readout")
    assert line.evaluate("line => line.scrollWidth <= line.clientWidth"), "the number is cut off"
    needs = page.get_by_role("link", name="open this notebook live")
    assert name in needs.get_attribute("href")


def test_the_first_answer_after_a_cold_load(opened, record_property):
    start = time.monotonic()
    page = opened("04_eight_heads")
    shown, before = time.monotonic(), description(page.locator(MAP))
    page.get_by_role("slider", name="heads", exact=True).press("End")
    assert wait_for_description(page.locator(MAP), lambda said: said != before).startswith("16 heads")
    record_property("ms to the first picture", round(1000 * (shown - start)))
    record_property("ms to the first answer", round(1000 * (time.monotonic() - start)))
