"""The formats of `charseq export`."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from charseq.errors import UsageError
from charseq.inspection.reported_run import ReportedRun
from charseq.model.model_file import Model


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


def export(name: str, run: ReportedRun, model: Model) -> Export:
    """Return the files of a model in a format.  Raises UsageError for a network that it cannot express."""
    if name == "onnx":
        from charseq.export import onnx_folder

        return onnx_folder.export(run, model)
    raise UsageError(f"--format {name} is not available yet")
