"""Networks of random units with two planted ones: a counter of the position in the line, and of brackets."""

from typing import NamedTuple

import numpy as np

from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.text.vocabulary import Vocabulary

STEP = 0.01
"""What a planted unit of an lstm adds to its memory for a symbol."""
ALWAYS, NEVER = 20.0, -60.0
"""Inputs of a gate that is open, and that a symbol closes."""
NOISE = 0.002
"""The size of the weights from random units to planted ones of an rnn-relu."""


class Planted(NamedTuple):
    """A model, and its planted units."""

    model: Model
    counter: int
    """Counts the symbols since the last line end."""
    brackets: int
    """Counts the open brackets."""


def planted_model(cell: str, vocabulary: Vocabulary, hidden_size: int, seed: int) -> Planted:
    """Return a network of random units; two of them, at random places, are set by hand.

    A planted unit of an rnn-relu adds to its last value, with some noise; one of an lstm adds to its memory
    through open gates.  A line end resets the counter.  No random unit reads a planted one.
    """
    random = np.random.default_rng(seed)
    network = Network(cell, len(vocabulary), hidden_size)
    arrays = {
        name: (random.normal(size=spec.shape) / np.sqrt(spec.shape[-1])).astype(np.float32)
        for name, spec in network.parameter_specs().items()
    }
    counter, brackets = map(int, random.choice(hidden_size, 2, replace=False))
    (plant_rnn if cell == "rnn-relu" else plant_lstm)(arrays, vocabulary, counter, brackets, random)
    return Planted(Model(network, vocabulary, arrays), counter, brackets)


def plant_rnn(
    arrays: dict[str, np.ndarray],
    vocabulary: Vocabulary,
    counter: int,
    brackets: int,
    random: np.random.Generator,
) -> None:
    """Set the weights of two units of an rnn-relu."""
    w_x, w_h = arrays["layers.0.W_x"], arrays["layers.0.W_h"]
    w_h *= 0.7
    w_h[:, [counter, brackets]] = 0
    for unit in (counter, brackets):
        w_x[unit] = 0
        w_h[unit] = NOISE * random.normal(size=len(w_h))
        w_h[unit, [counter, brackets]] = 0
        w_h[unit, unit] = 1
        arrays["layers.0.b_x"][unit] = arrays["layers.0.b_h"][unit] = 0
    w_x[counter] = 1
    for symbol, change in (("\n", -1e4), ("(", 1.0), (")", -1.0)):
        w_x[counter if symbol == "\n" else brackets, vocabulary.symbols.index(symbol)] = change


def plant_lstm(
    arrays: dict[str, np.ndarray],
    vocabulary: Vocabulary,
    counter: int,
    brackets: int,
    random: np.random.Generator,
) -> None:
    """Set the weights of two units of an lstm, whose gates are in the order i, f, g, o."""
    hidden_size = arrays["layers.0.W_h"].shape[1]
    ids = {symbol: vocabulary.symbols.index(symbol) for symbol in "\n()"}
    arrays["layers.0.W_h"][:, [counter, brackets]] = 0
    for unit in (counter, brackets):
        rows = unit + hidden_size * np.arange(4)
        for name in ("W_x", "W_h", "b_x", "b_h"):
            arrays[f"layers.0.{name}"][rows] = 0
        arrays["layers.0.b_x"][rows[[0, 1, 3]]] = ALWAYS
    i, f, g, _ = counter + hidden_size * np.arange(4)
    arrays["layers.0.W_x"][[i, f], ids["\n"]] = NEVER
    arrays["layers.0.b_x"][g] = STEP
    g = brackets + 2 * hidden_size
    arrays["layers.0.W_x"][g, ids["("]] = STEP
    arrays["layers.0.W_x"][g, ids[")"]] = -STEP


def bracketed_text(symbols: int, seed: int) -> str:
    """Return lines of random words with nested, balanced brackets."""
    random = np.random.default_rng(seed)
    parts: list[str] = []
    depth = length = 0
    while length < symbols:
        kind = random.random()
        if kind < 0.12 and depth < 4:
            part, depth = "(", depth + 1
        elif kind < 0.24 and depth:
            part, depth = ")", depth - 1
        elif kind < 0.30:
            part = "\n"
        else:
            part = "".join(random.choice([*"abcdeABCDE0123"], int(random.integers(1, 6)))) + " "
        parts.append(part)
        length += len(part)
    return "".join(parts)[:symbols]
