"""How fast are helpers/attention.py and helpers/fast.py? Measured beside PyTorch and ONNX Runtime, in one
process.

    make bench                                                    the whole table, as Markdown: about four
                                                                                                minutes
    .venv-bench/bin/python benchmarks/attention_speed.py --quick  nothing beyond 1024 words: about one minute

Every contender runs one multi-head self-attention with its output projection, forward, in float32, with the
same matrices and the same words. Before anything is timed their results are compared.

The unit is the *limit*: the bare matrix products of the same shapes, as NumPy works them, plus one exp over
the scores. A figure of 1.10 reads: 1.10 times as long as the limit. A figure below 1 is possible, because a
product cut into small ones can be faster than the same product in one call. Contenders take turns, so that
whatever else the machine does falls on all of them alike, and a figure is a median. Only ratios mean
anything,
and with two threads only on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from threadpoolctl import threadpool_limits

from helpers import fast
from helpers.attention import MultiHeadAttention

SIZES = [
    (1, 2, 512, 8),
    (1, 8, 64, 4),
    (1, 16, 512, 8),
    (1, 64, 512, 8),
    (4, 128, 512, 8),
    (1, 512, 512, 8),
    (1, 1024, 512, 8),
    (1, 2048, 512, 8),
    (1, 4096, 512, 8),
]

PAUSE = 0.05  # seconds: idle threads of OpenBLAS, OpenMP and ONNX Runtime spin for up to 26 ms, then sleep
TURN = 0.25  # seconds that a turn lasts at least


def limit(layer, x):
    """The products alone, on matrices of the right shapes that lie in memory as a product likes them best."""
    batch, n, d_model = x.shape
    per_head = (
        np.ascontiguousarray(x.reshape(batch, n, layer.n_heads, -1).swapaxes(1, 2)) / 4
    )  # exp stays finite

    def run():
        for matrix in (layer.w_q, layer.w_k, layer.w_v):
            x @ matrix
        scores = per_head @ per_head.swapaxes(-1, -2)
        np.exp(scores, out=scores)
        scores @ per_head
        x @ layer.w_o

    return run


def textbook(layer, x):
    """The formula as one writes it down the first time."""
    batch, n, d_model = x.shape

    def heads(y):
        return y.reshape(batch, n, layer.n_heads, layer.d_k).swapaxes(1, 2)

    def run():
        queries, keys, values = heads(x @ layer.w_q), heads(x @ layer.w_k), heads(x @ layer.w_v)
        scores = queries @ keys.swapaxes(-1, -2) / np.sqrt(np.float32(layer.d_k))
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
        found = (weights @ values).swapaxes(1, 2).reshape(batch, n, d_model)
        return found @ layer.w_o, weights

    return run


def torch_multi_head(layer, x):
    module = torch.nn.MultiheadAttention(layer.d_model, layer.n_heads, bias=False, batch_first=True).eval()
    words = torch.from_numpy(x)
    with torch.no_grad():
        module.in_proj_weight.copy_(
            torch.from_numpy(np.concatenate([layer.w_q, layer.w_k, layer.w_v], axis=1).T.copy())
        )
        module.out_proj.weight.copy_(torch.from_numpy(layer.w_o.T.copy()))

    def run():
        with torch.no_grad():
            return module(words, words, words, need_weights=True, average_attn_weights=False)

    return run


def torch_sdpa(layer, x):
    batch, n, d_model = x.shape
    words = torch.from_numpy(x)
    w_qkv = torch.from_numpy(np.concatenate([layer.w_q, layer.w_k, layer.w_v], axis=1).T.copy())
    w_o = torch.from_numpy(layer.w_o.T.copy())

    def run():
        with torch.no_grad():
            qkv = (
                torch.nn.functional.linear(words, w_qkv)
                .view(batch, n, 3, layer.n_heads, -1)
                .permute(2, 0, 3, 1, 4)
            )
            found = torch.nn.functional.scaled_dot_product_attention(*qkv)
            return torch.nn.functional.linear(found.transpose(1, 2).reshape(batch, n, d_model), w_o), None

    return run


def onnx_runtime(layer, x, n_threads):
    """The same layer as a graph of plain operators that returns the weights, optimised by ONNX Runtime."""
    batch, n, d_model = x.shape
    split = numpy_helper.from_array(np.array([batch, n, layer.n_heads, layer.d_k]), "split")
    merged = numpy_helper.from_array(np.array([batch, n, d_model]), "merged")
    scale = numpy_helper.from_array(np.float32(1 / np.sqrt(layer.d_k)), "scale")
    matrices = [
        numpy_helper.from_array(np.array(getattr(layer, name)), name) for name in ("w_q", "w_k", "w_v", "w_o")
    ]
    nodes = []
    for part, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            helper.make_node("MatMul", ["x", f"w_{part}"], [f"{part}_flat"]),
            helper.make_node("Reshape", [f"{part}_flat", "split"], [f"{part}_split"]),
            helper.make_node("Transpose", [f"{part}_split"], [part], perm=order),
        ]
    nodes += [
        helper.make_node("MatMul", ["q", "k"], ["products"]),
        helper.make_node("Mul", ["products", "scale"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "v"], ["found"]),
        helper.make_node("Transpose", ["found"], ["found_swapped"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["found_swapped", "merged"], ["found_merged"]),
        helper.make_node("MatMul", ["found_merged", "w_o"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "attention",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [
            helper.make_tensor_value_info("output", TensorProto.FLOAT, x.shape),
            helper.make_tensor_value_info("weights", TensorProto.FLOAT, (batch, layer.n_heads, n, n)),
        ],
        [split, merged, scale, *matrices],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = n_threads, 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(["output", "weights"], {"x": x})


def contenders(layer, x, n_threads):
    quick = fast.MultiHeadAttention.of(layer)
    return {
        "limit": limit(layer, x),
        "textbook NumPy": textbook(layer, x),
        "attention.py": lambda: layer(x),
        "fast.py": lambda: quick(x),
        "fast.py, no weights": lambda: quick(x, need_weights=False),
        "PyTorch MultiheadAttention": torch_multi_head(layer, x),
        "PyTorch SDPA, no weights": torch_sdpa(layer, x),
        "ONNX Runtime": onnx_runtime(layer, x, n_threads),
    }


def compare(runs):
    """Stop unless every contender gives one output, and one set of weights where it gives any."""
    expected_output, expected_weights = runs["textbook NumPy"]()
    for name, run in runs.items():
        if name == "limit":
            continue
        output, weights = run()
        np.testing.assert_allclose(np.asarray(output), expected_output, rtol=1e-4, atol=2e-5, err_msg=name)
        if weights is not None:
            np.testing.assert_allclose(
                np.asarray(weights), expected_weights, rtol=1e-3, atol=1e-6, err_msg=name
            )


def measure(runs, seconds):
    """Median time of each, in units of the limit's."""
    times = {name: [] for name in runs}
    names = list(runs)
    end = time.perf_counter() + seconds
    turn = 0
    while turn < 3 or time.perf_counter() < end:
        for name in (
            names[turn % len(names) :] + names[: turn % len(names)]
        ):  # nobody always follows the same one
            time.sleep(PAUSE)
            if not turn or times[name][-1] < 10 * TURN:
                runs[name]()  # wakes its own threads, untimed
            until = time.perf_counter() + TURN
            while True:
                start = time.perf_counter()
                result = runs[name]()
                now = time.perf_counter()
                times[name].append(now - start)
                del result
                if now > until:
                    break
        turn += 1
    median = {name: statistics.median(values) for name, values in times.items()}
    return {name: value / median["limit"] for name, value in median.items()}, median["limit"]


def peak_memory(run):
    """The most that NumPy held at any moment of the call, in bytes, beyond what it held before."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def make(size):
    batch, n, d_model, n_heads = size
    rng = np.random.default_rng(0)
    layer = MultiHeadAttention.random(d_model, n_heads, rng)
    layer = MultiHeadAttention(
        *(matrix.astype(np.float32) for matrix in (layer.w_q, layer.w_k, layer.w_v, layer.w_o)), n_heads
    )
    return layer, rng.standard_normal((batch, n, d_model), dtype=np.float32)


def use_threads(n_threads):
    fast.n_threads = n_threads
    torch.set_num_threads(n_threads)
    threadpool_limits(n_threads)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="less time for each size, and nothing beyond 1024 words"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--words", type=int, nargs="+", help="only the sizes with so many words")
    options = parser.parse_args()
    sizes = [
        size
        for size in SIZES
        if (not options.quick or size[1] <= 1024) and (not options.words or size[1] in options.words)
    ]
    for n_threads in options.threads:
        use_threads(n_threads)
        print(f"\n{n_threads} thread{'s'[: n_threads - 1]}; time ÷ limit, lower is better\n")
        for size in sizes:
            layer, x = make(size)
            runs = contenders(layer, x, n_threads)
            compare(runs)
            ratios, unit = measure(runs, seconds=1.5 if options.quick else 5)
            del ratios["limit"]
            if size == sizes[0]:
                print("| batch, words, d_model, heads | " + " | ".join(ratios) + " | limit in ms |")
                print("|---" * (len(ratios) + 2) + "|")
            print(
                f"| {', '.join(map(str, size))} | "
                + " | ".join(f"{r:.2f}" for r in ratios.values())
                + f" | {1000 * unit:.3g} |",
                flush=True,
            )
    use_threads(1)
    layer, x = make(sizes[-1])
    quick = fast.MultiHeadAttention.of(layer)
    runs = [lambda: layer(x), lambda: quick(x), lambda: quick(x, need_weights=False)]
    core, with_weights, without = (peak_memory(run) / 1e6 for run in runs)
    print(
        f"\nPeak memory at {sizes[-1][1]} words: attention.py {core:.0f} MB, fast.py {with_weights:.0f} MB, "
        f"without weights {without:.0f} MB."
    )


if __name__ == "__main__":
    main()
