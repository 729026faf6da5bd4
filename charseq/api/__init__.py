"""The Python interface: train, load, predict and score.  Only iterating `train` imports torch."""

from charseq.api.trained_model import Prediction, TrainedModel, load
from charseq.api.training import train

__all__ = ["Prediction", "TrainedModel", "load", "train"]
