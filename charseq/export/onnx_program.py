"""The program in the README of an ONNX export, which generates text greedily."""

from charseq.export.onnx_metadata import memorized_lengths
from charseq.inference.stopping import DEFAULT_LENGTH
from charseq.model.model_file import Model

PROGRAM = """\
import json
import sys
{imports}
import numpy as np
import onnxruntime

model = onnxruntime.InferenceSession("{file}")
about = model.get_modelmeta().custom_metadata_map
symbols = json.loads(about["vocabulary"])
{begin}
states = {{each.name: np.zeros([1, *each.shape[1:]], np.float32) for each in model.get_inputs()[1:]}}
{loop}
print({decoded})
"""

CARRIED = """\
names, read = [each.name.removesuffix(".next") for each in model.get_outputs()[1:]], 0
while len(text) < {total}{goes_on}:
    logits, *after = model.run(None, {{"ids": np.array(text[read:][:1], np.int64), **states}})
    states, read = dict(zip(names, after)), read + 1
    if read == len(text):{mask}
        text.append(int(logits[0].argmax()))"""
"""Read symbol by symbol, and carry the states."""

WINDOWS = """\
while len(text) < {total}:
    start = {stride} * max(0, -((len(text) - {length}) // -{stride}))
    logits = model.run(["logits"], {{"ids": np.array([text[start:]], np.int64), **states}})[0]
    text.append(int(logits[0, -1].argmax()))"""
"""Read the window of the last symbol again for every symbol."""


def program(model: Model) -> str:
    """Return a program that takes a prompt, after a label where the model has labels."""
    vocabulary, window = model.vocabulary, model.window
    imports, prompt = [], f'"".join(sys.argv[{2 if vocabulary.labels else 1}:])'
    if vocabulary.normalization != "none":
        imports.append("import unicodedata")
        prompt = f'unicodedata.normalize("{vocabulary.normalization.upper()}", {prompt})'
    if vocabulary.unit == "grapheme":
        imports.append("import regex")
        prompt = rf'regex.findall(r"\X", {prompt})'
    elif vocabulary.unit == "byte":
        prompt = f'{prompt}.encode().decode("latin-1")'
    lengths = memorized_lengths(model)
    loop = (WINDOWS if window else CARRIED).format(
        total=max(lengths) if lengths else "longest",
        stride=window.stride if window else 0,
        length=window.length if window else 0,
        mask="\n        logits[0, list(labels.values())] = -np.inf" if vocabulary.labels else "",
        goes_on=" and (read == 0 or text[-1] != 0)" if vocabulary.boundary else "",
    )
    decoded = '"".join(symbols[i] for i in text)'
    if vocabulary.labels:
        decoded = decoded.replace("text", "text[1:]")
    if vocabulary.unit == "byte":
        decoded += '.encode("latin-1").decode("utf-8", "replace")'
    return PROGRAM.format(
        imports="".join(f"{line}\n" for line in imports),
        file="sequence.onnx" if window else "step.onnx",
        begin="\n".join(_begin(model, prompt, is_endless=not lengths)),
        loop=loop,
        decoded=decoded,
    )


def _begin(model: Model, prompt: str, *, is_endless: bool) -> list[str]:
    """Return the lines that set `text` to the ids of the prompt."""
    vocabulary = model.vocabulary
    if vocabulary.labels:
        lines = [
            'labels = json.loads(about["labels"])',
            "ids = {s: i for i, s in enumerate(symbols) if i not in labels.values()}",
            f"prompt = {prompt}",
            "text = [labels[sys.argv[1]], *(ids[symbol] for symbol in prompt)]",
        ]
    elif vocabulary.boundary:
        lines = [
            "ids = {symbol: i for i, symbol in enumerate(symbols)}",
            f"prompt = {prompt}",
            "text = [0, *(ids[symbol] for symbol in prompt)]",
        ]
    else:
        lines = [
            "ids = {symbol: i for i, symbol in enumerate(symbols)}",
            f"prompt = {prompt}",
            'text = [ids[symbol] for symbol in prompt] or [json.loads(about["opening"])]',
        ]
    return [*lines, f"longest = len(text) + {DEFAULT_LENGTH}"] if is_endless else lines
