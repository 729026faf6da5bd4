"""State_dicts that cannot be read: each error names the tensors, and what is supported."""

from typing import Any

import pytest

from charseq.errors import CharseqError, ModelFileError, UsageError
from charseq.export.torch_recognition import SUPPORTED, Shape, recognize

V, E, H = 11, 5, 7


def shapes(cell: int = 4, inputs: int = V, *, layers: int = 1, prefix: str = "rnn.") -> dict[str, Shape]:
    """The tensors of a recurrent stack and a linear layer; `cell` is the number of gates."""
    found: dict[str, Shape] = {}
    for layer in range(layers):
        found |= {
            f"{prefix}weight_ih_l{layer}": (cell * H, H if layer else inputs),
            f"{prefix}weight_hh_l{layer}": (cell * H, H),
            f"{prefix}bias_ih_l{layer}": (cell * H,),
            f"{prefix}bias_hh_l{layer}": (cell * H,),
        }
    return {**found, "fc.weight": (V, H), "fc.bias": (V,)}


def without(name: str, **options: Any) -> dict[str, Shape]:
    found = shapes(**options)
    del found[name]
    return found


REFUSED: dict[str, tuple[dict[str, Shape], str]] = {
    "nothing": ({}, "no tensors weight_ih"),
    "no recurrence": ({"fc.weight": (V, H), "fc.bias": (V,)}, "no tensors weight_ih.*'fc.bias', 'fc.weight'"),
    "both directions": ({**shapes(), "rnn.weight_ih_l0_reverse": (4 * H, V)}, "both directions.*_reverse"),
    "a projection": ({**shapes(), "rnn.weight_hr_l0": (3, H)}, "projection.*'rnn.weight_hr_l0'"),
    "two stacks": ({**shapes(), **shapes(prefix="b.")}, "2 recurrent modules: 'b.weight_ih_l0', 'rnn.weight"),
    "a cell and a layer": (
        {**shapes(), "rnn.weight_ih": (4 * H, V)},
        "the same: 'rnn.weight_ih', 'rnn",
    ),
    "a missing layer": (without("rnn.weight_ih_l0", layers=2), "incomplete"),
    "a gap between layers": (
        {name.replace("_l1", "_l5"): shape for name, shape in shapes(layers=2).items()},
        "incomplete",
    ),
    "a missing matrix": (without("rnn.weight_hh_l1", layers=2), "layer 1 has no weight_hh"),
    "one bias of two": (without("rnn.bias_hh_l0"), "layer 0 has no bias_hh"),
    "two gates": (shapes(cell=2), r"weight_hh has the shape \[14, 7\]"),
    "not whole": ({**shapes(), "rnn.weight_hh_l0": (29, 7)}, r"weight_hh has the shape \[29, 7\]"),
    "no units": ({**shapes(), "rnn.weight_hh_l0": (0, 0)}, "incomplete"),
    "a vector": ({**shapes(), "rnn.weight_hh_l0": (28,)}, "incomplete"),
    "a layer that does not fit": (
        {**shapes(layers=2), "rnn.weight_ih_l1": (28, 5)},
        r"'rnn.weight_ih_l1' has the shape \[28, 5\], where \[28, 7\] fits",
    ),
    "a bias that does not fit": ({**shapes(), "rnn.bias_ih_l0": (7,)}, r"where \[28\] fits"),
    "two linear layers": (
        {**shapes(), "hidden.weight": (H, H), "hidden.bias": (H,)},
        "2 linear layers or embeddings: 'fc.weight', 'hidden.weight'",
    ),
    "three matrices": (
        {**shapes(inputs=E), "a.weight": (V, E), "b.weight": (V, E)},
        "3 linear",
    ),
    "a convolution": ({**shapes(), "conv.weight": (3, 5, 7)}, "other tensors: 'conv.weight'"),
    "a batch normalization": ({**shapes(), "bn.running_mean": (H,)}, "other tensors: 'bn.running_mean'"),
    "a scalar": ({**shapes(), "scale": ()}, "other tensors: 'scale'"),
    "two normalizations": (
        {**shapes(), "a.weight": (H,), "a.bias": (H,), "b.weight": (H,), "b.bias": (H,)},
        "2 normalizations: 'a.weight', 'b.weight'",
    ),
    "a normalization without a bias": ({**shapes(), "rms.weight": (H,)}, "has no bias.*'rms.weight'"),
    "a normalization of another size": (
        {**shapes(), "ln.weight": (V,), "ln.bias": (V,)},
        r"'ln.weight' has the shape \[11\], where \[7\] fits",
    ),
    "a normalization of a deep stack": (
        {**shapes(layers=2), "ln.weight": (H,), "ln.bias": (H,)},
        "a LayerNorm and 2 layers: 'ln.weight'",
    ),
    "an embedding of another vocabulary": (
        {**shapes(inputs=E), "emb.weight": (V + 2, E)},
        r"'emb.weight' has the shape \[13, 5\], where \[11, 5\] fits",
    ),
    "an embedding of another size": ({**shapes(inputs=E), "emb.weight": (V, 3)}, r"where \[11, 5\] fits"),
    "no embedding": (shapes(inputs=E), "no embedding, its recurrent layer reads 5 values.* 11 symbols"),
    "no linear layer": (
        {name: shape for name, shape in shapes().items() if name.startswith("rnn.")},
        "reads 11 values, and its output has 7 symbols",
    ),
    "a linear layer of another size": ({**shapes(), "fc.weight": (V, 3)}, r"where \[11, 7\] fits"),
    "a bias of another size": ({**shapes(), "fc.bias": (3,)}, r"'fc.bias' has the shape \[3\]"),
    "an empty vocabulary": (
        {**shapes(inputs=0), "fc.weight": (0, H), "fc.bias": (0,)},
        "is empty",
    ),
    "two matrices of the same shape": (
        {**without("fc.bias", inputs=H), "other.weight": (V, H)},
        "neither of two matrices is clearly the linear layer: 'fc.weight', 'other.weight'",
    ),
    "a normalization and no linear layer": (
        {"weight_ih": (H, H), "weight_hh": (H, H), "ln.weight": (H,), "ln.bias": (H,)},
        "a normalization and no linear layer",
    ),
    "control characters": ({**shapes(), "\x1b[2J": (3, 5, 7)}, r"'\\x1b\[2J'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_charseq_lacks_is_refused(name: str) -> None:
    given, message = REFUSED[name]
    with pytest.raises(ModelFileError, match=message) as raised:
        recognize(given)
    assert raised.value.hint == SUPPORTED


@pytest.mark.parametrize(
    ("gates", "cell", "hint"),
    [
        (4, "gru", "use --cell lstm"),
        (3, "rnn-relu", "use --cell gru"),
        (1, "lstm", "use --cell rnn or rnn-relu"),
        (1, "mingru", "use --cell rnn or rnn-relu; a state_dict is read as rnn, rnn-relu, lstm, gru"),
    ],
)
def test_a_cell_that_the_tensors_are_not_of_is_refused(gates: int, cell: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"not those of the cell '{cell}'") as raised:
        recognize(shapes(gates), cell)
    assert raised.value.hint == hint


def test_every_layer_may_lack_biases() -> None:
    given = {name: shape for name, shape in shapes(3, layers=2).items() if "bias_" not in name}
    network, sources = recognize(given)
    assert (network.cell_name, network.layers) == ("gru", 2)
    assert {*network.parameter_specs()} - {*sources} == {
        f"layers.{layer}.{name}" for layer in (0, 1) for name in ("b_x", "b_h")
    }


def test_a_network_without_a_linear_layer_outputs_the_logits() -> None:
    network, _ = recognize({"weight_ih": (3 * H, H), "weight_hh": (3 * H, H)})
    assert (network.head, network.vocabulary_size, network.embedding_size) == ("none", H, 0)


def test_any_shapes_are_recognized_or_refused() -> None:
    names = [*shapes(layers=2), "emb.weight", "ln.weight", "ln.bias", "bias"]
    sizes: list[Shape] = [(), (0,), (H,), (4 * H,), (V, H), (4 * H, H), (4 * H, V), (V, E), (2**62, 2**62)]
    read = 0
    for name in names:
        for size in sizes:
            for base in (shapes(), shapes(layers=2), shapes(inputs=E)):
                error = None
                try:
                    recognize({**base, name: size})
                    read += 1
                except CharseqError as refused:
                    error = refused
                assert error is None or (error.message and error.hint)
    assert read > 10
