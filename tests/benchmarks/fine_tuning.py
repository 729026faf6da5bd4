"""Measure what fine-tuning gains over training from scratch on the same small text, with the same time.

python -m tests.benchmarks.fine_tuning --base FILE --new FILE --seconds 60 --pairs 5

A model of the base text is trained once.  Each pair trains on the new text twice, from that model and from
scratch, with the same seed, which holds out the same tenth; their order alternates.  Without files, the base
is the names of all locales of the package faker but --locale, and the new text the names of --locale; without
the package, both are words of random Markov chains.  Files are running text, unless --lines.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.names import LOCALES, NAMES, faker_names, markov_words

MORE_LOCALES = ("ga_IE", "is_IS", "sk_SK")
"""The locales with the most names in Latin letters, beside those of the classification."""


def train(file: Path, out: Path, seconds: float, *options: str) -> dict[str, Any]:
    """Train for a time, all of it counted, and return the end event."""
    command = [sys.executable, "-m", "charseq", "train", "--json", "--file", str(file), "--out", str(out)]
    command += ["--time-limit", f"{seconds:g}s", "--force", *options]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    end: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return end


def names(locale: str) -> tuple[str, str]:
    """Return the names of all other locales, and those of one, line by line."""
    labeled = faker_names(NAMES, locales=(*LOCALES, *MORE_LOCALES), most=None) or markov_words()
    labels = sorted({label for label, _ in labeled})
    own = locale if locale in labels else labels[0]
    base, new = ([name for label, name in labeled if (label == own) == is_new] for is_new in (False, True))
    return "\n".join(base) + "\n", "\n".join(new) + "\n"


def measure_pairs(
    base: str, new: str, asked: argparse.Namespace, options: Sequence[str]
) -> list[tuple[float, float, float]]:
    """Return the losses of each pair: of the base model, after fine-tuning, and from scratch."""
    pairs: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "base.txt").write_text(base, encoding="utf-8")
        (folder / "new.txt").write_text(new, encoding="utf-8")
        parent = train(folder / "base.txt", folder / "base", asked.base_seconds, *options)
        print(f"base: {len(base):,} characters, validation loss {parent['validation_loss']:.3f}")
        print("seed   base   fine-tuned   scratch   gain", flush=True)
        for seed in range(asked.pairs):
            both: dict[bool, dict[str, Any]] = {}
            for tuned in (seed % 2 == 0, seed % 2 == 1):
                start = ["--from", str(folder / "base")] if tuned else []
                common = [*options, "--seed", str(seed)]
                both[tuned] = train(folder / "new.txt", folder / "run", asked.seconds, *start, *common)
            before, after = both[True]["parent_validation_loss"], both[True]["validation_loss"]
            scratch = both[False]["validation_loss"]
            pairs.append((before, after, scratch))
            print(
                f"{seed:4}  {before:5.3f}   {after:10.3f}   {scratch:7.3f}  {scratch - after:+.3f}",
                flush=True,
            )
    return pairs


def main() -> None:
    """Train all pairs, and print their losses and the median gain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--base", help="text of the model to start from")
    parser.add_argument("--new", help="text to fine-tune on")
    parser.add_argument("--lines", action="store_true", help="each line is a sequence")
    parser.add_argument("--locale", default="is_IS", help="locale of the new names")
    parser.add_argument("--base-seconds", type=float, default=150.0, help="training time of the base model")
    parser.add_argument("--seconds", type=float, default=60.0, help="training time of each run of a pair")
    parser.add_argument("--pairs", type=int, default=5, help="number of pairs")
    parser.add_argument("--characters", type=int, default=60_000, help="characters of the new text, at most")
    parser.add_argument("options", nargs="*", help="options of every training run, after --")
    asked = parser.parse_args()
    if bool(asked.base) != bool(asked.new):
        parser.error("--base and --new belong together")
    if asked.base:
        base, new = (Path(file).read_text(encoding="utf-8") for file in (asked.base, asked.new))
    else:
        base, new = names(asked.locale)
    new = new[: asked.characters]
    print(f"new text: {len(new):,} characters, {asked.seconds:g} s each")
    options = [*(["--lines"] if asked.lines or not asked.base else []), *asked.options]
    pairs = measure_pairs(base, new, asked, options)
    before, after, scratch = (statistics.median(column) for column in zip(*pairs, strict=True))
    gains = [pair[2] - pair[1] for pair in pairs]
    print(f"median {before:4.3f}  {after:10.3f}   {scratch:7.3f}  {statistics.median(gains):+.3f}")
    print(f"lowest gain {min(gains):+.3f}")


if __name__ == "__main__":
    main()
