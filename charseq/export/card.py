"""The README of an exported folder: what the model is, what its files contain, and how to load it.

No text of a user becomes markup: names of texts are escaped, and no symbol of the vocabulary is in it.
"""

import math
import re
from collections.abc import Iterator

from charseq._version import __version__
from charseq.export.folder_config import CONFIG, MODEL
from charseq.inspection.reported_run import ReportedRun
from charseq.model.model_file import Model
from charseq.render.quantities import count, size
from charseq.render.visible import visible
from charseq.runs.run_log import number

FRONT_MATTER = """---
library_name: charseq
tags:
- charseq
- character-level-language-model
---
"""
"""What the pages of model collections read.  There is no license in it: whoever shares the model adds one."""

LOADING = f"""```python
import json
from pathlib import Path
from safetensors.numpy import load_file

config = json.loads(Path("{CONFIG}").read_text(encoding="utf-8"))
tensors = load_file("{MODEL}")
symbols = config["vocabulary"]["symbols"]  # the index of a symbol is its id
parameters = {{name: array for name, array in tensors.items() if not name.startswith("ngram.")}}
for name, array in parameters.items():
    print(name, array.dtype, array.shape)
```"""
"""How another program loads the tensors and the vocabulary."""

LOSSES = (
    ("validation_loss", "Validation loss"),
    ("network_validation_loss", "Validation loss of the network alone"),
    ("ngram_validation_loss", "Validation loss of the n-gram model alone"),
    ("loss", "Training loss"),
)


def card(run: ReportedRun, model: Model, text: str | None, model_bytes: int) -> str:
    """Return the README.md: of the training `text`, its name; of the tensors, their size in bytes."""
    parts = [
        FRONT_MATTER,
        f"# {_network(model)}\n",
        f"A recurrent network that predicts the next {model.vocabulary.unit} of a text, "
        f"trained with charseq and exported by charseq {__version__}.\n",
        *(f"- {line}" for line in _facts(run, model, text)),
        "\n## Files\n",
        *(f"- {line}" for line in _files(model, model_bytes)),
        "\n## Use with charseq\n",
        "```console\n$ charseq import FOLDER\n$ charseq predict\n```\n",
        "`charseq import` verifies the files and prints the folder of a new run. It executes nothing.",
        "\n## Load the tensors without charseq\n",
        LOADING,
        *_equations(model),
        "\n## License\n",
        "Chosen by whoever shares this model: add it here.\n",
    ]
    return "\n".join(parts)


def escaped(text: str) -> str:
    """Return a text of a user in one line of Markdown, without markup, links or control characters."""
    return re.sub(r"([!-+/:-@\[-`{-~]|(?<=www)\.)", r"\\\1", visible(text))


def _facts(run: ReportedRun, model: Model, text: str | None) -> Iterator[str]:
    network, vocabulary = model.network, model.vocabulary
    unit, form = vocabulary.unit, vocabulary.normalization
    length = number(run.log.start, "characters")
    text_size = f" ({count(int(length), unit)})" if length else ""
    yield f"Text: {escaped(text) if text else 'not recorded'}{text_size}"
    labels = len(vocabulary.labels)
    symbols = len(vocabulary) - int(vocabulary.boundary) - labels
    form_text = "" if form == "none" else f", normalized to {form.upper()}"
    label_text = f", {count(labels, 'label')}" if labels else ""
    yield f"Symbols: {symbols:,}, unit: {unit}{form_text}{label_text}"
    memorized = "memorized strings" if model.memorized else "running text"
    yield f"Sequences: {'lines' if vocabulary.boundary else memorized}"
    options = [
        f"embedding {network.embedding_size}" if network.embedding_size else "one-hot input",
        *(["residual connections"] if network.residual else []),
        *(["layer normalization"] if network.layer_norm else []),
        *(["tied weights"] if network.tie_weights else []),
        *(["learned initial state"] if network.initial_state == "learned" else []),
        *(["no output layer"] if network.head == "none" else []),
    ]
    yield f"Network: {_network(model)}, {', '.join(options)}"
    yield f"Parameters: {network.parameter_count():,} (float32)"
    if model.mixture:
        ngram = model.mixture.ngram
        size_text = f"order {ngram.order}, {count(ngram.size, 'n-gram')}"
        yield f"n-gram model: {size_text}, mixed with the network by a gate"
    for name, words in LOSSES:
        if (loss := number(model.training, name)) is not None:
            yield f"{words}: {loss:.4f} nats ({loss / math.log(2):.4f} bits) per {unit}"
    accuracy = number(model.training, "accuracy")
    if accuracy is not None:
        yield f"Training accuracy: {math.floor(accuracy * 1e4) / 1e4:.4f}"


def _network(model: Model) -> str:
    network = model.network
    layers, units = count(network.layers, "layer"), count(network.hidden_size, "hidden unit")
    return f"{escaped(network.cell_name)}, {layers} of {units}"


def _files(model: Model, model_bytes: int) -> Iterator[str]:
    contents = "the parameters" + (" and the n-gram model" if model.mixture else "")
    yield f"`{MODEL}` ({size(model_bytes)}): {contents}, without the state of the optimizer"
    memorized = ""
    if model.memorized:
        memorized = ". **It contains the strings that the model memorized**: sharing it shares them"
    yield f"`{CONFIG}`: the network, the vocabulary, losses, and the SHA-256 of `{MODEL}`{memorized}"
    if model.mixture:
        yield (
            f"The n-gram model consists of **fragments of the training text** of up to "
            f"{count(model.mixture.ngram.order, model.vocabulary.unit)} and how often they occur: "
            "sharing it shares those fragments"
        )
    if model.vocabulary.labels:
        yield f"`{CONFIG}` has the names of the labels, and the number of training lines of each"


def _equations(model: Model) -> Iterator[str]:
    equations = model.network.cell.equations()
    if equations:
        yield "\nThe tensors of layer `l` are named `layers.l.NAME`. The cell computes at each step `t`:\n"
        yield "```"
        yield from (f"{name} = {right}" for name, right in equations.items())
        yield "```"
