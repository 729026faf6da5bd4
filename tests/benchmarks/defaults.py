"""Compare settings on one text, with a time limit or for the same number of epochs.

python -m tests.benchmarks.defaults corpus.txt --time-limit 60 '{}' '{"hidden_size": 512}' '{"cell": "gru"}'

Each variant is trained with each seed, one after the other; {} stands for the default settings.  A line shows
the validation loss of the saved epoch in nats per character over the last tenth of the text
(--validation-split tail), which is comparable with the results of other tools.  Run it alone on the machine.
"""

import argparse
import json
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from charseq.events import End, Epoch, Start
from charseq.runs.prepare import plan_run
from charseq.settings.defaults import choose_settings
from charseq.text.corpus import AnyCorpus
from charseq.text.sources import read_corpus
from charseq.text.vocabulary import Vocabulary
from charseq.training.loop import train
from charseq.training.torch_requirement import flops_of_device


def attempt(corpus: AnyCorpus, overrides: dict[str, Any]) -> tuple[Start, list[Epoch], End]:
    """Train once and return the start event, the epochs and the end event."""
    vocabulary = Vocabulary.of(corpus.chunks(), boundary=corpus.lines)
    overrides = {"validation_split": "tail", **overrides}
    flops = partial(flops_of_device, overrides)
    settings = choose_settings(corpus, len(vocabulary), overrides, flops=flops)
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_run(corpus, vocabulary, settings, out=Path(folder) / "run")
        start, *events, end = train(plan)
    if not isinstance(start, Start) or not isinstance(end, End):
        raise TypeError(f"the run started with {start} and ended with {end}")
    return start, [event for event in events if isinstance(event, Epoch)], end


def main() -> None:
    """Train every variant and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", help="a UTF-8 text")
    parser.add_argument("variants", nargs="+", help="settings as JSON objects; {} for the default settings")
    parser.add_argument("--time-limit", type=float, default=0.0, help="seconds; 0 runs all epochs")
    parser.add_argument("--lines", action="store_true", help="each line is a sequence")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each variant")
    parser.add_argument("--first", type=int, default=0, help="characters to read from the file; 0 reads all")
    options = parser.parse_args()
    text = Path(options.file).read_text(encoding="utf-8")[: options.first or None]
    corpus = read_corpus([text], [], lines=options.lines, unit="character", standard_input=sys.stdin.buffer)
    limit = {"time_limit": options.time_limit} if options.time_limit else {}
    print("loss    (spread)         epochs  parameters  chars/s  settings")
    for variant in options.variants:
        losses = []
        for seed in range(options.seeds):
            start, epochs, end = attempt(corpus, {**limit, **json.loads(variant), "seed": seed})
            losses.append(end.validation_loss if end.validation_loss is not None else float("nan"))
        pace = statistics.median(epoch.characters_per_second for epoch in epochs) if epochs else 0.0
        columns = [
            f"{statistics.fmean(losses):.4f}",
            f"({min(losses):.4f}-{max(losses):.4f})",
            f"{end.epoch}/{end.epochs}".rjust(7),
            f"{start.parameters:10,}",
            f"{pace:8,.0f}",
            variant,
        ]
        print("  ".join(columns), flush=True)


if __name__ == "__main__":
    main()
