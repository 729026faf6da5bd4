"""predict.py of an exported folder: the lines that load the network and continue a text."""

from collections.abc import Iterator
from typing import NamedTuple

from charseq.export.torch_names import is_plain
from charseq.export.torch_network import embedding_layer, head_layer, recurrent_layer
from charseq.inference.stopping import DEFAULT_LENGTH
from charseq.model.model_file import Model
from charseq.model.network import Network

MODEL = "model.safetensors"
VOCABULARY = "vocabulary.json"
NETWORK = "model.py"
MOST_LINES = 20
"""The most lines of code of a script that makes the modules of torch.nn itself."""


class Script(NamedTuple):
    """The code of predict.py."""

    code: str
    imports_network: bool
    """Whether it imports the class Network of model.py."""


def prediction_script(model: Model) -> Script:
    """Return the script; it makes the modules itself where it then has at most `MOST_LINES` lines of code."""
    if is_plain(model.network):
        script = Script(_code(model, imports_network=False), imports_network=False)
        if lines_of_code(script.code) <= MOST_LINES:
            return script
    return Script(_code(model, imports_network=True), imports_network=True)


def lines_of_code(code: str) -> int:
    """Return the number of lines of a script, without those that are empty or a comment."""
    _, _, body = code.partition('"""\n')
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in body.splitlines())


def complete_texts(model: Model) -> list[str]:
    """Return the symbols of the memorized texts that are not the beginning of a longer one."""
    vocabulary = model.vocabulary
    texts = ["".join(vocabulary.symbols[i] for i in vocabulary.encode(text)) for text in model.memorized]
    return [text for text in texts if not any(o != text and o.startswith(text) for o in texts)]


def _code(model: Model, *, imports_network: bool) -> str:
    arguments = "LABEL [PROMPT]" if model.vocabulary.labels else "[PROMPT]"
    lines = [
        f'"""Continue a text with the most probable symbols: python predict.py {arguments}."""',
        "",
        *_imports(model),
        *(["", "from model import Network"] if imports_network else []),
        "",
        "folder = Path(__file__).parent",
        f'vocabulary = json.loads((folder / "{VOCABULARY}").read_text("utf-8"))',
        *(["model = Network()"] if imports_network else _modules(model.network)),
        f'model.load_state_dict(load_file(folder / "{MODEL}"), strict=True)',
        "",
        *_prompt(model),
        _loop(model),
        *(f"    {line}" for line in _step(model, imports_network=imports_network)),
        _output(model),
    ]
    return "\n".join(lines) + "\n"


def _imports(model: Model) -> Iterator[str]:
    yield "import json"
    yield "import sys"
    if model.vocabulary.normalization != "none":
        yield "import unicodedata"
    yield "from pathlib import Path"
    yield ""
    if model.vocabulary.unit == "grapheme":
        yield "import regex"
    yield "import torch"
    yield "from safetensors.torch import load_file"


def _modules(network: Network) -> Iterator[str]:
    yield "model = torch.nn.ModuleDict()"
    if network.embedding_size:
        yield f'model["embedding"] = torch.{embedding_layer(network)}'
    yield f'model["rnn"] = torch.{recurrent_layer(network)}'
    if network.is_normalized(network.layers - 1):
        yield f'model["norm"] = torch.nn.LayerNorm({network.hidden_size})'
    if network.head == "linear":
        yield f'model["head"] = torch.{head_layer(network)}'
    if network.tie_weights:
        yield 'model["head"].weight = model["embedding"].weight'


def _prompt(model: Model) -> Iterator[str]:
    """Yield the statements that read the prompt and encode it."""
    vocabulary = model.vocabulary
    if vocabulary.labels:
        yield 'label, text = sys.argv[1], "".join(sys.argv[2:])'
    else:
        yield 'text = sys.argv[1] if sys.argv[1:] else vocabulary["opening"]'
    prompt = "text"
    if vocabulary.normalization != "none":
        prompt = f'unicodedata.normalize("{vocabulary.normalization.upper()}", text)'
    if vocabulary.unit == "grapheme":
        prompt = rf'regex.findall(r"\X", {prompt})'
    if prompt != "text":
        yield f"prompt = {prompt}"
        prompt = "prompt"
    if vocabulary.unit == "byte":
        yield f'text = {prompt}.encode("utf-8", "surrogateescape").decode("latin-1")'
        prompt = "text"
    ids = f'[vocabulary["symbols"].index(symbol) for symbol in {prompt}]'
    ids = f"[0] + {ids}" if vocabulary.boundary and not vocabulary.labels else ids
    yield f"ids = {ids}" if model.window else f"ids, state = {ids}, None"
    if vocabulary.labels:
        yield 'ids = [vocabulary["labels"][label]] + ids'


def _loop(model: Model) -> str:
    """Return the head of the loop, which runs once for each new symbol."""
    texts = complete_texts(model)
    if not texts:
        return f"for _ in range({DEFAULT_LENGTH}):"
    longest = max(map(len, texts))
    others = ' and text not in vocabulary["complete"]' if len(texts) > 1 else ""
    return f"while len(text) < {longest}{others}:"


def _step(model: Model, *, imports_network: bool) -> Iterator[str]:
    """Yield the statements that predict a symbol and append it."""
    vocabulary, window = model.vocabulary, model.window
    read = "torch.tensor([ids])"
    if window:
        overlap = window.length - window.stride + 1
        yield f"start = {window.stride} * max(0, (len(ids) - {overlap}) // {window.stride})"
        read = "torch.tensor([ids[start:]])"
    logits = "logits"
    state, arguments = ("_", "") if window else ("state", ", state")
    if imports_network:
        yield f"logits, {state} = model({read}{arguments})"
    else:
        network = model.network
        x = (
            f'model["embedding"]({read})'
            if network.embedding_size
            else f"torch.eye({len(vocabulary)})[{read}]"
        )
        yield f'x, {state} = model["rnn"]({x}{arguments})'
        logits = 'model["norm"](x)' if network.is_normalized(network.layers - 1) else "x"
        logits = f'model["head"]({logits})' if network.head == "linear" else logits
    last = f"{logits}[0, -1]"
    text_symbols = len(vocabulary) - len(vocabulary.labels)
    if vocabulary.labels and min(vocabulary.labels) == text_symbols:
        last = f"{logits}[0, -1, :{text_symbols}]"  # labels, which no text has, are last
    elif vocabulary.labels:
        yield f"last = {last}"
        yield 'last[list(vocabulary["labels"].values())] = -torch.inf'
        last = "last"
    symbol = f"int({last}.argmax())"
    yield f"ids.append({symbol})" if window else f"ids = [{symbol}]"
    if vocabulary.boundary:
        yield "if ids[-1] == 0:"
        yield "    break"
    yield 'text += vocabulary["symbols"][ids[-1]]'


def _output(model: Model) -> str:
    if model.vocabulary.unit == "byte":
        return 'sys.stdout.buffer.write(text.encode("latin-1") + b"\\n")'
    return "print(text)"
