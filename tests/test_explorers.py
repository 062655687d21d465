"""The explorers without a browser: every control to every value, and the numbers against the core."""

from __future__ import annotations

import re

import ipywidgets as widgets
import numpy as np
import pytest

from helpers import learning
from helpers.attention import scaled_dot_product_attention, softmax
from helpers.explorers import (
    BugZoo,
    DotProductGrid,
    HeadExplorer,
    HeadMap,
    HeadSweep,
    HeadSwitch,
    MaskPainter,
    Race,
    RowFollower,
    ShapeTheatre,
    TrainingScrubber,
    TwoScores,
)
from helpers.figures import score_panel, weight_panels
from helpers.grammar import Grammar

WORDS = ("the", "cat", "saw", "the", "dog", "and", "ran")
RNG = np.random.default_rng(0)
Q, K, V = RNG.standard_normal((3, 7, 8))
GRAMMAR, TRAINING = Grammar.read(), learning.trained()
RIPE = "in the garden tom himself saw the ripe apple"


def slow_way(x):
    return x + 0


MAKERS = {
    "BugZoo": BugZoo,
    "DotProductGrid": lambda: DotProductGrid(*RNG.integers(-4, 5, (2, 64))),
    "HeadExplorer": lambda: HeadExplorer(WORDS),
    "HeadSweep": lambda: HeadSweep(lambda n_heads, seed, steps, d_k: 0.1),
    "HeadSwitch": lambda: HeadSwitch(TRAINING.parameters, GRAMMAR),
    "MaskPainter": lambda: MaskPainter(Q, K, V, WORDS),
    "RowFollower": lambda: RowFollower(Q[:2], K, V[:, :3], WORDS[:2], WORDS),
    "TwoScores": TwoScores,
    "ShapeTheatre": ShapeTheatre,
    "TrainingScrubber": lambda: TrainingScrubber(TRAINING, GRAMMAR),
}


def controls(box):
    for child in box.children:
        if isinstance(child, widgets.Box):
            yield from controls(child)
        elif isinstance(
            child,
            (
                widgets.SelectionSlider,
                widgets.IntSlider,
                widgets.FloatSlider,
                widgets.Dropdown,
                widgets.Checkbox,
            ),
        ):
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
        for value in [] if control.disabled else values(control):
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


# -- the others ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0, 60, 90, 120, 180])
def test_turning_the_key_turns_the_score(degrees):
    grid = DotProductGrid(*np.random.default_rng(3).integers(-4, 5, (2, 64)))
    assert grid.angle.value != degrees
    lengths = grid.pair.lengths
    grid.angle.value = degrees
    score = grid.pair.query @ grid.pair.key
    assert score == pytest.approx(lengths * np.cos(np.radians(degrees)), abs=1e-9)
    assert f"q·k = {score:.2f}".replace("-0.00", "0.00") in grid.pair.numbers().replace("-0.00", "0.00")


def test_editing_a_coordinate_moves_the_score_by_the_other_number():
    grid = DotProductGrid(np.arange(64) % 5 - 2, np.arange(64) % 7 - 3)
    before = grid.pair.query @ grid.pair.key
    grid.coordinate.value = 10
    grid.key_value.value += 1
    assert grid.pair.query @ grid.pair.key == before + grid.pair.query[10]
    grid.reset.click()
    assert grid.pair.query @ grid.pair.key == before


def test_a_grid_of_numbers_that_make_no_square_is_refused():
    with pytest.raises(ValueError, match="square number of coordinates"):
        DotProductGrid(np.ones(60), np.ones(60))


def test_the_bench_shows_softmax():
    bench = TwoScores(scores=(112, 96))
    bench.divisor.value, bench.temperature.value = 2.0, 4.0
    np.testing.assert_allclose(bench.result.weights, softmax(np.array([14.0, 12.0])))
    assert "0.8808" in bench.view.value


def test_painting_a_mask_moves_the_weights_and_can_be_undone():
    painter = MaskPainter(Q, K, V, WORDS, preset="none")
    painter.toggle(2, 1)
    mask = np.ones((7, 7), dtype=bool)
    mask[2, 1] = False
    expected = scaled_dot_product_attention(Q, K, V, mask=mask)[1]
    np.testing.assert_array_equal(painter.result.weights, expected)
    painter.preset.value = "none"
    assert painter.result.mask.all()
    for column in range(7):
        painter.toggle(0, column)
    assert "“the” may attend to nothing" in painter.result.numbers() and (painter.result.output[0] == 0).all()


@pytest.mark.parametrize(
    "way, split, merged", [(0, "4 of 4", "32 of 32"), (1, "0 of 4", "32 of 32"), (2, "4 of 4", "8 of 32")]
)
def test_the_theatre_tells_the_right_reshape_from_the_wrong_ones(way, split, merged):
    theatre = ShapeTheatre()
    theatre.way.value = theatre.way.options[way]
    for scene, expected in zip(theatre.scene.options[1:], (split, merged)):
        theatre.scene.value = scene
        assert expected in theatre.result.numbers()


def test_the_follower_adds_up_to_the_output():
    follower = RowFollower(Q[:2], K, V[:, :3], WORDS[:2], WORDS)
    follower.row.value = 1
    cells = np.frombuffer(follower.shares.data, "<f4").reshape(follower.shares.shape)[0]
    np.testing.assert_allclose(cells[:-1].sum(axis=0), cells[-1], atol=1e-6)
    np.testing.assert_allclose(cells[-1], scaled_dot_product_attention(Q[:2], K, V[:, :3])[0][1], atol=1e-6)


def test_the_race_measures_when_asked():
    def head_loop(x):
        return sum(v * v for v in x.ravel().tolist() * 200)

    def einsum(x):
        return x + 0

    race = Race([head_loop, einsum], Q)
    assert race.result.where == "a stored run" and "head_loop" in race.picture().text
    race.button.click()
    assert race.result.where == "this machine" and not race.button.disabled
    assert race.result.ratios()["head_loop"] > race.result.ratios()["einsum"] == 1


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


# -- how many heads ------------------------------------------------------------------------------------------


def test_the_sweep_trains_every_setting_once_with_a_new_seed_each_time():
    calls = []

    def run(*setting):
        calls.append(setting)
        return 0.25

    sweep = HeadSweep(run)
    before = sweep.picture().text
    sweep.button.click()
    sweep.button.click()
    assert [h for h, *_ in calls] == [1, 2, 4, 8, 16, 32] * 2 and all(h * d_k == 32 for h, _, _, d_k in calls)
    stored = len(next(iter(sweep.result.stored.values())))
    assert len({seed for _, seed, _, _ in calls}) == 2 and min(seed for _, seed, _, _ in calls) >= stored
    assert sweep.picture().text.startswith(before) and sweep.picture().text.count("this machine") == 2
    sweep.row.value = next(name for name in sweep.row.options if "B" in name)
    sweep.button.click()
    assert [(h, d_k) for h, _, _, d_k in calls[12:]] == [(8, 1), (8, 2), (8, 4)]


def test_a_run_that_fails_leaves_the_button_alive():
    def run(*setting):
        raise KeyboardInterrupt

    sweep = HeadSweep(run)
    with pytest.raises(KeyboardInterrupt):
        sweep.train()
    assert not sweep.button.disabled and not sweep.fresh[("A", 300)]


# -- a trained model -----------------------------------------------------------------------------------------


def by_hand(text, place):
    """The grammar's probabilities for a place, sentence by sentence."""
    words, found = text.split(), {}
    for row, probability in zip(GRAMMAR.sentences, GRAMMAR.probabilities):
        other = GRAMMAR.text(row).split()
        if other[:place] + other[place + 1 :] == words[:place] + words[place + 1 :]:
            found[other[place]] = found.get(other[place], 0) + probability
    return {word: probability / sum(found.values()) for word, probability in found.items()}


def model_says(parameters, text, place, heads=None):
    """The model's probability of each word by name, and the weights."""
    tokens = GRAMMAR.numbers(text)
    tokens[place] = 0
    scores, weights = learning.read(parameters, tokens[None], [place], heads)
    return dict(zip(GRAMMAR.words, np.exp(scores[0]) / np.exp(scores[0]).sum())), weights[0]


def rows_shown(table):
    """The rows of a table of words: (word, the model's probability, the grammar's)."""
    rows = re.findall(
        r'<th scope="row"[^>]*>(\w+|\[mask\])(?: ← hidden)?</th>.*?'
        r"<td[^>]*>(\d\.\d{3})</td><td[^>]*>(\d\.\d{3}|unknown)</td>",
        table,
    )
    assert len(rows) == 5
    return rows


@pytest.mark.parametrize("hidden", [9, 8, 3, 4])
def test_the_scrubber_shows_the_model_as_it_was_and_the_grammar_as_it_is(hidden):
    scrubber, known = TrainingScrubber(TRAINING, GRAMMAR, RIPE, hidden=hidden), by_hand(RIPE, hidden - 1)
    assert list(scrubber.step.options) == list(TRAINING.checkpoints) and scrubber.step.value == 1500
    sample = GRAMMAR.draw(np.random.default_rng(2017), 2000)
    for step, parameters in TRAINING.checkpoints.items():
        scrubber.step.value = step
        found, weights = model_says(parameters, RIPE, hidden - 1)
        np.testing.assert_allclose(
            np.frombuffer(scrubber.maps.data, "<f4").reshape(8, 9, 9), weights, atol=1e-6
        )
        best = sorted(found, key=lambda word: -found[word])[:5]
        rows = rows_shown(scrubber.words.value)
        assert [word for word, *_ in rows] == best
        np.testing.assert_allclose(
            [[float(p), float(q)] for _, p, q in rows],
            [[found[word], known.get(word, 0)] for word in best],
            atol=0.00051,
        )
        loss = sample.shares @ learning.losses(parameters, sample, batch=256)
        assert float(
            re.search(r"loss (\d\.\d\d) nats, entropy", scrubber.picture().text)[1]
        ) == pytest.approx(loss, abs=0.0051)
        assert (
            f"Step {step} of 1500" in scrubber.summary.value
            and f"entropy floor {sample.floor:.2f}" in scrubber.summary.value
        )
    word = GRAMMAR.words[scrubber.result.token]
    assert (
        f"{word} ← hidden" in scrubber.words.value
        and scrubber.maps.rows[hidden - 1] == "▶ [mask]"
        and scrubber.maps.columns[hidden - 1] == "[mask]"
    )


def test_the_scrubbers_dot_and_curve_are_where_the_losses_are():
    scrubber = TrainingScrubber(TRAINING, GRAMMAR, step=100)
    steps, losses = scrubber.run.points()
    assert np.mean(losses) == pytest.approx(np.mean(TRAINING.losses)) and losses[0] == pytest.approx(
        np.mean(TRAINING.losses[:10])
    )
    assert steps[0] == 5.5 and steps[-1] == 1495.5
    places = []
    for step in (0, 1500):
        scrubber.step.value = step
        dot = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', scrubber.curve.value)[-1]
        places.append([float(number) for number in dot])
    assert places[0][0] < places[1][0] and places[0][1] < places[1][1]  # to the right, and down


def test_the_scrubber_shows_a_run_of_the_learners_own():
    start = learning.Parameters.random(len(GRAMMAR.words), 9, 12, 3, np.random.default_rng(0))
    own = learning.train(
        start, GRAMMAR.draw, np.random.default_rng(1), steps=4, batch=8, checkpoints=(0, 3), progress=False
    )
    scrubber = TrainingScrubber(own, GRAMMAR)
    assert scrubber.step.value == 3 and scrubber.result.weights.shape == (3, 9, 9)
    scrubber.picture().png()
    with pytest.raises(ValueError, match="at least two checkpoints"):
        TrainingScrubber(
            learning.train(start, GRAMMAR.draw, np.random.default_rng(1), steps=1, progress=False), GRAMMAR
        )
    with pytest.raises(ValueError, match="does not know appel"):
        TrainingScrubber(own, GRAMMAR, RIPE.replace("apple", "appel"))


@pytest.mark.parametrize("off", [(), (3, 5), tuple(range(8))])
def test_the_switch_shows_what_the_model_knows_without_the_heads(off):
    switch = HeadSwitch(TRAINING.parameters, GRAMMAR, RIPE, hidden=4)
    for head in off:
        switch.switches[head].value = False
    on, known = np.array([head not in off for head in range(8)]), by_hand(RIPE, 3)
    for view, heads in ((switch.before, None), (switch.after, on)):
        found, weights = model_says(TRAINING.parameters, RIPE, 3, heads)
        best = sorted(found, key=lambda word: -found[word])[:5]
        rows = rows_shown(view.value)
        assert [word for word, *_ in rows] == best
        np.testing.assert_allclose(
            [[float(p), float(q)] for _, p, q in rows],
            [[found[word], known.get(word, 0)] for word in best],
            atol=0.00051,
        )
    np.testing.assert_allclose(np.frombuffer(switch.maps.data, "<f4").reshape(8, 9), weights[:, 3], atol=1e-6)
    assert switch.maps.rows == [f"head {i}" + (" (off)" if i in off else "") for i in range(8)]
    sample = GRAMMAR.draw(np.random.default_rng(2017), 2000)
    share = sample.table(np.ones(2000)) * np.bincount(
        sample.senses * 6 + sample.roles, sample.shares, 60
    ).reshape(10, 6)
    wholes = (
        sample.table(sample.surprisals),
        learning.ablate(TRAINING.parameters, (), sample),
        learning.ablate(TRAINING.parameters, off, sample),
    )
    for view, axis, n in ((switch.by_sense, 1, 10), (switch.by_role, 0, 6)):
        shown = [
            [float(number) for number in re.findall(r"<td[^>]*>(\d+\.\d\d)</td>", row)]
            for row in view.value.split("<tr>")[2:]
        ]
        expected = [np.average(whole, axis=axis, weights=share) for whole in wholes]
        assert np.shape(shown) == (n, 3)
        np.testing.assert_allclose(np.transpose(shown), expected, atol=0.0051)
    assert (
        f"Loss {sample.shares @ learning.losses(TRAINING.parameters, sample, on):.2f} nat"
        in switch.picture().text
    )


def test_all_switches_turn_at_once():
    switch, shown = HeadSwitch(TRAINING.parameters, GRAMMAR), []
    switch.maps.observe(lambda change: shown.append(change.new), "stamp")
    switch.all_off.click()
    assert not any(switch.on) and len(shown) == 1 and "On: no head." in switch.summary.value
    switch.switches[6].value = True
    assert "On: head 6." in switch.summary.value
    switch.all_on.click()
    assert all(switch.on) and len(shown) == 3 and "On: all heads." in switch.summary.value
    assert HeadSwitch(TRAINING.parameters, GRAMMAR, off=(0, 7)).chosen() == "heads 1, 2, 3, 4, 5, 6"


@pytest.mark.parametrize(
    "typed, said",
    [
        ("ripe apple", "has 2 words, and the model reads exactly 9"),
        ("", "has 0 words"),
        ("in the garden tom himself saw the ripe appel", "appel (near it: apple)"),
        ("in the garden tom himself saw the ripe [mask]", "[mask]"),
        ("in the garden tom himself saw the ripe <b>apple</b>", "&lt;b&gt;apple&lt;/b&gt; (near it: apple)"),
        ("x" * 10_000 + " a b c d e f g h", "and 6 more"),
    ],
)
def test_a_sentence_that_the_model_cannot_read_is_answered_and_the_last_good_one_kept(typed, said):
    switch = HeadSwitch(TRAINING.parameters, GRAMMAR)
    before = switch.picture().text
    switch.sentence.value = typed
    assert (
        said in switch.message.value and "kept" in switch.message.value and "<b>" not in switch.message.value
    )
    assert switch.picture().text == before
    switch.sentence.value = "in the office Tom himself saw the costly apple"
    assert (
        switch.message.value == ""
        and "in the office tom himself saw the costly [mask]" in switch.summary.value
    )


@pytest.mark.parametrize(
    "typed, hidden, said",
    [
        ("apple apple the bat bat in in the old", 3, "a floor are known only for sentences of the grammar"),
        (RIPE.replace("apple", "bat"), 9, "The grammar never has “bat” in this place."),
        (RIPE, 2, "The training never hid “the”"),
        (RIPE, 9, ""),
    ],
)
def test_it_is_said_where_the_grammar_knows_less_than_the_model_answers(typed, hidden, said):
    switch = HeadSwitch(TRAINING.parameters, GRAMMAR, hidden=hidden)
    switch.sentence.value = typed
    assert (
        switch.message.value == ""
        and said in switch.remark
        and bool(switch.remark) == bool(said)
        and switch.remark in switch.summary.value
    )
    shown = {known for *_, known in rows_shown(switch.after.value)}
    assert shown == ({"unknown"} if "floor" in said else {"1.000", "0.000"} if hidden == 9 else {"0.000"})
    switch.picture().png()
