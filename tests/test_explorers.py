"""The explorers without a browser: every control to every value, and the numbers against the core."""

from __future__ import annotations

import re

import ipywidgets as widgets
import numpy as np
import pytest

from helpers import examples
from helpers.attention import causal_mask, scaled_dot_product_attention, softmax
from helpers.explorers import DotProductGrid, HeadExplorer, HeadMap, MaskPainter, Race, RowFollower, ScoreBench, ShapeTheatre
from helpers.figures import score_panel, weight_panels

WORDS = ("the", "cat", "saw", "the", "dog", "and", "ran")
RNG = np.random.default_rng(0)
Q, K, V = RNG.standard_normal((3, 7, 8))


def slow_way(x):
    return x + 0


MAKERS = {
    "DotProductGrid": lambda: DotProductGrid(*RNG.integers(-4, 5, (2, 64))),
    "HeadExplorer": lambda: HeadExplorer(WORDS),
    "MaskPainter": lambda: MaskPainter(Q, K, V, WORDS),
    "RowFollower": lambda: RowFollower(Q[:2], K, V[:, :3], WORDS[:2], WORDS),
    "ScoreBench": ScoreBench,
    "ShapeTheatre": ShapeTheatre,
}


def controls(box):
    for child in box.children:
        if isinstance(child, widgets.Box):
            yield from controls(child)
        elif isinstance(child, (widgets.SelectionSlider, widgets.IntSlider, widgets.FloatSlider, widgets.Dropdown, widgets.Checkbox)):
            yield child


def values(control):
    if isinstance(control, (widgets.SelectionSlider, widgets.Dropdown)):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    if isinstance(control, widgets.Checkbox):
        return [True, False]
    return [control.min, (control.min + control.max) // 2, control.max, control.value]


@pytest.mark.parametrize("name", MAKERS)
def test_every_control_goes_to_every_value(name):
    explorer = MAKERS[name]()
    assert list(controls(explorer))
    for control in controls(explorer):
        for value in values(control):
            control.value = value
            assert control.value == value
        explorer.picture()


@pytest.mark.parametrize("name", MAKERS)
def test_the_output_reads_as_text_as_a_picture_and_live(name):
    data, metadata = MAKERS[name]()._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
    assert re.search(r"\d", data["text/plain"])
    assert len(metadata["image/png"]["alt"]) > 20


@pytest.mark.parametrize("name", MAKERS)
def test_moving_the_first_control_changes_the_numbers(name):
    explorer = MAKERS[name]()
    before = explorer.picture().text
    for control in controls(explorer):
        if not isinstance(control, widgets.Checkbox):
            control.value = next(value for value in values(control) if value != control.value)
            break
    assert explorer.picture().text != before


# -- the head explorer -----------------------------------------------------------------------------------


def test_thousands_of_settings_give_what_the_core_gives():
    explorer, rng = HeadExplorer(WORDS), np.random.default_rng(1)
    seen = set()
    settings = [control for control in controls(explorer) if control not in explorer.takes_part]
    for turn in range(2000):
        control = rng.choice(settings if turn % 10 else explorer.takes_part)
        control.value = values(control)[rng.integers(len(values(control)))]
        h, size = explorer.heads.value, explorer.head_size.value
        seen.add((h, size, explorer.source.value, explorer.mask.value, explorer.scaled.value, explorer.temperature.value))
        assert explorer.weights.shape == (h, 7, 7)
        np.testing.assert_allclose(explorer.weights.sum(axis=-1), 1)
        assert f"{h * size} columns" in explorer.caption() and f"{4 * 512 * h * size:,} parameters" in explorer.caption()
        if explorer.linked.value:
            assert h * size == 512
        if explorer.scaled.value and explorer.temperature.value == 1 and explorer.source.value == "made by hand" and explorer.mask.value == "none":
            np.testing.assert_allclose(explorer.weights, examples.hand_made(h, size)(examples.embed(WORDS))[1], atol=1e-12)
    assert len(seen) > 400


@pytest.mark.parametrize("mask", ["none", "causal", "padding: the last two words"])
def test_every_weight_is_explained_by_its_score_its_divisors_and_its_row(mask):
    explorer = HeadExplorer(WORDS, source="random", mask=mask)
    explorer.temperature.value = 2.0
    for head, i, j in np.ndindex(8, 7, 7):
        steps = explorer.result.why(head, i, j)
        weight = explorer.weights[head, i, j]
        score = explorer.result.queries[head, i] @ explorer.result.keys[head, j]
        assert steps[0].endswith(f"{weight:.3f}?") and steps[1].endswith(f"= {score:.2f}")
        if weight == 0:
            assert "forbids" in steps[-1]
        else:
            assert steps[2] == f"divided by √64 and by 2: {score / 16:.3f}" and steps[-1].endswith(f"= {weight:.3f}")
            assert float(steps[-1].split("1 / ")[1].split()[0]) == pytest.approx(1 / weight, abs=1e-3)


def test_a_head_that_is_switched_off_takes_exactly_its_part_away():
    explorer = HeadExplorer(WORDS, source="random")
    assert "All heads take part" in explorer.change.value
    explorer.takes_part[3].value = explorer.takes_part[5].value = False
    writes = explorer.result.writes
    moved = np.linalg.norm(writes[3] + writes[5], axis=-1) / np.linalg.norm(writes.sum(axis=0), axis=-1)
    assert "Without heads 3, 5" in explorer.change.value and f"by {moved.mean():.0%}" in explorer.change.value
    assert [panel["dim"] for panel in explorer.head_map.panels] == [i in (3, 5) for i in range(8)]
    explorer.heads.value = 2                                                # the others are gone, and with them what was off
    assert "All heads take part" in explorer.change.value


def test_the_writes_add_up_to_the_layers_output():
    explorer = HeadExplorer(WORDS)
    output, _ = examples.hand_made(8, 64)(examples.embed(WORDS))
    np.testing.assert_allclose(explorer.result.writes.sum(axis=0), output, atol=1e-9)


def test_a_pinned_setting_stays_while_the_other_moves():
    explorer = HeadExplorer(WORDS)
    explorer.pin.value = True
    pinned = bytes(explorer.pinned_map.data)
    explorer.temperature.value = 4.0
    assert explorer.pinned_map.data == pinned != explorer.head_map.data
    assert "largest difference of a weight is 0." in explorer.pinned_summary.value
    explorer.heads.value = 4
    assert "different shapes" in explorer.pinned_summary.value
    explorer.pin.value = False
    assert explorer.pinned is None


def test_colours_may_end_at_each_heads_largest_weight():
    explorer = HeadExplorer(WORDS)
    explorer.colours.value = "from 0 to each head's largest"
    for panel, weights in zip(explorer.head_map.panels, explorer.weights):
        assert panel["high"] == weights.max()
    assert "largest weight" in explorer.picture().text


def test_the_map_holds_the_weights_and_not_something_like_them():
    explorer = HeadExplorer(WORDS, source="random", mask="causal")
    sent = np.frombuffer(explorer.head_map.data, "<f4").reshape(explorer.head_map.shape)
    np.testing.assert_allclose(sent, explorer.weights, atol=1e-6)
    assert (sent[:, ~causal_mask(7)] == 0).all()


def test_freeing_and_linking_the_sliders_keeps_what_can_be_kept():
    explorer = HeadExplorer(WORDS)
    explorer.linked.value = False
    assert (explorer.heads.value, explorer.head_size.value) == (8, 64)
    explorer.heads.value, explorer.head_size.value = 7, 4
    assert explorer.weights.shape == (7, 7, 7)
    explorer.linked.value = True
    assert (explorer.heads.value, explorer.head_size.value) == (8, 64)


@pytest.mark.parametrize("typed, said", [
    ("", "There is no word"), ("   ", "There is no word"), ("word " * 65, "has 65 words"), ("x" * 10_000, "has 10000 letters"),
])
def test_a_sentence_that_cannot_be_shown_is_answered_and_the_last_good_one_kept(typed, said):
    explorer = HeadExplorer(WORDS)
    explorer.sentence.value = typed
    assert said in explorer.message.value and "kept" in explorer.message.value
    assert explorer.words == WORDS
    explorer.sentence.value = "two words"
    assert explorer.message.value == "" and explorer.words == ("two", "words")


@pytest.mark.parametrize("typed", ["<img src=x onerror=alert(1)>", "a&b <b>bold</b>", "naïve 思考 机器 שלום 🙂", "word " * 64, "x" * 40])
def test_whatever_is_typed_is_text(typed):
    explorer = HeadExplorer(WORDS)
    explorer.sentence.value = typed
    assert explorer.words == tuple(typed.split()) and explorer.weights.shape[-1] == len(explorer.words)
    for child in (explorer.message, explorer.summary):
        assert "<img" not in child.value and "<b>bold" not in child.value
    explorer.picture().png()


# -- the others ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0, 60, 90, 120, 180])
def test_turning_the_key_turns_the_score(degrees):
    grid = DotProductGrid(*np.random.default_rng(3).integers(-4, 5, (2, 64)))
    assert grid.angle.value != degrees
    lengths = np.linalg.norm(grid.query) * np.linalg.norm(grid.key)
    grid.angle.value = degrees
    assert grid.query @ grid.key == pytest.approx(lengths * np.cos(np.radians(degrees)), abs=1e-9)
    assert f"q·k = {grid.query @ grid.key:.2f}".replace("-0.00", "0.00") in grid.numbers().replace("-0.00", "0.00")


def test_editing_a_coordinate_moves_the_score_by_the_other_number():
    grid = DotProductGrid(np.arange(64) % 5 - 2, np.arange(64) % 7 - 3)
    before = grid.query @ grid.key
    grid.coordinate.value = 10
    grid.key_value.value += 1
    assert grid.query @ grid.key == before + grid.query[10]
    grid.reset.click()
    assert grid.query @ grid.key == before


def test_a_grid_of_numbers_that_make_no_square_is_refused():
    with pytest.raises(ValueError, match="square number of coordinates"):
        DotProductGrid(np.ones(60), np.ones(60))


def test_the_bench_shows_softmax():
    bench = ScoreBench(scores=(112, 96))
    bench.divisor.value, bench.temperature.value = 2.0, 4.0
    np.testing.assert_allclose(bench.weights, softmax(np.array([14.0, 12.0])))
    assert "0.8808" in bench.view.value


def test_painting_a_mask_moves_the_weights_and_can_be_undone():
    painter = MaskPainter(Q, K, V, WORDS, preset="none")
    painter.toggle(2, 1)
    mask = np.ones((7, 7), dtype=bool)
    mask[2, 1] = False
    np.testing.assert_array_equal(painter.weights, scaled_dot_product_attention(Q, K, V, mask=mask)[1])
    painter.preset.value = "none"
    assert painter.mask.all()
    for column in range(7):
        painter.toggle(0, column)
    assert "the may attend to nothing" in painter.numbers() and (painter.output[0] == 0).all()


@pytest.mark.parametrize("way, split, merged", [(0, "4 of 4", "32 of 32"), (1, "0 of 4", "32 of 32"), (2, "4 of 4", "8 of 32")])
def test_the_theatre_tells_the_right_reshape_from_the_wrong_ones(way, split, merged):
    theatre = ShapeTheatre()
    theatre.way.value = theatre.way.options[way]
    for scene, expected in zip(theatre.scene.options[1:], (split, merged)):
        theatre.scene.value = scene
        assert expected in theatre.numbers()


def test_the_follower_adds_up_to_the_output():
    follower = RowFollower(Q[:2], K, V[:, :3], WORDS[:2], WORDS)
    follower.row.value = 1
    cells = np.frombuffer(follower.shares.data, "<f4").reshape(follower.shares.shape)[0]
    np.testing.assert_allclose(cells[:-1].sum(axis=0), cells[-1], atol=1e-6)
    np.testing.assert_allclose(cells[-1], scaled_dot_product_attention(Q[:2], K, V[:, :3])[0][1], atol=1e-6)


def test_the_race_measures_when_asked():
    def scalar_loops(x):
        return sum(v * v for v in x.ravel().tolist() * 200)

    def einsum(x):
        return x + 0

    race = Race([scalar_loops, einsum], Q)
    assert race.where == "a stored run" and "scalar_loops" in race.picture().text
    race.button.click()
    assert race.where == "this machine" and not race.button.disabled
    assert race.ratios()["scalar_loops"] > race.ratios()["einsum"] == 1


# -- the map ---------------------------------------------------------------------------------------------


def test_messages_from_the_page_are_checked():
    head_map, pressed = HeadMap(), []
    head_map.show([score_panel("scores", np.eye(3))], "abc", "abc")
    head_map.on_press(lambda *cell: pressed.append(cell))
    for cell in ([0, 1, 2], [0, 3, 0], [1, 0, 0], [0, -1, 0], ["0", 1, 1], [0, 1]):
        head_map._message(None, {"kind": "press", "cell": cell}, None)
    head_map._message(None, {"kind": "something else"}, None)
    assert pressed == [(0, 1, 2)]


def test_a_map_without_a_word_for_each_row_is_refused():
    with pytest.raises(ValueError, match="there are words for 2 and 3"):
        HeadMap().show([score_panel("scores", np.eye(3))], "ab", "abc")


def test_weights_whose_rows_do_not_sum_to_1_are_refused():
    with pytest.raises(ValueError, match="row 0 of head 1 sums to 2.000"):
        weight_panels(np.stack([np.eye(2), 2 * np.eye(2)]))
    assert len(weight_panels(np.stack([np.eye(2), np.zeros((2, 2))]))) == 2
