"""model.py of an exported folder: a network as a module of PyTorch."""

import re
import textwrap
from collections.abc import Iterator

from charseq.cells.cell import Cell
from charseq.export.torch_layer import shape_code, step_body
from charseq.export.torch_names import TORCH_CELLS, is_plain
from charseq.model.network import Network

TORCH_LAYERS = {
    "rnn": "nn.RNN({sizes})",
    "rnn-relu": 'nn.RNN({sizes}, nonlinearity="relu")',
    "lstm": "nn.LSTM({sizes})",
    "gru": "nn.GRU({sizes})",
}


def network_module(network: Network) -> str:
    """Return the code of a module with the class Network.

    Raises UsageError for a cell whose step cannot be exported.
    """
    own = network.cell_name not in TORCH_CELLS
    code = (_layer_classes(network) if own else "") + _network_class(network)
    imports = [
        *(["import torch"] if re.search(r"\btorch\.", code) else []),
        "from torch import nn",
        *(["from torch.nn import functional"] if re.search(r"(?<!nn\.)functional\.", code) else []),
        *(["", f"HIDDEN_SIZE = {network.hidden_size}"] if own else []),
    ]
    return "\n".join([f'"""{_title(network)}"""', "", *imports, "", "", code])


def recurrent_layer(network: Network) -> str:
    """Return the call that makes the module of torch.nn for all layers of a plain stack."""
    sizes = f"{network.input_size}, {network.hidden_size}"
    if network.layers > 1:
        keyword = "" if network.cell_name == "rnn-relu" else "num_layers="  # to fit into a line
        sizes += f", {keyword}{network.layers}"
    return TORCH_LAYERS[network.cell_name].format(sizes=f"{sizes}, batch_first=True")


def embedding_layer(network: Network) -> str:
    """Return the call that makes the embedding."""
    return f"nn.Embedding({network.vocabulary_size}, {network.embedding_size})"


def head_layer(network: Network) -> str:
    """Return the call that makes the head."""
    return f"nn.Linear({network.hidden_size}, {network.vocabulary_size})"


def _title(network: Network) -> str:
    count = f"{network.layers} layers" if network.layers > 1 else "one layer"
    return f"A network of {count} of the cell {_doc(network.cell_name)}, exported by charseq."


def _layer_classes(network: Network) -> str:
    """Return the classes of the layers: one, unless the step depends on the size of the input."""
    cell, hidden = network.cell, network.hidden_size
    if network.layers == 1:
        return _layer_class(network, "Layer", step_body(cell, network.input_size, hidden))
    first = ""
    if _depends_on_input(network):
        first = _layer_class(network, "FirstLayer", step_body(cell, network.input_size, hidden))
    return first + _layer_class(network, "Layer", step_body(cell, hidden, hidden))


def _layer_class(network: Network, name: str, body: list[str]) -> str:
    cell = network.cell
    fields = ", ".join(cell.state._fields) + ("," if len(cell.state._fields) == 1 else "")
    equations = [f"{name} = {equation}" for name, equation in cell.equations().items()]
    lines = [
        f"class {name}(nn.Module):",
        f'    """A layer of the cell {_doc(cell.name)}.',
        "",
        *_paragraph(f"{cell.summary[:1].upper()}{cell.summary[1:]}."),
        "",
        *(f"        {_doc(equation)}" for equation in equations),
        *([""] if equations else []),
        *_paragraph(f"Source: {cell.source}."),
        '    """',
        "",
        "    def __init__(self, input_size):",
        "        super().__init__()",
        *(
            f"        self.{name} = nn.Parameter(torch.zeros({shape_code(param.axes)}))"
            for name, param in cell.params.items()
        ),
        *(
            f"        self.initial_{field} = nn.Parameter(torch.zeros({_row_shape(cell, field)}))"
            for field in _learned(network)
        ),
        "",
        "    def initial_state(self, batch):",
        '        """Return the state before the first step."""',
        *_initial_state(network),
        "",
        "    def step(self, x, state):",
        f'        """Advance one step: x [B I], state ({fields}) -> the next state."""',
        *(f"        {line}" for line in body),
        "",
        "    def forward(self, xs, state=None):",
        '        """Read xs [B T I] -> the outputs h [B T H], the last state."""',
        "        if state is None:",
        "            state = self.initial_state(len(xs))",
        "        hs = []",
        "        for x in xs.unbind(1):",
        "            state = self.step(x, state)",
        "            hs.append(state[0])",
        "        return torch.stack(hs, 1), state",
    ]
    return "\n".join(lines) + "\n\n\n"


def _initial_state(network: Network) -> Iterator[str]:
    cell, like = network.cell, f"self.{next(iter(network.cell.params))}"
    values = []
    for field in cell.state._fields:
        shape = _row_shape(cell, field)
        batch = f"batch, {shape}" if shape else "batch"
        is_learned = field in _learned(network)
        values.append(f"self.initial_{field}.expand({batch})" if is_learned else f"{like}.new_zeros({batch})")
    if len(values) == 1:
        yield f"        return ({values[0]},)"
        return
    yield "        return ("
    yield from (f"            {value}," for value in values)
    yield "        )"


def _network_class(network: Network) -> str:
    lines = [
        "class Network(nn.Module):",
        f'    """Ids [B T] -> logits [B T V], in nats; V = {network.vocabulary_size}."""',
        "",
        "    def __init__(self):",
        "        super().__init__()",
        *(f"        {line}" for line in _modules(network)),
        "",
        "    def forward(self, ids, states=None):",
        '        """Read ids [B T] -> logits [B T V], the states to continue from."""',
        *(f"        {line}" for line in (_plain_forward if is_plain(network) else _forward)(network)),
    ]
    if _starts_outside(network):
        lines += [
            "",
            "    def initial_states(self, batch):",
            '        """Return the learned state of every layer before the first step."""',
            *(f"        {line}" for line in _initial_states(network)),
        ]
    return "\n".join(lines) + "\n"


def _modules(network: Network) -> Iterator[str]:
    """Yield the statements that make the modules."""
    hidden, layers = network.hidden_size, network.layers
    if network.embedding_size:
        yield f"self.embedding = {embedding_layer(network)}"
    norms = sum(map(network.is_normalized, range(layers)))
    if is_plain(network):
        yield f"self.rnn = {recurrent_layer(network)}"
        if norms:
            yield f"self.norm = nn.LayerNorm({hidden})"
    else:
        yield "self.layers = nn.ModuleList()"
        yield from _layers(network)
        if norms:
            several = f"nn.LayerNorm({hidden}) for _ in range({norms})"
            yield f"self.norms = nn.ModuleList({several if norms > 1 else f'[nn.LayerNorm({hidden})]'})"
    for field in _learned(network) if _starts_outside(network) else ():
        yield f"self.initial_{field} = nn.ParameterList(torch.zeros({hidden}) for _ in range({layers}))"
    if network.head == "linear":
        yield f"self.head = {head_layer(network)}"
    if network.tie_weights:
        yield "self.head.weight = self.embedding.weight"


def _layers(network: Network) -> Iterator[str]:
    """Yield the statements that add the layers, from the first on."""
    hidden, others = network.hidden_size, network.layers - 1
    call = "Layer({size})"
    if network.cell_name in TORCH_CELLS:
        call = TORCH_LAYERS[network.cell_name].format(sizes=f"{{size}}, {hidden}, batch_first=True")
    append = f"self.layers.append({call})"
    if not others:
        yield append.format(size=network.input_size)
    elif _depends_on_input(network):
        yield f"self.layers.append(FirstLayer({network.input_size}))"
        yield f"for _ in range({others}):"
        yield f"    {append.format(size=hidden)}"
    else:
        same = network.input_size == hidden
        sizes = (
            f"{network.layers} * [{hidden}]" if same else f"[{network.input_size}] + {others} * [{hidden}]"
        )
        yield f"for size in {sizes}:"
        yield f"    {append.format(size='size')}"


def _plain_forward(network: Network) -> Iterator[str]:
    yield _input(network)
    yield "x, states = self.rnn(x, states)"
    normalized = "self.norm(x)" if network.is_normalized(0) else "x"
    yield f"return {_head(network, normalized)}, states"


def _forward(network: Network) -> Iterator[str]:
    """Yield the statements of `charseq.model.network.Network.forward` for these options."""
    yield _input(network)
    if network.residual and _normalizes(network):
        yield "stream = x" if network.is_residual(0) else "stream = 0"
    yield "if states is None:"
    start = "self.initial_states(len(ids))" if _starts_outside(network) else "[None] * len(self.layers)"
    yield f"    states = {start}"
    yield "after = []"
    yield "for number, layer in enumerate(self.layers):"
    yield from (f"    {line}" for line in _layer_forward(network))
    yield f"return {_head(network, 'x')}, after"


def _layer_forward(network: Network) -> Iterator[str]:
    plain = not network.residual and not _normalizes(network)
    yield f"{'x' if plain else 'h'}, state = layer(x, states[number])"
    yield "after.append(state)"
    if plain:
        return
    source = "h"
    if network.residual and _normalizes(network):
        source = "stream"
        yield "stream = stream + h"
    elif network.residual:
        yield "x = x + h" if network.is_residual(0) else "x = x + h if number else h"
    if _normalizes(network):
        is_whole = network.is_normalized(network.layers - 1)
        unless = "" if is_whole else f" if number < len(self.norms) else {source}"
        yield f"x = self.norms[number]({source}){unless}"


def _initial_states(network: Network) -> Iterator[str]:
    """Yield the statements that expand the learned states for a module of torch.nn."""
    fields = _learned(network)
    if len(fields) == 1:
        yield f"states = self.initial_{fields[0]}"
        yield "return [state.expand(1, batch, -1).contiguous() for state in states]"
        return
    yield f"states = zip({', '.join(f'self.initial_{field}' for field in fields)}, strict=True)"
    yield "return ["
    yield "    tuple(field.expand(1, batch, -1).contiguous() for field in state)"
    yield "    for state in states"
    yield "]"


def _input(network: Network) -> str:
    if network.embedding_size:
        return "x = self.embedding(ids)"
    return f"x = nn.functional.one_hot(ids, {network.vocabulary_size}).float()"


def _head(network: Network, x: str) -> str:
    return f"self.head({x})" if network.head == "linear" else x


def _row_shape(cell: Cell, field: str) -> str:
    """Return the arguments for the shape of a field of the state, without its batch axis."""
    return shape_code(cell.axes_of(field).removeprefix("B"))


def _normalizes(network: Network) -> bool:
    return any(map(network.is_normalized, range(network.layers)))


def _learned(network: Network) -> tuple[str, ...]:
    return network.cell.learned_start if network.initial_state == "learned" else ()


def _starts_outside(network: Network) -> bool:
    """Return whether learned initial states are not in the layers, which are modules of torch.nn."""
    return network.cell_name in TORCH_CELLS and bool(_learned(network))


def _depends_on_input(network: Network) -> bool:
    """Return whether the step of the first layer differs from that of the others."""
    hidden = network.hidden_size
    return network.layers > 1 and (
        step_body(network.cell, network.input_size, hidden) != step_body(network.cell, hidden, hidden)
    )


def _paragraph(text: str) -> list[str]:
    """Return the lines of a paragraph of a docstring."""
    return textwrap.wrap(_doc(text), 88, initial_indent="    ", subsequent_indent="    ")


def _doc(text: str) -> str:
    """Return a text that can be in a docstring."""
    return text.replace("\\", "\\\\").replace('"', "'")
