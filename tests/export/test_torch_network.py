"""The exported modules of PyTorch: they load strictly, and compute what charseq computes."""

import importlib.util
import itertools
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from charseq.cells import CELLS
from charseq.errors import UsageError
from charseq.export.torch_names import is_plain, state_dict
from charseq.export.torch_network import network_module
from charseq.model.model_file import Model
from charseq.model.network import Network
from tests.support.exported import DEEP, PLAIN, SYMBOLS, ids_of, logits_of, module_of, untrained

STEPS = 1_000
EXAMPLE = Path(__file__).parents[1] / "example_package/charseq_example_cells.py"


def loaded(model: Model) -> torch.nn.Module:
    """The generated network with the weights of a model."""
    network: torch.nn.Module = module_of(network_module(model.network)).Network()
    tensors = state_dict(model.network, model.arrays)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()}, strict=True)
    return network


def differences(model: Model, steps: int = STEPS) -> Any:
    """The largest difference of logits, read in two pieces, and the number of other top choices."""
    network, ids = loaded(model), torch.from_numpy(ids_of(2, steps))
    with torch.no_grad():
        first, states = network(ids[:, : steps // 3])
        second, _ = network(ids[:, steps // 3 :], states)
    logits, own = torch.cat([first, second], 1).numpy(), logits_of(model, ids)
    return np.abs(logits - own).max(), np.count_nonzero(logits.argmax(-1) != own.argmax(-1))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("options", [PLAIN, DEEP], ids=["one layer", "residual and normalized"])
def test_the_module_computes_what_charseq_computes(cell: str, options: dict[str, Any]) -> None:
    difference, others = differences(untrained(cell, **options))
    assert difference < 1e-4
    assert others == 0


@pytest.mark.parametrize("cell", [cell for cell in CELLS if CELLS[cell].learned_start])
def test_the_module_begins_with_the_learned_initial_states(cell: str) -> None:
    learned, zero = untrained(cell, layers=2, initial_state="learned"), untrained(cell, layers=2)
    difference, others = differences(learned, steps=31)
    assert difference < 1e-4
    assert others == 0
    assert any(".start." in name for name in learned.arrays)
    assert np.abs(logits_of(learned, [[3]]) - logits_of(zero, [[3]])).max() > 0


def test_the_module_of_a_cell_of_another_package_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("charseq_example_cells", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(CELLS, "leaky", module.LEAKY)
    difference, others = differences(untrained("leaky", **DEEP), steps=101)
    assert difference < 1e-4
    assert others == 0


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_flow_to_every_parameter(cell: str) -> None:
    network = loaded(untrained(cell, **DEEP))
    logits, _ = network(torch.from_numpy(ids_of(2, 13)))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.arange(26) % len(SYMBOLS))
    torch.autograd.backward(loss)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.abs().sum() > 0 or name.endswith("b_h"), name


def networks() -> list[Network]:
    """Every combination of options that a network can have, for each cell."""
    found = []
    for cell, layers, embedding, head, residual, norm, tied, start in itertools.product(
        CELLS, (1, 3), (0, 5, 7), ("linear", "none"), (0, 1), (0, 1), (0, 1), ("zero", "learned")
    ):
        hidden = 11 if head == "none" else 7
        options = (bool(residual), bool(norm), bool(tied), start)
        try:
            found.append(Network(cell, 11, hidden, layers, embedding, head, *options))  # type: ignore[arg-type]
        except UsageError:
            continue
    return found


def test_the_modules_of_all_networks_are_formatted_and_pass_the_linter(tmp_path: Path) -> None:
    codes = {network_module(network) for network in networks()}
    assert len(codes) > 400
    for number, code in enumerate(sorted(codes)):
        (tmp_path / f"m{number}.py").write_text(code)
    rules = "F,E4,E7,E9,W,I,B,UP,SIM,RET,C4,PIE,D2,D3,D4"
    ignored = "D203,D205,D212,D213,D400,D401,D413,D415"
    for arguments in (["check", "--select", rules, "--ignore", ignored], ["format", "--check"]):
        ended = subprocess.run(
            ["ruff", arguments[0], "--isolated", "--no-cache", "-q", *arguments[1:], str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.long
def test_the_modules_of_all_networks_compute_what_charseq_computes() -> None:
    for number, network in enumerate(networks()):
        options = {name: getattr(network, name) for name in Network.__dataclass_fields__}
        cell = options.pop("cell_name")
        del options["vocabulary_size"]
        difference, others = differences(untrained(cell, number, **options), steps=31)
        assert difference < 1e-3, network
        assert others == 0, network


@pytest.mark.parametrize(
    ("cell", "options", "expected"),
    [
        ("lstm", {}, True),
        ("gru", {"layers": 3, "embedding_size": 5}, True),
        ("rnn", {"layer_norm": True}, True),
        ("rnn", {"layer_norm": True, "layers": 2}, False),
        ("lstm", {"residual": True, "layers": 2}, False),
        ("lstm", {"initial_state": "learned"}, False),
        ("mingru", {}, False),
    ],
)
def test_a_plain_stack_is_one_module_of_torch(cell: str, options: dict[str, Any], expected: bool) -> None:
    model = untrained(cell, **options)
    assert is_plain(model.network) is expected
    names = state_dict(model.network, model.arrays).keys()
    assert ("rnn.weight_ih_l0" in names) is expected


def test_tied_weights_have_both_names_and_stay_tied() -> None:
    model = untrained("lstm", embedding_size=7, tie_weights=True)
    tensors = state_dict(model.network, model.arrays)
    assert (tensors["head.weight"] == tensors["embedding.weight"]).all()
    network: Any = loaded(model)
    assert network.head.weight is network.embedding.weight
