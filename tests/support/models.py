"""Models that are built without training."""

from dataclasses import replace
from typing import Any

import numpy as np

from charseq.inference.requests import Step
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary


def lstm_model(seed: int = 0, **changes: Any) -> Model:
    """Return an untrained LSTM whose symbols include a control character and an unpaired surrogate."""
    vocabulary = Vocabulary.of(["헬로\x1b[2J\udc80"])
    network = Network("lstm", len(vocabulary), hidden_size=2)
    made = Model(
        network,
        vocabulary,
        network.draw(SeededDraw(seed)),
        memorized=("헬로",),
        opening="헬",
        training={"epoch": 3},
    )
    return replace(made, **changes)


def gru_model(text: str = "abcdefgh", *, learned: tuple[str, ...] = (), boundary: bool = False) -> Model:
    """Return an untrained GRU with large weights."""
    vocabulary = Vocabulary.of([text], boundary=boundary)
    network = Network("gru", len(vocabulary), hidden_size=5)
    arrays = {name: array * 3 for name, array in network.draw(SeededDraw(1)).items()}
    return Model(network, vocabulary, arrays, memorized=learned, opening=text[0])


def cycling_model(*learned: str) -> Model:
    """Return a model whose weights are set by hand: it continues a, b, c, a, b, c."""
    vocabulary = Vocabulary.of(["abc"])
    network = Network("rnn", 3, hidden_size=3)
    arrays = {name: np.zeros(spec.shape, np.float32) for name, spec in network.parameter_specs().items()}
    arrays["layers.0.W_x"] = 5 * np.eye(3, dtype=np.float32)
    arrays["head.W"] = 9 * np.roll(np.eye(3, dtype=np.float32), 1, 0)
    return Model(network, vocabulary, arrays, memorized=learned, opening="a")


def text_record(steps: "list[Step]") -> str:
    """Return the characters of a continuation."""
    return "".join(step.character for step in steps)
