"""What an import of a state_dict says: what was recognized, and faults of the vocabulary."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from charseq.errors import ModelFileError, UsageError
from charseq.export.torch_state_dict import read_state_dict
from charseq.export.vocabulary_reader import read_vocabulary
from tests.support.command import Command

WEIGHTS, SYMBOLS = Path("gru.safetensors"), Path("symbols.json")


def saved(*, embedding: int = 0, head: bool = True, hidden: int = 7, symbols: str = "abcdefg") -> None:
    """Save a GRU of random weights, and its vocabulary."""
    random, size = np.random.default_rng(3), len(symbols)
    shapes = {
        "weight_ih_l0": (3 * hidden, embedding or size),
        "weight_hh_l0": (3 * hidden, hidden),
        **({"emb.weight": (size, embedding)} if embedding else {}),
        **({"fc.weight": (size, hidden), "fc.bias": (size,)} if head else {}),
    }
    tensors = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(tensors, WEIGHTS)
    SYMBOLS.write_text(json.dumps([*symbols]))


def test_a_note_says_what_was_recognized() -> None:
    saved(embedding=5)
    sentence = "recognized: gru, 1 layer of 7 hidden units, embedding of 5, linear head"
    assert read_state_dict(WEIGHTS, SYMBOLS).notes == (sentence,)


def test_a_note_says_that_there_is_no_linear_layer() -> None:
    saved(head=False)
    first, second = read_state_dict(WEIGHTS, SYMBOLS).notes
    assert first == "recognized: gru, 1 layer of 7 hidden units, one-hot input, no linear layer"
    assert second == "there is no linear layer, so the hidden state is used as the logits (head none)"


def test_a_misspelled_cell_is_unknown_with_a_suggestion(charseq: Command) -> None:
    saved()
    with pytest.raises(UsageError, match="unknown cell 'lstmm'") as caught:
        read_state_dict(WEIGHTS, SYMBOLS, cell="lstmm")
    assert "did you mean 'lstm' or" in caught.value.hint.lower()
    result = charseq("import", str(WEIGHTS), "--vocabulary-file", str(SYMBOLS), "--cell", "lstmm")
    assert (result.status, "unknown cell 'lstmm'" in result.errors) == (2, True)


def test_the_cause_in_a_vocabulary_is_stated_once() -> None:
    saved()
    SYMBOLS.write_text(json.dumps(["ab", *"bcdefg"]))
    with pytest.raises(ModelFileError, match=r"'symbols\.json' cannot be used") as caught:
        read_state_dict(WEIGHTS, SYMBOLS)
    assert caught.value.message.count("cannot be used") == 1


@pytest.mark.parametrize("surrogate", [0xD800, 0xDC80, 0xDFFF])
def test_a_lone_surrogate_is_no_symbol(surrogate: int) -> None:
    saved()
    SYMBOLS.write_text(json.dumps([*"abcdef", chr(surrogate)]))
    with pytest.raises(ModelFileError, match="a surrogate, which is not a character"):
        read_state_dict(WEIGHTS, SYMBOLS)


def test_a_text_file_with_a_character_in_each_line_has_a_hint() -> None:
    Path("symbols.txt").write_text("a\nb\nc\nd\ne\n")
    with pytest.raises(ModelFileError) as caught:
        read_vocabulary(Path("symbols.txt")).of_size(5)
    assert "without separators" in caught.value.hint


def test_both_descriptions_that_a_folder_may_have_are_named(charseq: Command) -> None:
    saved()
    Path("folder").mkdir()
    WEIGHTS.rename("folder/model.safetensors")
    assert "has neither config.json nor vocabulary.json" in charseq("import", "folder").errors
