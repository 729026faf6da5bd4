"""Write a network as ONNX models: one of a step, and one of a sequence."""

from collections.abc import Mapping, Sequence

from onnx import TensorProto, ValueInfoProto, checker, helper

from charseq._version import __version__
from charseq.cells.cell import shape_of
from charseq.errors import UsageError
from charseq.export.graph import BATCH, Graph
from charseq.export.onnx_layers import Arrays, LayerInputs, parameter_names, write_layer
from charseq.export.onnx_nodes import Names, Nodes, Output, constant_values, write_graph, write_operations
from charseq.export.recording import network_graph, sequence_graph
from charseq.model.network import Network

OPSET = 17
"""The version of ONNX's operators: the first with LayerNormalization."""
IR_VERSION = 8
"""The version of the file format that came with the opset."""
MAX_BYTES = 2**31 - 2**24
"""The most bytes of weights in a file: protobuf limits it to 2 GiB, and nodes and metadata need some."""
NEXT = ".next"
"""What follows the name of a state's input in the name of its output."""


def step_model(network: Network, arrays: Arrays, metadata: Mapping[str, str]) -> bytes:
    """Return a model of one step: ids [B], states -> logits [B V], the next states.

    Raises UsageError for a network that is too large or whose cell cannot be recorded.
    """
    graph = network_graph(network)
    nodes, names, states = _start(network, arrays, graph)
    operations = graph.used()
    names |= parameter_names(nodes, graph, arrays)
    constant = constant_values(operations, {id(value) for value in graph.parameters.values()})
    names |= {id(graph.inputs[name]): state for name, state in states.items()} | {
        id(graph.inputs["ids"]): "ids"
    }
    outputs = [Output(f"{name}{NEXT}", graph.outputs[name], like=state) for name, state in states.items()]
    logits = Output("logits", graph.outputs["logits"], like="logits")
    write_graph(nodes, operations, names, [logits, *outputs], constant=constant)
    return _file(nodes, network, arrays, ["batch"], metadata)


def sequence_model(network: Network, arrays: Arrays, metadata: Mapping[str, str]) -> bytes:
    """Return a model of a sequence: ids [B T], states -> logits [B T V], the final states.

    Raises UsageError as `step_model` does.
    """
    graph = sequence_graph(network)
    nodes, names, states = _start(network, arrays, graph)
    names |= parameter_names(nodes, graph, arrays)
    ids = nodes.add("Transpose", ["ids"], "ids.by_step", perm=[1, 0])
    names |= {id(graph.inputs["ids"]): ids}
    fields = network.cell.state._fields
    for operation in graph.used():
        if operation.kind == "layer":
            number, xs = operation.attributes["number"], operation.operands[0]
            layer = LayerInputs(
                names[id(xs)],
                are_ids=xs is graph.inputs["ids"],
                states=[states[f"layers.{number}.{field}"] for field in fields],
                finals=[f"layers.{number}.{field}{NEXT}" for field in fields],
            )
            names[id(operation.output)] = write_layer(nodes, network, arrays, number, layer)
        elif operation.kind != "final":
            write_operations(nodes, [operation], names)
    nodes.add_named("Transpose", [names[id(graph.outputs["logits"])]], "logits", perm=[1, 0, 2])
    return _file(nodes, network, arrays, ["batch", "length"], metadata)


def state_shapes(network: Network) -> dict[str, list[str | int]]:
    """Return the shape of every state by the name of its input, such as "layers.0.h"."""
    sizes = {"B": BATCH, "H": network.hidden_size}
    return {
        f"layers.{layer}.{field}": [
            "batch" if size == BATCH else size for size in shape_of(network.cell.axes_of(field), sizes)
        ]
        for layer in range(network.layers)
        for field in network.cell.state._fields
    }


def learned_states(network: Network, arrays: Arrays) -> Arrays:
    """Return the learned initial states [1 ...] by the names of their inputs."""
    starts = {
        f"layers.{layer}.{field}": f"layers.{layer}.start.{field}"
        for layer in range(network.layers)
        for field in network.cell.state._fields
    }
    return {name: arrays[start][None] for name, start in starts.items() if start in arrays}


def _start(network: Network, arrays: Arrays, graph: Graph) -> tuple[Nodes, Names, dict[str, str]]:
    """Return a graph's first nodes, no names yet, and the names of the states [B ...].

    A learned initial state is the default of an input: it has one row, which is repeated over the batch.
    """
    size = sum(array.nbytes for array in arrays.values())
    if size > MAX_BYTES:
        raise UsageError(
            f"the weights have {size:,} bytes, and a file of ONNX holds at most {MAX_BYTES:,}",
            hint="use --format safetensors",
        )
    nodes = Nodes()
    shapes, learned = state_shapes(network), learned_states(network, arrays)
    for name in ("ids", "logits", *shapes, *(f"{name}{NEXT}" for name in shapes)):
        nodes.unique(name)
    states = {name: name for name in shapes}
    if learned:
        rows = nodes.add("Shape", ["ids"], "batch", start=0, end=1)
    for name, array in learned.items():
        nodes.parameter(name, array)
        shape = nodes.add("Concat", [rows, nodes.axes(*array.shape[1:])], f"{name}.shape", axis=0)
        states[name] = nodes.add("Expand", [name, shape], f"{name}.rows")
    return nodes, {}, states


def _file(
    nodes: Nodes, network: Network, arrays: Arrays, ids_shape: Sequence[str], metadata: Mapping[str, str]
) -> bytes:
    """Return the bytes of a model after checking it."""
    shapes = state_shapes(network)
    logits_shape: list[str | int] = [*ids_shape, network.vocabulary_size]

    def info(name: str, shape: Sequence[str | int], kind: int = TensorProto.FLOAT) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    kind = "a step" if ids_shape == ["batch"] else "a sequence"
    graph = helper.make_graph(
        nodes.nodes,
        "charseq",
        [info("ids", ids_shape, TensorProto.INT64), *(info(name, shape) for name, shape in shapes.items())],
        [info("logits", logits_shape), *(info(f"{name}{NEXT}", shape) for name, shape in shapes.items())],
        [*nodes.initializers.values()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="charseq",
        producer_version=__version__,
        doc_string=f"A character-level language model with the cell {network.cell_name}; it reads {kind}.",
    )
    helper.set_model_props(model, dict(metadata))
    data: bytes = model.SerializeToString()
    del graph, model  # copies of the weights, as the checker makes some, too
    nodes.initializers.clear()
    checker.check_model(data, full_check=True)
    return data
