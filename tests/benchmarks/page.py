"""Measure the page of a model: generated characters per second in headless Chromium, and its size.

python -m tests.benchmarks.page --rounds 5

Networks with initial weights, 65 symbols, 256 hidden units, weights in float16, temperature 0.8; once with an
n-gram model of order 5.  The page shows every character that it generates.  Its rate is compared with that of
`charseq predict` of the same model in this process, within one round.  The size is that of the whole page,
and without the base64 of the weights and of the n-gram model.  The goals are 1,000 characters per second for
the `gru`, and 60 kB.  Run it alone on the machine; it needs Chromium with its driver, and selenium.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from charseq.export.html_page import SCRIPTS, STYLES, weight_bytes
from charseq.inference.continuation import continuations
from charseq.inference.requests import Request
from charseq.inference.sampling import SamplingParams
from charseq.model.mixture import Gate, Mixture
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.ngram_counting import count_ngrams
from charseq.model.numpy_ops import SeededDraw
from charseq.render.html.assembly import assembled
from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Vocabulary
from tests.support.browser import Page, browser
from tests.support.model_pages import data_of, idle

VOCABULARY = Vocabulary.of(["".join(map(chr, range(33, 98)))])
HIDDEN = 256
ORDER = 5
COUNTED = 100_000
"""Symbols of the text whose n-grams are counted."""
TEMPERATURE = 0.8
MODELS = ("gru", "gru + n-grams", "lstm", "rnn-norm", "mlstm")
QUICK_LENGTH = 500
"""Characters of each measurement with --quick."""


class Measured(NamedTuple):
    """The rates of one round, in characters per second."""

    page: float
    predict: float


def model_named(name: str) -> Model:
    """Return a model of MODELS."""
    network = Network(name.partition(" ")[0], len(VOCABULARY), HIDDEN)
    model = Model(network, VOCABULARY, network.draw(SeededDraw(0)), opening="!")
    if "+" not in name:
        return model
    # Words of a few symbols, so that longer n-grams occur more than once.
    random = np.random.default_rng(0)
    words = random.integers(0, len(VOCABULARY), (997, 5))
    text = words[random.zipf(1.3, COUNTED // 5) % len(words)].ravel().astype(VOCABULARY.dtype)
    counted = count_ngrams(Sequences.of([text]), ORDER, len(VOCABULARY), lines=False)
    return replace(model, mixture=Mixture(counted.model(ORDER), Gate.constant(ORDER, HIDDEN)))


def rate_of_page(page: Page, length: int, seed: int) -> float:
    """Generate in an open page, and return its characters per second, with everything that it draws."""
    page.element("#clear").click()
    idle(page)
    for name, value in {"length": length, "seed": seed, "temperature": TEMPERATURE}.items():
        page.set_value(f"#{name}", value)
    page.element("#generate").click()
    idle(page)
    shown = page.text("#status").split(", ", 1)[1].split(" character")[0]
    return float(shown.replace(",", ""))


def rate_of_predict(model: Model, length: int, seed: int) -> float:
    """Generate one text, and return the characters per second."""
    started = time.perf_counter()
    request = Request(model.opening, seed=seed, length=length)
    (steps,) = continuations(model, [request], SamplingParams(TEMPERATURE), top=None)
    count = sum(1 for _ in steps)
    return count / (time.perf_counter() - started)


def main() -> None:
    """Measure every model and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--length", type=int, default=2000, help="characters of each measurement")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--quick", action="store_true", help="one round of 500 characters, gru only")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.length, options.models = 1, QUICK_LENGTH, "gru"
    table = Table("model", "page", "predict", "page / predict", "page, kB", "beside the weights, kB")
    table.title = f"characters per second, one layer of {HIDDEN}"
    with tempfile.TemporaryDirectory() as folder, browser() as page:
        path = Path(folder) / "page.html"
        for name in options.models.split(","):
            model = model_named(name)
            data = data_of(model, "float16")
            html = assembled(data, STYLES, SCRIPTS)
            path.write_text(html, encoding="utf-8")
            page.open(path)
            idle(page)
            rate_of_page(page, 200, 0)  # compiles the scripts
            rounds = [
                Measured(rate_of_page(page, options.length, i), rate_of_predict(model, options.length, i))
                for i in range(options.rounds)
            ]
            rates = Measured(*map(statistics.median, zip(*rounds, strict=True)))
            ratio = statistics.median(each.page / each.predict for each in rounds)
            size, beside = len(html.encode()), len(html.encode()) - weight_bytes(data)
            if options.json:
                row = {"model": name, **rates._asdict(), "ratio": ratio, "bytes": size, "beside": beside}
                print(json.dumps(row), flush=True)
                continue
            sizes = f"{size / 1000:,.0f}", f"{beside / 1000:.1f}"
            table.add_row(name, f"{rates.page:,.0f}", f"{rates.predict:,.0f}", f"{ratio:.2f}", *sizes)
    if not options.json:
        Console().print(table)


if __name__ == "__main__":
    main()
