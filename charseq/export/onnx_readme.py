"""The README of an ONNX export."""

import json
from collections.abc import Iterator

from charseq._version import __version__
from charseq.export.network_alone import losses, network_alone
from charseq.export.onnx_metadata import memorized_lengths, metadata, opening_id, states
from charseq.export.onnx_models import IR_VERSION, OPSET
from charseq.export.onnx_program import program
from charseq.inference.continuation import default_sampling
from charseq.inspection.reported_run import ReportedRun
from charseq.model.model_file import Model
from charseq.render.quantities import count, measure
from charseq.render.visible import visible

MAX_SYMBOLS = 40
"""The most symbols that are listed."""


def readme(run: ReportedRun, model: Model) -> str:
    """Return the README.  Texts of the user are in it as ASCII or as code, on one line each."""
    return "\n\n".join(_sections(run, model)) + "\n"


def _sections(run: ReportedRun, model: Model) -> Iterator[str]:
    network, vocabulary = model.network, model.vocabulary
    yield f"# A {vocabulary.unit} model for ONNX"
    yield (
        f"charseq {__version__} exported the run {code(run.name)}: the cell {code(network.cell_name)}, "
        f"{count(network.layers, 'layer')} of {count(network.hidden_size, 'unit')}, "
        f"{count(len(vocabulary), 'symbol')}.{_about_loss(model)}"
    )
    yield (
        "- `step.onnx` reads one symbol of each text of a batch.\n"
        "- `sequence.onnx` reads several symbols of each."
    )
    yield (
        "Both compute the logits of the next symbol: unnormalized log-probabilities, in nats. "
        "Batch and length may have any size of at least 1. "
        f"The operators are those of opset {OPSET}; the IR version is {IR_VERSION}."
    )
    yield "## Inputs and outputs"
    yield from _tables(model)
    yield " ".join(_initial_states(model))
    yield "## Symbols"
    yield from _symbols(model)
    yield "## Generate text"
    yield " ".join(_use(model))
    yield f"```python\n{program(model)}```"
    yield (
        "To sample, replace `argmax` by a draw from `softmax(logits / temperature)`; "
        f"`charseq predict` uses a temperature of {default_sampling(model).temperature:g} for this model, "
        "unless another one is given."
    )
    yield "## Metadata"
    yield (
        "`get_modelmeta().custom_metadata_map` of onnxruntime has these strings, as JSON where they have "
        f"structure: {', '.join(map(code, metadata(model)))}."
    )


def code(text: str) -> str:
    """Return a text as code in a line of Markdown."""
    shown = visible(text).replace("|", "\\x7c")
    fence = "`" * (max(map(len, "".join(c if c == "`" else " " for c in shown).split()), default=0) + 1)
    return f"{fence} {shown} {fence}" if "`" in shown else f"`{shown}`"


def _about_loss(model: Model) -> str:
    loss, _ = losses(model)
    if model.mixture is not None:
        return f" {network_alone(model)}"
    if loss is None:
        return ""
    return f" Its validation loss is {measure(loss)} nats per {model.vocabulary.unit}."


def _tables(model: Model) -> Iterator[str]:
    symbols, known = len(model.vocabulary), states(model)
    for direction, first in (
        ("input", "| `ids` | [batch] | [batch, length] | int64 |"),
        ("output", f"| `logits` | [batch, {symbols}] | [batch, length, {symbols}] | float32 |"),
    ):
        rows = [
            f"| {direction} | shape in `step.onnx` | shape in `sequence.onnx` | type |",
            "| --- | --- | --- | --- |",
            first,
        ]
        for state in known:
            shape = f"[{', '.join(map(str, state['shape']))}]"
            rows.append(f"| `{state[direction]}` | {shape} | {shape} | float32 |")
        yield "\n".join(rows)


def _initial_states(model: Model) -> Iterator[str]:
    learned = [f"`{each['input']}`" for each in states(model) if each["initial"] != "zeros"]
    if learned:
        yield f"The initial values of {', '.join(learned)} were learned."
        yield "They are the defaults of these inputs: leave the inputs out where a text begins."
        yield "onnxruntime lists them in `get_overridable_initializers()`, not in `get_inputs()`,"
        yield "and warns about them when it loads a file."
        yield "Other states begin with zeros."
    else:
        yield "A text begins with states of zeros."
    yield "Pass the output `NAME.next` as the input `NAME` of the next call;"
    yield "the names differ because a name has one value in ONNX."


def _symbols(model: Model) -> Iterator[str]:
    vocabulary = model.vocabulary
    latin = ", written as the character with its number (Latin-1)" if vocabulary.unit == "byte" else ""
    begins = ", which begins" if len(vocabulary) > MAX_SYMBOLS else ""
    yield (
        f"A symbol is a {vocabulary.unit}{latin}. "
        f"Its id is its position in the list `vocabulary` of the metadata{begins}:"
    )
    yield f"    {json.dumps(vocabulary.symbols[:MAX_SYMBOLS])}"
    if vocabulary.normalization != "none":
        yield f"Normalize text to {vocabulary.normalization.upper()} before it is split into symbols."
    if vocabulary.unit == "grapheme":
        yield 'Split text into grapheme clusters with `regex.findall(r"\\X", text)` of the package regex.'
    if vocabulary.labels:
        yield "Some ids are labels, which are no text: `labels` of the metadata has the id of each."


def _use(model: Model) -> Iterator[str]:
    vocabulary, window, lengths = model.vocabulary, model.window, memorized_lengths(model)
    if vocabulary.labels:
        yield "A text is a line. It begins with the id of its label,"
        yield "and ends where id 0, the boundary, is predicted."
    elif vocabulary.boundary:
        yield "A text is a line. It begins with id 0, the boundary, and ends where id 0 is predicted."
    else:
        yield f"A text begins with any symbol; the training text begins with id {opening_id(model)}."
    if lengths:
        sizes = ", ".join(map(str, lengths[:MAX_SYMBOLS])) + ", ..." * (len(lengths) > MAX_SYMBOLS)
        yield f"The model memorized {count(len(lengths), 'text')} of {sizes} {vocabulary.unit}s,"
        yield "which the export does not contain; the model itself does not know where a text ends."
    if window:
        yield f"The model was trained on windows of {window.length} symbols, {window.stride} apart,"
        yield "each read from the initial state. Read text in the same way:"
        yield f"the window that predicts the next symbol begins at the first multiple of {window.stride}"
        yield f"that leaves at most {window.length} symbols."
    argument = "a label, then a prompt or nothing" if vocabulary.labels else "a prompt or nothing"
    yield "The program generates text greedily. It requires `pip install onnxruntime`, runs in this folder,"
    yield f"and takes {argument}."
    if model.mixture is not None:
        yield "Its text differs from that of `charseq predict --greedy`, which also uses the n-gram model."
