"""Where an answer leaves the right way: its own lines are run again, part by part, and compared with the
steps."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence

import numpy as np

from helpers.checks.exercises import Case, Exercise
from helpers.checks.relations import related
from helpers.checks.run import Result, call, close, first_line

__all__ = ["traced"]

_PLAIN = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)


def traced(exercise: Exercise, answer: Callable, cases: Sequence[Case], returned: Sequence[dict]) -> str:
    """The first part of an answer that is no step of the right way, in a sentence, or "".

    returned: the local names of the answer when it returned, for each case
    """
    if not exercise.steps:
        return ""
    steps = [exercise.steps(*case.arguments.values()) for case in cases]
    parts = [_parts(answer, case) or _locals(names, case) for case, names in zip(cases, returned)]
    if not all(parts) or len({tuple(text for text, _ in each) for each in parts}) > 1:
        return ""
    last, at = "", -1
    for k, (text, _) in enumerate(parts[0]):
        name = _same_step([each[k][1] for each in parts], steps)
        if name:
            last, at = f"`{text}` holds {name}, as it should.", k
    if at < 0 or at == len(parts[0]) - 1:
        return ""
    reached = list(steps[0]).index(_same_step([each[at][1] for each in parts], steps))
    text, relation = _first_after(parts, at, steps, list(steps[0])[reached + 1 :])
    if not text:
        return ""
    return f"{last} The slip comes right after, in `{text}`. {relation}".strip()


def _same_step(values: Sequence, steps: Sequence[dict]) -> str:
    """The name of the step that these values are in every case, also with the last two axes swapped."""
    for name in reversed(list(steps[0])):
        if all(isinstance(v, np.ndarray) and close(v, np.asarray(s[name])) for v, s in zip(values, steps)):
            return name
    return ""


def _first_after(parts, at, steps, wanted):
    """The first own part after the last right one that isn't an argument, and how it is related to a later
    step."""
    for k in range(at + 1, len(parts[0])):
        text, own = parts[0][k][0], [each[k][1] for each in parts]
        if not all(isinstance(v, np.ndarray) and v.ndim for v in own):
            continue
        for name in wanted:
            sentence = related(own, [np.asarray(s[name]) for s in steps], [Case({}, {})] * len(own), True)
            if sentence:
                return text, f"Compared with {name}: {sentence[:1].lower()}{sentence[1:]}"
        if all(np.isnan(v).any() for v in own if v.dtype.kind == "f") and own[0].dtype.kind == "f":
            return text, "That's where NaN comes in."
        following = f", and {wanted[0]} would have {np.shape(steps[0][wanted[0]])}" if wanted else ""
        return text, f"That's no step of the course's way: it has the shape {own[0].shape}{following}."
    return "", ""


def _locals(names: dict, case: Case) -> list[tuple[str, object]]:
    """The local arrays of an answer with loops, in the order of their names, without its arguments."""
    return [(name, value) for name, value in names.items() if name not in case.arguments]


def _parts(answer: Callable, case: Case) -> list[tuple[str, object]]:
    """Every part of an answer without loops, in the order in which Python works them out: (text, value)."""
    function = first_line(answer)
    if function is None or not all(isinstance(line, _PLAIN) for line in function.body):
        return []
    names = [argument.arg for argument in function.args.args]
    space = {**answer.__globals__, **dict(zip(names, copy.deepcopy(list(case.arguments.values()))))}
    found: list[tuple[str, object]] = []

    def run(*arguments):
        for line in function.body:
            for part in _expressions(line):
                value = eval(compile(ast.Expression(part), "<answer>", "eval"), space)
                if isinstance(value, np.ndarray):
                    found.append((ast.unparse(part), value.copy()))
            if not isinstance(line, ast.Return):
                exec(compile(ast.Module([line], []), "<answer>", "exec"), space)
                for name in _targets(line):
                    if isinstance(space.get(name), np.ndarray):
                        found.append((name, space[name].copy()))

    outcome = call(run, case, 1.0)
    return found if isinstance(outcome, Result) else []


def _expressions(line) -> list[ast.expr]:
    """The parts of a line that are worth a look, innermost first: operations and calls."""
    value = getattr(line, "value", None)
    if value is None:
        return []
    inside = [
        n
        for n in ast.walk(value)
        if isinstance(n, (ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.NamedExpr))
    ]
    if inside:
        return []
    found = [n for n in ast.walk(value) if isinstance(n, (ast.BinOp, ast.Call, ast.UnaryOp))]
    return sorted(found, key=lambda n: (n.end_lineno or 0, n.end_col_offset or 0, -n.col_offset))


def _targets(line) -> list[str]:
    targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
    return [
        name.id for target in targets if target for name in ast.walk(target) if isinstance(name, ast.Name)
    ]
