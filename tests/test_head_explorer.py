"""The head explorer without a browser: every setting against the core, and what is said of it."""

from __future__ import annotations

import inspect
import re
import runpy

import ipywidgets as widgets
import numpy as np
import pytest

from helpers import examples, figures, learning
from helpers.attention import causal_mask, padding_mask, scaled_dot_product_attention
from helpers.data import FOLDER
from helpers.explorers import HeadExplorer, head_views
from helpers.explorers.given_weights import given_weights
from helpers.explorers.head_setting import HEAD_COUNTS, OWN_SENTENCE, Setting, compute
from helpers.grammar import Grammar


@pytest.fixture(autouse=True)
def no_event_loop(monkeypatch):
    """As outside a kernel: what waits for a pause of the slider follows at once.

    The browser of other tests keeps an event loop running in this process.
    """

    def none_runs():
        raise RuntimeError("no running event loop")

    monkeypatch.setattr("asyncio.get_running_loop", none_runs)


WORDS = ("the", "cat", "saw", "the", "dog", "and", "ran")
RIPE = "in the garden tom himself saw the ripe [mask]"
GRAMMAR = Grammar.read()


def controls(box):
    for child in box.children:
        if isinstance(child, widgets.Box):
            yield from controls(child)
        elif hasattr(child, "value") and not isinstance(child, (widgets.HTML, widgets.Label)):
            yield child


def values(control):
    if isinstance(control, (widgets.SelectionSlider, widgets.Dropdown)):
        return list(control.options)
    if isinstance(control, (widgets.Checkbox, widgets.ToggleButton)):
        return [True, False]
    return ["the cat saw the dog and ran", "tom himself saw [mask]", "apple pie", "", "x " * 70, "a"]


def expected_weights(explorer):
    """The same by the core, from the setting's parts: (n_heads, n_queries, n_keys)."""
    s = explorer.setting
    rows, columns = s.shown
    if s.source == "trained":
        parameters = learning.trained_heads(s.n_heads)[0]
        tokens = GRAMMAR.numbers(" ".join(rows).lower())
        x = learning.embed(tokens, parameters.embeddings, parameters.position_embeddings[: len(rows)])
        q, k, v = parameters.attention.project(x)
    elif s.source == "apple, by hand":
        q, k, v = examples.apple().attention.project(examples.apple(rows).x)
    elif s.source == "hand-designed" and s.mask != "padding":
        x = examples.embed(examples.to_english(s.words) if s.keys else s.words)
        layer = examples.hand_made(s.n_heads, s.d_k)
        q, k, v = layer.project(x, examples.embed(s.keys or s.words))
    else:
        q, k, v = explorer.result.queries, explorer.result.keys, explorer.result.keys
    n = len(s.keys or s.words)
    mask = {"causal": causal_mask(len(rows)), "padding": padding_mask(n, len(columns)), "none": None}[s.mask]
    scale = (s.d_k**-0.5 if s.scaled else 1) / s.temperature
    return scaled_dot_product_attention(q, k, v, mask, scale)[1]


def test_hundreds_of_moves_give_what_the_core_gives():
    explorer, rng = HeadExplorer(WORDS), np.random.default_rng(1)
    movable = [control for control in controls(explorer) if control is not explorer.layer]
    settings = [control for control in movable if control not in explorer.active]
    seen, sources = set(), set()
    for turn in range(400):
        control = rng.choice(settings if turn % 10 else explorer.active)
        if control.disabled:
            continue
        choices = values(control)
        control.value = choices[rng.integers(len(choices))]
        s = explorer.setting
        seen.add(s)
        sources.add((s.source, s.keys is not None, s.mask))
        rows, columns = s.shown
        assert explorer.weights.shape == (s.n_heads, len(rows), len(columns))
        np.testing.assert_allclose(explorer.weights, expected_weights(explorer), atol=1e-6)
        np.testing.assert_allclose(explorer.weights.sum(axis=-1), 1, atol=1e-5)
        sent = np.frombuffer(explorer.head_map.data, "<f4").reshape(explorer.weights.shape)
        masked = np.zeros(sent.shape, bool) if explorer.result.masked is None else explorer.result.masked
        assert (np.isneginf(sent) == masked).all()
        np.testing.assert_allclose(sent[np.isfinite(sent)], explorer.weights[np.isfinite(sent)], atol=1e-6)
        assert explorer.head_map.reason == explorer.result.explain(*explorer.cell)
        if explorer.linked.value:
            assert s.n_heads * s.d_k == {"trained": 32, "apple, by hand": 4}.get(s.source, 512)
    assert len(seen) > 100 and len(sources) >= 10, (len(seen), len(sources))


NUMBER = r"([-−]?\d+\.?\d*)"


@pytest.mark.parametrize("mask", ["none", "causal", "padding"])
def test_every_weight_is_explained_by_its_score_and_its_gap_to_the_rows_highest(mask):
    explorer = HeadExplorer(WORDS, source="random", mask=mask)
    explorer.temperature.value = 2.0
    result = explorer.result
    for head, i, j in np.ndindex(explorer.weights.shape):
        said, weight = result.explain(head, i, j), explorer.weights[head, i, j]
        if result.masked is not None and result.masked[i, j]:
            assert said.startswith("masked") and weight == 0
            continue
        score = result.queries[head, i] @ result.keys[head, j]
        steps = f"q·k = {score:.2f} → ÷ √64 ÷ 2 = {score / 16:.3f} → "
        assert said.startswith(steps.replace("-", "−"))
        power, total, found = re.search(rf"e\^(0|−{NUMBER[1:-1]}) ÷ {NUMBER} = {NUMBER}$", said).groups()
        gap = float(power.replace("−", "-"))
        assert np.exp(gap) / float(total) == pytest.approx(weight, abs=1.5e-3) and float(found) == round(
            weight, 3
        )
        assert ("the highest of its row" in said.replace("below the highest", "")) == (gap == 0)
        assert float(total) < 9.001, "no giant numbers"


def test_padding_appends_words_and_hides_no_real_one():
    explorer = HeadExplorer(WORDS, mask="padding")
    assert explorer.result.columns == (*WORDS, "[pad]", "[pad]")
    masked = explorer.result.masked
    assert not masked[:, :7].any() and masked[:, 7:].all() and (explorer.weights[..., 7:] == 0).all()
    unpadded = HeadExplorer(WORDS)
    np.testing.assert_allclose(explorer.weights[:, :7, :7], unpadded.weights, atol=1e-12)
    assert HeadExplorer("w " * 63, mask="padding").result.columns[-2:] == ("w", "[pad]")
    assert HeadExplorer("w " * 64, mask="padding").weights.shape == (8, 64, 64)


@pytest.mark.parametrize("n_heads", HEAD_COUNTS["trained"])
def test_trained_heads_follow_the_slider(n_heads):
    explorer = HeadExplorer(RIPE, source="trained")
    explorer.heads.value = n_heads
    assert explorer.head_size.value == 32 // n_heads and not explorer.heads.disabled
    parameters, above_floor = learning.trained_heads(n_heads)
    expected = learning.read(parameters, GRAMMAR.numbers(RIPE)[None], [8])[1][0]
    np.testing.assert_allclose(explorer.weights, expected, atol=1e-6)
    assert f"Loss {above_floor:.4f} nats above the entropy floor" in explorer.summary.value
    assert all(panel["faint"] == list(range(8)) for panel in explorer.head_map.panels)
    assert explorer.cell[1] == 8, "the row that counted is the one explained"


def test_the_stored_losses_are_those_of_the_stored_models():
    every = GRAMMAR.every_word()
    for n_heads in (1, 32):
        parameters, above_floor = learning.trained_heads(n_heads)
        assert every.shares @ learning.losses(parameters, every) - every.floor == pytest.approx(
            above_floor, abs=1e-3
        )


def test_eight_trained_heads_are_those_of_notebook_07():
    stored, trained = learning.trained_heads(8)[0].arrays(), learning.trained().parameters.arrays()
    for name, array in trained.items():
        np.testing.assert_allclose(stored[name], array, rtol=1e-3, atol=1e-4)


def test_the_trained_heads_are_small_and_made_by_their_command():
    assert (FOLDER / "trained_heads.npz").stat().st_size <= 250_000
    made = runpy.run_path(str(FOLDER.parent / "benchmarks" / "trained_heads.py"))["model"](GRAMMAR, 1)
    for name, array in (
        learning.trained_heads(1)[0].arrays().items()
    ):  # to the byte on the machine that made them
        np.testing.assert_allclose(made.arrays()[name].astype(np.float32), array, atol=2e-3)


def test_there_is_no_trained_model_with_another_number_of_heads():
    with pytest.raises(ValueError, match="1, 2, 4, 8, 16, 32 heads, and none with 3"):
        learning.trained_heads(3)


def test_each_source_gives_the_learners_sentence_and_sliders_back():
    explorer = HeadExplorer(WORDS)
    explorer.linked.value = False
    explorer.heads.value, explorer.head_size.value = 7, 16
    for source in ("trained", "apple, by hand", "trained"):
        explorer.source.value = source
        assert explorer.words == OWN_SENTENCE[source] and "yours comes back" in explorer.message.value
        assert explorer.linked.disabled
        explorer.linked.value = False  # a page that is behind
        explorer.crossed.value = True
        assert explorer.linked.value and not explorer.crossed.value
    explorer.source.value = "hand-designed"
    assert explorer.words == WORDS and explorer.sentence.value == " ".join(WORDS)
    assert (explorer.heads.value, explorer.head_size.value, explorer.linked.value) == (7, 16, False)
    assert explorer.message.value == "" and explorer.message.layout.display == "none"


def test_trained_matrices_read_the_words_of_the_grammar():
    explorer = HeadExplorer(WORDS)
    explorer.source.value = "trained"
    assert "does not know cat (near it: bat" in explorer.message.value
    for typed, said in (
        ("the ripe appel", "appel (near it: apple"),
        ("the " * 10, "has 10 words"),
        ("<img src=x>", "&lt;img (nothing is near it)"),
    ):
        explorer.sentence.value = typed
        assert said in explorer.message.value and "kept" in explorer.message.value
        assert explorer.words[-1] == "[mask]"
    explorer.sentence.value = "The [mask] apple"
    assert explorer.message.value == "" and explorer.weights.shape == (8, 3, 3)
    fits = HeadExplorer(("tom", "himself"))
    fits.source.value = "trained"
    assert fits.words == ("tom", "himself") and fits.message.value == ""


def test_the_head_that_translates_finds_each_words_partner():
    french, english = examples.translation()
    explorer = HeadExplorer(french, keys=english)
    assert explorer.weights.shape == (8, 5, 6) and "translated" in explorer.head_map.panels[2]["title"]
    partners = {french[i]: english[j] for i, j in enumerate(explorer.weights[2].argmax(axis=1))}
    assert partners == dict(elle="she", mange="eating", la="the", pomme="apple", rouge="red")
    assert explorer.cell[0] == 2 and "cross-attention" in explorer.caption()
    with pytest.raises(ValueError, match="keys go with 'hand-designed' or 'random'"):
        HeadExplorer(french, keys=english, source="trained")


def test_a_second_sentence_comes_and_goes_and_nothing_is_lost():
    explorer = HeadExplorer(WORDS)
    explorer.crossed.value = True
    assert explorer.weights.shape == (8, 5, 6) and "comes back" in explorer.message.value
    explorer.key_sentence.value = "the red machines"
    assert explorer.weights.shape == (8, 5, 3)
    explorer.crossed.value = False
    assert explorer.words == WORDS and explorer.weights.shape == (8, 7, 7)
    explorer.crossed.value = True
    assert explorer.key_sentence.value == "the red machines"
    explorer.source.value = "trained"
    explorer.source.value = "random"
    assert explorer.key_sentence.value == "the red machines" and explorer.crossed.value


def test_apple_has_a_key_and_a_value_for_each_sense():
    explorer = HeadExplorer(source="apple, by hand")
    assert explorer.message.value == "" and "locked" in explorer.locked.value
    pie, phone, apple = (explorer.words.index(word) for word in ("pie", "phone", "apple"))
    assert explorer.weights[0, pie, apple] > 0.9 > 0.2 > explorer.weights[1, pie, apple]
    assert explorer.weights[1, phone, apple] > 0.9 > 0.2 > explorer.weights[0, phone, apple]
    example = examples.apple()
    output, _ = example.attention(example.x)
    assert output[pie, 0] > 5 * output[pie, 1] and output[phone, 1] > 5 * output[phone, 0]
    values = example.attention.project(example.x)[2][
        :, apple
    ]  # one value a head, written to columns of its own
    written = values[:, None] @ example.attention.w_o.reshape(2, 2, 5)
    assert written[0, 0, 0] > 0 == written[0, 0, 1] and written[1, 0, 1] > 0 == written[1, 0, 0]


# -- weights from anywhere ---------------------------------------------------------------------------------


class Tensor:
    """As much of a PyTorch tensor as is used of one: bfloat16 has no NumPy type before float()."""

    def __init__(self, array, ready=False):
        self.array, self.ready, self.shape = array, ready, array.shape

    def detach(self):
        return self

    cpu = detach

    def float(self):
        return Tensor(self.array, ready=True)

    def numpy(self):
        assert self.ready
        return self.array


SOUND = np.random.default_rng(0).dirichlet(np.ones(4), (3, 2, 5))  # (layers, heads, queries, keys)


@pytest.mark.parametrize(
    "given, shape",
    [
        (SOUND, (3, 2, 5, 4)),
        (SOUND[0], (1, 2, 5, 4)),
        (SOUND[0, 0], (1, 1, 5, 4)),
        (SOUND[:, None], (3, 2, 5, 4)),
        ([layer[None] for layer in SOUND], (3, 2, 5, 4)),
        (tuple(Tensor(layer[None]) for layer in SOUND), (3, 2, 5, 4)),
        (Tensor(SOUND.astype(np.float32)), (3, 2, 5, 4)),
        (SOUND.tolist(), (3, 2, 5, 4)),
    ],
)
def test_weights_from_numpy_and_pytorch_are_shown_as_they_are(given, shape):
    explorer = HeadExplorer.from_weights("one two three four five", given, keys=list("abcd"))
    assert (len(explorer.layer.options), *explorer.weights.shape) == shape
    for layer in explorer.layer.options:
        explorer.layer.value = layer
        np.testing.assert_allclose(explorer.weights, SOUND[layer][: shape[1]], atol=1e-6)
    assert not explorer.result.remarks and "rows sum to 1.000 ✓" in explorer.head_map.note
    assert (explorer.heads not in controls(explorer)) and "largest weight" in explorer.head_map.reason
    explorer.picture().png()


@pytest.mark.parametrize(
    "weights, said",
    [
        (SOUND[0, 0, 0], "must have the shape (n_heads, n_queries, n_keys)"),
        (np.zeros((2, 3, 2, 5, 4)), "Choose one sentence of the batch"),
        (SOUND.swapaxes(-1, -2), "weights have 4 queries and 5 keys, and there are 5 words"),
        (SOUND[..., :3], "4 for the keys"),
        ("text", "must be an array of numbers"),
        ([[1, 2], [3]], "must be an array of numbers"),
        (SOUND * 1j, "must be an array of numbers"),
        ([SOUND[0], SOUND[0][:1]], "the layers must have one shape"),
        (np.zeros((0, 5, 4)), "must have the shape"),
    ],
)
def test_weights_that_cannot_be_shown_are_refused_in_a_sentence(weights, said):
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        HeadExplorer.from_weights("one two three four five", weights, keys="a b c d")


def test_what_is_no_weight_is_said_and_shown_as_such():
    odd = SOUND[0].copy()
    odd[1, 2, 3], odd[0, 4] = np.nan, odd[0, 4] / 2
    explorer = HeadExplorer.from_weights("one two three four five", odd, keys="a b c d")
    assert "1 of 40 numbers are NaN or infinite" in explorer.summary.value
    assert "head 1, row three" in explorer.summary.value
    assert (
        "1 of 10 rows don&#x27;t sum to 1: the first is in head 0, row five, with 0.500"
        in explorer.summary.value
    )
    assert "rows sum to 0.500 to 1.000" in explorer.head_map.note
    sent = np.frombuffer(explorer.head_map.data, "<f4").reshape(2, 5, 4)
    assert np.isnan(sent[1, 2, 3]) and np.isnan(sent).sum() == 1
    scores = HeadExplorer.from_weights("a b", [[[1.0, -2.0], [0.5, 3.0]]])
    assert "negative" in scores.summary.value and scores.head_map.panels[0]["palette"] == "signed"
    assert (
        HeadExplorer.from_weights("a b", np.full((1, 2, 2), 0.501)).result.remarks == ()
    )  # rounding of half precision
    explorer.picture().png()


def test_long_pieces_of_words_are_cut_and_too_many_are_refused():
    assert given_weights(["x" * 50], [[[1.0]]]).words[0].endswith("…")
    with pytest.raises(ValueError, match="words must be 1 to 64 strings, and got 65"):
        given_weights(["x"] * 65, np.full((1, 65, 65), 1 / 65))


# -- comparing, ablating, looking closer -------------------------------------------------------------------


def test_a_pinned_setting_stays_while_the_other_moves():
    explorer = HeadExplorer(WORDS, source="random")
    explorer.pin.value = True
    pinned, before = bytes(explorer.pinned_map.data), explorer.weights
    explorer.temperature.value = 4.0
    assert explorer.pinned_map.data == pinned != explorer.head_map.data
    largest = np.abs(explorer.weights - before).max()
    assert f"the largest difference of a weight is {largest:.3f}" in explorer.pinned_summary.value
    explorer.compare_as.value = "as a difference"
    shown = np.frombuffer(explorer.pinned_map.data, "<f4").reshape(8, 7, 7)
    np.testing.assert_allclose(shown, explorer.weights - before, atol=1e-6)
    assert explorer.pinned_map.panels[0]["palette"] == "signed"
    explorer.heads.value = 4
    assert "different shapes" in explorer.pinned_summary.value and explorer.pinned_map.data == pinned
    explorer.pin.value = False
    assert explorer.pinned is None and explorer.folds[explorer.pin].layout.display == "none"


def test_a_head_that_is_ablated_takes_exactly_its_part_away():
    explorer = HeadExplorer(WORDS, source="random")
    explorer.open_writes.value = True
    assert "All heads are active" in explorer.change.value
    explorer.active[3].value = explorer.active[5].value = False
    writes = explorer.result.writes
    output = explorer.result.found.swapaxes(0, 1).reshape(7, 512) @ explorer.result.layer.w_o
    np.testing.assert_allclose(writes.sum(axis=0), output, atol=1e-4)
    moved = np.linalg.norm(writes[3] + writes[5], axis=-1) / np.linalg.norm(writes.sum(axis=0), axis=-1)
    assert "Without heads 3, 5" in explorer.change.value and f"by {moved.mean():.0%}" in explorer.change.value
    assert [panel["dim"] for panel in explorer.head_map.panels] == [i in (3, 5) for i in range(8)]
    [panel] = explorer.write_map.panels
    assert panel["palette"] == "lengths" and panel["low"] == 0
    explorer.heads.value = 2  # the others are gone, and with them what was off
    assert "All heads are active" in explorer.change.value


@pytest.mark.parametrize("source, columns", [("hand-designed", 16), ("random", 16), ("apple, by hand", 2)])
def test_the_products_of_the_chosen_cell_add_up_to_its_score(source, columns):
    explorer = HeadExplorer(WORDS, source=source)
    explorer.open_products.value = True
    explorer.choose(1, 3, 2)
    q, k = explorer.result.queries[1, 3], explorer.result.keys[1, 2]
    labels = explorer.product_map.panels[0]["labels"]
    assert len(labels[2]) == columns and "→" in explorer.product_map.note
    shown = sum(float(text.replace("−", "-")) for text in labels[2])
    others = re.search(r"add up to (-?\d+\.\d+)", explorer.product_map.note)
    assert shown + float(others[1] if others else 0) == pytest.approx(q @ k, abs=0.06 * columns)


def test_the_panels_are_made_once_a_step(monkeypatch):
    explorer, made = HeadExplorer(WORDS), []
    monkeypatch.setattr(head_views, "panels", lambda *a, f=head_views.panels: made.append(1) or f(*a))
    explorer.head_size.value = 32
    assert len(made) == 1


def test_freeing_and_linking_the_sliders_keeps_what_can_be_kept():
    explorer = HeadExplorer(WORDS)
    explorer.linked.value = False
    assert (explorer.heads.value, explorer.head_size.value) == (8, 64)
    explorer.heads.value, explorer.head_size.value = 7, 4
    assert explorer.weights.shape == (7, 7, 7)
    explorer.linked.value = True
    assert (explorer.heads.value, explorer.head_size.value) == (8, 64)


def test_colours_may_end_at_each_heads_largest_weight():
    explorer = HeadExplorer(WORDS)
    explorer.colours.value = "from 0 to each head's largest"
    for panel, weights in zip(explorer.head_map.panels, explorer.weights):
        assert panel["high"] == weights.max()
    assert "largest weight" in explorer.picture().text


# -- what the constructor says -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, said",
    [
        (dict(n_head=4), "no argument n_head: did you mean n_heads?"),
        (dict(d_k=4), "no argument d_k: the head size has a slider"),
        (dict(weights=SOUND), "write HeadExplorer.from_weights(words, weights)"),
        (dict(colour=1), "no argument colour"),
        (dict(n_heads=12), "n_heads can be 1, 2, 4, 8 or 16, and got 12: the nearest is 8"),
        (dict(n_heads=100), "the nearest is 16"),
        (dict(n_heads=True), "n_heads can be 1, 2, 4, 8 or 16, and got True"),
        (dict(mask="Causal"), "and got 'Causal': did you mean 'causal'?"),
        (dict(source="learned"), "source can be 'hand-designed', 'random', 'trained' or 'apple, by hand'"),
        (dict(controls="none"), "controls can be 'all' or 'few'"),
        (dict(words=" "), "There is no word"),
        (dict(words=["a"] * 65), "has 65 words"),
    ],
)
def test_a_wrong_argument_is_answered_in_one_sentence(arguments, said):
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        HeadExplorer(**arguments)


def test_a_string_is_a_sentence_and_not_its_letters():
    assert (
        HeadExplorer("the cat saw").words
        == ("the", "cat", "saw")
        == HeadExplorer(["the", "cat", "saw"]).words
    )


def test_few_controls_are_the_sentence_and_the_two_sliders():
    explorer = HeadExplorer(WORDS, controls="few")
    shown = [c for c in controls(explorer) if c.layout.display != "none"]
    assert shown == [explorer.heads, explorer.head_size, explorer.sentence]
    explorer.heads.value = 4
    assert "4 heads × 128 = 512 columns · 1,048,576 parameters" in explorer.summary.value  # notebook 00 asks
    assert explorer.weights.shape == (4, 7, 7)


def test_rare_controls_are_folded_away():
    explorer = HeadExplorer(WORDS)
    assert {explorer.folds[button].layout.display for button in explorer.folds} == {"none"}
    explorer.more.value = True
    assert (
        explorer.folds[explorer.more].layout.display == "" and explorer.more.description == "Fewer controls"
    )


@pytest.mark.parametrize(
    "typed, said",
    [
        ("", "There is no word"),
        ("   ", "There is no word"),
        ("word " * 65, "has 65 words"),
        ("x" * 10_000, "has 10000 letters"),
    ],
)
def test_a_sentence_that_cannot_be_shown_is_answered_and_the_last_good_one_kept(typed, said):
    explorer = HeadExplorer(WORDS)
    explorer.sentence.value = typed
    assert said in explorer.message.value and "kept" in explorer.message.value
    assert explorer.words == WORDS
    explorer.sentence.value = "two words"
    assert explorer.message.value == "" and explorer.words == ("two", "words")


@pytest.mark.parametrize(
    "typed",
    ["<img src=x onerror=alert(1)>", "a&b <b>bold</b>", "naïve 思考 机器 שלום 🙂", "word " * 64, "x" * 40],
)
def test_whatever_is_typed_is_text(typed):
    explorer = HeadExplorer(WORDS)
    explorer.sentence.value = typed
    assert explorer.words == tuple(typed.split()) and explorer.weights.shape[-1] == len(explorer.words)
    for child in (explorer.message, explorer.summary, explorer.change):
        assert "<img" not in child.value and "<b>bold" not in child.value
    explorer.picture().png()


# -- pictures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".svg", ".PNG"])
def test_the_maps_are_saved_with_their_title_limits_and_row_sums(tmp_path, suffix):
    explorer = HeadExplorer(RIPE, source="trained", n_heads=4)
    path = explorer.save(tmp_path / f"heads{suffix}")
    content = path.read_bytes()
    if suffix == ".svg":
        text = content.decode()
        for part in (
            "4 heads × 8 = 32 columns",
            "rows sum to 1.000",
            "nats above the entropy floor",
            "head 3",
        ):
            assert part in text
    else:
        assert content.startswith(b"\x89PNG")


def test_save_says_where_it_cannot_write(tmp_path):
    explorer = HeadExplorer(WORDS)
    with pytest.raises(ValueError, match=r"\.png and \.svg files, and got 'heads.pdf': try heads.svg"):
        explorer.save(tmp_path / "heads.pdf")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        explorer.save(tmp_path / "nowhere" / "heads.svg")


def test_masked_cells_are_hatched_in_the_picture_and_have_no_number():
    weights = np.array([[1.0, 0.0], [0.5, 0.5]])
    axes = figures.Figure().subplots()
    panel = figures.Panel("causal", weights, masked=~causal_mask(2))
    figures.draw_panel(axes, panel, ["a", "b"], ["a", "b"])
    [hatched] = axes.collections
    assert hatched.get_hatch() and len(hatched.get_paths()) == 1
    assert [text.get_text() for text in axes.texts] == ["1.00", "0.50", "0.50"]


def test_a_setting_gives_its_result_without_any_widget():
    result = compute(Setting(WORDS, 4, 16, "random", "causal"))
    assert result.weights.shape == (4, 7, 7) and (result.weights[:, result.masked] == 0).all()
    assert not {name for name in dir(inspect.getmodule(compute)) if "widget" in name}
