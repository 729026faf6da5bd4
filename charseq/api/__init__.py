"""The Python interface: train, load, predict and score.  Only iterating `train` imports torch."""

from charseq.api.score import Score
from charseq.api.trained_model import Prediction, TrainedModel, load
from charseq.api.training import train
from charseq.api.watching import watch

__all__ = ["Prediction", "Score", "TrainedModel", "load", "train", "watch"]
