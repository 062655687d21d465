"""How fast does the real model of notebook 08 read? Measured beside transformers on PyTorch, in one process.

    python benchmarks/real_model_speed.py            a table, as Markdown: about one minute
    python benchmarks/real_model_speed.py --quick    less time for each

It needs torch, transformers, threadpoolctl and the model. All contenders compute the hidden states of all
layers in float32, and all but the last return every weight. Before anything is timed, their results are
compared. They take turns, so that whatever else the machine does falls on all of them alike, and a figure is
a median. Only ratios mean anything: 1.20 means 1.20 times as long as ours. With two threads they need a
machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
import transformers
from threadpoolctl import threadpool_limits

from helpers import checkpoint, real_model

SENTENCE = "the animal did not cross the street because it was too tired"
PAUSE = 0.05  # seconds: the waiting threads of OpenBLAS and OpenMP spin for up to 26 ms before they sleep
CASES = {
    "1 sentence of 12 words": [SENTENCE],
    "1 sentence of 200 words": [" ".join([SENTENCE] * 17)],
    "32 sentences of 12 words": [SENTENCE] * 32,
}


def contenders(ours, eager, sdpa, tokenizer, sentences):
    """The runs by name. Tokenising counts for each, as it does for a reader."""

    def theirs(model, attentions):
        def run():
            with torch.inference_mode():
                batch = tokenizer(sentences, padding=True, return_tensors="pt")
                return model(**batch, output_attentions=attentions, output_hidden_states=True)

        return run

    return {
        "ours": lambda: ours.read(sentences),
        "PyTorch, eager": theirs(eager, True),
        "PyTorch SDPA, no weights": theirs(sdpa, False),
    }


def medians(runs, seconds):
    """Seconds a run in the median, by name; the contenders take turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["ours"]) < 5:
        for name, run in runs.items():
            time.sleep(PAUSE)
            run()  # the caches are this contender's now
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less time for each")
    seconds = 2 if parser.parse_args().quick else 8
    transformers.utils.logging.set_verbosity_error()
    folder = str(checkpoint.find())
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    eager, sdpa = (
        transformers.AutoModel.from_pretrained(folder, attn_implementation=kind).eval()
        for kind in ("eager", "sdpa")
    )
    ours = real_model.load()
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, transformers {transformers.__version__}\n")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            for number, (case, sentences) in enumerate(CASES.items()):
                runs = contenders(ours, eager, sdpa, tokenizer, sentences)
                expected = runs["PyTorch, eager"]().hidden_states[-1].numpy()
                found = np.stack([reading.hidden[-1] for reading in runs["ours"]()])
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
                times = medians(runs, seconds)
                if not number:
                    print(
                        f"| {threads} thread{'s' * (threads > 1)} | ours, ms | {' | '.join(list(runs)[1:])} |"
                    )
                    print("|---" * (len(runs) + 1) + "|")
                ratios = [f"{times[name] / times['ours']:.2f}" for name in list(runs)[1:]]
                print(f"| {case} | {times['ours'] * 1000:.0f} | {' | '.join(ratios)} |")
        print()


if __name__ == "__main__":
    main()
