"""The trained model that a command uses: found, read, and reported where it is hardly trained."""

from pathlib import Path
from typing import TYPE_CHECKING

from charseq.cli import streams
from charseq.render.visible import visible

if TYPE_CHECKING:
    from charseq.model.model_file import Model


def trained_model(named: str | None) -> "tuple[Path, Model]":
    """Read the model of --model, or of the newest run.  Raises ModelFileError.

    Standard error says so where the weights are initial ones, or those of a run that diverged.
    """
    from charseq.model.model_file import read
    from charseq.runs.model_paths import comparison_size, model_path

    path = model_path(named)
    model = read(path)
    if others := comparison_size(path, named):
        streams.report(f"{visible(str(path.parent))}: the best of {others} compared runs", "dim")
    report_hardly_trained(path, model, newest=named is None)
    return path, model


def report_hardly_trained(path: Path, model: "Model", *, newest: bool) -> None:
    """Say on standard error where the weights are initial ones, or those of a run that diverged."""
    if reason := _hardly_trained(model, newest=newest):
        streams.report(f"{visible(str(path))}: {reason}", "yellow")


def report_network_alone(path: Path, model: "Model") -> None:
    """Say on standard error that a model with an n-gram model was inspected without it."""
    if model.mixture:
        streams.report(f"{visible(str(path))}: the network alone, without its n-gram model", "dim")


def _hardly_trained(model: "Model", *, newest: bool) -> str:
    training = model.training
    if training.get("diverged"):
        weights = "the last good weights" if training.get("epoch") else "initial weights"
        return f"its training diverged; it has {weights}"
    if training.get("epoch") != 0:
        return ""
    if training.get("measured") and model.lineage:
        return "no epoch improved on the model that training started from; it has the weights of that model"
    if training.get("measured"):
        if model.mixture:
            return "no epoch beat symbol frequencies and n-grams without a network; it has initial weights"
        return "no epoch beat predicting by symbol frequency alone; it has initial weights"
    return "its run ended within its first epoch; it may have learned little" if newest else ""
