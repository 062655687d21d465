"""Every number in the prose is recomputed.

A number in a markdown cell must appear, as a rounding to the digits written, in
a text output of the same notebook or in data/facts.csv; a whole number may also
stand in the code. A code span that is quoted word for word from a code cell
needs no further proof. Whole numbers up to 10, years, references and names that
happen to hold a digit are left out.
"""

from __future__ import annotations

import csv
import functools
import html
import math
import re
from typing import NamedTuple

import pytest

from tools.notebooks import ROOT, cells, notebook_files, read, source, texts

FACTS = ROOT / "data" / "facts.csv"

# A number as people write it: 1,048,576 or 0.88 or 4.38e48.
DIGITS = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+"
NUMBER = re.compile(
    rf"""
    (?P<about>(?:\b(?i:about|roughly|some|nearly|almost|around)\s|[≈~]\s?)?)
    (?P<sign>(?:(?<![\w)\]])-)?)
    (?<![A-Za-z0-9_.\u0370-\u03FF]) (?<![A-Za-z]-)                  # not q1, W_2, GPT-2
    (?P<root>√?)
    (?P<digits>{DIGITS})
    (?:[eE](?P<exponent>[+-]?\d+) | \s?[×·]\s?10\^(?P<ten>-?\d+) | \^(?P<power>-?\d+))?
    (?P<fraction>\s?/\s?(?P<divisor>√?(?:{DIGITS})))?
    (?P<percent>\s?%)?
    (?P<factor>\s?×(?=\s[a-z][a-z]|[.,;:)]|\s*$))?
    (?P<word>\s(?:thousand|million|billion)\b)?
    (?!\d) (?![A-Za-z_](?!\b)) (?!(?![skMBx])[A-Za-z_]\b)            # not 2nd or 3D, but 35s and 20x
""",
    re.VERBOSE,
)
WORDS = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
UNITS = re.compile(r"(?<=\d)(?=(?:ms|kB|KB|MB|GB|px)\b)")

LEFT_OUT = [
    (re.compile(pattern, flags), " ")
    for pattern, flags in [
        (r"```.*?```", re.DOTALL),  # a code block
        (r"https?://\S+|\bdoi:\s?\S+", re.IGNORECASE),
        (r"\barxiv[:\s]*\d{4}\.\d{4,5}(v\d+)?|\b\d{4}\.\d{5}\b", re.IGNORECASE),
        (r"#\d+", 0),  # the number of an issue or a colour
        (r"<sub>.*?</sub>|<(?!/?sup)[a-zA-Z/!][^>]*>", re.DOTALL),
        (r"^\s*(?:[-*>]\s+)?\d+[.)]\s", re.MULTILINE),  # a numbered list
        (r"^#+\s+\d+(?:\.\d+)*\.?\s", re.MULTILINE),
        (r"\b\d+\s?[-–]?\s?D\b", 0),  # 2-D
        (r"(?<![\d.,])0\d\b(?!\.\d)", 0),  # notebook 04
        (r"\b\d+\.\d+\.\d+(?:\.\d+)*\b|§\s?[\d.]+", 0),  # a version or a section
        (
            r"\b(?:notebooks?|heads?|layers?|issues?|pull requests?|"
            r"exercises?|questions?|figures?|fig\.|tables?|equations?|eq\.|"
            r"sections?|chapters?|options?|steps?|"
            r"pages?|pp?\.|volumes?|vol\.|cells?|python|numpy|matplotlib|ipywidgets|jupyterlab|"
            r"apache|by)[ ~]\(?\d+(?:\.\d+)?"
            r"(?:(?:\s?[–-]\s?|,\s|\s(?:and|to|or)\s)\d+)*\b(?!\s?%)",
            re.IGNORECASE,
        ),
        (
            r"(?<=[A-Za-z.,(]\s)(?:19\d\d|20[0-3]\d)[a-z]?\b(?=[\s).,;:\]]|$)|(?<=\()(?:19\d\d|20[0-3]\d)[a-z]?(?=[),;])",
            0,
        ),
    ]
]
MATHS = [
    (re.compile(pattern), by)
    for pattern, by in [
        (r"\\(?:sqrt)\s?\{([^{}]*)\}", r"√\1"),
        (r"\\[dt]?frac\s?\{([^{}]*)\}\s?\{([^{}]*)\}", r" \1/\2 "),
        (r"_\{[^{}]*\}|_\d+\b", ""),  # a subscript
        (r"\^\{(-?\d+)\}|<sup>(-?\d+)</sup>", lambda found: "^" + (found[1] or found[2])),
        (r"\{,\}", ","),
        (r"\\[,;!: ]", ""),
        (r"\\times\b", "×"),
        (r"\\cdot\b", "·"),
        (r"\\approx\b", "≈"),
        (r"\\%", "%"),
    ]
]
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


class Value(NamedTuple):
    """A number of the prose and how far it is from the next one with as many digits."""

    value: float
    step: float
    signed: bool = False
    percent: bool = False
    factor: bool = False


class Claim(NamedTuple):
    """A number as written, the sentence around it, and the values one of whose groups must be found."""

    written: str
    sentence: str
    ways: list[list[Value]]


def plain(text: str) -> str:
    """Markdown with formulas, signs and spaces written one way, without numbers that aren't the course's."""
    text = html.unescape(text)
    text = re.sub(r"\]\([^)]*\)", "] ", text)
    for pattern, by in MATHS:
        text = pattern.sub(by, text)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: "^" + found[0].translate(SUPERSCRIPTS), text)
    text = text.replace("\u2212", "-").replace("\u00a0", " ")
    text = re.sub(r"(?<=\d)[\u2009\u202f](?=\d{3})", ",", text)
    for pattern, by in LEFT_OUT:
        text = pattern.sub(by, text)
    return UNITS.sub(" ", text)


def numeral(digits: str) -> Value:
    """0.88 is known to 0.01; 112 to 1."""
    digits = digits.replace(",", "")
    return Value(float(digits), 10.0 ** -len(digits.partition(".")[2]))


def claims(text: str) -> list[Claim]:
    """Every number of a markdown cell that has to be recomputed."""
    text, found = plain(text), []
    for match in NUMBER.finditer(text):
        ways = [way for way in map(_not_small, _readings(match))]
        if any(not way for way in ways):
            continue
        start = max(text.rfind(mark, 0, match.start()) for mark in (". ", "\n\n", "? ", ": ")) + 1
        ends = [place for mark in (". ", "\n\n", "? ", ".\n") if (place := text.find(mark, match.end())) >= 0]
        sentence = " ".join(text[start : min(ends, default=len(text)) + 1].split())
        found.append(Claim(match[0].strip(), sentence, ways))
    return found


def _not_small(way):
    """A whole number up to 10 needs no proof, unless it is a percentage or a factor."""
    return [
        value for value in way if value.percent or value.factor or value.step != 1 or abs(value.value) > 10
    ]


def _readings(match) -> list[list[Value]]:
    """The ways in which a match can be meant; 1/8 is 0.125, or 1 and 8."""
    whole, step = numeral(match["digits"])[:2]
    if match["about"] and step == 1 and whole:
        step = 10.0 ** (len(str(int(whole))) - len(str(int(whole)).rstrip("0")))
    signed, percent = bool(match["sign"]), bool(match["percent"])
    number = Value(-whole if signed else whole, step, signed, percent)
    exponent = match["exponent"] or match["ten"]
    if exponent:
        scale = 10.0 ** int(exponent)
        return [[Value(number.value * scale, step * scale, signed, percent)]]
    if match["word"]:
        scale = WORDS[match["word"].strip()]
        return [[Value(number.value * scale, step * scale, signed)]]
    if match["factor"]:
        return [[number._replace(factor=True)]]
    if match["power"]:
        power = int(match["power"])
        value = _power(whole, power)
        return [[number, Value(float(abs(power)), 1)], [Value(value, 1e-3 * abs(value))]]
    if match["fraction"]:
        divisor = numeral(match["divisor"].lstrip("√"))
        value = whole / (math.sqrt(divisor.value) if "√" in match["divisor"] else divisor.value or math.inf)
        return [[number, divisor], [Value(value, 1e-3 * abs(value))]]
    if match["root"]:
        return [[number], [Value(math.sqrt(whole), 1e-3 * math.sqrt(whole))]]
    if "," in match["digits"]:  # 1,048,576, or the shape (2,512)
        return [[number], [numeral(part) for part in match["digits"].split(",")]]
    return [[number]]


def _power(base, exponent):
    try:
        return float(base) ** exponent
    except (OverflowError, ZeroDivisionError):
        return math.inf


def numbers_in(text: str) -> set[float]:
    """Every number in an output, in every way in which it can be read."""
    text = text.replace("\u2212", "-")
    found = set()
    for match in re.finditer(
        rf"(?<![A-Za-z_\d.])(-?)(\d+\.(?=e)|{DIGITS})(?:e([+-]?\d+)|\s?×\s?10\^(-?\d+))?(\s?%)?", text
    ):
        for digits in {match[2].replace(",", ""), *match[2].split(",")}:
            value = float(digits) * 10.0 ** int(match[3] or match[4] or 0)
            found |= {-value if match[1] else value} | ({value / 100} if match[5] else set())
    return found


def whole_numbers_in(code: str) -> set[float]:
    """Every whole number in a piece of code, also one written as 1e9 or 10_000."""
    found = set()
    for digits in re.findall(r"(?<![A-Za-z_\d.])\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?", code):
        value = float(digits.replace("_", ""))
        found |= {value} if value == int(value) else set()
    return found


@functools.cache
def facts() -> frozenset[float]:
    """The values of data/facts.csv."""
    if not FACTS.exists():
        return frozenset()
    with FACTS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return frozenset(number for row in rows for number in numbers_in(row["value"]))


def recomputed(value: Value, outputs: set[float], code: set[float]) -> bool:
    """Whether a number is the rounding of one that was computed, or a whole number in the code."""
    if value.step >= 1 and abs(value.value) in code:
        return True
    for number in outputs:
        number = number if value.signed else abs(number)
        for candidate in (number, 100 * number) if value.percent else (number,):
            if abs(candidate - value.value) <= value.step / 2 * (1 + 1e-9) + 1e-12 * abs(value.value):
                return True
    return False


def faults(notebook: dict, known=frozenset()) -> list[str]:
    """One line for every number in the prose that nothing in the notebook stands for."""
    code = [cell for _, cell in cells(notebook, "code")]
    sources = "\n".join(source(cell) for cell in code)
    outputs = set(known).union(*(numbers_in(text) for cell in code for text in texts(cell)))
    whole = whole_numbers_in(sources)
    found = []
    for number, cell in cells(notebook, "markdown"):
        text = re.sub(r"`([^`\n]+)`", lambda span: " " if span[1] in sources else span[0], source(cell))
        if number == 1:
            text = re.sub(r"\d+(?:\s?[–-]\s?\d+)?\s?min(?:utes?)?\b", " ", text)
        for claim in claims(text):
            if not any(all(recomputed(value, outputs, whole) for value in way) for way in claim.ways):
                found.append(f'cell {number}: {claim.written} is in no output: "{claim.sentence}"')
    return found


@pytest.mark.parametrize("path", notebook_files(), ids=lambda path: path.stem)
def test_every_number_in_the_prose_is_recomputed(path):
    found = faults(read(path), facts())
    assert not found, f"{path.relative_to(ROOT)}:\n  " + "\n  ".join(found)


# ---- the check, on sentences -------------------------------------------------------------------------------


def notebook(prose, printed="", code=""):
    return {
        "cells": [
            {"cell_type": "markdown", "source": "# Title\n\n20–35 minutes."},
            {"cell_type": "markdown", "source": prose},
            {
                "cell_type": "code",
                "source": code,
                "outputs": [{"output_type": "stream", "name": "stdout", "text": printed}],
            },
        ]
    }


@pytest.mark.parametrize(
    "prose, printed, code",
    [
        ("The weight is 0.88.", "[0.8808 0.1192]", ""),
        ("The weight is 0.8808.", "0.88079708", ""),
        ("It is 1,048,576 numbers, or 2^20, or 2²⁰, or $2^{20}$.", "1048576", ""),
        ("It is 1 048 576 numbers.".replace(" 0", "\u202f0").replace(" 5", "\u202f5"), "1,048,576", ""),
        ("About 900,000 times, or 932,985.", "932985.2", ""),
        ("Some 1.05 million numbers.", "1048576", ""),
        ("That is 88 % or 88%, and $88\\%$.", "0.8808", ""),
        ("That is 88.1 %.", "88.08 %", ""),
        ("It is 4.38e48, or 4.38 × 10^48, or 4.38 × 10⁴⁸, or $4.38 \\times 10^{48}$.", "4.3777e+48", ""),
        ("Only 1.125e-7 is left, which is 1.125 · 10^−7.", "1.12535e-07", ""),
        ("The gap is −0.15.", "-0.1500", ""),
        ("It falls by 0.15.", "-0.1500", ""),
        ("A factor of 30×, and 3× as many.", "29.8 3.1", ""),
        ("Divide by √512, or $\\sqrt{512}$, which is 22.6.", "22.627", ""),
        ("One part in 1/64, as $\\frac{1}{64}$.", "0.015625", ""),
        ("Divide 112 and 96 by 8.", "", "scores = np.array([112, 96])"),
        ("With the shape (2,512) or `(2, 512)`.", "", "x = np.zeros((2, 512))"),
        ("Mask with −1e9, never with `scores * 0.25`.", "", "masked = scores * 0.25 - 1e9"),
        ("It takes 35 ms, or 35ms.", "34.6", ""),
        ("See e^112.", "", "np.exp(112)"),
        # what is no number of the course's own
        (
            "See notebook 04, notebooks 01 to 08, and q12, x_13, W_{14}, $k_{15}$, head 16, 2-D and float32.",
            "",
            "",
        ),
        (
            "Vaswani et al. 2017 (arXiv 1706.03762), (Xiao 2023), "
            "[this](https://example.org/12/34), `int64`, GPT-2.",
            "",
            "",
        ),
        (
            "1. one\n12. twelve\n\n## 13. A title\n\n"
            "Equation 14, Table 23, section 3.2.2, Python 3.12, #15, issue 118.",
            "",
            "",
        ),
        ("The 8 heads of 10, and −2, and k₁₂, x<sub>12</sub>.", "", ""),
        ("```\n99.9\n```", "", ""),
    ],
)
def test_a_number_that_is_recomputed_passes(prose, printed, code):
    assert faults(notebook(prose, printed, code)) == []


@pytest.mark.parametrize(
    "prose, printed, code, written",
    [
        ("The weight is 0.89.", "[0.8808 0.1192]", "", "0.89"),
        ("The weight is 0.8807.", "0.88079708", "", "0.8807"),
        ("The weight is 0.8808.", "0.881", "", "0.8808"),
        ("It is 1,048,577 numbers.", "1048576", "", "1,048,577"),
        ("It is $2^{21}$.", "1048576", "", "2^21"),
        ("About 800,000 times.", "932985.2", "", "About 800,000"),
        ("It is 900,000 times.", "932985.2", "", "900,000"),
        ("Some 1.06 million numbers.", "1048576", "", "Some 1.06 million"),
        ("That is 89 %.", "0.8808", "", "89 %"),
        ("That is 9 %.", "0.08", "", "9 %"),
        ("It is 4.39e48.", "4.3777e+48", "", "4.39e48"),
        ("It is 4.38 × 10⁴⁷.", "4.3777e+48", "", "4.38 × 10^47"),
        ("The gap is −0.15.", "0.1500", "", "-0.15"),
        ("A factor of 4× here.", "3.1", "", "4×"),
        ("Divide by √513.", "22.627 512", "", "√513"),
        ("It is 1/63.", "0.015625", "", "1/63"),
        ("Divide 113 by 8.", "", "112", "113"),
        ("The rate is 0.25.", "", "rate = 0.25", "0.25"),
        ("Write `reshape(8, 2, 65)`.", "", "reshape(8, 2, 64)", "65"),
        ("It takes 35ms.", "33.6", "", "35"),
        ("It is 2048 words.", "", "", "2048"),
        ("It sums to 1.05.", "1.0", "", "1.05"),
    ],
)
def test_a_number_from_nowhere_is_found(prose, printed, code, written):
    found = faults(notebook(prose, printed, code))
    assert len(found) == 1 and f"cell 2: {written} " in found[0], found


def test_a_fact_with_a_source_passes():
    assert faults(notebook("BLEU falls to 24.9.")) and not faults(
        notebook("BLEU falls to 24.9."), frozenset({24.9})
    )


def test_the_facts_can_be_read():
    assert not FACTS.exists() or facts()
