"""The real model: against transformers on PyTorch, against its stored maps, and what it says to bad files.

What needs the model is skipped without it (make model), and the comparison without torch and transformers.
"""

import hashlib
import json
import shutil

import numpy as np
import pytest

from helpers import checkpoint, data, real_model
from helpers.real_model import LayerNorm, gelu
from tools import real_maps

needs_model = pytest.mark.skipif(bool(real_model.missing()), reason=real_model.missing())
SENTENCES = [
    "The animal didn't cross the street because it was too tired.",
    "apple",
    " ".join(["a river carries wooden boats"] * 40),  # 200 words
    "qzxv flurbish xylophonics",
    "苹果很好吃",
    "Ünïcode café — naïve! 😀 and 🥝",
]


@pytest.fixture(scope="module")
def model():
    return real_model.load()


@pytest.fixture(scope="module")
def reference():
    """What transformers computes: a function of sentences, in one padded batch."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    folder = str(checkpoint.find())
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def run(sentences, dtype="float32"):
        bert = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
        batch = tokenizer(sentences, padding=True, return_tensors="pt")
        with torch.no_grad():
            found = bert.to(getattr(torch, dtype))(**batch, output_attentions=True, output_hidden_states=True)
        lengths = batch["attention_mask"].sum(axis=1).tolist()
        tokens = [
            tuple(tokenizer.convert_ids_to_tokens(ids[:n])) for ids, n in zip(batch["input_ids"], lengths)
        ]
        hidden = np.stack([layer.numpy() for layer in found.hidden_states], axis=1)
        weights = np.stack([layer.numpy() for layer in found.attentions], axis=1)
        return [(tokens[i], hidden[i, :, :n], weights[i, ..., :n, :n]) for i, n in enumerate(lengths)]

    return run


@needs_model
class TestAgreement:
    def check(self, readings, expected, tolerance):
        assert len(readings) == len(expected)
        for reading, (tokens, hidden, weights) in zip(readings, expected):
            assert reading.tokens == tokens
            np.testing.assert_allclose(reading.hidden, hidden, rtol=0, atol=tolerance)
            np.testing.assert_allclose(reading.weights, weights, rtol=0, atol=tolerance)

    @pytest.mark.parametrize("sentence", SENTENCES, ids=lambda s: s[:12])
    def test_one_sentence(self, model, reference, sentence):
        self.check([model.read(sentence)], reference([sentence]), 1e-5)

    def test_a_padded_batch(self, model, reference):
        self.check(model.read(SENTENCES), reference(SENTENCES), 1e-5)

    def test_in_float64_nothing_but_rounding_is_left(self, reference):
        readings = real_model.load(dtype=np.float64).read(SENTENCES)
        self.check(readings, reference(SENTENCES, "float64"), 1e-12)

    def test_the_embedding_is_the_published_one(self, model, reference):
        for sentence, (_, hidden, _) in zip(SENTENCES, reference(SENTENCES)):
            mean = hidden[-1].mean(axis=0)  # 1_Pooling/config.json: mean; modules.json: Normalize
            found = model.embed([sentence])[0]
            np.testing.assert_allclose(found, mean / np.linalg.norm(mean), rtol=0, atol=1e-5)


@needs_model
class TestReading:
    def test_padding_changes_nothing(self, model):
        for alone, together in zip(map(model.read, SENTENCES), model.read(SENTENCES)):
            np.testing.assert_allclose(together.hidden, alone.hidden, rtol=0, atol=1e-5)
            assert together.weights.shape == alone.weights.shape

    def test_writes_are_the_attention_output_without_its_bias(self, model):
        reading, layer = model.read("She bit into the apple"), model.layers[2]
        after = layer.attention_norm(reading.hidden[2] + reading.writes(2).sum(axis=0) + layer.output.bias)
        after = layer.feed_forward_norm(after + layer.down(gelu(layer.up(after))))
        np.testing.assert_allclose(after, reading.hidden[3], rtol=0, atol=1e-5)

    def test_contributions_are_the_lengths_of_what_each_cell_adds(self, model):
        reading = model.read("She bit into the apple")
        cell = reading.weights[3, 7, 2, 4] * (reading.values[3, 7, 4] @ reading.w_o[3, 7])
        np.testing.assert_allclose(reading.contributions(3)[7, 2, 4], np.linalg.norm(cell), rtol=1e-5)

    def test_an_ablated_head_writes_nothing_or_its_mean(self, model):
        sentence, means = "She bit into the apple", model.mean_results(SENTENCES)
        zero, mean = (model.read(sentence, [(1, 8), (4, 0)], m) for m in (None, means))
        assert not zero.writes(1)[8].any() and not zero.writes(4)[0].any() and zero.writes(4)[1].any()
        np.testing.assert_array_equal(
            mean.results[1, 8], np.broadcast_to(means[1, 8], mean.results[1, 8].shape)
        )
        whole = model.read(sentence)
        np.testing.assert_array_equal(zero.hidden[1], whole.hidden[1])
        assert abs(zero.hidden[2] - whole.hidden[2]).max() > 0.01 < abs(mean.hidden[2] - zero.hidden[2]).max()
        np.testing.assert_allclose(model.embed([sentence], [(1, 8), (4, 0)])[0], zero.embedding, atol=1e-6)

    def test_means_weigh_every_token_once(self, model):
        first, second = "apple", "She bit into the apple"
        results = [model.read(sentence).results for sentence in (first, second)]
        expected = np.concatenate(results, axis=2).mean(axis=2)
        np.testing.assert_allclose(model.mean_results([first, second]), expected, atol=1e-5)

    def test_more_sentences_than_one_batch_holds(self, model):
        sentences = [f"word {number}" for number in range(70)]
        vectors = model.embed(sentences)
        np.testing.assert_allclose(vectors[69], model.embed([sentences[69]])[0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)

    @pytest.mark.parametrize(
        ("arguments", "kind", "sentence"),
        [
            ((7,), TypeError, "a sentence must be a string, or several a list of strings, and got 7"),
            (([],), TypeError, r"a sentence must be a string, or several a list of strings, and got \[\]"),
            ((["a", None],), TypeError, "a sentence must be a string"),
            (("  ",), ValueError, "a sentence needs at least one word, and got '  '"),
            (("\ud800",), ValueError, "a sentence holds half of a surrogate pair"),
            (
                ("word " * 600,),
                ValueError,
                "the model reads at most 512 tokens, and 'word .*has 602: shorten it",
            ),
            (("a", [(6, 0)]), ValueError, r"layer from 0 to 5 and a head from 0 to 11, and got \(6, 0\)"),
            (("a", [3]), ValueError, r"ablate takes pairs \(layer, head\) .* and got 3"),
            (("a", [(0, 0)], np.zeros(3)), ValueError, r"= \(6, 12, 32\), and got \(3,\)"),
        ],
    )
    def test_bad_input_gets_one_sentence(self, model, arguments, kind, sentence):
        with pytest.raises(kind, match=sentence):
            model.read(*arguments)


class TestStored:
    def test_they_are_attention_maps_of_the_size_of_the_model(self):
        maps = real_model.stored()
        assert list(maps) == ["tired", "wide", "bite", "phone"]
        for name, each in maps.items():
            n = len(each.tokens)
            assert each.weights.shape == (6, 12, n, n) and each.lengths.shape == (6, 12, n)
            assert each.tokens[0] == "[CLS]" and each.tokens[-1] == "[SEP]"
            assert " ".join(each.tokens[1:-1]) == real_maps.MAPS[name].lower()
            np.testing.assert_allclose(each.weights.sum(axis=-1), 1, atol=2e-3)

    def test_the_heads_that_the_notebook_finds(self):
        for each in real_model.stored().values():
            previous, following = (
                np.diagonal(each.weights, offset, 2, 3).mean(axis=-1) for offset in (-1, 1)
            )
            assert np.unravel_index(previous.argmax(), previous.shape) == (0, 2) and previous[0, 2] > 0.95
            assert np.unravel_index(following.argmax(), following.shape) == (1, 8)

    def test_the_maps_of_a_stored_sentence_need_no_model(self, monkeypatch):
        monkeypatch.setattr(real_model, "load", None)
        for name, each in real_model.stored().items():
            found = real_model.maps(f" {real_maps.MAPS[name].upper()} ")
            assert found.tokens == each.tokens
            np.testing.assert_array_equal(found.weights, each.weights)

    def test_another_sentence_says_how_to_get_the_model(self, monkeypatch):
        monkeypatch.setattr(real_model, "missing", lambda path=None: "No model here: run `make model`.")
        with pytest.raises(FileNotFoundError, match="run `make model`"):
            real_model.maps("She bit into the pear")

    @needs_model
    def test_another_sentence_is_read_by_the_model(self):
        found = real_model.maps("She bit into the pear")
        assert found.tokens[-2] == "pear" and found.weights.shape == (6, 12, 7, 7)
        with pytest.raises(TypeError, match="a sentence must be a string"):
            real_model.maps(["apple", "pear", 7])

    def test_what_was_measured(self):
        measured = real_model.measured()
        cosines = measured["apples.cosines"]
        np.testing.assert_array_equal(cosines[1:, 0], 1)  # one word at one position: one vector
        assert (cosines[1, 1:] < cosines[2, 1:]).all()  # two senses are further apart than one sense
        assert measured["pronouns.weights"].shape == (len(measured["pronouns.sentences"]), 2, 6, 12)
        assert (measured["ablations"] > 0).all()

    def test_the_file_is_small(self):
        assert (real_maps.DATA / "real_maps.npz").stat().st_size < 100_000

    @needs_model
    def test_the_model_makes_them(self, model):
        for name, each in real_model.stored().items():
            reading = model.read(real_maps.MAPS[name])
            assert reading.tokens == each.tokens
            np.testing.assert_allclose(each.weights, reading.weights, rtol=0, atol=5e-4)
            for layer in range(6):
                found, expected = each.contributions(layer), reading.contributions(layer)
                np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-3)

    @needs_model
    def test_the_tool_makes_the_same_bytes(self):
        found = real_maps.without_ablations(real_model.load(dtype=np.float64))
        stored = data.arrays("real_maps.npz")
        assert list(found) == list(stored)[:-1]
        for name, array in found.items():
            assert array.dtype == stored[name].dtype and array.tobytes() == stored[name].tobytes(), name

    @needs_model
    @pytest.mark.parametrize("head", [(0, 2), (3, 1), (5, 11)])
    def test_the_ablations(self, model, head):
        expected = real_model.measured()["ablations"][:, head[0], head[1]]
        np.testing.assert_allclose(real_maps.ablation(model, *head), expected, rtol=1e-2, atol=1e-6)


class TestParts:
    def test_gelu_in_float32_is_the_one_in_float64(self):
        x = np.linspace(-8, 8, 4001)
        np.testing.assert_allclose(gelu(x.astype(np.float32)), gelu(x), rtol=0, atol=1e-6)

    def test_layer_norm(self):
        x = np.random.default_rng(0).normal(3, 7, (5, 11))
        found = LayerNorm(np.full(11, 2.0), np.full(11, 5.0))(x)
        np.testing.assert_allclose(found.mean(axis=1), 5)
        np.testing.assert_allclose(found.std(axis=1), 2)


class TestMissing:
    def test_without_the_model_a_sentence_says_how_to_get_it(self, monkeypatch, tmp_path):
        monkeypatch.setattr(checkpoint, "PACKAGE", "no_such_package")
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
        assert "the model itself can't be found: run `make model`" in real_model.missing()
        with pytest.raises(
            FileNotFoundError, match="^The real model can't be loaded, because .*`make model`"
        ):
            real_model.load()

    def test_it_is_found_in_a_cache_of_hugging_face(self, monkeypatch, tmp_path):
        monkeypatch.setattr(checkpoint, "PACKAGE", "no_such_package")
        monkeypatch.delenv("HF_HUB_CACHE", raising=False)
        monkeypatch.setenv("HF_HOME", str(tmp_path))
        snapshot = tmp_path / "hub/models--sentence-transformers--all-MiniLM-L6-v2/snapshots/1110a243"
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").touch()
        assert checkpoint.find() is None  # a download that was broken off
        for name in checkpoint.SHA256:
            (snapshot / name).touch()
        assert checkpoint.find() == snapshot


def small_checkpoint(folder):
    """A checkpoint of a tiny BERT with random numbers."""
    numpy_files = pytest.importorskip("safetensors.numpy")
    tokenizers = pytest.importorskip("tokenizers")
    config = dict.fromkeys(checkpoint.SIZES, 6) | {"num_hidden_layers": 2, "num_attention_heads": 3}
    rng = np.random.default_rng(0)
    arrays = {
        name: rng.standard_normal(shape).astype(np.float32)
        for name, shape in checkpoint.shapes(config).items()
    }
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "river"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    numpy_files.save_file(arrays, folder / "model.safetensors")
    return config, arrays, numpy_files.save_file


class TestFiles:
    """A damaged, wrong or unsupported file is named in one sentence."""

    def test_another_bert_checkpoint(self, tmp_path):
        small_checkpoint(tmp_path)
        with pytest.raises(
            ValueError, match=r"config.json is damaged or belongs to another model: its sha256"
        ):
            real_model.load(tmp_path)
        reading = real_model.load(tmp_path, check=False).read("red river red")
        assert reading.tokens == ("[CLS]", "red", "river", "red", "[SEP]")
        assert reading.hidden.shape == (3, 5, 6) and reading.weights.shape == (2, 3, 5, 5)

    @needs_model
    @pytest.mark.parametrize("name", checkpoint.SHA256)
    def test_one_changed_byte(self, tmp_path, name):
        for each in checkpoint.SHA256:
            shutil.copyfile(checkpoint.find() / each, tmp_path / each)
        content = bytearray((tmp_path / name).read_bytes())
        content[-2] ^= 1
        (tmp_path / name).write_bytes(content)
        found = hashlib.sha256(content).hexdigest()[:8]
        with pytest.raises(ValueError, match=f"{name} is damaged .*{found}….*Download it again"):
            real_model.load(tmp_path)

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"model_type": "gpt2"}, "can't run: model_type is 'gpt2', not 'bert'"),
            ({"hidden_act": "relu"}, "can't run: hidden_act is 'relu', not 'gelu'"),
            ({"num_attention_heads": 4}, "4 heads don't divide hidden_size = 6"),
            ({"hidden_size": "many"}, "a whole number above 0 for hidden_size, and gives 'many'"),
            (
                {"hidden_size": 9},
                r"model.safetensors doesn't fit config.json: .* has the shape \(6, 6\), not",
            ),
            ({"num_hidden_layers": 3}, "model.safetensors lacks the array encoder.layer.2"),
            ({"layer_norm_eps": -1}, "layer_norm_eps"),
        ],
    )
    def test_settings(self, tmp_path, change, sentence):
        config, *_ = small_checkpoint(tmp_path)
        (tmp_path / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(ValueError, match=sentence):
            real_model.load(tmp_path, check=False)

    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("config.json", b"{", "config.json doesn't describe a BERT model: it isn't a JSON object"),
            ("config.json", b"[1]", "config.json doesn't describe a BERT model: it isn't a JSON object"),
            ("config.json", b"{}", "config.json doesn't describe a BERT model: 'vocab_size' is missing"),
            ("model.safetensors", b"\x80\x04pickle", "model.safetensors can't be read as safetensors"),
            ("tokenizer.json", b"{}", "tokenizer.json can't be read as a tokenizer"),
            ("tokenizer.json", b"\xff", "tokenizer.json can't be read as a tokenizer"),
        ],
    )
    def test_damaged(self, tmp_path, name, content, sentence):
        small_checkpoint(tmp_path)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=sentence):
            real_model.load(tmp_path, check=False)

    @pytest.mark.parametrize("name", checkpoint.SHA256)
    def test_absent(self, tmp_path, name):
        small_checkpoint(tmp_path)
        (tmp_path / name).unlink()
        with pytest.raises(FileNotFoundError, match=f"{name} can't be read .*: a checkpoint folder holds"):
            real_model.load(tmp_path, check=False)

    @pytest.mark.parametrize("wrong", [np.float32("nan"), "integers"])
    def test_numbers_that_are_none(self, tmp_path, wrong):
        _, arrays, save = small_checkpoint(tmp_path)
        name = "encoder.layer.1.output.dense.bias"
        arrays[name] = np.ones(6, int) if wrong == "integers" else np.full(6, wrong)
        save(arrays, tmp_path / "model.safetensors")
        with pytest.raises(
            ValueError, match=f"model.safetensors is damaged: {name} must hold finite real numbers"
        ):
            real_model.load(tmp_path, check=False)
