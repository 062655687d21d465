"""Pictures: the same whatever the reader's settings are, legible on every page, and every word is text."""

from __future__ import annotations

import io
import itertools
import re
import warnings
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch

from helpers import figures
from helpers.charts import COLOURS, GREY, SERIES, Axis, Bars, Curve, Curves, contrast, ink, on_both
from helpers.explorers import (
    BugZoo,
    DotProductGrid,
    HeadExplorer,
    HeadSweep,
    MaskPainter,
    Race,
    RowFollower,
    ShapeTheatre,
    TwoScores,
)
from helpers.explorers.dot_product_grid import Pair
from helpers.explorers.mask_painter import PRESETS
from helpers.widgets.svg import svg

WORDS = ("the", "cat", "saw", "the", "dog")
RNG = np.random.default_rng(0)
Q, K, V = RNG.standard_normal((3, 5, 8))
WEIGHTS = np.full((5, 5), 0.2)
PAGES = ("#ffffff", "#111111", "#0d1117")  # GitHub and nbconvert, JupyterLab's dark theme, GitHub's

DRAWN = {
    "weight_maps": lambda: figures.weight_maps(np.stack([WEIGHTS, np.eye(5)]), WORDS),
    "layer_maps": lambda: figures.layer_maps(np.stack([[WEIGHTS, np.eye(5)]] * 3), WORDS),
    "score_maps": lambda: figures.score_maps({"q·k": Q @ K.T}, WORDS),
    "vector_grids": lambda: figures.vector_grids(
        {"q": Q[0, :4], "k": K[0, :4], "q × k": Q[0, :4] * K[0, :4]}
    ),
    "lines": lambda: figures.lines([1, 2, 4], {"a": [1, 2, 3], "b": [3, 2, 2]}, "x", "y", "title", log_x=2),
    "bars": lambda: figures.bars({"a": 1.0, "b": 2.0}, "y", "title"),
    "points": lambda: figures.points([1, 2], [3, -1], "x", "y", "title", ["a", "b"], [True, False]),
    "projections": figures.projections,
    "attention_pipeline": lambda: figures.attention_pipeline("Scale"),
    "multi_head_pipeline": figures.multi_head_pipeline,
    "course_map": figures.course_map,
    "BugZoo": lambda: BugZoo().picture(),
    "DotProductGrid": lambda: DotProductGrid(Q[0, :4], K[0, :4]).picture(),
    "HeadExplorer": lambda: HeadExplorer(WORDS[:2], n_heads=2).picture(),
    "HeadSweep": lambda: HeadSweep(lambda *setting: 0.1).picture(),
    "MaskPainter": lambda: MaskPainter(Q, K, V, WORDS).picture(),
    "Race": lambda: Race([einsum], 1).picture(),
    "RowFollower": lambda: RowFollower(Q, K, V[:, :3], WORDS, WORDS).picture(),
    "ShapeTheatre": lambda: ShapeTheatre().picture(),
    "TwoScores": lambda: TwoScores().picture(),
}
HOSTILE = [
    {"text.color": "white", "axes.labelcolor": "white", "xtick.color": "white", "ytick.color": "white"},
    {"savefig.transparent": True, "savefig.facecolor": "black", "savefig.bbox": "tight", "savefig.dpi": 30},
    {"figure.facecolor": "black", "axes.facecolor": "black", "axes.edgecolor": "white"},
    {"text.usetex": True},
    {"font.size": 40, "axes.titlesize": 60, "axes.labelsize": 50, "xtick.labelsize": 30},
    {"font.family": "a font that nobody has", "font.weight": "black"},
    {"mathtext.fontset": "stix", "axes.formatter.use_mathtext": True, "text.parse_math": True},
    {"axes.grid": True, "grid.linewidth": 5, "axes.axisbelow": False, "lines.linewidth": 9},
    {"image.origin": "lower", "image.cmap": "jet", "image.interpolation": "bicubic", "image.aspect": "auto"},
    {"figure.constrained_layout.use": False, "figure.autolayout": True, "figure.figsize": (1, 1)},
    {"svg.fonttype": "none", "path.sketch": (3, 100, 2), "axes.prop_cycle": matplotlib.cycler(color=["w"])},
    {"figure.dpi": 300, "axes.spines.left": False, "xtick.labelbottom": False, "axes.unicode_minus": False},
    {"hatch.color": "white", "legend.frameon": True, "legend.facecolor": "black", "patch.linewidth": 9},
]


def einsum(x):
    return x


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda settings: next(iter(settings)))
def test_no_setting_of_the_readers_changes_a_picture(hostile):
    for name in ("weight_maps", "lines"):
        plain = DRAWN[name]().png()
        with matplotlib.rc_context(hostile):
            before = {key: value for key, value in matplotlib.rcParams.items() if key != "backend"}
            assert DRAWN[name]().png() == plain, name
            assert all(matplotlib.rcParams[key] == value for key, value in before.items())


@pytest.mark.parametrize("name", DRAWN)
def test_no_picture_takes_the_readers_settings(name):
    plain = DRAWN[name]().png()
    everything = dict(itertools.chain(*(settings.items() for settings in HOSTILE)))
    with matplotlib.rc_context(everything), matplotlib.style.context("dark_background"):
        matplotlib.rcParams["text.usetex"] = True
        assert DRAWN[name]().png() == plain


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_transparent_and_its_words_are_seen_on_every_page(name):
    picture = DRAWN[name]()
    image = matplotlib.image.imread(io.BytesIO(picture.png()))
    assert image[0, 0, 3] == 0 and (image[..., 3] == 0).mean() > 0.1
    for axes in picture.figure.findobj(matplotlib.axes.Axes):
        cells = axes.images[0].get_array() if axes.images else None
        boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
        for text in [text for text in axes.findobj(matplotlib.text.Text) if text.get_text().strip()]:
            colour = matplotlib.colors.to_hex(text.get_color())
            behind = [box for box in boxes if box.get_facecolor()[3] and holds(box, text)]
            if cells is not None and text in axes.texts:
                x, y = text.get_position()
                assert contrast(colour, cells[round(y), round(x)]) >= 4.5, text
            elif behind:
                assert contrast(colour, matplotlib.colors.to_hex(behind[0].get_facecolor())) >= 4.5, text
            else:
                assert min(contrast(colour, page) for page in PAGES) >= 4.3, text


def holds(box, text, tolerance=0.0):
    outer, inner = box.get_window_extent(), text.get_window_extent()
    return all(
        low - tolerance <= a and b <= high + tolerance
        for low, high, a, b in (
            (outer.x0, outer.x1, inner.x0, inner.x1),
            (outer.y0, outer.y1, inner.y0, inner.y1),
        )
    )


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_is_cut_and_no_word_lies_on_another(name):
    picture = DRAWN[name]()
    picture.png()
    whole = picture.figure.bbox
    bars = [axes for axes in picture.figure.axes if axes.get_label() == "<colorbar>"]
    numbers = {tick for axes in bars for tick in axes.get_yticklabels()}  # some stand beyond its ends, unseen
    texts = [text for text in picture.figure.findobj(matplotlib.text.Text) if text.get_text().strip()]
    places = {text: text.get_window_extent() for text in texts if text.get_visible() and text not in numbers}
    for text, place in places.items():
        inside = place.x0 >= -1 and place.x1 <= whole.x1 + 1 and place.y0 >= -1 and place.y1 <= whole.y1 + 1
        assert inside, text.get_text()
    if name not in ("projections", "course_map") and "pipeline" not in name:
        return
    for (one, a), (other, b) in itertools.combinations(places.items(), 2):
        apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        assert apart, f"{one.get_text()!r} lies on {other.get_text()!r}"
    for box in picture.figure.findobj(FancyBboxPatch):
        frame = box.get_window_extent()
        assert frame.x0 >= 1 and frame.x1 <= whole.x1 - 1 and frame.y0 >= 1 and frame.y1 <= whole.y1 - 1
        for text, place in places.items():
            if frame.overlaps(place):
                assert holds(box, text), f"{text.get_text()!r} is wider than its box"


@pytest.mark.parametrize("shape", [(24, 2), (2, 24), (1, 1), (8, 8)])
def test_a_map_of_any_shape_fits_a_page(shape):
    panel = figures.Panel("a map", np.zeros(shape))
    rows, columns = ([f"word{i}" for i in range(n)] for n in shape)
    width, height = figures.heat_maps([panel], rows, columns).figure.get_size_inches()
    assert width <= 9.4 and height <= 6


@pytest.mark.parametrize("palette", ["weights", "signed", "lengths", "mask", "words"])
@pytest.mark.parametrize("dim", [False, True])
def test_the_ink_is_read_on_every_colour_of_a_palette(palette, dim):
    cells = np.arange(256)[None] if palette == "words" else np.linspace(-1, 1, 256)[None]
    colours = figures.panel_colours(figures.Panel("all", cells, palette, dim=dim))[0]
    assert min(contrast(ink(colour), colour) for colour in colours) >= 4.5


def test_the_courses_colours_are_seen_on_white_and_on_dark():
    for colour in (*COLOURS.values(), *SERIES):
        assert contrast("#ffffff", colour) >= 4.5 and contrast("#111111", colour) >= 3
    assert min(contrast(GREY, page) for page in PAGES) >= 4.3
    assert on_both(COLOURS["key"]) == COLOURS["key"]
    for hidden in ("#000000", "#111827", "#ffffff", "#ffff00"):
        assert min(contrast(on_both(hidden), page) for page in PAGES) >= 2.9
    assert not set(SERIES) & {COLOURS[kind] for kind in ("x", "query", "key", "value", "output")}


# -- words as text ---------------------------------------------------------------------------------------

LONG = "Donaudampfschifffahrtsgesellschaftskapit"
STRANGE = (
    r"$\undefined$",
    "$x$ and $",
    "\ud800broken\udfff",
    "tab\tnew\nline\x00",
    "<b>&amp;</b>",
    LONG,
    "思考机器",
    "मशीन",
    "שלום",
    "\u202eright",
    "naïve",
    "🙂",
)


@pytest.mark.parametrize("words", [STRANGE[:6], STRANGE[6:]])
def test_every_word_is_drawn_as_text(words):
    n = len(words)
    table = dict(zip(words, range(1, n + 1)))
    pictures = [
        figures.weight_maps(np.eye(n), words, titles=[" ".join(words)]),
        figures.score_maps({word: np.eye(n) for word in words[:2]}, words, row_axis=words[0]),
        figures.bars(table, words[0], words[2]),
        figures.lines(
            [1, 2], {word: [1, value] for word, value in table.items()}, words[0], words[1], words[2]
        ),
        figures.points(range(n), range(n), words[0], words[1], words[2], words),
        TwoScores(words[:2]).picture(),
        MaskPainter(*np.ones((3, n, 2)), words).picture(),
        RowFollower(*np.ones((3, n, 2)), words, words).picture(),
    ]
    for picture in pictures:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert picture.png()[:4] == b"\x89PNG"
        (picture.text + picture.alt).encode()
        for text in picture.figure.findobj(matplotlib.text.Text):
            text.get_text().encode()
            assert not text.get_parse_math() and not text.get_usetex()
    ticks = [label.get_text() for label in pictures[0].figure.axes[0].get_yticklabels()]
    assert len(set(ticks)) == n and all(len(tick) <= 12 for tick in ticks)
    assert [tick for tick in ticks if "$" in tick] == [word for word in words if "$" in word]


def test_a_long_word_is_shortened_and_its_picture_holds_it():
    words = [LONG, LONG[::-1], "a" * 40]
    picture = figures.weight_maps(np.eye(3), words, titles=[LONG])
    picture.png()
    labels = picture.figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["Donaudampfs…", "tipakstfahc…", "aaaaaaaaaaa…"]
    assert all(label.get_window_extent().x0 >= 0 for label in labels)


@pytest.mark.parametrize("word", STRANGE)
def test_every_word_is_text_in_the_live_charts(word):
    chart = Bars([word, "b"], [1, 2], word, [word, "2"], title=word, across=True)
    curves = Curves([Curve(word, [1, 2], [1, 2], names=[word, ""])], Axis(word, 0, 3), Axis("y", 0, 3), word)
    drawn = svg([chart, curves, Bars([word], [1], "y")], (300, 300, 200), 200, word)
    root = ET.fromstring(drawn.encode())  # well-formed
    assert {element.tag for element in root.iter()} <= {
        "svg",
        "g",
        "text",
        "line",
        "rect",
        "polyline",
        "circle",
        "path",
    }
    shown = [element.text for element in root.iter("text")]
    if not re.search(r"[\x00-\x1f\ud800-\udfff\u202e]", word):
        assert word in shown and root.get("aria-label") == word
    assert all("\x00" not in text and "\u202e" not in text for text in shown if text)


def test_both_backends_draw_the_same_numbers_at_the_same_shares():
    y = Axis("y", 0, 10)
    chart = Curves([Curve("", [0, 1], [0, 5])], Axis("x", 0, 1), y, legend=False)
    root = ET.fromstring(svg([chart], (300,), 200, "two points"))
    (first, second) = (pair.split(",") for pair in root.find(".//polyline").get("points").split())
    upright = [line for line in root.iter("line") if line.get("x1") == line.get("x2")]
    bottom, top = min(
        ((float(line.get("y1")), float(line.get("y2"))) for line in upright), key=lambda y: y[1]
    )
    assert float(first[1]) == bottom and float(second[1]) == pytest.approx((bottom + top) / 2, abs=0.1)
    picture = figures.sheet([[chart]], (4, 3), alt="two points, for a test")
    axes = picture.figure.findobj(matplotlib.axes.Axes)[0]
    assert axes.get_ylim() == (0, 10) and y.share(5) == 0.5
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [text for _, text in y.ticks()]


# -- what the explorers show, without a widget -----------------------------------------------------------


def test_lengths_are_drawn_from_zero():
    panel = figures.Panel("lengths", np.array([[0.0, 2.0], [8.0, 1.0]]), "lengths", 8)
    assert panel.lowest == 0
    picture = figures.heat_maps([panel], ["a", "b"], ["0", "1"])
    (bar,) = picture.figure.axes[1:]
    assert bar.get_ylim() == (0, 8) and bar.get_ylabel() == "length"


def test_one_word_can_have_every_mask():
    for preset in PRESETS:
        painter = MaskPainter(Q[:1], K[:1], V[:1], ["one"], preset=preset)
        assert painter.result.weights.shape == (1, 1) and painter.picture().png()


def test_a_product_that_is_rounded_is_not_called_equal():
    pair = Pair(np.array([-2.0, 1, 0, 0]), np.array([-1.46, 0, 0, 1]))
    assert "-2 × -1.46 = 2.92" in pair.numbers()
    turned = pair.turned(50, pair.key)
    q, k, product = re.search(r"coordinate 0: (\S+) × (\S+) ≈ (\S+)", turned.numbers()).groups()
    assert float(product) == pytest.approx(turned.query[0] * turned.key[0], abs=0.006)
    assert [panel.digits for panel in turned.panels()] == [1, 1, 1]
    assert [panel.digits for panel in Pair(np.arange(4.0), np.arange(4.0)).panels()] == [0, 0, 0]


def test_every_head_of_every_layer_has_its_own_small_map():
    weights = np.random.default_rng(0).dirichlet(np.ones(5), (3, 2, 5))  # 3 layers, 2 heads, 5 tokens
    picture = figures.layer_maps(weights, WORDS)
    image = np.asarray(picture.figure.axes[0].images[0].get_array())
    drawn = image[image[..., 3] > 0][:, :3].reshape(3, 5, 2, 5, 3)  # layer, row, head, column
    colours = figures.palette_table("weights")
    np.testing.assert_array_equal(
        drawn.transpose(0, 2, 1, 3, 4), colours[np.floor(weights * 255 + 0.5).astype(int)]
    )
    assert "layer 2: " in picture.text and picture.alt.startswith("6 small attention maps of 5 tokens")
    with pytest.raises(ValueError, match="one n for each of the 4 tokens, and got"):
        figures.layer_maps(weights, WORDS[:4])
    with pytest.raises(ValueError, match="these are not weights"):
        figures.layer_maps(2 * weights, WORDS)


def test_what_is_said_of_a_map_leaves_the_hatched_cells_out():
    weights = np.tile([0.6, *np.linspace(0.02, 0.08, 8), 0.0], (2, 1))
    masked = np.tile(np.arange(10) == 0, (2, 1))
    panel, columns = figures.Panel("without the first", weights, masked=masked), [f"w{j}" for j in range(10)]
    text = figures.numbers_text([panel], ["a", "b"], columns)
    assert text.splitlines()[1:] == ["  a  most at w8: 0.080", "  b  most at w8: 0.080"]
    assert "a attends most to w8 (0.08)" in figures.weights_alt([panel], ["a", "b"], columns)


def test_the_two_colour_bars_of_a_product_name_their_grids_in_order():
    picture = DRAWN["vector_grids"]()
    picture.png()
    bars = sorted(picture.figure.axes[3:], key=lambda axes: axes.get_position().x0)
    assert [axes.get_ylabel() for axes in bars] == ["q, k", "q × k"]


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: ShapeTheatre(n_heads=3), "n_heads can be 1, 2, 4 or 8, and got 3: the nearest is"),
        (lambda: ShapeTheatre(way="wrong"), "way can be 'right: transpose at the split and at the merge'"),
        (lambda: MaskPainter(Q, K, V, WORDS, preset="Causal"), "did you mean 'causal'"),
        (lambda: MaskPainter(Q, K, V, "the cat saw"), r"write 'the cat saw'.split\(\)"),
        (lambda: MaskPainter(Q, K, V, WORDS[:2]), "words must hold 5 words, and holds 2"),
        (lambda: TwoScores(scores=(1, 2, 3)), "two whole numbers"),
        (lambda: TwoScores(score=(1, 2)), "has no argument score: did you mean scores"),
        (lambda: Race([len], 1), "len is not among the functions of the stored run"),
    ],
)
def test_what_an_explorer_cannot_take_is_said_in_a_sentence(make, said):
    with pytest.raises((ValueError, TypeError), match=said):
        make()
