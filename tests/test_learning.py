"""Learning: gradients against finite differences and PyTorch, Adam, the loop, and what heads are worth."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest

from helpers import learning
from helpers.attention import MultiHeadAttention
from helpers.grammar import Grammar
from helpers.learning import Adam, Parameters, ablate, loss_and_gradients, losses, read, train
from tools import refresh

GRAMMAR = Grammar.read()
TRIAL = list(
    csv.DictReader(
        (Path(__file__).parents[1] / "data" / "apple_on_trial.csv").read_text("utf-8").splitlines()
    )
)
N_WORDS, N = len(GRAMMAR.words), GRAMMAR.sentences.shape[1]


def model(seed=0, d_model=11, n_heads=3, d_k=4, d_v=2, dtype=np.float64, scaled=True):
    """Uneven in every size: nothing may work by chance because two sizes agree."""
    return Parameters.random(
        N_WORDS, N, d_model, n_heads, np.random.default_rng(seed), d_k, d_v, dtype, scaled
    )


def some_words(seed=1, batch=7):
    return GRAMMAR.draw(np.random.default_rng(seed), batch)


def arguments(words):
    return words.tokens, words.positions, words.targets


def by_differences(function, array, step=1e-5):
    """The gradient of function() by every number of the array, by central differences."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        before = array[index]
        array[index] = before + step
        above = function()
        array[index] = before - step
        below = function()
        array[index] = before
        gradient[index] = (above - below) / (2 * step)
    return gradient


def assert_same(found, expected, error=1e-7):
    """Equal, relative to the largest number: what finite differences can tell apart."""
    assert found.shape == expected.shape
    assert abs(expected).max() > 1e-6, "nothing to compare: the gradient is zero"
    assert abs(found - expected).max() / abs(expected).max() < error


class TestSteps:
    """Each backward step alone: the loss is a random weighting of what the forward step returns."""

    rng = np.random.default_rng(3)

    def test_embed(self):
        tokens = np.array([[2, 0, 2, 4], [4, 2, 1, 0]])  # word 3 never, word 2 three times
        embeddings, position_embeddings = self.rng.standard_normal((5, 3)), self.rng.standard_normal((4, 3))
        d_x = self.rng.standard_normal((2, 4, 3))

        def loss():
            return (learning.embed(tokens, embeddings, position_embeddings) * d_x).sum()

        d_embeddings, d_position_embeddings = learning.embed_backward(d_x, tokens, n_words=5)
        assert_same(d_embeddings, by_differences(loss, embeddings))
        assert_same(d_position_embeddings, by_differences(loss, position_embeddings))
        assert (d_embeddings[3] == 0).all()

    def test_project(self):
        x, w = self.rng.standard_normal((2, 4, 3)), self.rng.standard_normal((3, 5))
        d_y = self.rng.standard_normal((2, 4, 5))

        def loss():
            return (learning.project(x, w) * d_y).sum()

        d_x, d_w = learning.project_backward(d_y, x, w)
        assert_same(d_x, by_differences(loss, x))
        assert_same(d_w, by_differences(loss, w))

    def test_attend(self):
        queries, keys, values = (self.rng.standard_normal((2, 3, 5, d)) for d in (4, 4, 2))
        d_found = self.rng.standard_normal((2, 3, 5, 2))

        def loss():
            return (learning.attend(queries, keys, values)[0] * d_found).sum()

        weights = learning.attend(queries, keys, values)[1]
        for found, array in zip(
            learning.attend_backward(d_found, queries, keys, values, weights), (queries, keys, values)
        ):
            assert_same(found, by_differences(loss, array))

    def test_cross_entropy(self):
        scores, targets = self.rng.standard_normal((4, 6)), np.array([5, 0, 0, 3])
        found, probabilities = learning.cross_entropy(scores, targets)
        assert found == pytest.approx([-math.log(row[target]) for row, target in zip(probabilities, targets)])
        backward = learning.cross_entropy_backward(probabilities, targets)
        assert_same(
            backward, by_differences(lambda: learning.cross_entropy(scores, targets)[0].mean(), scores)
        )

    def test_cross_entropy_of_extreme_scores_is_finite(self):
        found, _ = learning.cross_entropy(np.array([[0.0, 5000.0, -5000.0]]), np.array([2]))
        assert found.tolist() == [10000.0]

    def test_no_step_changes_what_it_is_given(self):
        queries, keys, values, d_found = (self.rng.standard_normal((2, 3, 5, d)) for d in (4, 4, 2, 2))
        _, weights = learning.attend(queries, keys, values)
        scores, targets = self.rng.standard_normal((4, 6)), np.array([5, 0, 0, 3])
        given = [queries, keys, values, d_found, weights, scores, targets]
        before = [array.copy() for array in given]
        learning.attend_backward(d_found, queries, keys, values, weights)
        _, probabilities = learning.cross_entropy(scores, targets)
        kept = probabilities.copy()
        learning.cross_entropy_backward(probabilities, targets)
        assert all((a == b).all() for a, b in zip(given, before)) and (probabilities == kept).all()


class TestGradients:
    @pytest.mark.parametrize(
        "sizes",
        [dict(), dict(n_heads=1, d_k=5, d_v=3), dict(d_model=6, n_heads=4, d_k=1, d_v=3), dict(scaled=False)],
    )
    def test_every_parameter_against_finite_differences(self, sizes):
        parameters, words = model(**sizes), some_words()
        _, gradients = loss_and_gradients(parameters, *arguments(words))

        def loss():
            return losses(parameters, words).mean()

        for name, array in parameters.arrays().items():
            assert_same(gradients.arrays()[name], by_differences(loss, array), error=1e-6)

    def test_an_unscaled_model_does_not_divide_and_says_so_as_a_layer(self):
        plain, words = model(scaled=False), some_words()
        divided = plain.copy()
        divided.scaled, divided.w_q = True, plain.w_q * np.sqrt(4)  # d_k = 4
        np.testing.assert_allclose(
            read(plain, words.tokens, words.positions)[0],
            read(divided, words.tokens, words.positions)[0],
            atol=1e-12,
        )
        x = plain.embed(words.tokens)
        np.testing.assert_allclose(
            plain.attention(x)[1], read(plain, words.tokens, words.positions)[1], atol=1e-12
        )

    def test_the_loss_is_the_mean_of_the_losses(self):
        parameters, words = model(), some_words(batch=13)
        assert loss_and_gradients(parameters, *arguments(words))[0] == pytest.approx(
            losses(parameters, words, batch=4).mean(), abs=1e-12
        )

    def test_float32_stays_float32(self):
        parameters, words = model(dtype=np.float32), some_words()
        _, gradients = loss_and_gradients(parameters, *arguments(words))
        _, exact = loss_and_gradients(model(), *arguments(words))
        for name, array in gradients.arrays().items():
            assert array.dtype == np.float32
            assert_same(array.astype(float), exact.arrays()[name], error=1e-4)
        Adam(parameters).step(gradients, 0.01)
        assert {array.dtype for array in parameters.arrays().values()} == {np.dtype(np.float32)}

    def test_every_parameter_and_adam_against_pytorch(self):
        torch = pytest.importorskip(
            "torch", reason="PyTorch is not installed: make bench installs it in .venv-bench"
        )
        parameters = model()
        tensors = {
            name: torch.tensor(array, requires_grad=True) for name, array in parameters.arrays().items()
        }
        ours, theirs = Adam(parameters), torch.optim.Adam(tensors.values(), lr=0.02)
        for step in range(4):
            words = some_words(step, 9)
            tokens, positions, targets = map(torch.from_numpy, arguments(words))
            t, heads = tensors, parameters.n_heads
            x = t["embeddings"][tokens] + t["position_embeddings"]
            queries, keys, values = (
                (x @ t[w]).view(9, N, heads, -1).transpose(1, 2) for w in ("w_q", "w_k", "w_v")
            )
            found = torch.nn.functional.scaled_dot_product_attention(queries, keys, values)
            z = x + found.transpose(1, 2).reshape(9, N, -1) @ t["w_o"]
            loss = torch.nn.functional.cross_entropy(z[torch.arange(9), positions] @ t["output"], targets)
            theirs.zero_grad()
            loss.backward()
            our_loss, gradients = loss_and_gradients(parameters, *arguments(words))
            assert our_loss == pytest.approx(loss.item(), abs=1e-12)
            for name, gradient in gradients.arrays().items():
                assert_same(gradient, tensors[name].grad.numpy(), error=1e-11)
            ours.step(gradients, 0.02)
            theirs.step()
            for name, array in parameters.arrays().items():
                assert_same(array, tensors[name].detach().numpy(), error=1e-9)


class TestModel:
    def test_it_is_the_attention_of_notebook_04(self):
        parameters, words = model(), some_words()
        x = parameters.embed(words.tokens)
        output, weights = parameters.attention(x)
        scores, found_weights = read(parameters, words.tokens, words.positions)
        assert isinstance(parameters.attention, MultiHeadAttention) and weights.shape == (7, 3, N, N)
        np.testing.assert_allclose(found_weights, weights, atol=1e-12)
        expected = (x + output)[np.arange(7), words.positions] @ parameters.output
        np.testing.assert_allclose(scores, expected, atol=1e-12)

    def test_a_head_that_is_off_writes_nothing(self):
        parameters, words = model(), some_words()
        scores, _ = read(parameters, words.tokens, words.positions, heads=[True, False, True])
        x = parameters.embed(words.tokens)
        writes = parameters.attention.heads(x)  # (batch, n_heads, n, d_model)
        z = (x + writes[:, 0] + writes[:, 2])[np.arange(7), words.positions]
        np.testing.assert_allclose(scores, z @ parameters.output, atol=1e-12)

    def test_the_same_seed_gives_the_same_model(self):
        one, two, other = model(0), model(0), model(1)
        assert all((a == b).all() for a, b in zip(one.arrays().values(), two.arrays().values()))
        assert all((a != b).any() for a, b in zip(one.arrays().values(), other.arrays().values()))

    def test_the_order_of_the_words_counts(self):
        parameters, words = model(), some_words()
        other = words.tokens[:, ::-1]
        assert (
            abs(
                read(parameters, words.tokens, words.positions)[0]
                - read(parameters, other, words.positions)[0]
            ).max()
            > 0.01
        )


class TestAdam:
    def test_three_steps_by_hand(self):
        parameters = model()
        start, adam, rng = parameters.copy(), Adam(parameters), np.random.default_rng(5)
        gradients = [
            Parameters(
                **{name: rng.standard_normal(a.shape) for name, a in start.arrays().items()}, n_heads=3
            )
            for _ in range(3)
        ]
        for gradient, learning_rate in zip(gradients, (0.1, 0.2, 0.05)):
            adam.step(gradient, learning_rate)
        for name in ("w_k", "output"):
            number, mean, spread = start.arrays()[name][1, 2], 0.0, 0.0
            for t, (gradient, learning_rate) in enumerate(zip(gradients, (0.1, 0.2, 0.05)), 1):
                g = gradient.arrays()[name][1, 2]
                mean, spread = 0.9 * mean + 0.1 * g, 0.999 * spread + 0.001 * g * g
                number -= learning_rate * (mean / (1 - 0.9**t)) / (math.sqrt(spread / (1 - 0.999**t)) + 1e-8)
            assert parameters.arrays()[name][1, 2] == pytest.approx(number, abs=1e-12)

    def test_a_number_without_gradient_stays(self):
        parameters = model()
        before = parameters.copy()
        zero = Parameters(**{name: np.zeros_like(a) for name, a in before.arrays().items()}, n_heads=3)
        Adam(parameters).step(replace(zero, w_v=np.ones_like(zero.w_v)), 0.1)
        assert (parameters.w_q == before.w_q).all()
        np.testing.assert_allclose(parameters.w_v, before.w_v - 0.1, atol=1e-8)


def same(one, two):
    return all((a == b).all() for a, b in zip(one.arrays().values(), two.arrays().values()))


class TestTrain:
    def test_a_short_run_comes_close_to_the_floor(self):
        start = Parameters.random(N_WORDS, N, 32, 8, np.random.default_rng(0))
        every = GRAMMAR.draw(np.random.default_rng(9), 4000)
        training = train(start, GRAMMAR.draw, np.random.default_rng(1), steps=500, progress=False)
        before, after = (float(every.shares @ losses(p, every)) for p in (start, training.parameters))
        assert before > 3.5
        assert every.floor < after < every.floor + 0.05
        assert (
            losses(training.parameters, every, np.zeros(8, bool)).mean() > every.floor + 1
        )  # it is the heads that know
        assert np.mean(training.losses[-50:]) < np.mean(training.losses[:50]) - 1
        assert np.mean(training.floors) == pytest.approx(GRAMMAR.every_word().floor, abs=0.02)

    def test_the_same_seed_gives_the_same_numbers_and_leaves_the_start_alone(self):
        start = model()
        kept = start.copy()
        one, two, other = (
            train(start, GRAMMAR.draw, np.random.default_rng(seed), steps=12, batch=5, progress=False)
            for seed in (1, 1, 2)
        )
        assert one.losses == two.losses != other.losses
        assert same(one.parameters, two.parameters) and not same(one.parameters, other.parameters)
        assert same(start, kept)

    def test_rounding_in_another_order_changes_no_printed_number(self):
        # What another machine does: the same sums, rounded otherwise. Here the start is changed by as much.
        start = model()
        changed = Parameters(**{name: a * (1 + 1e-14) for name, a in start.arrays().items()}, n_heads=3)
        one, two = (
            train(p, GRAMMAR.draw, np.random.default_rng(1), steps=300, progress=False)
            for p in (start, changed)
        )
        assert one.losses != two.losses
        np.testing.assert_allclose(one.losses, two.losses, atol=1e-8)

    def test_checkpoints_are_copies_of_their_steps(self):
        training = train(
            model(),
            GRAMMAR.draw,
            np.random.default_rng(1),
            steps=9,
            batch=5,
            checkpoints=[0, 4, 9],
            progress=False,
        )
        assert list(training.checkpoints) == [0, 4, 9]
        assert same(training.checkpoints[0], model()) and same(training.checkpoints[9], training.parameters)
        assert not same(training.checkpoints[4], training.checkpoints[9])
        assert not same(training.checkpoints[4], training.checkpoints[0])

    @pytest.mark.parametrize("where", ["draw", "watch"])
    def test_an_interruption_keeps_what_was_learned(self, where):
        calls = []

        def draw(rng, batch):
            calls.append(batch)
            if where == "draw" and len(calls) == 8:
                raise KeyboardInterrupt
            return GRAMMAR.draw(rng, batch)

        def watch(training):
            if where == "watch" and len(training.losses) == 7:
                raise KeyboardInterrupt

        try:
            training = train(
                model(), draw, np.random.default_rng(1), steps=20, batch=5, progress=False, watch=watch
            )
        except KeyboardInterrupt:
            pytest.fail(
                "the interruption came through: what was learned is lost"
            )  # pytest itself would stop here
        whole = train(
            model(),
            GRAMMAR.draw,
            np.random.default_rng(1),
            steps=20,
            batch=5,
            checkpoints=[7],
            progress=False,
        )
        assert training.interrupted and not whole.interrupted
        assert training.losses == whole.losses[:7] and len(whole.losses) == 20
        assert same(training.parameters, whole.checkpoints[7])

    def test_another_error_is_not_swallowed(self):
        def draw(rng, batch):
            raise RuntimeError("no sentences today")

        with pytest.raises(RuntimeError, match="no sentences today"):
            train(model(), draw, np.random.default_rng(1), steps=5, progress=False)

    def test_watch_sees_the_training_grow(self):
        seen = []
        train(
            model(),
            GRAMMAR.draw,
            np.random.default_rng(1),
            steps=120,
            batch=2,
            progress=False,
            watch=lambda t: seen.append(len(t.losses)),
        )
        assert seen == list(range(2, 121, 2))

    def test_the_bar_shows_nothing_outside_a_notebook(self, capsys):
        train(model(), GRAMMAR.draw, np.random.default_rng(1), steps=3, batch=2, progress=True)
        assert capsys.readouterr() == ("", "")

    def test_the_bar_is_shown_in_a_notebook_and_leaves_no_stored_output(self, tmp_path):
        code = (
            "import numpy as np\n"
            "from helpers.grammar import Grammar\n"
            "from helpers.learning import Parameters, train\n"
            "grammar = Grammar.read()\n"
            "start = Parameters.random(len(grammar.words), 9, 6, 2, np.random.default_rng(0))\n"
            "training = train(start, grammar.draw, np.random.default_rng(1), steps=30, batch=3)\n"
            "print(len(training.losses))"
        )
        path = tmp_path / "bar.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), path)
        ran = refresh.execute(path)
        assert [output.output_type for output in ran.cells[0].outputs] == ["display_data", "stream"]
        assert list(ran.cells[0].outputs[0].data) == ["application/vnd.jupyter.widget-view+json"]
        assert [output.text for output in refresh.strip(ran).cells[0].outputs] == ["30\n"]


class TestAblate:
    def test_no_head_off_gives_the_losses_of_the_whole_model(self):
        parameters, words = model(), some_words(batch=90)
        table = ablate(parameters, [], words)
        assert table.shape == (10, 6)
        np.testing.assert_allclose(table, words.table(losses(parameters, words)))

    def test_a_head_is_off_if_its_rows_of_w_o_are_zero(self):
        parameters, words = model(), some_words(batch=90)
        for off in ([1], [0, 2], [0, 1, 2]):
            cut = parameters.copy()
            for head in off:
                cut.w_o[2 * head : 2 * head + 2] = 0  # d_v = 2
            np.testing.assert_allclose(ablate(parameters, off, words), ablate(cut, [], words), atol=1e-12)
            assert (
                abs(ablate(parameters, off, words) - ablate(parameters, [], words))[
                    ~np.isnan(ablate(cut, [], words))
                ].max()
                > 1e-3
            )

    def test_it_does_not_change_the_model(self):
        parameters = model()
        ablate(parameters, [0, 1], some_words())
        assert same(parameters, model())


class TestStored:
    """data/trained.npz and data/apple_on_trial.csv are what the code of today makes."""

    def test_the_stored_run_is_the_one_that_training_gives(self):
        stored, rng, steps = learning.trained(), np.random.default_rng(0), iter(range(60))

        def draw(rng, batch):
            if next(steps, None) is None:
                raise KeyboardInterrupt  # 60 of the 1500 steps are enough to compare
            return GRAMMAR.draw(rng, batch)

        start = Parameters.random(N_WORDS, N, 32, 8, rng)
        training = train(start, draw, rng, steps=1500, checkpoints=[0, 10, 30, 60], progress=False)
        np.testing.assert_allclose(stored.losses[:60], training.losses, atol=1e-6)
        np.testing.assert_allclose(stored.floors[:60], training.floors, atol=1e-6)
        for step, parameters in training.checkpoints.items():
            for name, array in parameters.arrays().items():
                np.testing.assert_allclose(stored.checkpoints[step].arrays()[name], array, atol=1e-6)
        assert len(stored.losses) == stored.steps == max(stored.checkpoints) == 1500

    def test_its_table_holds_the_losses_of_its_model(self):
        stored, words = learning.trained().parameters, GRAMMAR.draw(np.random.default_rng(2017), 10_000)
        table = {(row["n_heads"], row["seed"], row["measure"], row["heads"]): [] for row in TRIAL}
        for row in TRIAL:
            table[row["n_heads"], row["seed"], row["measure"], row["heads"]].append(
                [float(row[role]) for role in GRAMMAR.roles]
            )
        np.testing.assert_allclose(
            table["", "", "floor, sample", ""], words.table(words.surprisals), atol=1e-4
        )
        for off in ([], [0], [1], [6]):
            np.testing.assert_allclose(
                table["8", "0", "loss, sample", "+".join(map(str, off))],
                ablate(stored, off, words),
                atol=1e-3,
            )
        np.testing.assert_allclose(
            table["8", "0", "loss, sample", "2+5"], [ablate(stored, [2, 5], words).mean(axis=0)], atol=1e-3
        )
        exact = np.array(table["", "", "floor, all sentences", ""])
        assert abs(exact.mean() - GRAMMAR.every_word().floor) < 1e-4
        for seed in range(10):
            for n_heads in "81":
                excess = np.mean(table[n_heads, str(seed), "loss, all sentences", ""]) - exact.mean()
                assert 0 < excess < 0.05  # nobody is better than the floor


class TestWrongInputs:
    @pytest.mark.parametrize(
        "change, error, message",
        [
            (
                dict(tokens=np.zeros((7, 4), int)),
                ValueError,
                r"tokens must have the shape \(batch, n = 9\) .*got \(7, 4\)",
            ),
            (
                dict(tokens=np.zeros((0, 9), int)),
                ValueError,
                r"tokens must have the shape .* at least 1, and got \(0, 9\)",
            ),
            (dict(tokens=np.zeros((7, 9))), TypeError, "tokens must be whole numbers, and got float64"),
            (
                dict(tokens=np.full((7, 9), -1)),
                ValueError,
                "tokens must lie between 0 and 50, and got -1 to -1",
            ),
            (dict(positions=np.full(7, 9)), ValueError, "positions must lie between 0 and 8, and got 9 to 9"),
            (
                dict(positions=np.zeros(6, int)),
                ValueError,
                r"positions must have the shape \(batch = 7,\) .*got \(6,\)",
            ),
            (
                dict(targets=np.full(7, N_WORDS)),
                ValueError,
                "targets must lie between 0 and 50, and got 51 to 51",
            ),
        ],
    )
    def test_words_that_do_not_fit_the_model(self, change, error, message):
        words = some_words()
        given = dict(tokens=words.tokens, positions=words.positions, targets=words.targets) | change
        with pytest.raises(error, match=message):
            loss_and_gradients(model(), **given)
        if "targets" not in change:
            with pytest.raises(error, match=message):
                read(model(), given["tokens"], given["positions"])

    def test_a_model_without_words(self):
        with pytest.raises(ValueError, match="n_words must be at least 1, and got 0"):
            Parameters.random(0, 9, 4, 2, np.random.default_rng(0))

    @pytest.mark.parametrize("heads", [[True, False], [1, 0, 1], True])
    def test_heads_that_do_not_fit(self, heads):
        words = some_words()
        with pytest.raises(ValueError, match="heads must be 3 booleans"):
            read(model(), words.tokens, words.positions, heads)

    @pytest.mark.parametrize("off", [[3], [-1]])
    def test_a_head_that_does_not_exist(self, off):
        with pytest.raises(ValueError, match=f"there is no head {off[0]}: the heads are 0 to 2"):
            ablate(model(), off, some_words())

    @pytest.mark.parametrize(
        "change, error, message",
        [
            (dict(steps=0), ValueError, "steps must be at least 1, and got 0"),
            (dict(batch=2.5), TypeError, "batch must be a whole number, and got 2.5"),
            (dict(learning_rate=-1), ValueError, "learning_rate must be a positive number, and got -1"),
            (
                dict(learning_rate=math.nan),
                ValueError,
                "learning_rate must be a positive number, and got nan",
            ),
            (dict(rng=0), TypeError, "rng must be a numpy Generator, .*got int"),
            (
                dict(checkpoints=[2, 8]),
                ValueError,
                "a checkpoint at step 8 is never reached: there are the steps 0 to 5",
            ),
        ],
    )
    def test_a_training_that_makes_no_sense(self, change, error, message):
        given = dict(rng=np.random.default_rng(0), steps=5, batch=3, progress=False) | change
        with pytest.raises(error, match=message):
            train(model(), GRAMMAR.draw, **given)
