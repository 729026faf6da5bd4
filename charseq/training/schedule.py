"""Learning-rate schedules."""

import math

from charseq.settings.train_settings import Schedule

ONE_CYCLE_WARM_UP = 0.3
"""Default fraction of a one-cycle schedule in which the learning rate rises."""
LOWEST = 0.05
"""Fraction of the learning rate at which a schedule begins to rise and at which it ends."""


def scheduled(learning_rate: float, schedule: Schedule, done: float, warm_up: float = 0.0) -> float:
    """Return the learning rate at a point of the run.  `done` and `warm_up` are fractions of it, 0 to 1.

    The rate rises linearly during the warm-up, from LOWEST times its value.  Then it stays, or falls along a
    cosine (Loshchilov & Hutter 2016, arXiv:1608.03983).  One-cycle is a cosine with a long warm-up (Smith &
    Topin 2017, arXiv:1708.07120).
    """
    if schedule == "one-cycle":
        warm_up = warm_up or ONE_CYCLE_WARM_UP
    low = LOWEST * learning_rate
    done = min(done, 1.0)
    if done < warm_up:
        return low + (learning_rate - low) * done / warm_up
    if schedule == "constant":
        return learning_rate
    done = (done - warm_up) / (1 - warm_up)
    return low + (learning_rate - low) * 0.5 * (1 + math.cos(math.pi * done))
