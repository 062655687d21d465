"""The named inputs: exact where they promise to be, and clear where a file or an argument is wrong."""

import csv
import hashlib
import pickletools
import runpy
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from helpers import data, examples
from helpers.attention import split_heads

DATA = Path(__file__).parents[1] / "data"
MADE = ("thinking_machines.npz", "hand_made.npz", "hand_made.json", "SHA256SUMS")
SENTENCES = [*examples.sentences().values(), ("Alone",), ("the",) * 5, tuple(f"word{i}" for i in range(64))]


def scores_of_all_heads(example):
    queries, keys = (split_heads(example.x @ w, 8) for w in (example.attention.w_q, example.attention.w_k))
    return queries @ keys.swapaxes(-1, -2)


@pytest.fixture
def other_folder(tmp_path, monkeypatch):
    """A copy of the data folder that a test may damage."""
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(data, "FOLDER", folder)
    clear_caches()
    yield folder
    clear_caches()


def clear_caches():
    for cached in (examples.thinking_machines, examples.three_boxes, examples._hand_made):
        cached.cache_clear()


class TestThinkingMachines:
    def test_the_scores_of_head_0_are_exact(self):
        scores = scores_of_all_heads(examples.thinking_machines())
        assert scores[0].tolist() == [[112, 96], [88, 120]]

    def test_the_readme_lists_the_scores_and_weights_of_every_head(self):
        example = examples.thinking_machines()
        _, weights = example.attention(example.x)
        readme = (DATA / "README.md").read_text("utf-8").replace("−", "-")
        for head, (scores, shares) in enumerate(zip(scores_of_all_heads(example), weights)):
            cells = [
                " / ".join(" ".join(format(n, style) for n in row) for row in matrix)
                for matrix, style in ((scores, ".0f"), (shares, ".2f"))
            ]
            assert f"| {head} | {cells[0]} | {cells[1]} |" in readme

    def test_every_entry_is_a_small_whole_number(self):
        example = examples.thinking_machines()
        attention = example.attention
        assert example.x.shape == (2, 512) and set(np.unique(example.x)) == {-2, -1, 0, 1, 2}
        for matrix in (attention.w_q, attention.w_k, attention.w_v, attention.w_o):
            assert matrix.shape == (512, 512) and matrix.dtype == np.float64
            assert set(np.unique(matrix)) == {-1, 0, 1} and (matrix == 0).mean() > 0.8
        assert example.words == ("Thinking", "Machines") and attention.n_heads == 8

    def test_the_heads_differ_and_no_map_is_symmetric(self):
        example = examples.thinking_machines()
        output, weights = example.attention(example.x)
        for head in range(8):
            assert abs(weights[head] - weights[head].T).max() > 0.01
            for other in range(head):
                assert abs(weights[head] - weights[other]).max() > 0.05
        assert np.isfinite(output).all() and 1 < abs(output).max() < 30

    @pytest.mark.parametrize("name", ["w_q", "w_k", "w_v"])
    def test_queries_keys_and_values_are_varied(self, name):
        example = examples.thinking_machines()
        vectors = split_heads(example.x @ getattr(example.attention, name), 8).reshape(16, 64)
        assert len({tuple(vector) for vector in vectors}) == 16
        assert abs(vectors).max() <= 4
        assert (vectors.min(axis=1) < 0).all() and (vectors.max(axis=1) > 0).all()
        assert min(len(set(vector)) for vector in vectors) >= 6


class TestThreeBoxes:
    def test_the_scores_are_exact(self):
        boxes = examples.three_boxes()
        assert (boxes.queries @ boxes.keys.T).tolist() == [[112, 96], [70, 78]]
        assert boxes.queries.shape == boxes.keys.shape == boxes.values.shape == (2, 3)
        assert boxes.queries.dtype == boxes.values.dtype == np.float64
        assert (boxes.values[0] != boxes.values[1]).all()


class TestSentences:
    def test_they_are_what_the_course_needs(self):
        known = examples.sentences()
        lengths = {name: len(words) for name, words in known.items()}
        assert known["thinking"] == ("Thinking", "Machines")
        assert known["tired"][:-1] == known["wide"][:-1] and known["tired"] != known["wide"]
        assert "apple" in known["fruit"] and "Apple" in known["brand"]
        assert lengths["soup"] == 16 and len(set(known["soup"])) < 16
        assert lengths["letter"] == 12 == len(set(known["letter"]))
        assert lengths["cat"] >= 6 and known["cat"].count("the") == 2

    def test_an_unknown_name_is_answered_with_the_known_ones(self):
        with pytest.raises(ValueError, match="no sentence named 'dog': the names are thinking, cat, "):
            examples.sentence("dog")


class TestEmbed:
    def test_the_layout(self):
        x = examples.embed(["Anna", "saw", "ANNA"], d_model=140)
        assert x.shape == (3, 140)
        assert (x[:, :64] == np.eye(3, 64)).all()
        assert (abs(x[:, 64:128]) == 1).all()
        assert (x[0, 64:128] == x[2, 64:128]).all() and (x[0, 64:128] != x[1, 64:128]).any()
        assert x[:, 128:132].tolist() == [[1, 1, 0, 1], [1, 0, 0, 0], [1, 0, 1, 1]]
        assert not x[:, 132:].any()

    def test_the_code_is_the_one_the_readme_describes(self):
        bits = f"{int.from_bytes(hashlib.sha256('größe'.encode()).digest()[:8], 'big'):064b}"
        assert examples.embed(["Größe"])[0, 64:128].tolist() == [2 * int(bit) - 1 for bit in bits]

    @pytest.mark.parametrize(
        "words, error, sentence",
        [
            ("Thinking Machines", TypeError, "must be a list of strings, .* got 'Thinking Machines'"),
            (["one", 2], TypeError, r"must be a list of strings, .* got \['one', 2\]"),
            (None, TypeError, "must be a list of strings, .* got None"),
            ([], ValueError, "1 to 64 words, and got 0: write at least one"),
            (["a"] * 65, ValueError, "1 to 64 words, and got 65: shorten the text"),
        ],
    )
    def test_what_is_not_words_is_answered_in_one_sentence(self, words, error, sentence):
        for function in (examples.embed, lambda words: examples.right_map("itself", words)):
            with pytest.raises(error, match=sentence):
                function(words)

    def test_a_vector_too_short_for_the_layout(self):
        with pytest.raises(ValueError, match="d_model must lie between 132 and 4096, and got 64"):
            examples.embed(["a"], d_model=64)


class TestHandMade:
    def test_the_sixteen_jobs(self):
        assert examples.HAND_MADE[:8] == (
            "previous word",
            "next word",
            "same word",
            "first word",
            "last word",
            "itself",
            "two words back",
            "every word evenly",
        )
        assert len(examples.HAND_MADE) == 16
        assert list(examples.hand_made_rules()) == list(examples.HAND_MADE)

    @pytest.mark.parametrize("d_k", [64, 96, 512])
    @pytest.mark.parametrize("words", SENTENCES, ids=lambda words: f"{len(words)}-{words[-1]}")
    def test_every_row_looks_where_the_rule_says_and_evenly(self, words, d_k):
        _, weights = examples.hand_made(16, d_k)(examples.embed(words))
        at_least = 0.99 if len(words) <= 16 else 0.97
        for job, found in zip(examples.HAND_MADE, weights):
            right = examples.right_map(job, words)
            assert (found * right).sum(axis=1).min() >= at_least, job
            spread = [row[looks].max() / row[looks].min() for row, looks in zip(found, right)]
            np.testing.assert_allclose(spread, 1, err_msg=job)

    def test_the_rules_on_a_sentence_worked_out_by_hand(self):
        words = ["the", "Cat", "saw", "the", "Dog"]

        def looks_at(job):
            return [np.flatnonzero(row).tolist() for row in examples.right_map(job, words)]

        everywhere = [0, 1, 2, 3, 4]
        assert {job: looks_at(job) for job in examples.HAND_MADE} == {
            "previous word": [everywhere, [0], [1], [2], [3]],
            "next word": [[1], [2], [3], [4], everywhere],
            "same word": [[0, 3], [1], [2], [0, 3], [4]],
            "first word": [[0]] * 5,
            "last word": [[4]] * 5,
            "itself": [[0], [1], [2], [3], [4]],
            "two words back": [everywhere, everywhere, [0], [1], [2]],
            "every word evenly": [everywhere] * 5,
            "two words ahead": [[2], [3], [4], everywhere, everywhere],
            "three words back": [everywhere, everywhere, everywhere, [0], [1]],
            "three words ahead": [[3], [4], everywhere, everywhere, everywhere],
            "capitalised words": [[1, 4]] * 5,
            "any word but itself": [[1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 4], [0, 1, 2, 3]],
            "both neighbours": [[1], [0, 2], [1, 3], [2, 4], [3]],
            "words before": [everywhere, [0], [0, 1], [0, 1, 2], [0, 1, 2, 3]],
            "words after": [[1, 2, 3, 4], [2, 3, 4], [3, 4], [4], everywhere],
        }

    def test_a_small_head_still_tells_apart_its_first_positions(self):
        words = examples.sentence("soup")
        _, weights = examples.hand_made(8, d_k=5)(examples.embed(words))
        previous = weights[examples.HAND_MADE.index("previous word")]
        right = examples.right_map("previous word", words)
        assert (previous * right).sum(axis=1)[1:6].min() > 0.99
        np.testing.assert_allclose(previous[6:], 1 / 16)  # their words lie beyond the fifth column

    @pytest.mark.parametrize("n_heads", range(1, 17))
    def test_any_number_of_heads(self, n_heads):
        attention = examples.hand_made(n_heads, d_k=20)
        assert (attention.n_heads, attention.d_k, attention.d_v, attention.d_model) == (n_heads, 20, 20, 512)
        x = examples.embed(examples.sentence("cat"))
        _, all_sixteen = examples.hand_made(16, d_k=20)(x)
        np.testing.assert_allclose(attention(x)[1], all_sixteen[:n_heads])

    def test_each_head_writes_the_code_it_found_into_its_own_place(self):
        words = examples.sentence("letter")
        x = examples.embed(words)
        attention = examples.hand_made(16)
        _, weights = attention(x)
        for head, part in enumerate(attention.heads(x)):
            place = slice(64 * (head % 8), 64 * (head % 8) + 64)
            np.testing.assert_allclose(part[:, place], weights[head] @ x[:, 64:128], atol=1e-12)
            assert not np.delete(part, range(place.start, place.stop), axis=1).any()

    def test_the_matrices_are_whole_numbers_up_to_64_columns(self):
        attention = examples.hand_made(16, 64)
        for matrix in (attention.w_q, attention.w_k, attention.w_v, attention.w_o):
            assert (matrix == matrix.astype(np.int8)).all() and (matrix == 0).mean() > 0.98

    @pytest.mark.parametrize(
        "arguments, error, sentence",
        [
            ((0, 64), ValueError, "n_heads must lie between 1 and 16, and got 0"),
            ((17, 64), ValueError, "n_heads must lie between 1 and 16, and got 17"),
            ((8, 0), ValueError, "d_k must lie between 1 and 512, and got 0"),
            ((8, 64.0), TypeError, "d_k must be a whole number from 1 to 512, and got 64.0"),
            ((True, 64), TypeError, "n_heads must be a whole number from 1 to 16, and got True"),
        ],
    )
    def test_impossible_sizes_are_answered_in_one_sentence(self, arguments, error, sentence):
        with pytest.raises(error, match=sentence):
            examples.hand_made(*arguments)

    def test_an_unknown_job_is_answered_with_the_known_ones(self):
        with pytest.raises(ValueError, match="no hand-made job 'sleep': the jobs are previous word, "):
            examples.right_map("sleep", ["a"])


class TestFacts:
    def test_every_fact_has_a_source_and_a_note(self):
        rows = list(csv.DictReader((DATA / "facts.csv").read_text("utf-8").splitlines()))
        assert len({row["key"] for row in rows}) == len(rows) == len(examples.facts())
        for row in rows:
            assert list(row) == ["key", "value", "source", "note"] and all(row.values()), row

    def test_values_are_numbers(self):
        facts = examples.facts()
        assert all(type(value) in (int, float) for value, _ in facts.values())
        assert facts["picture_score_1"][0] == 112 and facts["picture_score_2"][0] == 96
        assert facts["bleu_8_heads"] == (25.8, "Vaswani et al. 2017, Table 3, row base")
        assert facts["base_d_model"][0] == facts["base_n_heads"][0] * facts["base_d_k"][0]


class TestFiles:
    def test_the_generator_makes_the_committed_bytes(self, tmp_path):
        runpy.run_path(str(DATA / "make.py"))["main"](tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(MADE)
        for name in MADE:
            assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), f"data/{name}"

    def test_every_file_has_a_checksum_and_a_line_in_the_readme(self):
        sums = [line.split()[1] for line in (DATA / "SHA256SUMS").read_text().splitlines()]
        files = {path.name for path in DATA.iterdir() if path.is_file() and not path.name.startswith(".")}
        assert set(sums) == files - {"README.md", "make.py", "SHA256SUMS"}
        readme = (DATA / "README.md").read_text("utf-8")
        table = [line for line in readme.splitlines() if line.startswith("|")]
        assert all(any(f"`{name}`" in line for line in table) for name in sums)

    def test_no_file_holds_a_pickle(self):
        for path in DATA.glob("*.npz"):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    with archive.open(name) as file:
                        np.lib.format.read_magic(file)
                        assert np.lib.format.read_array_header_1_0(file)[2].kind in "ifU", (
                            path.name,
                            name,
                        )  # whole and real numbers, and text
        for path in DATA.iterdir():
            if path.is_file():
                with pytest.raises(ValueError):
                    list(pickletools.genops(path.read_bytes()))

    @pytest.mark.parametrize(
        "name, load, remedy",
        [
            ("thinking_machines.npz", examples.thinking_machines, "python data/make.py makes it anew"),
            ("hand_made.npz", examples.hand_made, "python data/make.py makes it anew"),
            ("three_boxes.json", examples.three_boxes, "git restore data/three_boxes.json brings it back"),
            ("sentences.json", examples.sentences, "git restore data/sentences.json brings it back"),
            ("facts.csv", examples.facts, "git restore data/facts.csv brings it back"),
        ],
    )
    def test_a_damaged_or_missing_file_is_named_with_the_remedy(self, other_folder, name, load, remedy):
        load()
        clear_caches()
        content = bytearray((other_folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (other_folder / name).write_bytes(content)
        with pytest.raises(
            ValueError, match=f"^data/{name} is not the file that data/SHA256SUMS describes: {remedy}"
        ):
            load()
        (other_folder / name).unlink()
        with pytest.raises(FileNotFoundError, match=rf"^data/{name} cannot be read \(.*\): {remedy}"):
            load()

    def test_missing_checksums_are_made_anew(self, other_folder):
        (other_folder / "SHA256SUMS").unlink()
        with pytest.raises(
            FileNotFoundError, match="^data/SHA256SUMS cannot be read .*: python data/make.py makes it anew$"
        ):
            examples.facts()

    def test_an_installed_copy_has_no_generator(self, other_folder, monkeypatch):
        installed = other_folder.rename(other_folder.with_name("_data"))
        monkeypatch.setattr(data, "FOLDER", installed)
        assert examples.three_boxes().words == ("Thinking", "Machines")
        (installed / "facts.csv").unlink()
        with pytest.raises(FileNotFoundError, match="install the course again$"):
            examples.facts()


def test_shared_arrays_cannot_be_changed():
    example, boxes, attention = examples.thinking_machines(), examples.three_boxes(), examples.hand_made()
    shared = [example.x, boxes.queries, boxes.keys, boxes.values]
    shared += [
        getattr(layer, name)
        for layer in (example.attention, attention)
        for name in ("w_q", "w_k", "w_v", "w_o")
    ]
    for array in shared:
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 7
    examples.embed(["a"])[0] = 7  # made anew for every call
    assert examples.embed(["a"])[0, 1] == 0
    examples.sentences().clear()
    assert examples.sentence("thinking")


class TestWhichApple:
    BITE, PHONE = (examples.which_apple(words) for words in examples.APPLE_SENTENCES)

    def test_apple_starts_the_same_and_ends_where_its_sentence_points(self):
        bite, phone = self.BITE, self.PHONE
        assert bite.words[4] == phone.words[0] == "apple"
        assert bite.x[4].tolist() == phone.x[0].tolist() == [2, 2, 1, 0]
        food, gadgets = bite.attention(bite.x)[0][4, :2], phone.attention(phone.x)[0][0, :2]
        assert food[0] > 1.5 > 0.2 > food[1] and gadgets[1] > 1.5 > 0.2 > gadgets[0]

    def test_apple_attends_to_the_words_that_tell(self):
        bite, phone = (example.attention(example.x)[1][0] for example in (self.BITE, self.PHONE))
        assert bite[4].argmax() == 1 and bite[4, 1] > 0.8
        assert phone[0].argsort()[-2:].tolist() == [3, 4] and phone[0, 3:].sum() > 0.8

    def test_the_vectors_alone_would_find_apple_itself(self):
        alike = self.BITE.x @ self.BITE.x.T
        assert alike[4].argmax() == 4 and (alike == alike.T).all()

    def test_scores_are_not_symmetric_and_numbers_are_small_and_whole(self):
        for example in (self.BITE, self.PHONE):
            layer = example.attention
            scores = (example.x @ layer.w_q) @ (example.x @ layer.w_k).T
            assert (scores != scores.T).any()
            assert {*np.unique(example.x), *np.unique(layer.w_q), *np.unique(layer.w_k)} <= {0, 1, 2}

    def test_other_words_have_no_meaning_here(self):
        example = examples.which_apple(["Apple", "xyzzy"])
        assert example.x.tolist() == [[2, 2, 1, 0], [0, 0, 0, 0]]
        with pytest.raises(TypeError, match="must be a list of strings"):
            examples.which_apple("she bit into the apple")
