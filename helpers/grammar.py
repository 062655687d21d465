"""A small language in which every probability is known: the corpus of notebook 07.

Its rules are in data/grammar.json. A sentence is made by independent choices, and in each of them all options
are equally likely: a pattern, a sense of a noun, a person, and then each word that the pattern has in
capitals. So all sentences can be listed with their probabilities, and the lowest possible loss is computed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from helpers import data, validate

__all__ = ["MASK", "MaskedWords", "Grammar"]

MASK = "[mask]"


@dataclass(frozen=True, eq=False)
class MaskedWords:
    """Sentences in which one word each is hidden, and what is known about that word.

    tokens:     (batch, n), the number of each word, with that of [mask] where a word is hidden
    positions:  (batch,), where the hidden word stands
    targets:    (batch,), the number of the hidden word
    roles:      (batch,), the hidden word's role, an index into Grammar.roles
    senses:     (batch,), the sense of the sentence's noun, an index into Grammar.senses
    surprisals: (batch,), −ln P(hidden word | the other words), in nats: their mean is the entropy floor
    shares:     (batch,), how much each counts in a mean; they sum to 1
    n_senses, n_roles: how many the grammar has
    """

    tokens: np.ndarray
    positions: np.ndarray
    targets: np.ndarray
    roles: np.ndarray
    senses: np.ndarray
    surprisals: np.ndarray
    shares: np.ndarray
    n_senses: int
    n_roles: int

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def floor(self) -> float:
        """The loss of a reader who knows the grammar, on exactly these sentences, in nats."""
        return float(self.shares @ self.surprisals)

    def table(self, values) -> np.ndarray:
        """The mean of some values (batch,) by sense and role: (n_senses, n_roles), NaN where no word is."""
        cell, cells = self.senses * self.n_roles + self.roles, self.n_senses * self.n_roles
        total, share = np.bincount(cell, self.shares * values, cells), np.bincount(cell, self.shares, cells)
        with np.errstate(invalid="ignore"):
            return (total / share).reshape(self.n_senses, self.n_roles)

    def where(self, kept) -> MaskedWords:
        """Those for which kept (batch,), boolean, is True; the shares are scaled to sum to 1 again."""
        shares = self.shares[kept]
        if shares.size == 0:
            raise ValueError("no sentence is left: kept is False everywhere")
        names = ("tokens", "positions", "targets", "roles", "senses", "surprisals")
        arrays = {name: getattr(self, name)[kept] for name in names}
        return replace(self, **arrays, shares=shares / shares.sum())


@dataclass(frozen=True, eq=False)
class Grammar:
    """Every sentence of the language with its probability, and the surprisal of each of its words.

    words:         the vocabulary; words[0] is [mask]
    roles:         the names of the roles whose words may be hidden
    senses:        (noun, sense) of each sense
    sentences:     (n_sentences, n), the number of each word
    probabilities: (n_sentences,), they sum to 1
    role_of:       (n_sentences, n), an index into roles, or -1 for a word that is never hidden
    sense_of:      (n_sentences,), an index into senses
    surprisals:    (n_sentences, n), −ln P(this word | the other words of the sentence), in nats

    >>> grammar = Grammar.read()
    >>> grammar.sentences.shape
    (10800, 9)
    >>> words = grammar.draw(np.random.default_rng(0), batch=2)
    >>> [grammar.text(row) for row in words.tokens]
    ['in the museum the old bank amused [mask] herself', 'in the meadow [mask] herself left the sleepy bat']
    >>> [grammar.words[target] for target in words.targets]
    ['anna', 'ella']
    """

    words: tuple[str, ...]
    roles: tuple[str, ...]
    senses: tuple[tuple[str, str], ...]
    sentences: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    role_of: np.ndarray = field(repr=False)
    sense_of: np.ndarray = field(repr=False)
    surprisals: np.ndarray = field(repr=False)

    @classmethod
    def read(cls) -> Grammar:
        """The grammar of data/grammar.json."""
        return cls.from_rules(data.from_json("grammar.json"))

    @classmethod
    def from_rules(cls, rules: dict) -> Grammar:
        """List every sentence that the rules allow; data/README.md says what the rules mean."""
        if (
            missing := {"patterns", "people", "senses", "any sense", "settings", "SAW", "PLEASED"}
            - rules.keys()
        ):
            raise ValueError(f"the rules lack {min(missing)!r}: data/README.md says what belongs there")
        rows = list(_derivations(rules))
        lengths = {len(words) for words, *_ in rows}
        if len(lengths) != 1:
            raise ValueError(
                f"every pattern must have the same number of words, and they have {sorted(lengths)}"
            )
        texts, role_rows, sense_rows, each_probability = zip(*rows)
        words = (MASK, *sorted({word for text in texts for word in text}))
        roles = tuple(dict.fromkeys(role for row in role_rows for role in row if role))
        number = {word: i for i, word in enumerate(words)}
        role_number = {"": -1, **{role: i for i, role in enumerate(roles)}}
        sentences = np.array([[number[word] for word in text] for text in texts])
        if len(np.unique(sentences, axis=0)) < len(sentences):
            raise ValueError(
                "the rules make one sentence in two ways, so its sense is not certain: give the two senses"
                " different words"
            )
        probabilities = np.array(each_probability)
        return cls(
            words,
            roles,
            tuple((entry["NOUN"], entry["sense"]) for entry in rules["senses"]),
            sentences,
            probabilities,
            np.array([[role_number[role] for role in row] for row in role_rows]),
            np.array(sense_rows),
            _surprisals(sentences, probabilities),
        )

    def numbers(self, text: str) -> np.ndarray:
        """The words of a text as numbers: (n,)."""
        words = text.split()
        if unknown := [word for word in words if word not in self.words]:
            raise ValueError(f"the grammar has no word {unknown[0]!r}: its words are {', '.join(self.words)}")
        return np.array([self.words.index(word) for word in words])

    def text(self, tokens) -> str:
        """The words with these numbers, as one line."""
        return " ".join(self.words[token] for token in tokens)

    def draw(self, rng: np.random.Generator, batch: int) -> MaskedWords:
        """Random sentences, and in each one word hidden, every role with the same chance.

        Only rng.random is used, so that the same seed gives the same sentences with every version of NumPy.
        """
        batch, rng = validate.count(batch, "batch"), validate.generator(rng)
        sentence = np.searchsorted(self._ends, rng.random(batch), side="right")
        role = np.floor(rng.random(batch) * len(self.roles)).astype(int)
        return self._hide(sentence, self._position_of[sentence, role], np.full(batch, 1 / batch))

    def every_word(self) -> MaskedWords:
        """Every sentence with each of its six roles hidden in turn, and its probability: nothing is random.

        "in" and "the" have no role, so they are never hidden.
        """
        sentence, place = np.nonzero(self.role_of >= 0)
        return self._hide(sentence, place, self.probabilities[sentence] / len(self.roles))

    def _hide(self, sentence, place, shares):
        tokens, rows = self.sentences[sentence], np.arange(len(sentence))
        targets = tokens[rows, place]
        tokens[rows, place] = 0  # the number of [mask]
        return MaskedWords(
            tokens,
            place,
            targets,
            self.role_of[sentence, place],
            self.sense_of[sentence],
            self.surprisals[sentence, place],
            shares,
            len(self.senses),
            len(self.roles),
        )

    @cached_property
    def _ends(self):
        """The sentences' shares of the line from 0 to 1, side by side: where each ends."""
        ends = np.cumsum(self.probabilities)
        return ends / ends[-1]

    @cached_property
    def _position_of(self):
        """Where each role stands: (n_sentences, n_roles)."""
        return np.stack([(self.role_of == role).argmax(axis=1) for role in range(len(self.roles))], axis=1)


def _derivations(rules):
    """Every way through the rules: the words, their roles, the sense's index, the probability."""
    for pattern, person, (index, sense) in itertools.product(
        rules["patterns"], rules["people"], enumerate(rules["senses"])
    ):
        choices = {
            "SAW": rules["SAW"],
            "PLEASED": rules["PLEASED"],
            "SUBJECT": person["SUBJECT"],
            "SELF": [person["SELF"]],
            "NOUN": [sense["NOUN"]],
            "ADJECTIVE": sense["ADJECTIVE"] + rules["any sense"]["ADJECTIVE"],
            "PLACE": rules["settings"][sense["setting"]]["PLACE"],
        }
        slots = pattern.split()
        options = [choices.get(slot, [slot]) for slot in slots]
        ways = (
            len(rules["patterns"])
            * len(rules["people"])
            * len(rules["senses"])
            * np.prod([len(o) for o in options])
        )
        roles = [_ROLE.get(slot, "") for slot in slots]
        for words in itertools.product(*options):
            yield words, roles, index, 1 / ways


_ROLE = {
    "SUBJECT": "subject",
    "SELF": "reflexive",
    "SAW": "verb",
    "PLEASED": "verb",
    "ADJECTIVE": "adjective",
    "NOUN": "noun",
    "PLACE": "place",
}


def _surprisals(sentences, probabilities):
    """−ln P(word | the other words): the sentence's share among all that differ in this word only."""
    surprisals = np.empty(sentences.shape)
    for place in range(sentences.shape[1]):
        others = np.delete(sentences, place, axis=1)
        _, group = np.unique(others, axis=0, return_inverse=True)
        group = group.ravel()  # some versions of NumPy return a column
        together = np.bincount(group, weights=probabilities)[group]
        surprisals[:, place] = np.log(together / probabilities)
    return surprisals
