"""Predictions over a text: the same as those of scoring, with the most probable symbols."""

import numpy as np
import pytest

from charseq.inference.scoring import score_texts
from charseq.inspection import text_predictions
from charseq.inspection.text_predictions import TOP, predict_text
from charseq.model.model_file import Model, read
from tests.support.models import cycling_model, gru_model
from tests.support.reported import STREAM, trained


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Model:
    run = trained(tmp_path_factory.mktemp("run") / "stream", STREAM, cell="rnn-norm", epochs=1, ngram=3)
    return read(run / "model.safetensors")


def test_surprisals_are_those_of_scoring(mixture: Model) -> None:
    for model in (gru_model(), mixture):
        ids = model.vocabulary.encode(STREAM[:53] if model is mixture else "abcdefghgfedcba")
        (scored,) = score_texts(model, [ids])
        found = predict_text(model, ids)
        np.testing.assert_allclose(found.surprisals.nats, scored.nats, rtol=1e-5)
        assert found.surprisals.ranks.tolist() == scored.ranks.tolist()


def test_blocks_do_not_change_the_predictions(mixture: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = mixture.vocabulary.encode(STREAM[:53])
    whole = predict_text(mixture, ids)
    monkeypatch.setattr(text_predictions, "BLOCK_LOGITS", 7 * len(mixture.vocabulary))
    pieces = predict_text(mixture, ids)
    assert pieces.ids is ids
    np.testing.assert_allclose(pieces.surprisals.nats, whole.surprisals.nats, rtol=1e-5)
    for part, full in ((pieces.network_nats, whole.network_nats), (pieces.ngram_nats, whole.ngram_nats)):
        assert part is not None
        assert full is not None
        np.testing.assert_allclose(part, full, rtol=1e-5)
    assert (pieces.top == whole.top).all()


def test_the_most_probable_symbols_come_in_falling_order() -> None:
    model = cycling_model("abcabc")
    found = predict_text(model, model.vocabulary.encode("abcab"))
    assert found.top[:, 0].tolist() == [1, 2, 0, 1]
    assert found.top.shape == (4, min(TOP, 3))
    np.testing.assert_allclose(found.top_probabilities.sum(1), 1)
    assert (np.diff(found.top_probabilities) <= 0).all()


def test_a_mixture_has_the_surprisals_of_both_parts(mixture: Model) -> None:
    ids = mixture.vocabulary.encode(STREAM[:53])
    found = predict_text(mixture, ids)
    assert found.network_nats is not None
    assert found.ngram_nats is not None
    either = (
        np.minimum(found.network_nats, found.ngram_nats),
        np.maximum(found.network_nats, found.ngram_nats),
    )
    assert (found.surprisals.nats >= either[0] - 1e-4).all()
    assert (found.surprisals.nats <= either[1] + 1e-4).all()
    assert predict_text(gru_model(), np.array([0, 1, 2])).network_nats is None


def test_overlapping_windows_are_read_as_in_training(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = trained(tmp_path_factory.mktemp("run") / "windows", "abcabdabe" * 3, stride=2, sequence_length=5)
    model = read(run / "model.safetensors")
    ids = model.vocabulary.encode("abcabdabeabc")
    (scored,) = score_texts(model, [ids])
    np.testing.assert_allclose(predict_text(model, ids).surprisals.nats, scored.nats, rtol=1e-5)
