"""How large a network longer text is given, and how often it is read: by its length and the time there is.

The figures come from experiments: tests/benchmarks/defaults.md tells of them, tests/benchmarks/defaults.py
does them again.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from charseq.settings.train_settings import TrainSettings

TWO_CORES_FLOPS = 1.2e11
"""Floating-point operations a second that two cores of a common machine give to training through torch ..."""
TWO_NATIVE_CORES_FLOPS = 1.6e11
"""... and through charseq's own C."""
USUAL_SECONDS = 300.0
"""What a network is sized for where no time limit is given."""
OPERATIONS = 6
"""For each weight and place: two forward, four back."""
PLACES_A_WEIGHT = 0.7
"""Read in all for each recurrent weight: of more weights each would learn too little, of fewer all."""
STEP = 64
"""Of hidden sizes."""
ONE_LAYER = 7e5
"""Recurrent weights up to which one layer is as good as two."""
SMALLEST, LARGEST = 256, 2048
"""Hidden sizes; a larger one was never tried."""
SMALL_TEXT = 50_000
"""Characters up to which a text is read most often, with most left out."""


def sized(
    settings: TrainSettings, characters: int, vocabulary_size: int, given: Mapping[str, Any], power: float
) -> TrainSettings:
    """Settings with the network, the passes and the dropout that such a text is learned best by.

    A size or a time limit that was `given` settles the rest; `power` is the operations a second there are.
    Every text counts as one character at least, so that no size is 0 or infinite.
    """
    characters = max(1, characters)
    seconds = given.get("time_limit", USUAL_SECONDS)
    affordable = seconds * power / OPERATIONS  # weights times places
    layers, hidden_size = _stack(affordable, characters, vocabulary_size)
    layers, hidden_size = given.get("layers", layers), given.get("hidden_size", hidden_size)
    most = useful_epochs(characters, vocabulary_size)
    epochs = math.ceil(most)
    in_time = affordable / _weights(layers, hidden_size, vocabulary_size) / characters
    passes = min(most, in_time, given.get("epochs", most))
    dropout = dropout_for(characters, passes)
    full_grown = _recurrent(layers, hidden_size) > 0.8 * useful_weights(characters)
    time = "the time limit" if "time_limit" in given else "about five minutes on two cores"
    reasons = {"hidden_size": f"hidden size to fit {'the text' if full_grown else time}"}
    if "time_limit" in given and in_time < most:
        reasons["epochs"] = f"about {in_time:.2g} of at most {epochs} epochs fit into the time limit"
    elif epochs == 1:
        reasons["epochs"] = "one epoch, because new characters of a long text teach more than repeated ones"
    else:
        reasons["epochs"] = f"at most {epochs} epochs, because more overfit texts of this size in benchmarks"
    if dropout:
        reasons["dropout"] = "dropout, because the text is read more than once"
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
    """How often a text is read before it is known by heart: the longer it is, the less often."""
    by_length: float = 12 * (max(characters, SMALL_TEXT) / SMALL_TEXT) ** -0.48
    by_occurrences = 0.66 * math.sqrt(characters / max(vocabulary_size, 1))  # what is rare is soon known
    return max(1.0, min(by_length, by_occurrences))


def useful_weights(characters: int) -> float:
    """How many recurrent weights a text can tell what to be."""
    return 2.7e5 * float(max(1.0, characters / 20_000) ** 0.75)


def dropout_for(characters: int, passes: float) -> float:
    """Half of a small text's network, less of a longer text's, little where most is read once."""
    by_length = 0.5 - 0.1 * math.log(max(characters, SMALL_TEXT) / SMALL_TEXT)
    read_again = min(1.0, max(0.0, (passes - 1) / 2.5))
    return round(20 * max(0.0, by_length * read_again)) / 20


def _stack(affordable: float, characters: int, vocabulary_size: int) -> tuple[int, int]:
    """Layers and hidden size: as many recurrent weights as the text and the places to be read are worth."""
    best = 1, SMALLEST
    for hidden_size in range(SMALLEST, LARGEST + 1, STEP):
        for layers in (1, 2):
            recurrent = _recurrent(layers, hidden_size)
            places = affordable / _weights(layers, hidden_size, vocabulary_size)
            fits = recurrent <= min(places / PLACES_A_WEIGHT, useful_weights(characters))
            if fits and recurrent > _recurrent(*best) and (layers == 2) == (recurrent > ONE_LAYER):
                best = layers, hidden_size
    return best


def _recurrent(layers: int, hidden_size: int) -> int:
    """The weights between hidden units: W_h of every layer, W_x of all but the first."""
    return (2 * layers - 1) * hidden_size**2


def _weights(layers: int, hidden_size: int, vocabulary_size: int) -> int:
    """All weights that a place is multiplied with: the same, W_x of the first layer and the head's."""
    return _recurrent(layers, hidden_size) + 2 * vocabulary_size * hidden_size
