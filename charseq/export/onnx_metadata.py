"""The metadata of an ONNX export: strings by name, JSON where there is more than one value."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from charseq._version import __version__
from charseq.export.network_alone import losses
from charseq.export.onnx_models import NEXT, learned_states, state_shapes
from charseq.inference.continuation import default_sampling
from charseq.model.model_file import Model


def metadata(model: Model) -> dict[str, str]:
    """Return the metadata of both models.  Everything is ASCII; memorized texts are not in it."""
    vocabulary, (loss, alone) = model.vocabulary, losses(model)
    lengths = memorized_lengths(model)
    values: Mapping[str, Any] = {
        "network": asdict(model.network),
        "vocabulary": vocabulary.symbols,
        "labels": {vocabulary.symbols[i]: i for i in vocabulary.labels},
        "boundary": 0 if vocabulary.boundary else None,
        "opening": opening_id(model),
        "states": states(model),
        "settings": {
            "sequence_length": model.training.get("settings", {}).get("sequence_length"),
            "stride": model.window.stride if model.window else 0,
            "temperature": default_sampling(model).temperature,
            "memorized_lengths": lengths,
        },
        "losses": {"validation_loss": loss, "network_validation_loss": alone},
        "has_ngram": model.mixture is not None,
    }
    return {
        "charseq": __version__,
        "unit": vocabulary.unit,
        "normalization": vocabulary.normalization,
        **{name: json.dumps(value) for name, value in values.items()},
    }


def states(model: Model) -> list[dict[str, Any]]:
    """Return the inputs of the states, with their shapes, outputs and initial values."""
    learned = learned_states(model.network, model.arrays)
    return [
        {
            "input": name,
            "output": f"{name}{NEXT}",
            "shape": shape,
            "initial": "learned: the default of the input" if name in learned else "zeros",
        }
        for name, shape in state_shapes(model.network).items()
    ]


def opening_id(model: Model) -> int | None:
    """Return the id that a text begins with: the boundary, or the first symbol of the training text.

    None for a model with labels, in which a text begins with its label.
    """
    vocabulary = model.vocabulary
    if vocabulary.labels:
        return None
    return vocabulary.symbols.index("" if vocabulary.boundary else model.opening)


def memorized_lengths(model: Model) -> list[int]:
    """Return the number of symbols of each memorized text."""
    return [len(model.vocabulary.encode(text)) for text in model.memorized]
