"""Measure the accuracy of classify after a fixed time of training, against a plain PyTorch classifier.

python -m tests.benchmarks.classification --file names.tsv --seconds 30 --seeds 3

Each line of the file is LABEL<TAB>TEXT.  Without a file, the texts are last names of the package faker, if it
is installed, otherwise words of random Markov chains.  A fifth of the texts is held out by the seed; a text
under several labels is on one side.  The classifier of plain PyTorch is what one would write by hand: one-hot
characters, an LSTM of 128 units, its last output, a linear layer, Adam, packed batches of 64.  It is trained
twice, each time for the whole time, with a tenth of its training texts to choose the best epoch, and the
learning rate with the better one counts.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import charseq
from tests.benchmarks.names import LAST_NAMES, Labeled, faker_names, markov_words

LEARNING_RATES = (0.001, 0.003)
BATCH_SIZE = 64
HIDDEN_SIZE = 128


def split(labeled: Labeled, seed: int, fraction: float = 0.2) -> tuple[Labeled, Labeled]:
    """Hold out a fraction of the texts."""
    texts = sorted({text for _, text in labeled})
    r = random.Random(seed)
    held_out = set(r.sample(texts, round(fraction * len(texts))))
    shuffled = r.sample(labeled, len(labeled))
    return [p for p in shuffled if p[1] not in held_out], [p for p in shuffled if p[1] in held_out]


class Classifier(nn.Module):
    """An LSTM over one-hot characters, whose last output a linear layer reads."""

    def __init__(self, training: Labeled) -> None:
        super().__init__()
        characters = sorted({c for _, text in training for c in text})
        self.ids = {character: i for i, character in enumerate(characters, 1)}
        self.labels = sorted({label for label, _ in training})
        self.lstm = nn.LSTM(1 + len(characters), HIDDEN_SIZE, batch_first=True)
        self.head = nn.Linear(HIDDEN_SIZE, len(self.labels))

    def forward(self, texts: Sequence[str]) -> torch.Tensor:
        """Texts [B] -> logits of the labels [B L]; unknown characters share one input."""
        eye = torch.eye(1 + len(self.ids))
        vectors = [eye[[self.ids.get(c, 0) for c in text] or [0]] for text in texts]
        _, (h, _) = self.lstm(pack_sequence(vectors, enforce_sorted=False))
        logits: torch.Tensor = self.head(h[0])
        return logits

    @torch.no_grad()
    def accuracy(self, labeled: Labeled) -> float:
        """Return the fraction of texts that get their label."""
        self.eval()
        correct = 0
        for first in range(0, len(labeled), 512):
            batch = labeled[first : first + 512]
            predicted = self([text for _, text in batch]).argmax(1).tolist()
            correct += sum(self.labels[i] == label for i, (label, _) in zip(predicted, batch, strict=True))
        self.train()
        return correct / len(labeled)


def epochs(training: Labeled, r: random.Random) -> Iterator[Labeled]:
    """Yield the batches of epochs without end."""
    while True:
        shuffled = r.sample(training, len(training))
        for first in range(0, len(shuffled), BATCH_SIZE):
            yield shuffled[first : first + BATCH_SIZE]


def pytorch_accuracy(training: Labeled, test: Labeled, seconds: float, rate: float, seed: int) -> list[float]:
    """Train for a time; return the accuracies of the best epoch, on its validation texts and on the test."""
    torch.manual_seed(seed)
    training, validation = split(training, seed, 0.1)
    began = time.perf_counter()
    model = Classifier(training)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    number = {label: i for i, label in enumerate(model.labels)}
    best, weights = -1.0, model.state_dict()
    per_epoch = -(-len(training) // BATCH_SIZE)
    for update, batch in enumerate(epochs(training, random.Random(seed)), 1):
        logits = model([text for _, text in batch])
        loss = nn.functional.cross_entropy(logits, torch.tensor([number[label] for label, _ in batch]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        is_over = time.perf_counter() - began > seconds
        if update % per_epoch == 0 or is_over:
            accuracy = model.accuracy(validation)
            if accuracy > best:
                best, weights = accuracy, {n: t.clone() for n, t in model.state_dict().items()}
        if is_over:
            break
    model.load_state_dict(weights)
    return [best, model.accuracy(test)]


def charseq_accuracy(
    training: Labeled, test: Labeled, seconds: float, seed: int, options: Sequence[str]
) -> tuple[float, float]:
    """Train for a time, all of it counted; return the accuracy on the test, and the texts per second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "training.tsv"
        file.write_text("".join(f"{label}\t{text}\n" for label, text in training), encoding="utf-8")
        command = ["train", "--file", str(file), "--labels", "--time-limit", f"{seconds:g}s"]
        command += ["--seed", str(seed), "--out", f"{folder}/run", *options]
        run = [sys.executable, "-m", "charseq", *command]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        model = charseq.load(f"{folder}/run")
    texts = [text for _, text in test]
    began = time.perf_counter()
    found = list(model.classifications(texts, unknown="replace"))
    duration = time.perf_counter() - began
    correct = sum(each.label == label for each, (label, _) in zip(found, test, strict=True))
    return correct / len(test), len(test) / duration


def main() -> None:
    """Train both with each seed, and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--file", help="lines of a label, a tab and a text")
    parser.add_argument("--seconds", type=float, default=30.0, help="training time of each run")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each program")
    parser.add_argument("--names", type=int, default=0, help="texts to use of all; 0 uses all")
    parser.add_argument("--without-pytorch", action="store_true", help="train only charseq")
    parser.add_argument("options", nargs="*", help="options of charseq train, after --")
    asked = parser.parse_args()
    if asked.file:
        lines = Path(asked.file).read_text(encoding="utf-8").splitlines()
        labeled: Labeled = [(line.split("\t", 1)[0], line.split("\t", 1)[1]) for line in lines if line]
    else:
        labeled = faker_names(LAST_NAMES) or markov_words()
    labeled = random.Random(0).sample(labeled, min(asked.names or len(labeled), len(labeled)))
    counts = Counter(label for label, _ in labeled)
    sizes = f"{min(counts.values())} to {max(counts.values())} each"
    print(f"{len(labeled):,} texts of {len(counts)} labels, {sizes}")
    rows: list[list[float]] = []
    print("seed  charseq  texts/s  PyTorch  (by learning rate)", flush=True)
    for seed in range(asked.seeds):
        training, test = split(labeled, seed)
        accuracy, speed = charseq_accuracy(training, test, asked.seconds, seed, asked.options)
        rates = [] if asked.without_pytorch else LEARNING_RATES
        plain = [pytorch_accuracy(training, test, asked.seconds, rate, seed) for rate in rates]
        best = max(plain, default=[0.0, 0.0])[1]
        rows.append([accuracy, best])
        shown = ", ".join(f"{rate:g}: {result[1]:.3f}" for rate, result in zip(rates, plain, strict=True))
        print(f"{seed:4}  {accuracy:7.3f}  {speed:7,.0f}  {best:7.3f}  ({shown})", flush=True)
    means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    print(f"mean  {means[0]:7.3f}           {means[1]:7.3f}")


if __name__ == "__main__":
    main()
