"""A model as one HTML page that runs it: type, generate at a temperature, and see the distribution.

The page is assembled like the report's, and its network is that of the report.  Beside the weights, the
n-gram model and memorized texts, it has less than 60 kB.
"""

from typing import Any

import numpy.typing as npt

from charseq._version import __version__
from charseq.errors import UsageError
from charseq.export.formats import FORMATS, Export
from charseq.export.rounding import Comparison, compared
from charseq.inference.continuation import default_sampling
from charseq.inference.requests import opening
from charseq.inference.stopping import DEFAULT_LENGTH
from charseq.inspection.reported_run import ReportedRun
from charseq.model import ngram_tensors
from charseq.model.mixture import Mixture
from charseq.model.model_file import Model
from charseq.render.html import about
from charseq.render.html.assembly import assembled
from charseq.render.html.reading import base64_of, network_data
from charseq.render.html.symbols import symbol_data
from charseq.render.html.weights import EncodedWeights, WeightType, encoded
from charseq.render.quantities import count, size
from charseq.render.visible import visible
from charseq.settings.defaults import SHORT_TEXT

STYLES = ("style.css", "write.css")
SCRIPTS = (
    "page.js", "weights.js", "cells.js", "network.js", "ngram.js", "reader.js", "about.js", "bars.js",
    "session.js", "written.js", "write_controls.js", "write.js", "write_main.js",
)  # fmt: skip
"""The scripts, in the order of execution."""
LARGE_PAGE = 20_000_000
"""The bytes above which a note says how to make a page smaller."""
TYPES = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "F32": "<f4"}
"""The types of tensors, as safetensors and NumPy name them."""


def export(run: ReportedRun, model: Model, weights: WeightType = "float16") -> Export:
    """Return a page that runs a model, its matrices rounded to a type.

    Raises UsageError for a cell of another package, and CharseqError if an output of the network is NaN or
    infinite.
    """
    if not about.is_own_cell(model.network):
        others = ", ".join(name for name in FORMATS if name != "html")
        raise UsageError(
            f"--format html: the page cannot run the cell {model.network.cell_name}, which another package "
            "adds",
            hint=f"choose another --format: {others}",
        )
    coded = encoded(model.arrays, list(model.network.parameter_specs()), weights)
    rounding = _rounding(coded, compared(run, model, coded.decoded), weights)
    html = assembled(page_data(run, model, coded, rounding), STYLES, SCRIPTS).encode("utf-8")
    return Export({"model.html": html}, (*rounding, *_size_notes(html, model, weights)))


def page_data(
    run: ReportedRun, model: Model, weights: EncodedWeights, notes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the data of the page, as JSON values."""
    vocabulary = model.vocabulary
    uses_ngram = model.mixture is not None and not model.window
    begin = "" if vocabulary.boundary else opening(model)
    counts = model.label_counts
    return {
        "title": about.title(run),
        "kind": "charseq model",
        "run": visible(run.name),
        "charseq": __version__,
        "facts": about.facts(run),
        "equations": about.equations(run),
        **symbol_data(run),
        "network": {
            **network_data(model.network, weights),
            "ngram": ngram_data(model.mixture) if model.mixture and uses_ngram else None,
            "window": list(model.window) if model.window else None,
            "memorized": _memorized_data(model),
            "opening": vocabulary.encode(begin).tolist(),
            "temperature": default_sampling(model).temperature,
            "label": counts.index(max(counts)) if counts else None,
        },
        "notes": [*notes, *_reading_notes(model)],
    }


def ngram_data(mixture: Mixture) -> dict[str, tuple[str, str]]:
    """Return the tensors of an n-gram model and its gate, each as its type and its bytes in base64."""
    tensors = ngram_tensors.tensors_of(mixture)
    return {name.removeprefix(ngram_tensors.PREFIX): _typed(array) for name, array in tensors.items()}


def _memorized_data(model: Model) -> list[tuple[str, str]]:
    """Return the ids of the memorized texts, at whose ends the page stops; none if they are too long."""
    if sum(map(len, model.memorized)) > SHORT_TEXT:
        return []
    return [_typed(model.vocabulary.encode(text)) for text in model.memorized]


def _typed(array: npt.NDArray[Any]) -> tuple[str, str]:
    """Return the type of an array, as safetensors names it, and its bytes in base64."""
    kind = f"{'F' if array.dtype.kind == 'f' else 'U'}{8 * array.itemsize}"
    return kind, base64_of(array.astype(TYPES[kind]))


def _rounding(coded: EncodedWeights, measured: list[Comparison], weights: WeightType) -> tuple[str, ...]:
    """Return sentences about the type of the weights and what rounding them changes."""
    if weights == "float32":
        return ("The weights are those of the model file, in float32.",)
    scope = "with one scale for each row" if weights == "int8" else "vectors stay float32"
    sentences = [f"The matrices of the network are rounded to {weights}, {scope}."]
    sentences += [str(each) for each in measured]
    if coded.exact:
        sentences.append(
            "These matrices stay float32, because float16 has no value above 65,504: "
            f"{', '.join(coded.exact)}."
        )
    return tuple(sentences)


def _reading_notes(model: Model) -> list[str]:
    """Return sentences about how the page reads text."""
    notes = []
    if model.mixture is not None and not model.window:
        ngram = model.mixture.ngram
        notes.append(
            f"The model is the network and an n-gram model of order {ngram.order} "
            f"({count(ngram.size, 'n-gram')}), mixed by a gate, as ‘charseq predict’ uses it."
        )
    if model.window:
        length, stride = model.window
        notes.append(
            f"The network reads windows of {count(length, 'symbol')}, {stride} apart, each from its initial "
            "state, as in training. Generation is therefore slower than with a carried state."
        )
    characters = sum(map(len, model.memorized))
    if characters > SHORT_TEXT:
        notes.append(
            f"The memorized text has {count(characters, 'character')}, and the page does not contain it. "
            f"Generation ends after {DEFAULT_LENGTH} symbols or the given length, not at the text's end."
        )
    notes.append(
        "The same prompt, label, temperature and seed give the same text. ‘charseq predict’ draws other "
        "random numbers, so its samples differ."
    )
    return notes


def _size_notes(html: bytes, model: Model, weights: WeightType) -> list[str]:
    """Return sentences about the size of the page, and, if it is large, how to make it smaller."""
    ngram = 0
    if model.mixture is not None and not model.window:
        ngram = sum(array.nbytes for array in ngram_tensors.tensors_of(model.mixture).values()) * 4 // 3
    part = f", {size(ngram)} of it for the n-gram model" if ngram else ""
    notes = [f"The page has {size(len(html))}{part}."]
    if len(html) > LARGE_PAGE:
        remedies = ["--weights int8"] if weights != "int8" else []
        remedies += ["a model trained with --ngram 0"] if ngram else []
        if remedies:
            notes.append(f"A browser may need long to open it. {' or '.join(remedies)} makes it smaller.")
    return notes


def weight_bytes(data: dict[str, Any]) -> int:
    """Return the bytes of a page's weights: the base64 of the parameters and of the n-gram tensors."""
    network = data["network"]
    tensors = (network["ngram"] or {}).values()
    return len(network["weights"]) + sum(len(text) for _, text in tensors)
