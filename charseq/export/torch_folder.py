"""--format torch: a state_dict, and the code that loads it into PyTorch and continues a text.

Where torch.nn has the cell, its modules compute the network; for any other cell model.py has the equations.
The n-gram model, if there is one, is not part of the export.
"""

from collections.abc import Iterator, Mapping

from charseq._version import __version__
from charseq.cells.classic import CEILING
from charseq.export.formats import Export
from charseq.export.network_alone import network_alone
from charseq.export.torch_names import TORCH_CELLS, state_dict
from charseq.export.torch_network import network_module
from charseq.export.torch_predict import MODEL, NETWORK, VOCABULARY, prediction_script
from charseq.export.vocabulary_file import vocabulary_json
from charseq.inspection.reported_run import ReportedRun
from charseq.model.model_file import Model
from charseq.render.quantities import count

PREDICT = "predict.py"
README = "README.md"
DESCRIPTIONS = {
    MODEL: "the state_dict, float32",
    VOCABULARY: "the symbols by id, how text becomes symbols, and the description of the network",
    NETWORK: "the network as a module of PyTorch",
    PREDICT: "the code below",
}
"""What the README says about each file."""
TIED = "`embedding.weight` and `head.weight` are the same matrix: the code ties them."
SAMPLING = (
    "The code appends the most probable symbol. To sample at a temperature of 0.8, replace `.argmax()` by "
    "`.div(0.8).softmax(-1).multinomial(1)`."
)
TRAINING = (
    f'After further training in PyTorch, `safetensors.torch.save_model(model, "{MODEL}")` replaces the '
    "weights, and `charseq import` reads the folder."
)


def export(run: ReportedRun, model: Model) -> Export:
    """Return the files of the folder, and notes with the code that loads the network.

    Raises UsageError for a cell whose step cannot be exported.
    """
    from safetensors import numpy as safetensors  # not needed for other formats

    script = prediction_script(model)
    files = {
        MODEL: safetensors.save(state_dict(model.network, model.arrays), {"format": "pt"}),
        VOCABULARY: vocabulary_json(model),
        PREDICT: script.code.encode(),
        **({NETWORK: network_module(model.network).encode()} if script.imports_network else {}),
    }
    remarks = [*_remarks(model)]
    files[README] = _readme(model, files, script.code, remarks).encode()
    return Export(files, (*remarks, f"{PREDICT} loads the network and continues a text:\n\n{script.code}"))


def _remarks(model: Model) -> Iterator[str]:
    """Yield how the exported network differs from the model."""
    if sentence := network_alone(model):
        yield sentence
    if model.network.cell_name == "rnn-relu":
        yield (
            f"In charseq a unit of rnn-relu is at most {CEILING:,.0f}; in torch.nn.RNN it has no ceiling. "
            "States of trained networks are far below it."
        )
    if model.memorized:
        yield f"{VOCABULARY} contains the memorized strings."


def _readme(model: Model, files: Mapping[str, bytes], code: str, remarks: list[str]) -> str:
    """Return the README.md; it has no text of a user."""
    network, unit = model.network, model.vocabulary.unit
    layers, units = count(network.layers, "layer"), count(network.hidden_size, "hidden unit")
    is_torch = network.cell_name in TORCH_CELLS
    cell = f"`torch.nn.{TORCH_CELLS[network.cell_name]}`" if is_torch else f"`{NETWORK}`"
    packages = "torch, safetensors and regex" if unit == "grapheme" else "torch and safetensors"
    paragraphs = [
        f"# `{network.cell_name.replace('`', '')}`, {layers} of {units}, for PyTorch",
        f"A network that predicts the next {unit} of a text, exported by charseq {__version__}. "
        f"The code requires the packages {packages}, and not charseq.",
        "\n".join(f"- `{name}`: {DESCRIPTIONS[name]}" for name in files),
        *remarks,
        f"The cell is that of {cell}. Logits are unnormalized, in nats.",
        *([TIED] if network.tie_weights else []),
        f"```python\n{code}```",
        SAMPLING,
        TRAINING,
    ]
    return "\n\n".join(paragraphs) + "\n"
