"""What is carried from batch to batch, and when it is forgotten."""

import torch

from charseq.training.metrics import Tally
from charseq.training.position import Counts, Place

CPU = torch.device("cpu")


def place_of(**counts: int) -> Place:
    return Place(Counts(**counts), Tally(CPU, cost=3.0, places=2), (), CPU)


def test_a_report_begins_a_new_tally_and_carries_the_states_on() -> None:
    place = place_of(epochs=1, batches=4, read=40)
    place.begin(forget=False)
    assert place.states == ()
    assert place.tally.places == 0
    assert (place.counts.epochs, place.counts.batches, place.counts.read) == (1, 4, 40)


def test_an_epoch_begins_from_the_initial_states() -> None:
    place = place_of(epochs=1, batches=4, read=40, epochs_right=2)
    place.begin_epoch(right=True)
    assert place.states is None
    assert place.tally.places == 0
    counts = place.counts
    assert (counts.epochs, counts.batches, counts.read, counts.epochs_right) == (2, 0, 0, 3)
    place.begin_epoch(right=False)
    assert (place.counts.epochs, place.counts.epochs_right) == (3, 0)


def test_a_run_that_has_read_nothing_has_measured_no_pass() -> None:
    counts = Counts()
    assert (counts.epochs, counts.batches, counts.read, counts.updates) == (0, 0, 0, 0)
    assert (counts.last_passes, counts.epochs_right) == (0.0, 0)
