"""The options that settle a training, once for every command that trains."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from charseq.cli.options import shared
from charseq.cli.options import train as training

SETTINGS: dict[str, tuple[Any, Any]] = {
    "validation": (training.ValidationOption, None),
    "validation_split": (training.ValidationSplitOption, "spread"),
    "hidden_size": (training.HiddenSizeOption, None),
    "layers": (shared.LayersOption, None),
    "dropout": (training.DropoutOption, None),
    "embedding_size": (shared.EmbeddingSizeOption, None),
    "head": (shared.HeadOption, "linear"),
    "residual": (shared.ResidualOption, None),
    "layer_norm": (shared.LayerNormOption, None),
    "tie_weights": (shared.TieWeightsOption, False),
    "initial_state": (shared.InitialStateOption, "zero"),
    "epochs": (training.EpochsOption, None),
    "time_limit": (training.TimeLimitOption, None),
    "learning_rate": (training.LearningRateOption, None),
    "schedule": (training.ScheduleOption, None),
    "optimizer": (training.OptimizerOption, "adam"),
    "warm_up": (training.WarmUpOption, None),
    "weight_decay": (training.WeightDecayOption, None),
    "average": (training.AverageOption, None),
    "precision": (training.PrecisionOption, "auto"),
    "kernel": (training.KernelOption, "auto"),
    "clip": (training.ClipOption, 1.0),
    "batch_size": (training.BatchSizeOption, None),
    "sequence_length": (training.SequenceLengthOption, None),
    "stride": (training.StrideOption, None),
    "seed": (shared.SeedOption, 0),
    "device": (training.DeviceOption, "auto"),
}
"""Option type and default by the name of the setting; None leaves it to the text."""


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options in place of its parameter `given`, which receives their values by name."""
    signature = inspect.signature(command)
    mine = {
        name: inspect.Parameter(
            name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=kind, default=default
        )
        for name, (kind, default) in SETTINGS.items()
    }
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += mine.values() if parameter.name == "given" else [parameter]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        given = {name: values.pop(name) for name in SETTINGS}
        command(**values, given=given)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
