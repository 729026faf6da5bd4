"""The formats of `charseq export`."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from charseq.errors import UsageError
from charseq.inspection.reported_run import ReportedRun
from charseq.model.model_file import Model
from charseq.runs.folder import comparison_runs

Precision = Literal["float32", "float16", "int8"]
"""The types of the weights in an HTML page."""
DEFAULT_PRECISION: Precision = "float16"


class Export(NamedTuple):
    """An exported model: the content of files, and sentences about it for standard error."""

    files: Mapping[str, bytes]
    """By name, in the folder of the export; a format of a single file has one entry."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A format of `charseq export`."""

    name: str
    suffix: str
    """What follows the run's name in the default output, such as ".html"."""
    is_folder: bool
    package: str = ""
    """The package that it requires beside those of charseq."""

    def require_package(self) -> None:
        """Raise UsageError if a package is missing."""
        if self.package and importlib.util.find_spec(self.package) is None:
            raise UsageError(
                f"--format {self.name} requires the package {self.package}",
                hint=f"pip install {self.package}",
            )


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("safetensors", "-safetensors", is_folder=True),
        Format("torch", "-torch", is_folder=True),
        Format("onnx", "-onnx", is_folder=True, package="onnx"),
        Format("html", ".html", is_folder=False),
    )
}
"""By name; the first is the default."""


def export(name: str, run: ReportedRun, model: Model, *, weights: Precision | None = None) -> Export:
    """Return the files of a model in a format.  Raises UsageError for a network that it cannot express.

    `weights` is the type of the weights in an HTML page; None is the default.
    """
    if name == "safetensors":
        from charseq.export import safetensors_folder

        return safetensors_folder.export(run, model)
    if name == "torch":
        from charseq.export import torch_folder

        return torch_folder.export(run, model)
    if name == "onnx":
        from charseq.export import onnx_folder

        return onnx_folder.export(run, model)
    from charseq.export import html_page

    return html_page.export(run, model, weights or DEFAULT_PRECISION)


def default_name(run: ReportedRun, chosen: Format) -> str:
    """Return the name of an export that has none: that of the run, with its comparison's, or of its file."""
    folder = run.folder.resolve()
    if folder.is_file():
        return folder.stem + chosen.suffix
    compared = f"{folder.parent.name}-" if folder in comparison_runs(folder.parent) else ""
    return compared + (folder.name or "model") + chosen.suffix


def notes(run: ReportedRun) -> list[str]:
    """Return the notes that all formats share: whether the run is still training."""
    return ["the run is still training; its last saved model is exported"] if run.is_training else []
