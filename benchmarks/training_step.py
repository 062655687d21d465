"""How fast is a training step of helpers/learning.py? Measured beside eager PyTorch, in one process.

    .venv-bench/bin/python benchmarks/training_step.py            both tables, as Markdown: about one minute
    .venv-bench/bin/python benchmarks/training_step.py --quick    less time for each

A step is forward, backward and Adam on the model of notebook 07: the same sentences and the same numbers to
begin with for every contender. Before anything is timed, the losses of the first steps are compared. The
contenders take turns. A figure is the time that one step in ten stays below, because whatever else the
machine does only adds to the others.
Only ratios mean anything: 1.20 reads, takes 1.20 times as long as ours. With two threads they need a machine
that has nothing else to do: a product waits for the slower thread.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from helpers.grammar import Grammar
from helpers.learning import Adam, Parameters, loss_and_gradients

SIZES = [(64, 32, 8), (64, 32, 1), (256, 64, 4)]  # batch, d_model, heads
RATE = 0.01


def ours(start, batches):
    parameters = start.copy()
    adam, turns = Adam(parameters), itertools.cycle(batches)

    def step():
        words = next(turns)
        loss, gradients = loss_and_gradients(parameters, words.tokens, words.positions, words.targets)
        adam.step(gradients, RATE)
        return loss

    return step


class TorchModel(torch.nn.Module):
    """The same model as one writes it in PyTorch: one product for queries, keys and values, and its own
    attention.
    """

    def __init__(self, start, own_attention):
        super().__init__()
        self.n_heads, self.own_attention = start.n_heads, own_attention
        tensors = {name: torch.tensor(array) for name, array in start.arrays().items()}
        self.embeddings = torch.nn.Embedding.from_pretrained(tensors["embeddings"], freeze=False)
        self.position_embeddings = torch.nn.Parameter(tensors["position_embeddings"])
        self.w_qkv = torch.nn.Parameter(
            torch.cat([tensors["w_q"], tensors["w_k"], tensors["w_v"]], dim=1).T.contiguous()
        )
        self.w_o = torch.nn.Parameter(tensors["w_o"].T.contiguous())
        self.output = torch.nn.Parameter(tensors["output"].T.contiguous())

    def forward(self, tokens, positions):
        batch, n = tokens.shape
        linear = torch.nn.functional.linear
        x = self.embeddings(tokens) + self.position_embeddings
        queries, keys, values = (
            linear(x, self.w_qkv).view(batch, n, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        )
        if self.own_attention:
            found = torch.nn.functional.scaled_dot_product_attention(queries, keys, values)
        else:
            found = torch.softmax(queries @ keys.transpose(-1, -2) / keys.shape[-1] ** 0.5, dim=-1) @ values
        hidden = torch.arange(batch), positions
        z = x[hidden] + linear(found.transpose(1, 2).reshape(batch, n, -1)[hidden], self.w_o)
        return linear(z, self.output)


def pytorch(start, batches, own_attention, **options):
    model = TorchModel(start, own_attention)
    adam = torch.optim.Adam(model.parameters(), lr=RATE, **options)
    turns = itertools.cycle(
        [tuple(map(torch.from_numpy, (words.tokens, words.positions, words.targets))) for words in batches]
    )

    def step():
        tokens, positions, targets = next(turns)
        adam.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(tokens, positions), targets)
        loss.backward()
        adam.step()
        return loss.item()

    return step


def contenders(start, batches):
    return {
        "ours": ours(start, batches),
        "PyTorch, softmax": pytorch(start, batches, False),
        "PyTorch, SDPA": pytorch(start, batches, True),
        "PyTorch, softmax, fused Adam": pytorch(start, batches, False, fused=True),
        "PyTorch, SDPA, fused Adam": pytorch(start, batches, True, fused=True),
    }


def compare(runs, steps=5):
    """Stop unless every contender reports the same losses: they learn the same thing."""
    expected = [runs["ours"]() for _ in range(steps)]
    for name, run in runs.items():
        if name != "ours":
            np.testing.assert_allclose([run() for _ in range(steps)], expected, rtol=2e-3, err_msg=name)


def measure(runs, seconds, turn=0.1, pause=0.03):
    """The time of each that one step in ten stays below, in seconds; they take turns, and nobody always
    follows the same one.
    """
    times, names, k = {name: [] for name in runs}, list(runs), 0
    end = time.perf_counter() + seconds
    while k < 3 or time.perf_counter() < end:
        for name in names[k % len(names) :] + names[: k % len(names)]:
            time.sleep(pause)  # the other's threads go to sleep
            runs[name]()  # wakes its own, untimed
            until = time.perf_counter() + turn
            while time.perf_counter() < until:
                start = time.perf_counter()
                runs[name]()
                times[name].append(time.perf_counter() - start)
        k += 1
    return {name: statistics.quantiles(values, n=10)[0] for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less time for each size")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    grammar = Grammar.read()
    for n_threads in options.threads:
        torch.set_num_threads(n_threads)
        threadpool_limits(n_threads)
        print(
            f"\n{n_threads} thread{'s'[: n_threads - 1]}; time of a training step ÷ ours, higher is slower\n"
        )
        for size, dtype in itertools.product(SIZES, (np.float32, np.float64)):
            batch, d_model, n_heads = size
            rng = np.random.default_rng(0)
            start = Parameters.random(
                len(grammar.words), grammar.sentences.shape[1], d_model, n_heads, rng, dtype=dtype
            )
            runs = contenders(start, [grammar.draw(rng, batch) for _ in range(20)])
            compare(runs)
            times = measure(runs, seconds=2 if options.quick else 6)
            unit = times.pop("ours")
            if (size, dtype) == (SIZES[0], np.float32):
                print("| batch, d_model, heads, type | " + " | ".join(times) + " | ours in ms |")
                print("|---" * (len(times) + 2) + "|")
            print(
                f"| {batch}, {d_model}, {n_heads}, {np.dtype(dtype)} | "
                + " | ".join(f"{t / unit:.2f}" for t in times.values())
                + f" | {1000 * unit:.3g} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
