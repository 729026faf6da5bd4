"""The sections about the model: the network itself, surprisal over a text, and gradients."""

import base64
import math
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.errors import CharseqError
from charseq.inspection.gradient_table import GradientTable, gradient_table, positions_within_limits
from charseq.inspection.reported_run import ReadText
from charseq.inspection.text_predictions import TextPredictions, predict_text
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.render.html.symbols import symbol_sign
from charseq.render.html.weights import EncodedWeights, encoded
from charseq.render.quantities import count, size
from charseq.text.vocabulary import Ids

Section = dict[str, Any]
MAX_TYPED = 40
"""Symbols of the text that the network reads at first."""
JOINER = "\u200d"
"""Joins emoji to one grapheme cluster, so that a text may not end before it."""
NO_TEXT = (
    "No text is known: the log shows none, and the model file has only names of files. "
    "Add --text STRING or --file PATH."
)


def network(model: Model, texts: Sequence[ReadText], max_weights: float, *, known_cell: bool) -> Section:
    """Return the network with its weights, at most `max_weights` megabytes, for the page to run it."""
    if not known_cell:
        return {
            "left_out": f"The page cannot run the cell {model.network.cell_name}, which another package adds."
        }
    names = list(model.network.parameter_specs())
    stored = 4 * sum(model.arrays[name].size for name in names)
    if stored > 1e6 * max_weights:
        return {
            "left_out": f"The network is left out: its weights take {size(stored)}, and the limit is "
            f"{max_weights:g} MB. Write the page with --max-weights {math.ceil(stored / 1e6)} to include it. "
            "‘charseq predict --interactive’ runs the network in the terminal."
        }
    return {
        **network_data(model.network, encoded(model.arrays, names, "float32")),
        "has_ngram": model.mixture is not None,
        "window": list(model.window) if model.window else None,
        "memorized": bool(model.memorized),
        "text": _typed_first(model, texts),
    }


def network_data(network: Network, weights: EncodedWeights) -> Section:
    """Return the architecture and the weights with which a page runs a network."""
    return {
        "cell": network.cell_name,
        "hidden_size": network.hidden_size,
        "layers": network.layers,
        "vocabulary_size": network.vocabulary_size,
        "embedding_size": network.embedding_size,
        "head": network.head,
        "residual": network.residual,
        "layer_norm": network.layer_norm,
        "tie_weights": network.tie_weights,
        "parameters": weights.parameters,
        "weights": base64.b64encode(weights.data).decode("ascii"),
    }


def _typed_first(model: Model, texts: Sequence[ReadText]) -> str:
    """Return the text of the field at first: the beginning of the first text, up to a control character."""
    string = model.vocabulary.decode(texts[0].ids[:MAX_TYPED]) if texts else model.opening
    return "".join(takewhile(lambda c: c in ("\n", JOINER) or c.isprintable(), string))


def predictions(model: Model, texts: Sequence[ReadText]) -> Iterator[float | list[TextPredictions]]:
    """Read the texts; yield the finished share, 0 to 1, and at last what the model predicts."""
    found = []
    total = sum(len(each.ids) for each in texts)
    done = 0
    for each in texts:
        found.append(predict_text(model, each.ids))
        done += len(each.ids)
        yield done / total
    yield found


def surprisal(
    model: Model, texts: Sequence[ReadText], read: Sequence[TextPredictions], *, shortened: bool
) -> Section:
    """Return the surprisal of every symbol of the texts, with the most probable symbols."""
    if not read:
        return {"left_out": NO_TEXT}
    return {
        "heading": _surprisal_heading(model, texts, read),
        "shortened": shortened,
        "has_ngram": model.mixture is not None,
        "texts": [
            {
                "origin": text.origin,
                "ids": text.ids.tolist(),
                "bits": _bits(each.surprisals.nats),
                "ranks": each.surprisals.ranks.tolist(),
                "network": None if each.network_nats is None else _bits(each.network_nats),
                "ngram": None if each.ngram_nats is None else _bits(each.ngram_nats),
                "top": each.top.tolist(),
                "probabilities": np.round(each.top_probabilities, 4).tolist(),
            }
            for text, each in zip(texts, read, strict=True)
        ],
    }


def _surprisal_heading(model: Model, texts: Sequence[ReadText], read: Sequence[TextPredictions]) -> str:
    """Return a sentence that names the most surprising symbol."""
    same = [i for i, text in enumerate(texts) if text.origin == texts[0].origin]  # generated text is no test
    number = max(same, key=lambda i: float(read[i].surprisals.nats.max()))
    nats = read[number].surprisals.nats
    at = int(nats.argmax())
    bits = float(nats[at]) / math.log(2)
    if bits < 1:
        return "No symbol of this text surprises the model"
    sign = symbol_sign(model.vocabulary.symbols[int(read[number].ids[at + 1])], model.vocabulary.unit)
    return f"The most surprising symbol is ‘{sign}’, with {bits:.1f} bits"


def _bits(nats: npt.NDArray[np.float64]) -> list[float]:
    return [float(f"{bits:.5g}") for bits in (nats / math.log(2)).tolist()]


def gradients(model: Model, texts: Sequence[ReadText]) -> Iterator[float | Section]:
    """Yield the finished share, 0 to 1, and at last the gradient norms of every position of a text."""
    if not texts:
        yield {"left_out": NO_TEXT}
        return
    limit = positions_within_limits(model.network)
    longest = max(texts[:1] if model.memorized else texts, key=lambda each: min(len(each.ids), limit + 1))
    ids = longest.ids[: limit + 1]
    if limit < 2 or len(ids) < 3:
        reason = (
            "its text is too short" if limit >= 2 else "computing them for this network would take too long"
        )
        yield {"left_out": f"There are no gradients over several steps: {reason}."}
        return
    try:
        for step in gradient_table(model.network, model.arrays, ids):
            yield _gradient_section(model, longest, ids, step) if isinstance(step, GradientTable) else step
    except CharseqError as error:
        yield {"left_out": f"The gradients cannot be computed: {error.message}."}


def _gradient_section(model: Model, text: ReadText, ids: Ids, table: GradientTable) -> Section:
    last = table.norms[-1]
    share = float(last[0] / last[-1]) if last[-1] else 0.0
    norms = [[float(f"{norm:.3g}") for norm in row[: t + 1]] for t, row in enumerate(table.norms.tolist())]
    return {
        "heading": _gradient_heading(share, len(last), memory=model.network.cell.memory),
        "origin": text.origin,
        "ids": ids.tolist(),
        "losses": [float(f"{loss:.5g}") for loss in table.losses],
        "norms": norms,
        "shortened": len(text.ids) > len(ids),
    }


def _gradient_heading(share: float, steps: int, *, memory: bool) -> str:
    if not memory:
        return "No gradient reaches back: the cell has no memory"
    back = f"{count(steps - 1, 'step')} back, the gradient's norm is"
    if share > 1:
        return f"{back} {share:.1f} times that at the last step"
    shown = f"{100 * share:.2g}%" if share >= 1e-4 else "less than 0.01%"
    return f"{back} {shown} of that at the last step"


def base64_of(array: npt.NDArray[Any]) -> str:
    """Return the bytes of an array in base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
