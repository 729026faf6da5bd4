"""Measure inspect-neurons: time and memory of a large text and network, and whether planted units are found.

python -m tests.benchmarks.neurons --characters 1000000 --units 1024

Each row is one command, `charseq inspect-neurons --json`, over generated lines of words with nested brackets.
Its network has random weights.  In an rnn-relu and an lstm, two units are planted: a counter of the position
in the line, and one of the open brackets.  A run recovers them if each ranks first for its feature.  Small
runs (--runs), with other texts and networks, are made in this process.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from charseq.inspection.activations import read_units, sources_of
from charseq.inspection.neurons import Correlations, accumulate
from charseq.inspection.text_features import features_of
from charseq.inspection.unit_text import UnitText
from charseq.model.model_file import Model, write
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary
from tests.benchmarks.measured import RUNNER
from tests.support.planted import bracketed_text, planted_model

PLANTED = ("rnn-relu", "lstm")
FEATURES = ("position in line", "bracket depth")
SMALL_TEXT, SMALL_NETWORK = 10_007, 127
"""Characters and hidden units of a small run."""


def model_of(cell: str, text: str, hidden_size: int, layers: int) -> tuple[Model, list[int]]:
    """Return a network with random weights, and its planted units, if any."""
    vocabulary = Vocabulary.of([text])
    if cell in PLANTED and layers == 1:
        model, *planted = planted_model(cell, vocabulary, hidden_size, 0)
        return model, planted
    network = Network(cell, len(vocabulary), hidden_size, layers)
    return Model(network, vocabulary, network.draw(SeededDraw(0))), []


def large_run(cell: str, text: Path, hidden_size: int, layers: int, tensor: str | None) -> dict[str, Any]:
    """Return the seconds and megabytes of one command, and whether it recovers the planted units."""
    folder = text.parent
    model, planted = model_of(cell, text.read_text(), hidden_size, layers)
    write(folder / "model.safetensors", model)
    command = [sys.executable, "-m", "charseq", "inspect-neurons", "--json", "--quiet", "--file", str(text)]
    command += ["--model", str(folder / "model.safetensors"), *(["--tensor", tensor] if tensor else [])]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (folder / "out").open("wb") as output:
        runner = [sys.executable, "-S", "-c", RUNNER, "3600", str(folder / "usage"), *command]
        subprocess.run(runner, stdin=subprocess.DEVNULL, stdout=output, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    usage = json.loads((folder / "usage").read_text())
    if usage["exit_code"]:
        raise SystemExit(f"inspect-neurons of {cell} ended with exit code {usage['exit_code']}")
    rows = [json.loads(line) for line in (folder / "out").read_text().splitlines()]
    first = {row["feature"]: row["unit"] for row in rows if row["rank"] == 1}
    recovered = [first[name] for name in FEATURES] == planted if planted else None
    megabytes = usage["kibibytes"] * 1024 / 1e6
    return {"seconds": usage["wall"], "cpu_seconds": cpu, "megabytes": megabytes, "recovered": recovered}


def small_runs(cell: str, runs: int) -> int:
    """Return the number of runs in which both planted units rank first."""
    recovered = 0
    for seed in range(runs):
        string = bracketed_text(SMALL_TEXT, seed)
        vocabulary = Vocabulary.of([string])
        model, *planted = planted_model(cell, vocabulary, SMALL_NETWORK, seed)
        text = UnitText.of(vocabulary, [string])
        sources = sources_of(model.network, None, None)
        correlations = Correlations(features_of(text)[0], sources, SMALL_NETWORK)
        accumulate(read_units(model, text, sources), correlations)
        first = {row.feature: row.unit.unit for row in correlations.ranking(1)}
        recovered += [first[name] for name in FEATURES] == planted
    return recovered


def main() -> None:
    """Measure every cell and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--characters", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--units", type=int, default=1024, help="hidden units in all (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=1, help="layers (default: %(default)s)")
    parser.add_argument("--cells", default="rnn-relu,rnn-norm,gru,lstm", help="default: %(default)s")
    parser.add_argument("--tensor", help="tensor to rank (default: the state)")
    parser.add_argument("--runs", type=int, default=10, help="small runs (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")
    options = parser.parse_args()
    size = f"{options.characters:,} characters, {options.layers} x {options.units // options.layers} units"
    table = Table("cell", "seconds", "CPU seconds", "MB", "recovered", "small runs recovered", title=size)
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_text(bracketed_text(options.characters, 0))
        for cell in options.cells.split(","):
            hidden_size = options.units // options.layers
            run = large_run(cell, text, hidden_size, options.layers, options.tensor)
            if cell in PLANTED and options.runs:
                run["small_runs"] = f"{small_runs(cell, options.runs)} of {options.runs}"
            if options.json:
                print(json.dumps({"cell": cell, **run}), flush=True)
            recovered = {True: "yes", False: "no", None: "-"}[run["recovered"]]
            small = run.get("small_runs", "-")
            numbers = f"{run['seconds']:.1f}", f"{run['cpu_seconds']:.1f}", f"{run['megabytes']:.0f}"
            table.add_row(cell, *numbers, recovered, small)
    if not options.json:
        Console().print(table)


if __name__ == "__main__":
    main()
