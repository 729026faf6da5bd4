"""Models with labels: generation never gives a label, and classification is likelihood times prior."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from charseq.api import TrainedModel
from charseq.errors import UnknownCharacter, UsageError
from charseq.inference.classification import SMOOTHING, Classifier
from charseq.inference.explorer import Explorer
from charseq.model.model_file import Model
from tests.support.labeled import LETTERS, labeled_model
from tests.support.models import gru_model


@pytest.fixture
def model() -> TrainedModel:
    return TrainedModel(labeled_model(), Path("model"))


@pytest.fixture
def eager() -> TrainedModel:
    """A model whose network predicts labels nearly always."""
    plain = replace(labeled_model(), mixture=None)
    bias = np.where(plain.vocabulary.is_label, 30, 0).astype(np.float32)
    return TrainedModel(replace(plain, arrays={**plain.arrays, "head.b": bias}), Path("model"))


WAYS: list[dict[str, object]] = [
    {}, {"greedy": True}, {"beam": 19, "samples": 7}, {"temperature": 99.0}, {"allow": "ab"},
    {"pattern": "[a-c]{3}"},
]  # fmt: skip


@pytest.mark.parametrize("how", WAYS)
def test_no_label_is_generated(eager: TrainedModel, how: dict[str, object]) -> None:
    made = list(eager.predictions(["", "d"], label="two", length=13, top=99, **how))  # type: ignore[arg-type]
    listed = {symbol for one in made for step in one.steps for symbol, _ in step.top}
    assert listed == {*eager.vocabulary.characters}
    assert all(step.character in "abcdefg" for one in made for step in one.steps)
    assert any(one.steps for one in made)
    assert all(sum(p for _, p in step.top) == pytest.approx(1) for one in made for step in one.steps)


def test_the_text_of_a_label_has_its_letters(model: TrainedModel) -> None:
    assert model.model.mixture is not None
    for label, letters in LETTERS.items():
        made = model.predictions([""], label=label, samples=41, temperature=0.3)
        counts = Counter("".join(one.text for one in made))
        assert sum(counts[letter] for letter in letters) > 0.9 * counts.total() > 0


def test_without_a_label_it_is_drawn_as_often_as_in_the_training_lines(model: TrainedModel) -> None:
    made = list(model.predictions(["", "a"], samples=250, length=1))
    drawn = Counter(one.label for one in made)
    counts = dict(zip(model.vocabulary.label_names, model.model.label_counts, strict=True))
    for label, count in counts.items():
        assert drawn[label] / 500 == pytest.approx(count / 211, abs=0.07)
    again = list(model.predictions(["", "a"], samples=250, length=1))
    assert [one.label for one in again] == [one.label for one in made]


@pytest.mark.parametrize("how", [{"greedy": True}, {"beam": 2}])
def test_greedy_decoding_and_beam_search_take_the_most_frequent_label(
    model: TrainedModel, how: dict[str, object]
) -> None:
    assert model.predict("a", **how).label == "one"  # type: ignore[arg-type]


def test_a_label_of_a_model_without_labels_is_refused() -> None:
    plain = TrainedModel(gru_model(boundary=True), Path("model"))
    for use in (lambda: plain.predict("a", label="x"), lambda: plain.score("a", label="x")):
        with pytest.raises(UsageError, match="requires a model trained with --labels"):
            use()
    with pytest.raises(UsageError, match="classify requires a model trained with --labels"):
        plain.classify("a")


def test_a_labeled_model_scores_a_text_of_a_given_label_only(model: TrainedModel) -> None:
    assert model.score("cdef", label="two").bits_per_character < 2.5  # type: ignore[operator]
    assert model.score("cdef", label="a").bits_per_character > 3  # type: ignore[operator]
    with pytest.raises(UsageError, match="the model has labels, and --label is missing"):
        model.score("cdef")


@pytest.mark.parametrize("prior", ["training", "uniform"])
def test_the_probability_of_a_label_is_its_prior_times_the_likelihood(
    model: TrainedModel, prior: str
) -> None:
    names, counts = model.vocabulary.label_names, np.array(model.model.label_counts) + SMOOTHING
    share = counts / counts.sum() if prior == "training" else np.full(3, 1 / 3)
    for text in ("cddc", "g", "", "abcdabcdabcd"):
        joint = []
        for name, p in zip(names, share, strict=True):
            score = model.score(text, label=name)
            assert score.nats_per_character is not None
            joint.append(math.log(p) - score.nats_per_character * score.characters)
        expected = np.exp(np.array(joint) - np.logaddexp.reduce(joint))
        found = model.classify(text, prior=prior)  # type: ignore[arg-type]
        assert [found.labels[name] for name in names] == pytest.approx(expected, rel=1e-4, abs=1e-9)
        assert found.label == names[int(expected.argmax())]
        assert [*found.labels.values()] == sorted(found.labels.values(), reverse=True)


def test_a_classification_does_not_depend_on_the_other_texts(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["abc", "", "cdefcdefcdefcdef", "g", "aaeg", "e" * 131]
    alone = [model.classify(text).labels for text in texts]
    monkeypatch.setattr("charseq.inference.classification.ROWS", 7)
    monkeypatch.setattr("charseq.inference.classification.BLOCK_LOGITS", 301)
    for one, together in zip(alone, model.classifications(texts), strict=True):
        assert together.labels == pytest.approx(one, rel=1e-4, abs=1e-9)


def test_a_label_without_training_lines_can_still_be_found(model: TrainedModel) -> None:
    without = replace(model.model, label_counts=(0, 0, 0))
    assert np.isfinite(Classifier(without).log_prior()).all()


def test_unknown_characters_are_treated_as_asked(model: TrainedModel) -> None:
    with pytest.raises(UnknownCharacter, match="'z'"):
        model.classify("cz")
    assert model.classify("cz", unknown="skip").labels == model.classify("c").labels
    assert sum(model.classify("cz", unknown="replace").labels.values()) == pytest.approx(1)


def test_the_explorer_lists_no_label(eager: TrainedModel) -> None:
    explorer = Explorer(eager.model, "one")
    assert explorer.output is not None
    assert {symbol for symbol, _ in explorer.output.probabilities} == {*eager.vocabulary.characters}
    assert explorer.accept() in (True, False)


def test_novel_lines_are_texts_that_have_no_label_in_the_training_text(model: TrainedModel) -> None:
    from charseq.model.line_digests import line_digests
    from charseq.text.corpus import Corpus

    known = {one.text for one in model.predictions([""], label="a", samples=13)}
    corpus = Corpus(tuple(known), True, ("two",) * len(known))
    changed = Model(**{**vars(model.model), "lines": line_digests(corpus, "none")})
    made = TrainedModel(changed, Path("m")).predictions([""], label="a", samples=13, novel=True)
    assert not {one.text for one in made} & known
