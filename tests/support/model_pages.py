"""Pages that are a model, for models that no run has."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from charseq.export.html_page import SCRIPTS, STYLES, export, page_data
from charseq.inspection.reported_run import ReportedRun
from charseq.model.mixture import FEATURES, Gate, Mixture
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.ngram_counting import count_ngrams
from charseq.model.numpy_ops import SeededDraw
from charseq.render.html.assembly import assembled
from charseq.render.html.weights import WeightType, encoded
from charseq.runs.run_log import RunLog
from charseq.text.corpus import Corpus
from charseq.text.encoding import EncodedCorpus
from charseq.text.vocabulary import Vocabulary
from tests.support.browser import Page

LONGEST_WAIT = 20.0
"""Seconds to wait for a page that reads or generates."""


def run_of(model: Model, name: str = "0001-gru") -> ReportedRun:
    """Return a run that has a model and no log."""
    return ReportedRun(Path(name), RunLog({}, (), {}), model)


def data_of(model: Model, weights: WeightType = "float32") -> dict[str, Any]:
    """Return the data of the page of a model."""
    names = list(model.network.parameter_specs())
    return page_data(run_of(model), model, encoded(model.arrays, names, weights))


def page_of(model: Model, weights: WeightType = "float16") -> str:
    """Return the page of a model, as it is exported."""
    (data,) = export(run_of(model), model, weights).files.values()
    return data.decode()


def opened(page: Page, model: Model, path: Path, **options: Any) -> Page:
    """Open the page of a model, without measuring its loss, and wait until it has read its prompt."""
    path.write_text(assembled(data_of(model), STYLES, SCRIPTS), encoding="utf-8")
    page.open(path, **options)
    return idle(page)


def idle(page: Page) -> Page:
    """Wait until a page neither reads nor generates."""
    deadline = time.monotonic() + LONGEST_WAIT
    while page.run("return document.documentElement.dataset.state") != "idle":
        assert time.monotonic() < deadline, "the page is still busy"
        time.sleep(0.01)
    return page


def mixed_model(
    lines: list[str],
    cell: str = "gru",
    *,
    labels: list[str] | None = None,
    of_lines: bool = False,
    order: int = 3,
) -> Model:
    """Return a network with random weights, mixed by a random gate with the n-grams of a text."""
    corpus = Corpus(tuple(lines), of_lines, tuple(labels or ()))
    vocabulary = Vocabulary.of(corpus.chunks(), boundary=of_lines, labels=corpus.labels)
    network = Network(cell, len(vocabulary), hidden_size=11, layers=2)
    sequences = EncodedCorpus(corpus, vocabulary).sequences
    counted = count_ngrams(sequences, order, len(vocabulary), lines=of_lines, labels=vocabulary.labels)
    random = np.random.default_rng(5)
    sizes = {order: 1.0, len(FEATURES): 0.2, network.hidden_size: 1.0}
    gate = Gate(*(random.normal(0, scale, size).astype(np.float32) for size, scale in sizes.items()))
    drawn = network.draw(SeededDraw(5))
    return Model(
        network,
        vocabulary,
        {name: array if name.endswith("W_h") else 4 * array for name, array in drawn.items()},
        opening=lines[0][0],
        mixture=Mixture(counted.model(order), gate),
        label_counts=tuple((labels or []).count(name) for name in vocabulary.label_names),
    )
