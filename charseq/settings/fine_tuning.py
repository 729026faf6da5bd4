"""Choose default settings for training a network further on another text."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from charseq.errors import UsageError, cannot_combine
from charseq.settings.defaults import choose_settings
from charseq.settings.network_size import TWO_CORES_FLOPS, useful_epochs
from charseq.settings.setting import option_name
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import AnyCorpus

NETWORK = (
    "cell",
    "hidden_size",
    "layers",
    "embedding_size",
    "head",
    "residual",
    "layer_norm",
    "tie_weights",
    "initial_state",
)
"""Settings of the network, which are those of the parent."""
INHERITED = ("optimizer", "weight_decay", "clip", "average", "stride", "validation_split")
"""Further settings whose defaults are those of the parent."""
LEARNING_RATE_FACTOR = 0.7
"""The default learning rate, relative to that of a new network of the same size."""
LINES_DROPOUT = 0.2
"""What is added to the dropout probability of a new network for lines."""
MAX_DROPOUT = 0.5
"""The largest default dropout probability."""


def choose_fine_tuning(
    corpus: AnyCorpus,
    vocabulary_size: int,
    explicit: Mapping[str, Any],
    parent: TrainSettings,
    *,
    flops: Callable[[], float] = lambda: TWO_CORES_FLOPS,
) -> TrainSettings:
    """Return the explicit settings (not None), those of the parent's network, and defaults for fine-tuning.

    Raises TextError if there is nothing to learn, UsageError for invalid settings and for a setting of
    another network.
    """
    explicit = {name: value for name, value in explicit.items() if value is not None}
    for name in NETWORK:
        value, own = explicit.get(name), getattr(parent, name)
        learns_start = name == "initial_state" and value == "learned"
        if value is not None and value != own and not learns_start:
            raise UsageError(
                f"{option_name(name)} {value} cannot be combined with --from: "
                f"the network has {option_name(name)} {own}",
                hint="omit it, or train a new network without --from",
            )
    initial_state = explicit.get("initial_state", parent.initial_state)
    own = {name: getattr(parent, name) for name in NETWORK}
    inherited = {name: getattr(parent, name) for name in INHERITED}
    validates = explicit.get("validation") or corpus.validation
    if inherited["stride"] and not validates and not corpus.lines:
        inherited["sequence_length"] = parent.sequence_length
    else:
        inherited["stride"] = 0
    sizes = {name: own[name] for name in ("cell", "hidden_size", "layers", "head")}
    given = {**inherited, **sizes, **explicit}
    settings = choose_settings(corpus, vocabulary_size, given, flops=flops, fine_tuning=True)
    settings = replace(settings, **{**own, "initial_state": initial_state})
    _check_freeze(settings)
    if settings.whole or settings.stride:
        return settings
    rate = float(f"{LEARNING_RATE_FACTOR * settings.learning_rate:.2g}")
    chosen: dict[str, tuple[Any, str]] = {
        "learning_rate": (rate, f"learning rate {rate:g}, because a trained network needs smaller updates")
    }
    if corpus.lines and "epochs" in settings.reasons:
        epochs = max(settings.epochs, math.ceil(useful_epochs(corpus.characters, vocabulary_size)))
        chosen["epochs"] = (
            epochs,
            f"at most {epochs} epochs, as for running text, which improved fine-tuning in experiments",
        )
        dropout = min(MAX_DROPOUT, settings.dropout + LINES_DROPOUT)
        chosen["dropout"] = dropout, f"dropout {dropout:g}, more than for a new network, for the same reason"
    chosen = {name: each for name, each in chosen.items() if name not in explicit}
    reasons = {**settings.reasons, **{name: reason for name, (_, reason) in chosen.items()}}
    return replace(settings, **{name: value for name, (value, _) in chosen.items()}, reasons=reasons)


def _check_freeze(settings: TrainSettings) -> None:
    """Raise UsageError if nothing, or not what was named, is left to train."""
    if settings.freeze == "all-but-initial-state" and settings.initial_state == "zero":
        raise UsageError(
            "--freeze all-but-initial-state requires a learned initial state",
            hint="add --initial-state learned",
        )
    if settings.freeze == "all-but-head" and settings.head == "none":
        raise cannot_combine("--freeze all-but-head", ["--head none"], "the network has no head")
    if settings.freeze == "all-but-head" and settings.tie_weights:
        raise cannot_combine(
            "--freeze all-but-head", ["--tie-weights"], "the head shares its weights with the embedding"
        )
