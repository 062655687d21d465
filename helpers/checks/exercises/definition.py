"""What an exercise is: its inputs, its right answer, its hints, and the mistakes that it knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

from helpers.checks.catalogue import MISTAKES, Mistake, steps_with

__all__ = ["Case", "Exercise", "Wrong"]


@dataclass(frozen=True)
class Case:
    """The arguments of one call, by name and in order, and the sizes that a message may mention."""

    arguments: Mapping[str, object]
    sizes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that is known: a function to run, and what to say."""

    name: str
    answer: Callable
    sentence: str


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise.

    right:     one right answer, as the learner could have written it, called my_ and the exercise's name
    notebook:  "02" and so on
    cases:     makes the list of Cases; the same one every time
    returns:   what comes back, in words with its shape
    hints:     two, the second says nearly all
    pipeline:  the right answer made of the catalogue's steps, so that its mistakes are known
    own:       further mistakes, which only this exercise knows
    problem:   for an exercise with many right answers: what is wrong with this one, or ""
    steps:     what a right answer computes on its way, by the field's names (helpers/checks/intermediates.py)
    lesson:    one sentence on what to take from it, shown after "Right"
    """

    right: Callable
    notebook: str
    cases: Callable[[], list[Case]]
    returns: str
    hints: tuple[str, str]
    pipeline: Callable | None = None
    own: tuple[Wrong, ...] = ()
    problem: Callable[..., str] | None = None
    steps: Callable[..., dict] | None = None
    lesson: str = ""

    @property
    def name(self) -> str:
        return self.right.__name__.removeprefix("my_")

    def known(self) -> list[Wrong]:
        """Every single mistake. Those that change nothing here are among them."""
        return [*self.own, *(self._wrong(mistake) for mistake in MISTAKES if self.pipeline)]

    def pairs(self, names: Collection[str]) -> list[Wrong]:
        """Two of these mistakes of the catalogue at once."""
        chosen = [mistake for mistake in MISTAKES if self.pipeline and mistake.name in names]
        return [
            self._wrong(*pair)
            for pair in combinations(chosen, 2)
            if not pair[0].wrong.keys() & pair[1].wrong.keys()
        ]

    def _wrong(self, *mistakes: Mistake) -> Wrong:
        assert self.pipeline, "only an exercise with a pipeline has the catalogue's mistakes"
        return Wrong(
            " and ".join(m.name for m in mistakes),
            partial(self.pipeline, steps_with(*mistakes)),
            ("Two things. " if len(mistakes) > 1 else "") + " And: ".join(m.sentence for m in mistakes),
        )
