"""Texts with labels, and models of them that are built without training."""

import random

import numpy as np

from charseq.model.mixture import Gate, Mixture
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.ngram_counting import count_ngrams
from charseq.model.numpy_ops import SeededDraw
from charseq.text.corpus import Corpus
from charseq.text.encoding import EncodedCorpus
from charseq.text.vocabulary import Vocabulary

LETTERS = {"one": "abcd", "two": "cdef", "a": "aeg"}
"""The letters of the words of each label; one label equals a letter."""


def labeled_words(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return labels and words whose letters tell the label, the first label most often."""
    r = random.Random(seed)
    labels = r.choices([*LETTERS], weights=[5, 3, 2], k=count)
    return [(label, "".join(r.choices(LETTERS[label], k=r.randint(3, 7)))) for label in labels]


def labeled_lines(count: int, seed: int = 0) -> str:
    """Return the words in lines, with their labels before them."""
    return "".join(f"{label}\t{word}\n" for label, word in labeled_words(count, seed))


def labeled_model(order: int = 4, count: int = 211) -> Model:
    """Return an untrained GRU mixed with an n-gram model of labeled words."""
    words = labeled_words(count)
    corpus = Corpus(tuple(word for _, word in words), True, tuple(label for label, _ in words))
    vocabulary = Vocabulary.of(corpus.chunks(), boundary=True, labels=corpus.labels)
    network = Network("gru", len(vocabulary), hidden_size=5)
    sequences = EncodedCorpus(corpus, vocabulary).sequences
    counted = count_ngrams(sequences, order, len(vocabulary), lines=True, labels=vocabulary.labels)
    mixture = Mixture(counted.model(order), Gate.constant(order, 5, 0.25))
    counts = tuple(sum(label == name for label, _ in words) for name in vocabulary.label_names)
    arrays = {name: np.asarray(a) for name, a in network.draw(SeededDraw(3)).items()}
    return Model(network, vocabulary, arrays, mixture=mixture, label_counts=counts)
