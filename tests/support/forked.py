"""Use a model, or train one, before and after a process starts.

`python -m tests.support.forked METHOD JOB BEFORE`

METHOD is a start method of multiprocessing.  JOB is the job of the child.  BEFORE names the jobs that the
parent does first, separated by commas.  Prints "same" if the child's result is that of the parent.
"""

import functools
import multiprocessing
import os
import sys
import threading
import warnings
from typing import Any

import numpy as np

import charseq
from charseq.events import End

LIMIT = 20
"""Seconds after which a child counts as hanging."""
TEXT = "".join(f"{i} times {i + 1} is {i * (i + 1)}.\n" for i in range(300))
TRAINING: Any = {
    "epochs": 1,
    "hidden_size": 64,
    "batch_size": 64,
    "sequence_length": 32,
    "layers": 2,
    "dropout": 0.2,
}
"""Large enough for two threads."""


@functools.cache
def model() -> charseq.TrainedModel:
    """Load the model once in each process."""
    return charseq.load(os.environ["MODEL"])


def predict() -> Any:
    """Continue and score texts with two threads, and multiply matrices; return all results."""
    texts = [prediction.text for prediction in model().predictions(["1"] * 64, length=8, seed=3)]
    scores = [score.bits_per_character for score in model().scores(["12 times", "is"] * 64)]
    square = np.arange(640_000.0).reshape(800, 800) % 7
    return texts, scores, float((square @ square).sum()), _read()


def train() -> Any:
    """Train with two threads, and return the loss."""
    kernel = os.environ.get("KERNEL", "auto")
    out = f"trained-{os.getpid()}"
    *_, end = charseq.train(TEXT, cell="lstm", kernel=kernel, out=out, force=True, **TRAINING)
    assert isinstance(end, End)
    return end.loss


def train_in_a_thread() -> Any:
    """Train in another thread than the first."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(train()))
    thread.start()
    thread.join()
    return results[0]


def _read() -> Any:
    """Read with a reader that the first call makes: after a fork, the parent's."""
    _reader().restart(range(64))
    return [_reader().read(np.full(64, i)).tolist() for i in range(3)]


@functools.cache
def _reader() -> Any:
    from charseq.model.stepper import Reader

    trained = model().model
    return Reader(trained.network, trained.weights, 64)


JOBS = {job.__name__: job for job in (predict, train, train_in_a_thread)}


def main(method: str, job: str, before: str) -> None:
    """Do the jobs of the parent, then that of a child."""
    for name in filter(None, before.split(",")):
        JOBS[name]()
    with multiprocessing.get_context(method).Pool(1) as pool:
        result = pool.apply_async(JOBS[job])
        try:
            child = result.get(LIMIT)
        except multiprocessing.TimeoutError:
            sys.stdout.write("hangs\n")
            pool.terminate()
            return
    sys.stdout.write("same\n" if child == JOBS[job]() else f"different: {child}\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # of a fork in a process with threads, since 3.12
    main(*sys.argv[1:])
