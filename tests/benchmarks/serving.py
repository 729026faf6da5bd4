"""Measure `charseq serve` with concurrent clients, against `charseq predict` with as many prompts.

python -m tests.benchmarks.serving --rounds 5

A GRU with initial weights, 65 symbols, temperature 0.8.  The server is a process of its own; its clients are
coroutines of this process, each of which sends its next request when it has the answer to the previous one.
predict is the loop of `charseq predict` in this process, while the server is idle.  Both are measured in
turn; a ratio compares the two within one round.  With few cores, server and clients share them.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from charseq.inference.continuation import continuations
from charseq.inference.requests import Request
from charseq.inference.sampling import SamplingParams
from charseq.model.model_file import Model, write
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary.of(["".join(map(chr, range(33, 98)))])
TEMPERATURE = 0.8
START_SECONDS = 60.0
"""The time that the server has to start."""


@contextmanager
def served(model: Model) -> Iterator[int]:
    """Serve a model by the command, and yield its port."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        write(path, model)
        command = [sys.executable, "-m", "charseq", "serve", "--model", str(path), "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            try:
                yield int(server.stderr.readline().rpartition(":")[2].removesuffix("/v1\n"))
            finally:
                server.terminate()


async def client(port: int, number: int, length: int, until: float, *, stream: bool) -> int:
    """Send requests one after the other until a moment; return the number of generated characters."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count, sent = 0, 0
    while time.perf_counter() < until:
        request = {"prompt": "!", "max_tokens": length, "temperature": TEMPERATURE, "stream": stream}
        body = json.dumps({**request, "seed": number * 100_000 + sent}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        if stream:
            await reader.readuntil(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        else:
            size = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            answer = await reader.readexactly(size)
            assert json.loads(answer)["usage"]["completion_tokens"] == length
        count, sent = count + length, sent + 1
    writer.close()
    return count


async def clients(port: int, rows: int, length: int, seconds: float, *, stream: bool) -> float:
    """Return the characters per second that all clients receive."""
    started = time.perf_counter()
    tasks = [client(port, row, length, started + seconds, stream=stream) for row in range(rows)]
    return sum(await asyncio.gather(*tasks)) / (time.perf_counter() - started)


def predict(model: Model, rows: int, length: int, seconds: float) -> float:
    """Return the characters per second of predict."""
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        requests = [Request("!", sample=row, length=length) for row in range(rows)]
        for steps in continuations(model, requests, SamplingParams(TEMPERATURE), top=None):
            count += sum(1 for _ in steps)
    return count / (time.perf_counter() - started)


def main() -> None:
    """Measure every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--cell", default="gru")
    parser.add_argument("--hidden", default="256")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--lengths", default="200,1000", help="characters of a request")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.lengths, options.hidden = 1, 0.5, "50", "32"
    table = Table("H", "length", "answers", "predict", "serve", "ratio (min to max)")
    table.title = f"characters per second, {options.cell}, {options.clients} clients"
    for hidden in map(int, options.hidden.split(",")):
        network = Network(options.cell, len(VOCABULARY), hidden)
        model = Model(network, VOCABULARY, network.draw(SeededDraw(0)), opening="!")
        with served(model) as port:
            for length in map(int, options.lengths.split(",")):
                for stream in (False, True):
                    size = (options.clients, length, options.seconds)
                    rounds = [
                        (predict(model, *size), asyncio.run(clients(port, *size, stream=stream)))
                        for _ in range(options.rounds)
                    ]
                    ratios = [serve / alone for alone, serve in rounds]
                    alone, serve = (statistics.median(column) for column in zip(*rounds, strict=True))
                    kind = "streamed" if stream else "whole"
                    if options.json:
                        row = {"cell": options.cell, "hidden": hidden, "length": length, "answers": kind}
                        print(json.dumps({**row, "predict": alone, "serve": serve, "ratios": ratios}))
                        continue
                    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
                    shown = (str(hidden), f"{length:,}", kind, f"{alone:,.0f}", f"{serve:,.0f}", spread)
                    table.add_row(*shown)
    if not options.json:
        Console().print(table)


if __name__ == "__main__":
    main()
