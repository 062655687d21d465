"""The known mistakes: attention taken apart into steps, and for each step the wrong versions that people
write.

A step is a small function. A mistake replaces one of them, so that every exercise
in which the step occurs has its wrong version without further work, and two
mistakes can be put together. Threads name places where the mistake was really made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["MISTAKES", "Mistake", "RIGHT", "steps_with"]


@dataclass(frozen=True)
class Mistake:
    """A step done wrongly.

    name:     what it is called, in a few words
    wrong:    the wrong versions, each under the step of RIGHT that it replaces
    sentence: what is wrong and what shows it; {d_k}, {n_heads} and the other sizes of a case may stand in it
    thread:   where it happened, as owner/repository#number
    """

    name: str
    wrong: Mapping[str, Callable]
    sentence: str
    thread: str = ""


def transposed(x):
    return x.swapaxes(-1, -2)


def softmax(scores, steps):
    axis = steps["axis"]()
    return steps["normalise"](steps["exp"](scores - steps["largest"](scores, axis)), axis)


# The right steps, in the order in which they run. `sizes` holds d_k, n_keys and so on.
RIGHT: dict[str, Callable] = {
    "sources": lambda x, context: (x, context, context),  # what queries, keys and values are made of
    "matrices": lambda w_q, w_k, w_v: (w_q, w_k, w_v),
    "columns": lambda w, head, d: w[:, head * d : (head + 1) * d],  # one head's part of a large matrix
    "project": lambda x, w: x @ w,
    "project values": lambda x, w: x @ w,
    "split": lambda x, n_heads: x.reshape(len(x), n_heads, -1).swapaxes(0, 1),
    "heads": lambda heads: heads,
    "roles": lambda q, k: (q, k),
    "compare": lambda q, k: q @ transposed(k),
    "scale": lambda scores, sizes: scores / math.sqrt(sizes["d_k"]),
    "hide": lambda scores, mask: np.where(mask, scores, -np.inf),
    "softmax": softmax,
    "axis": lambda: -1,
    "largest": lambda scores, axis: scores.max(axis=axis, keepdims=True),  # what is subtracted before exp
    "exp": np.exp,
    "normalise": lambda raised, axis: raised / raised.sum(axis=axis, keepdims=True),
    "hide late": lambda weights, mask: weights,
    "scale late": lambda weights, sizes: weights,
    "mix": lambda weights, values: weights @ values,
    "return": lambda output, weights: output,
    "merge": lambda heads: heads.swapaxes(0, 1).reshape(heads.shape[1], -1),
    "write": lambda found, w_o: found @ w_o,
    "rows": lambda w_o, n_heads: w_o.reshape(n_heads, -1, w_o.shape[-1]),  # each head's part of W_O
    "return writes": lambda writes: writes,
}

MISTAKES: tuple[Mistake, ...] = (
    # queries, keys and values
    Mistake(
        "queries and keys swapped",
        {"roles": lambda q, k: (k, q)},
        "Queries and keys are swapped: the rows of the scores should belong to the {n_queries} queries,"
        " and yours belong to the {n_keys} keys.",
        "facebookresearch/detr#162",
    ),
    Mistake(
        "queries from the context",
        {"sources": lambda x, context: (context, context, context)},
        "The queries are made from the context. They come from x ({n_queries} words); only keys and values"
        " come from the context ({n_keys} words).",
    ),
    Mistake(
        "context not used",
        {"sources": lambda x, context: (x, x, x)},
        "The context is not used: keys and values should come from its {n_keys} words, and yours come from"
        " x.",
    ),
    Mistake(
        "x and context swapped",
        {"sources": lambda x, context: (context, x, x)},
        "x and context are swapped: the output should have {n_queries} rows, one for each word of x.",
    ),
    Mistake(
        "values from x",
        {"sources": lambda x, context: (x, context, x)},
        "The values are made from x. Each of the {n_keys} keys needs a value of its own, so both come from"
        " the context.",
    ),
    Mistake(
        "keys from W_Q",
        {"matrices": lambda w_q, w_k, w_v: (w_q, w_q, w_v)},
        "The keys are made with W_Q. Then a word's query and key are the same vector; keys have a matrix"
        " of their own, W_K.",
    ),
    Mistake(
        "values from W_K",
        {"matrices": lambda w_q, w_k, w_v: (w_q, w_k, w_k)},
        "The values are made with W_K. What is compared (keys) and what is passed on (values) differ: use"
        " W_V, which gives {d_v} numbers.",
        "yflyzhang/AnnotatedTransformer#1",
    ),
    Mistake(
        "W_Q and W_K swapped",
        {"matrices": lambda w_q, w_k, w_v: (w_k, w_q, w_v)},
        "W_Q and W_K are swapped: your queries are keys, and your keys are queries.",
    ),
    Mistake(
        "no W_V",
        {"project values": lambda x, w: x},
        "The values are the words themselves: W_V ({d_model} by {d_v}) is not used.",
    ),
    Mistake(
        "matrix on the wrong side",
        {"project": lambda x, w: x @ w.T, "project values": lambda x, w: x @ w.T},
        "x is multiplied by a transposed matrix. A row of x has {d_model} numbers, and so has a column of"
        " the matrix: x @ w fits as it is.",
    ),
    Mistake(
        "rows instead of columns",
        {"columns": lambda w, head, d: w[head * d : (head + 1) * d]},
        "The head's part is cut from the rows. A head owns {d_k} columns of the matrix, and every row.",
    ),
    Mistake(
        "every n_heads-th column",
        {"columns": lambda w, head, d: w[:, head :: w.shape[1] // d]},
        "One column in {n_heads} is taken. A head owns {d_k} columns side by side.",
    ),
    Mistake(
        "always the first head",
        {"columns": lambda w, head, d: w[:, :d]},
        "The columns are always the first {d_k}: these belong to head 0, whichever head is asked for.",
        "Kyubyong/transformer#55",
    ),
    Mistake(
        "nothing cut out",
        {"columns": lambda w, head, d: w},
        "Nothing is cut out: the columns of all {n_heads} heads are still there. A head owns {d_k} of them.",
    ),
    Mistake(
        "cut at column head",
        {"columns": lambda w, head, d: w[:, head : head + d]},
        "The cut begins at the wrong column. Head i begins at column i · {d_k}, not at column i.",
    ),
    Mistake(
        "head counted from 1",
        {"columns": lambda w, head, d: w[:, (head - 1) * d : head * d]},
        "The columns are those of the head before: heads are counted from 0, so head i begins at column i"
        " · {d_k}, not (i − 1) · {d_k}.",
    ),
    Mistake(
        "heads counted from the end",
        {"columns": lambda w, head, d: w[:, w.shape[1] - (head + 1) * d : w.shape[1] - head * d]},
        "The heads are counted from the end: head 0 owns the first {d_k} columns.",
    ),
    # split
    Mistake(
        "split without transpose",
        {"split": lambda x, n_heads: x.reshape(n_heads, len(x), -1)},
        "The split is a reshape alone. The shape ({n_heads}, {n}, {d_k}) is right, and the words are not:"
        " the numbers are dealt out in the order in which they stand, so head 0 gets the front of x, not a"
        " piece of every word. Cut to ({n}, {n_heads}, {d_k}) first, then swap the first two axes.",
        "harvardnlp/annotated-transformer#118",
    ),
    Mistake(
        "split into every n_heads-th column",
        {"split": lambda x, n_heads: x.reshape(len(x), -1, n_heads).transpose(2, 0, 1)},
        "Each head gets one column in {n_heads}. A head owns {d_k} columns side by side: cut to ({n},"
        " {n_heads}, {d_k}), in this order.",
    ),
    Mistake(
        "axes left as (n, n_heads, d_k)",
        {"split": lambda x, n_heads: x.reshape(len(x), n_heads, -1)},
        "The cut is right, ({n}, {n_heads}, {d_k}), but the head axis has to come first: swap the first"
        " two axes.",
    ),
    Mistake(
        "not split",
        {"split": lambda x, n_heads: x[None]},
        "Nothing is split: all columns together make one large head. Cut them into {n_heads} heads of"
        " {d_k} first.",
    ),
    Mistake(
        "all heads the same",
        {"heads": lambda heads: np.broadcast_to(heads[:1], heads.shape)},
        "All heads are the first one: their maps are equal. Each head has {d_k} columns of its own.",
        "pbloem/former#8",
    ),
    Mistake(
        "all heads the last one",
        {"heads": lambda heads: np.broadcast_to(heads[-1:], heads.shape)},
        "All heads are the last one: a loop that overwrites its result in each round leaves only that.",
    ),
    Mistake(
        "heads in reverse order",
        {"split": lambda x, n_heads: x.reshape(len(x), n_heads, -1).swapaxes(0, 1)[::-1]},
        "The heads are in reverse order: head 0 owns the first {d_k} columns.",
    ),
    # scores
    Mistake(
        "keys not transposed",
        {"compare": lambda q, k: q @ k},
        "The keys are not transposed in their last two axes. Every query is compared with every key: q @"
        " k.swapaxes(-1, -2), which is q @ k.T where there are no heads. That makes {n_queries} by"
        " {n_keys} scores.",
    ),
    Mistake(
        "no scaling",
        {"scale": lambda scores, sizes: scores},
        "The scores are not scaled. Here d_k is {d_k}, so each score should be divided by √{d_k} ="
        " {root_d_k:.2f}.",
        "huggingface/blog#2893",
    ),
    Mistake(
        "divided by d_k",
        {"scale": lambda scores, sizes: scores / sizes["d_k"]},
        "The scores are divided by d_k = {d_k}. The square root is missing: √{d_k} = {root_d_k:.2f}.",
        "delzac/cntkx#10",
    ),
    Mistake(
        "scaled twice",
        {"scale": lambda scores, sizes: scores / math.sqrt(sizes["d_k"]) / math.sqrt(sizes["d_k"])},
        "The scores are scaled twice, by √{d_k} each time: queries or keys were divided before, or the"
        " scores again.",
    ),
    Mistake(
        "divided by d_k / 2",
        {"scale": lambda scores, sizes: scores / (sizes["d_k"] / 2)},
        "The scores are divided by d_k / 2. Python reads d_k**1/2 as (d_k**1)/2: write d_k**0.5, or"
        " np.sqrt(d_k).",
    ),
    Mistake(
        "divided by 2 d_k",
        {"scale": lambda scores, sizes: scores / (2 * sizes["d_k"])},
        "The scores are divided by d_k, and by 2. Python reads scores / d_k**1/2 from left to right: write"
        " d_k**0.5, or np.sqrt(d_k).",
    ),
    Mistake(
        "always divided by 8",
        {"scale": lambda scores, sizes: scores / 8},
        "The scores are divided by 8, whatever the size. 8 is the square root of 64; here d_k is {d_k},"
        " and its square root is {root_d_k:.2f}.",
    ),
    Mistake(
        "divided by the square root of all columns",
        {"scale": lambda scores, sizes: scores / math.sqrt(sizes["columns"])},
        "The scores are divided by the square root of all {n_heads} · {d_k} columns. A head's score is a"
        " sum of d_k = {d_k} products, so the divisor is √{d_k}.",
    ),
    Mistake(
        "multiplied by √d_k",
        {"scale": lambda scores, sizes: scores * math.sqrt(sizes["d_k"])},
        "The scores are multiplied by √d_k = {root_d_k:.2f}. They should be divided by it.",
    ),
    Mistake(
        "divided by √d_model",
        {"scale": lambda scores, sizes: scores / math.sqrt(sizes["d_model"])},
        "The scores are divided by √d_model = √{d_model}. A score is a sum of d_k = {d_k} products, so the"
        " divisor is √{d_k}.",
        "FareedKhan-dev/train-llm-from-scratch#3",
    ),
    Mistake(
        "divided by √n_keys",
        {"scale": lambda scores, sizes: scores / math.sqrt(sizes["n_keys"])},
        "The scores are divided by the square root of the number of keys, √{n_keys}. What counts is the"
        " length of a key, d_k = {d_k}.",
    ),
    Mistake(
        "divided by √d_v",
        {"scale": lambda scores, sizes: scores / math.sqrt(sizes["d_v"])},
        "The scores are divided by √d_v = √{d_v}. Values play no part in a score: the divisor is √d_k ="
        " √{d_k}.",
    ),
    Mistake(
        "divided by √n_queries",
        {"scale": lambda scores, sizes: scores / math.sqrt(sizes["n_queries"])},
        "The scores are divided by the square root of the number of queries, √{n_queries}. What counts is"
        " the length of a key, d_k = {d_k}.",
    ),
    Mistake(
        "divided by a whole number",
        {"scale": lambda scores, sizes: scores / int(math.sqrt(sizes["d_k"]))},
        "The square root is cut to a whole number: √{d_k} is {root_d_k:.2f}, and int(…) or // leaves"
        " {root_d_k:.0f} or less. Keep the decimals.",
    ),
    # the mask
    Mistake(
        "mask not used",
        {"hide": lambda scores, mask: scores},
        "The mask has no effect: hidden keys get as much weight as without it. Either it is not used, or"
        " what is added to their scores is far too small (1e-9 is nearly 0; −1e9 was meant).",
        "awslabs/gluonts#1401",
    ),
    Mistake(
        "mask inverted",
        {"hide": lambda scores, mask: np.where(mask, -np.inf, scores)},
        "The mask is the wrong way round: here True means that a query may attend to a key, and yours"
        " hides exactly those.",
        "tensorflow/text#894",
    ),
    Mistake(
        "hidden scores set to 0",
        {"hide": lambda scores, mask: np.where(mask, scores, 0.0)},
        "The hidden scores became 0, or nearly so (by scores * mask, or by −1e-9 where −1e9 was meant)."
        " e^0 is 1, so hidden keys still get weight: use −inf.",
        "Shujun-He/RibonanzaNet#5",
    ),
    Mistake(
        "mask after softmax",
        {"hide": lambda scores, mask: scores, "hide late": lambda weights, mask: weights * mask},
        "The mask comes after softmax. The hidden weights are 0, but the others were shared out before:"
        " the rows no longer sum to 1.",
        "huggingface/transformers#12109",
    ),
    Mistake(
        "mask transposed",
        {"hide": lambda scores, mask: np.where(mask.T, scores, -np.inf)},
        "The mask is transposed. It has a row for each query and a column for each key, as the scores have.",
    ),
    Mistake(
        "own causal mask",
        {"hide": lambda scores, mask: np.where(np.tri(*scores.shape).astype(bool), scores, -np.inf)},
        "A causal mask of your own hides the later keys. Use the mask that's given, whatever it hides.",
    ),
    Mistake(
        "own causal mask, one key too many",
        {"hide": lambda scores, mask: np.where(np.tril(np.ones(scores.shape), 1) > 0, scores, -np.inf)},
        "A causal mask of your own hides later keys, all but the next one. Use the mask that's given.",
    ),
    Mistake(
        "mask added as 0 and 1",
        {"hide": lambda scores, mask: scores + mask},
        "The mask is added as 0 and 1, so hidden keys only lose a factor of e. Their scores have to be −inf.",
    ),
    Mistake(
        "key hidden only where all queries hide it",
        {"hide": lambda scores, mask: np.where(mask.any(axis=0), scores, -np.inf)},
        "A key is hidden only if it's hidden from every query. The mask says it for each query by itself:"
        " use all of it, a row for each query.",
    ),
    Mistake(
        "first row of the mask for all",
        {"hide": lambda scores, mask: np.where(mask[:1], scores, -np.inf)},
        "Every query gets the first row of the mask. Each has a row of its own.",
    ),
    # softmax
    Mistake(
        "softmax over the wrong axis",
        {"axis": lambda: -2},
        "Softmax runs down the columns: each of your columns sums to 1. A row belongs to one query, and"
        " its weights over the {n_keys} keys should sum to 1 (axis=-1).",
        "rasbt/machine-learning-book#97",
    ),
    Mistake(
        "softmax over everything",
        {"axis": lambda: (-2, -1)},
        "Softmax runs over the whole table: all of it sums to 1 together. Each row should sum to 1 by"
        " itself.",
    ),
    Mistake(
        "softmax twice",
        {"softmax": lambda scores, steps: softmax(softmax(scores, steps), steps)},
        "Softmax is applied twice: the second time it takes the weights for scores, and evens them out.",
    ),
    Mistake(
        "sigmoid instead of softmax",
        {"softmax": lambda scores, steps: 1 / (1 + np.exp(-scores))},
        "Each score goes through a sigmoid by itself. Softmax sees a whole row, and makes it sum to 1.",
    ),
    Mistake(
        "hard maximum instead of softmax",
        {"softmax": lambda scores, steps: (scores == scores.max(axis=-1, keepdims=True)) * 1.0},
        "All the weight goes to the key with the largest score. Softmax gives the others their share as"
        " well.",
    ),
    Mistake(
        "absolute values instead of exp",
        {"softmax": lambda scores, steps: np.abs(scores) / np.abs(scores).sum(axis=-1, keepdims=True)},
        "The scores are divided by the sum of their absolute values. Softmax raises e to them first, so"
        " that a low score gets a low weight.",
    ),
    Mistake(
        "1 added to the sum",
        {"normalise": lambda raised, axis: raised / (1 + raised.sum(axis=axis, keepdims=True))},
        "1 is added to the sum of each row, so the rows sum to less than 1.",
    ),
    Mistake(
        "no exp",
        {"largest": lambda scores, axis: 0.0, "exp": lambda scores: scores},
        "The exp is missing: scores are divided by their sum as they are. With negative scores that gives"
        " negative weights, and it can divide by 0.",
    ),
    Mistake(
        "no division by the sum",
        {"normalise": lambda raised, axis: raised},
        "The numbers are not divided by the sum of their row: your rows do not sum to 1.",
    ),
    Mistake(
        "maximum not subtracted",
        {"largest": lambda scores, axis: 0.0},
        "The row's maximum is not subtracted. With small scores that does no harm; with {largest:.0f},"
        " e^{largest:.0f} is infinite, and infinity divided by infinity is nan.",
    ),
    Mistake(
        "one maximum for all rows",
        {"largest": lambda scores, axis: scores.max()},
        "The maximum of the whole table is subtracted. A row that lies far below it becomes all zeros, and"
        " 0 / 0 is nan: subtract each row's own maximum.",
    ),
    Mistake(
        "softmax left out",
        {"softmax": lambda scores, steps: scores},
        "There is no softmax: the scores themselves are used as weights, and a row does not sum to 1.",
    ),
    Mistake(
        "scaled after softmax",
        {
            "scale": lambda scores, sizes: scores,
            "scale late": lambda weights, sizes: weights / math.sqrt(sizes["d_k"]),
        },
        "The division by √d_k = {root_d_k:.2f} comes after softmax: your rows sum to 1 / √{d_k}. Scale the"
        " scores, not the weights.",
    ),
    # the weighted sum
    Mistake(
        "weights transposed",
        {"mix": lambda weights, values: transposed(weights) @ values},
        "The weights are transposed before the product. A row holds one query's weights over the {n_keys}"
        " keys: weights @ values fits as it is.",
        "harvardnlp/annotated-transformer#104",
    ),
    Mistake(
        "plain mean of the values",
        {
            "mix": lambda weights, values: (
                np.zeros_like(weights) @ values + values.mean(axis=-2, keepdims=True)
            )
        },
        "Every row is the plain mean of the values: the weights play no part.",
    ),
    Mistake(
        "weights instead of the output",
        {"return": lambda output, weights: weights},
        "These are the weights. The output is their product with the values.",
    ),
    Mistake(
        "output and weights returned",
        {"return": lambda output, weights: (output, weights)},
        "You return the output and the weights. Return the output alone.",
    ),
    # merge, and W_O
    Mistake(
        "merge without transpose",
        {"merge": lambda heads: heads.reshape(heads.shape[1], -1)},
        "The merge is a reshape alone. Swap the first two axes back first, or a row of the result mixes"
        " different words.",
        "jsbaan/transformer-from-scratch#4",
    ),
    Mistake(
        "merged number by number",
        {"merge": lambda heads: heads.transpose(1, 2, 0).reshape(heads.shape[1], -1)},
        "The heads' numbers are interleaved: first number of every head, then the second. They should"
        " stand head after head.",
    ),
    Mistake(
        "heads one below the other",
        {"merge": lambda heads: heads.reshape(-1, heads.shape[-1])},
        "The heads stand one below the other. They belong side by side, so that each word has one row:"
        " np.concatenate needs axis=-1.",
    ),
    Mistake(
        "merge without reshape",
        {"merge": lambda heads: heads.swapaxes(0, 1)},
        "The axes are swapped back, and the reshape is missing: each word should have one row of {n_heads}"
        " times {d_v} numbers.",
    ),
    Mistake(
        "heads averaged",
        {"merge": lambda heads: heads.mean(axis=0)},
        "The heads are averaged. They are put side by side: {n_heads} times {d_v} numbers for each word,"
        " so that nothing is lost.",
    ),
    Mistake(
        "heads added",
        {"merge": lambda heads: heads.sum(axis=0)},
        "The heads are added. They are put side by side: {n_heads} times {d_v} numbers for each word, so"
        " that nothing is lost.",
    ),
    Mistake(
        "W_O left out",
        {"write": lambda found, w_o: found},
        "W_O is left out: the heads stand side by side, but nothing mixes them into {d_model} numbers.",
        "karpathy/minGPT#135",
    ),
    Mistake(
        "W_O transposed",
        {"write": lambda found, w_o: found @ w_o.T},
        "W_O is transposed. Its {n_heads} · {d_k} rows meet the merged heads as they are: merged @ w_o.",
    ),
    Mistake(
        "heads merged in reverse order",
        {"merge": lambda heads: heads[::-1].swapaxes(0, 1).reshape(heads.shape[1], -1)},
        "The heads are merged in reverse order: head 0 comes first.",
    ),
    Mistake(
        "every head with the same rows of W_O",
        {
            "rows": lambda w_o, n_heads: np.broadcast_to(
                w_o[: len(w_o) // n_heads], (n_heads, len(w_o) // n_heads, w_o.shape[-1])
            )
        },
        "Every head uses the first {d_v} rows of W_O. Head i owns the rows from i · {d_v} on.",
    ),
    Mistake(
        "W_O not cut",
        {"rows": lambda w_o, n_heads: w_o},
        "W_O is not cut. It holds the rows of all heads: cut it to ({n_heads}, {d_v}, {d_model}) first.",
    ),
    Mistake(
        "every n_heads-th row of W_O",
        {"rows": lambda w_o, n_heads: w_o.reshape(-1, n_heads, w_o.shape[-1]).swapaxes(0, 1)},
        "Each head gets one row of W_O in {n_heads}. A head owns {d_v} rows side by side.",
    ),
    Mistake(
        "writes already added",
        {"return writes": lambda writes: writes.sum(axis=0)},
        "The heads' writes are already added up. Keep them apart: one table of ({n}, {d_model}) for each"
        " of the {n_heads} heads.",
    ),
)


def steps_with(*mistakes: Mistake) -> dict[str, Callable]:
    """The steps of attention with these mistakes put in, and the right ones elsewhere."""
    steps = dict(RIGHT)
    for mistake in mistakes:
        steps.update(mistake.wrong)
    return steps


# Attention, put together from such steps. Every function takes the steps first.


def project(steps, x, w_q, w_k, w_v, context=None):
    for_queries, for_keys, for_values = steps["sources"](x, x if context is None else context)
    w_q, w_k, w_v = steps["matrices"](w_q, w_k, w_v)
    return (
        steps["project"](for_queries, w_q),
        steps["project"](for_keys, w_k),
        steps["project values"](for_values, w_v),
    )


def attention(steps, queries, keys, values, mask=None, d_model=None, n_heads=1):
    d_k = queries.shape[-1]
    sizes = {
        "d_k": d_k,
        "n_queries": queries.shape[-2],
        "n_keys": keys.shape[-2],
        "d_v": values.shape[-1],
        "d_model": d_model or d_k,
        "columns": n_heads * d_k,
    }
    queries, keys = steps["roles"](queries, keys)
    scores = steps["scale"](steps["compare"](queries, keys), sizes)
    if mask is not None:
        scores = steps["hide"](scores, mask)
    weights = steps["scale late"](steps["softmax"](scores, steps), sizes)
    if mask is not None:
        weights = steps["hide late"](weights, mask)
    return steps["return"](steps["mix"](weights, values), weights)


def one_head(steps, x, w_q, w_k, w_v, head, d_k):
    columns = [steps["columns"](w, head, d_k) for w in (w_q, w_k, w_v)]
    return attention(steps, *project(steps, x, *columns), d_model=x.shape[-1], n_heads=w_q.shape[1] // d_k)


def multi_head(steps, x, w_q, w_k, w_v, w_o, n_heads):
    q, k, v = (steps["heads"](steps["split"](part, n_heads)) for part in project(steps, x, w_q, w_k, w_v))
    found = steps["merge"](attention(steps, q, k, v, d_model=x.shape[-1], n_heads=len(q)))
    return steps["write"](found, w_o)


def writes(steps, found, w_o):
    return steps["return writes"](found @ steps["rows"](w_o, len(found)))
