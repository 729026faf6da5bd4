"""The fraction of a validation text that the training text contains."""

import numpy as np
import numpy.typing as npt
import pytest

from charseq.text import overlap as module
from charseq.text.corpus import Corpus
from charseq.text.encoding import EncodedCorpus
from charseq.text.overlap import overlap
from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Vocabulary


def test_of_lines_it_is_the_exact_fraction_of_positions() -> None:
    training, validation = ("ada", "alan", "ada", "grace"), ("grace", "bob", "grace", "ada")
    vocabulary = Vocabulary.of([*training, *validation], boundary=True)
    one, other = (EncodedCorpus(Corpus(s, lines=True), vocabulary).sequences for s in (training, validation))
    assert overlap(one, other, lines=True) == (6 + 6 + 4) / (6 + 4 + 6 + 4)
    assert overlap(one, one, lines=True) == 1
    assert overlap(other, one, lines=True) == (4 + 4 + 6) / (4 + 5 + 4 + 6)


def random_ids(seed: int, dtype: type) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 9, 9_000).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("block", [70, 1 << 22])
def test_of_running_text_it_is_the_fraction_of_the_searched_pieces(
    monkeypatch: pytest.MonkeyPatch, dtype: type, block: int
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    training, other = random_ids(0, dtype), random_ids(1, dtype)
    known = Sequences.of([training])
    for validation, expected in (
        (other, 0.0),
        (training, 1.0),
        (training[1234:5678], 1.0),
        (training[-40:], 1.0),
        (np.concatenate([training[100:3100], other[:3000]]), 0.5),
    ):
        found = overlap(known, Sequences.of([validation]), lines=False)
        assert found == pytest.approx(expected, abs=1.5 / module.PIECES)


def test_bytes_that_match_between_symbols_are_no_match() -> None:
    training = np.array([0x0100, 0x0200, 0x0300] * 40, np.uint16)
    shifted = np.frombuffer(training.tobytes()[1:-1], np.uint16)
    assert overlap(Sequences.of([training]), Sequences.of([shifted]), lines=False) == 0
    assert overlap(Sequences.of([training]), Sequences.of([training[1:]]), lines=False) == 1
