"""The network size, epochs and dropout for longer text, from its length and the available time.

The constants come from experiments: tests/benchmarks/defaults.md describes them, and
tests/benchmarks/defaults.py repeats them.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from charseq.settings.train_settings import TrainSettings

TWO_CORES_FLOPS = 1.2e11
"""Floating-point operations per second that training through torch reaches on two common cores."""
TWO_NATIVE_CORES_FLOPS = 1.6e11
"""Floating-point operations per second that the native kernels reach on two common cores."""
TWO_BFLOAT16_CORES_FLOPS = 3.5e11
"""Floating-point operations per second that they reach with products in bfloat16 (AVX512-BF16)."""
DEFAULT_SECONDS = 300.0
"""Seconds of training that a network is sized for without a time limit."""
OPERATIONS = 6
"""Floating-point operations per weight and position: two forward, four backward."""
POSITIONS_PER_WEIGHT = 0.7
"""Positions read in a whole run per recurrent weight: fewer would underfit a network of this size."""
STEP = 64
"""Hidden sizes are multiples of this."""
ONE_LAYER = 7e5
"""Recurrent weights up to which one layer is as good as two."""
SMALLEST = 256
"""The smallest hidden size."""
LARGEST = 2048
"""The largest hidden size of the experiments."""
SMALL_TEXT = 50_000
"""Characters up to which a text gets the most epochs and the highest dropout."""


def size_network(
    settings: TrainSettings,
    characters: int,
    vocabulary_size: int,
    explicit: Mapping[str, Any],
    flops: float,
    *,
    less_dropout: float = 0.0,
) -> TrainSettings:
    """Return settings with the best network size, epochs and dropout for a text.

    They depend on the `explicit` sizes, epochs and time limit.  `flops` is the speed of the device, in
    floating-point operations per second.  `less_dropout` is subtracted from the dropout of running text.
    """
    characters = max(1, characters)  # keeps sizes above 0 and finite
    seconds = explicit.get("time_limit", DEFAULT_SECONDS)
    affordable = seconds * flops / OPERATIONS  # weights times positions
    layers, hidden_size = _stack(affordable, characters, vocabulary_size)
    layers, hidden_size = explicit.get("layers", layers), explicit.get("hidden_size", hidden_size)
    max_passes = useful_epochs(characters, vocabulary_size)
    epochs = math.ceil(max_passes)
    in_time = affordable / _weights(layers, hidden_size, vocabulary_size) / characters
    passes = min(max_passes, in_time, explicit.get("epochs", max_passes))
    dropout = round(max(0.0, dropout_for(characters, passes) - less_dropout), 2)
    fits_text = _recurrent(layers, hidden_size) > 0.8 * useful_weights(characters)
    time = "the time limit" if "time_limit" in explicit else "about five minutes on two cores"
    reasons = {"hidden_size": f"hidden size to fit {'the text' if fits_text else time}"}
    if "time_limit" in explicit and in_time < max_passes:
        reasons["epochs"] = f"about {in_time:.2g} of at most {epochs} epochs fit into the time limit"
    elif epochs == 1:
        reasons["epochs"] = "one epoch, because new characters of a long text teach more than repeated ones"
    else:
        reasons["epochs"] = f"at most {epochs} epochs, because more overfit texts of this size in benchmarks"
    if dropout:
        reasons["dropout"] = f"dropout {dropout:g}, because the text is read more than once"
    return replace(
        settings,
        hidden_size=hidden_size,
        layers=layers,
        residual=layers > 1,
        learning_rate=round(0.003 * min(1.0, (512 / hidden_size) ** 0.75), 5),
        warm_up=0.05 if hidden_size > 512 else 0.0,
        dropout=dropout,
        epochs=epochs,
        reasons=reasons,
    )


def useful_epochs(characters: int, vocabulary_size: int) -> float:
    """Return the number of epochs after which a text is overfitted; longer texts have fewer."""
    by_length: float = 12 * (max(characters, SMALL_TEXT) / SMALL_TEXT) ** -0.48
    by_occurrences = 0.66 * math.sqrt(characters / max(vocabulary_size, 1))  # rare ones overfit soon
    return max(1.0, min(by_length, by_occurrences))


def useful_weights(characters: int) -> float:
    """Return the number of recurrent weights that a text of this length can train."""
    return 2.7e5 * float(max(1.0, characters / 20_000) ** 0.75)


def dropout_for(characters: int, passes: float) -> float:
    """Return the dropout probability: 0.5 for a small text, less for longer text or fewer passes."""
    by_length = 0.5 - 0.1 * math.log(max(characters, SMALL_TEXT) / SMALL_TEXT)
    read_again = min(1.0, max(0.0, (passes - 1) / 2.5))
    return round(20 * max(0.0, by_length * read_again)) / 20


def _stack(affordable: float, characters: int, vocabulary_size: int) -> tuple[int, int]:
    """Return layers and hidden size with the most recurrent weights that the text and the time can train."""
    best = 1, SMALLEST
    for hidden_size in range(SMALLEST, LARGEST + 1, STEP):
        for layers in (1, 2):
            recurrent = _recurrent(layers, hidden_size)
            positions = affordable / _weights(layers, hidden_size, vocabulary_size)
            fits = recurrent <= min(positions / POSITIONS_PER_WEIGHT, useful_weights(characters))
            if fits and recurrent > _recurrent(*best) and (layers == 2) == (recurrent > ONE_LAYER):
                best = layers, hidden_size
    return best


def _recurrent(layers: int, hidden_size: int) -> int:
    """Return the number of weights between hidden units: W_h of all layers, W_x of all but the first."""
    return (2 * layers - 1) * hidden_size**2


def _weights(layers: int, hidden_size: int, vocabulary_size: int) -> int:
    """Return the number of weights in matrix products: recurrent, W_x of the first layer, and the head."""
    return _recurrent(layers, hidden_size) + 2 * vocabulary_size * hidden_size
