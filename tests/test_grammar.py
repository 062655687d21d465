"""The small language of notebook 07: only its own sentences, and a floor that is exact."""

import copy
import json
import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from helpers.grammar import MASK, Grammar

RULES = json.loads((Path(__file__).parents[1] / "data" / "grammar.json").read_text("utf-8"))
GRAMMAR = Grammar.read()
ROLE = {role: i for i, role in enumerate(GRAMMAR.roles)}


def sense_of(text):
    """The index of the sense if the rules allow the sentence, otherwise None: read from the rules."""
    words = text.split()
    for pattern in RULES["patterns"]:
        slots = pattern.split()
        if len(slots) != len(words) or any(
            slot != word for slot, word in zip(slots, words) if slot.islower()
        ):
            continue
        found = {slot: word for slot, word in zip(slots, words) if slot.isupper()}
        if not any(
            found["SUBJECT"] in person["SUBJECT"] and found["SELF"] == person["SELF"]
            for person in RULES["people"]
        ):
            continue
        if any(found[verb] not in RULES[verb] for verb in ("SAW", "PLEASED") if verb in found):
            continue
        for index, sense in enumerate(RULES["senses"]):
            if (
                found["NOUN"] == sense["NOUN"]
                and found["PLACE"] in RULES["settings"][sense["setting"]]["PLACE"]
                and found["ADJECTIVE"] in sense["ADJECTIVE"] + RULES["any sense"]["ADJECTIVE"]
            ):
                return index
    return None


def filled(words):
    """The sentences of some MaskedWords with the hidden words put back: (batch, n)."""
    tokens = words.tokens.copy()
    tokens[np.arange(len(words)), words.positions] = words.targets
    return tokens


class TestLanguage:
    def test_it_is_small_and_has_what_the_notebook_needs(self):
        assert 40 <= len(GRAMMAR.words) <= 80 and GRAMMAR.words[0] == MASK
        assert GRAMMAR.sentences.shape[1] <= 10
        assert set(GRAMMAR.roles) == {"subject", "reflexive", "verb", "adjective", "noun", "place"}
        nouns = Counter(noun for noun, _ in GRAMMAR.senses)
        assert {"apple", "bank", "mouse", "bat"} <= set(nouns) and set(nouns.values()) == {2}

    def test_every_listed_sentence_follows_the_rules_and_has_the_sense_they_give(self):
        texts = [GRAMMAR.text(row) for row in GRAMMAR.sentences]
        assert [sense_of(text) for text in texts] == GRAMMAR.sense_of.tolist()
        assert len(set(texts)) == len(texts)

    def test_none_is_missing(self):
        nouns = sum(len(sense["ADJECTIVE"]) + 1 for sense in RULES["senses"])
        assert len(GRAMMAR.sentences) == len(RULES["patterns"]) * 6 * 3 * nouns * 4

    def test_other_sentences_are_refused_by_this_tests_own_reader(self):
        good = GRAMMAR.text(GRAMMAR.sentences[0])
        assert sense_of(good) is not None and good.split()[0] == "anna"
        for bad in (
            good.replace("herself", "himself"),
            good.replace("anna herself", "herself anna"),
            good.replace("garden", "office"),
            good + " old",
            good.replace("apple", "bat"),
        ):
            assert bad != good and sense_of(bad) is None

    def test_patterns_senses_and_people_are_even(self):
        p = GRAMMAR.probabilities
        assert abs(p.sum() - 1) < 1e-12
        assert np.allclose(np.bincount(GRAMMAR.sense_of, p), 1 / len(GRAMMAR.senses), atol=1e-12)
        subjects = GRAMMAR.sentences[GRAMMAR.role_of == ROLE["subject"]]
        assert np.allclose(np.bincount(subjects, p)[np.unique(subjects)], 1 / 6, atol=1e-12)

    def test_neither_the_noun_nor_a_place_in_the_line_gives_the_sense_away(self):
        noun, clue = ((GRAMMAR.role_of == ROLE[role]).argmax(axis=1) for role in ("noun", "place"))
        assert len(set(noun)) >= 4 and len(set(clue)) >= 3
        assert 0.2 < GRAMMAR.probabilities[clue < noun].sum() < 0.8
        for word in {GRAMMAR.sentences[0][noun[0]], *GRAMMAR.sentences[np.arange(len(noun)), noun]}:
            has = GRAMMAR.sentences[np.arange(len(noun)), noun] == word
            shares = np.bincount(GRAMMAR.sense_of[has], GRAMMAR.probabilities[has])
            assert np.allclose(shares[shares > 0] / shares.sum(), 0.5)


class TestFloor:
    def test_every_surprise_equals_a_count_by_hand(self):
        together = defaultdict(float)
        for row, probability in zip(GRAMMAR.sentences.tolist(), GRAMMAR.probabilities):
            for place in range(len(row)):
                together[(place, *row[:place], *row[place + 1 :])] += probability
        for row, probability, surprisals in zip(
            GRAMMAR.sentences.tolist(), GRAMMAR.probabilities, GRAMMAR.surprisals
        ):
            by_hand = [
                -math.log(probability / together[(place, *row[:place], *row[place + 1 :])])
                for place in range(len(row))
            ]
            assert np.allclose(surprisals, by_hand, atol=1e-9)

    def test_the_floor_of_each_role_is_the_one_worked_out_on_paper(self):
        ln, every = math.log, GRAMMAR.every_word()
        paper = {
            "subject": ln(3),
            "verb": ln(3),
            "adjective": ln(3),
            "reflexive": 0,
            "noun": ln(5) / 3,  # after an adjective of its own it is certain, after "old" one of five
            "place": 2 / 3 * ln(4)
            + 1 / 3 * ln(8),  # after "old" the noun has two senses, and the place may be any of eight
        }
        for role, index in ROLE.items():
            assert abs(every.where(every.roles == index).floor - paper[role]) < 1e-12, role
        assert abs(every.floor - sum(paper.values()) / 6) < 1e-12

    def test_the_others_of_a_context_share_its_probability(self):
        # For each context the probabilities of all words that may stand there sum to 1.
        place = 4
        groups = defaultdict(float)
        for row, surprise in zip(GRAMMAR.sentences, GRAMMAR.surprisals[:, place]):
            groups[tuple(np.delete(row, place))] += math.exp(-surprise)
        assert np.allclose(list(groups.values()), 1, atol=1e-12)

    def test_many_random_sentences_come_close(self):
        words = GRAMMAR.draw(np.random.default_rng(5), 200_000)
        exact = GRAMMAR.every_word()
        spread = words.surprisals.std() / math.sqrt(len(words))
        assert abs(words.floor - exact.floor) < 4 * spread and spread < 0.003
        # After "old" any noun may stand, and each comes as often as the floor supposes.
        old = (words.tokens == GRAMMAR.words.index("old")).any(axis=1) & (words.roles == ROLE["noun"])
        shares = np.bincount(words.targets[old]) / old.sum()
        assert np.allclose(words.surprisals[old], math.log(5)) and old.sum() > 5000
        assert (shares > 0).sum() == 5 and abs(shares[shares > 0] - 1 / 5).max() < 0.02

    def test_the_place_alone_is_not_enough(self):
        # The best loss of a reader who sees where the gap is, and no word.
        every, loss = GRAMMAR.every_word(), 0
        for place in np.unique(every.positions):
            shares = np.bincount(
                every.targets[every.positions == place], every.shares[every.positions == place]
            )
            shares = shares[shares > 0]
            loss -= (shares * np.log(shares / shares.sum())).sum()
        assert loss > every.floor + 1.5

    def test_weights_of_sentences_count(self):
        # Two patterns of three words, one with more ways to be filled: its sentences are rarer.
        rules = {
            "patterns": [
                "SUBJECT SELF NOUN ADJECTIVE PLACE SAW",
                "SUBJECT SELF NOUN ADJECTIVE PLACE PLEASED",
            ],
            "people": [{"SUBJECT": ["anna"], "SELF": "herself"}],
            "any sense": {"ADJECTIVE": []},
            "senses": [{"NOUN": "bat", "sense": "club", "setting": "in town", "ADJECTIVE": ["heavy"]}],
            "settings": {"in town": {"PLACE": ["shop"]}},
            "SAW": ["saw"],
            "PLEASED": ["pleased", "amused", "worried"],
        }
        small = Grammar.from_rules(rules)
        assert sorted(small.probabilities) == pytest.approx([1 / 6] * 3 + [1 / 2])
        last = {
            small.words[row[-1]]: math.exp(-surprise)
            for row, surprise in zip(small.sentences, small.surprisals[:, -1])
        }
        assert last == pytest.approx({"saw": 1 / 2, "pleased": 1 / 6, "amused": 1 / 6, "worried": 1 / 6})


class TestDraw:
    def test_random_sentences_follow_the_rules_and_hide_one_word_of_the_role_they_name(self):
        words = GRAMMAR.draw(np.random.default_rng(3), 500)
        assert ((words.tokens == 0).sum(axis=1) == 1).all() and (words.targets > 0).all()
        assert (words.tokens[np.arange(500), words.positions] == 0).all()
        assert [sense_of(GRAMMAR.text(row)) for row in filled(words)] == words.senses.tolist()
        of_role = {
            "subject": "anna mary ella tom paul ben",
            "reflexive": "herself himself",
            "noun": "apple bank mouse bat crane",
            "place": "garden valley forest meadow office shop museum school",
        }
        for role, allowed in of_role.items():
            assert {GRAMMAR.words[t] for t in words.targets[words.roles == ROLE[role]]} == set(
                allowed.split()
            )

    def test_every_role_and_every_sense_comes_with_its_share(self):
        words = GRAMMAR.draw(np.random.default_rng(4), 60_000)
        assert abs(np.bincount(words.roles) / 60_000 - 1 / 6).max() < 0.008
        assert abs(np.bincount(words.senses) / 60_000 - 1 / 10).max() < 0.008
        assert abs(words.shares.sum() - 1) < 1e-12

    def test_the_surprise_belongs_to_the_hidden_word(self):
        words = GRAMMAR.draw(np.random.default_rng(6), 50)
        sentence = {tuple(row): i for i, row in enumerate(GRAMMAR.sentences)}
        rows = [sentence[tuple(row)] for row in filled(words)]
        assert words.surprisals.tolist() == GRAMMAR.surprisals[rows, words.positions].tolist()

    def test_the_same_seed_gives_the_same_sentences(self):
        one, two, other = (GRAMMAR.draw(np.random.default_rng(seed), 40).tokens for seed in (7, 7, 8))
        assert (one == two).all() and (one != other).any()
        # Written down once: a change here means that every stored number of notebook 07 changes.
        first = GRAMMAR.draw(np.random.default_rng(0), 2)
        assert [GRAMMAR.text(row) for row in first.tokens] == [
            "in the museum the old bank amused [mask] herself",
            "in the meadow [mask] herself left the sleepy bat",
        ]

    def test_drawing_does_not_change_the_grammar(self):
        before = GRAMMAR.sentences.copy()
        words = GRAMMAR.draw(np.random.default_rng(0), 30)
        words.tokens[:] = 1
        GRAMMAR.every_word()
        assert (GRAMMAR.sentences == before).all()


class TestMaskedWords:
    def test_every_word_hides_each_word_that_has_a_role(self):
        every = GRAMMAR.every_word()
        assert len(every) == 6 * len(GRAMMAR.sentences) and abs(every.shares.sum() - 1) < 1e-12
        assert (every.tokens[np.arange(len(every)), every.positions] == 0).all()

    def test_a_table_holds_the_means_by_sense_and_role(self):
        words = GRAMMAR.draw(np.random.default_rng(1), 300)
        values = np.random.default_rng(2).standard_normal(300)
        table = words.table(values)
        assert table.shape == (10, 6)
        for sense, role in ((0, 3), (7, 5)):
            here = (words.senses == sense) & (words.roles == role)
            assert here.any() and table[sense, role] == pytest.approx(values[here].mean())
        few = words.where((words.senses == 3) & (words.roles == 1))
        assert np.isnan(few.table(few.surprisals)).sum() == 59
        assert few.shares.sum() == pytest.approx(1)

    def test_nothing_left_is_said(self):
        words = GRAMMAR.draw(np.random.default_rng(1), 5)
        with pytest.raises(ValueError, match="no sentence is left"):
            words.where(words.senses == 99)


class TestWrongRules:
    def changed(self, change):
        rules = copy.deepcopy(RULES)
        change(rules)
        return rules

    def test_patterns_of_two_lengths(self):
        rules = self.changed(lambda r: r["patterns"].append("the NOUN"))
        with pytest.raises(ValueError, match=r"same number of words, and they have \[2, 9\]"):
            Grammar.from_rules(rules)

    def test_one_sentence_with_two_senses(self):
        rules = self.changed(lambda r: r["settings"]["in town"]["PLACE"].append("garden"))
        with pytest.raises(ValueError, match="one sentence in two ways"):
            Grammar.from_rules(rules)

    def test_a_missing_part(self):
        rules = self.changed(lambda r: r.pop("people"))
        with pytest.raises(ValueError, match="the rules lack 'people'"):
            Grammar.from_rules(rules)

    def test_an_unknown_word(self):
        with pytest.raises(ValueError, match="no word 'pear'"):
            GRAMMAR.numbers("the pear")

    @pytest.mark.parametrize("batch", [0, -1, 2.0, True])
    def test_a_batch_that_is_no_count(self, batch):
        with pytest.raises(
            (TypeError, ValueError), match="batch must be (at least 1|a whole number), and got"
        ):
            GRAMMAR.draw(np.random.default_rng(0), batch)

    def test_no_generator(self):
        with pytest.raises(TypeError, match="rng must be a numpy Generator"):
            GRAMMAR.draw(np.random, 3)
