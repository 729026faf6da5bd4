"""The measurements of a training run as event files for TensorBoard, beside another output."""

import contextlib
import hashlib
import math
import os
import platform
import time
from dataclasses import asdict
from io import BufferedWriter
from itertools import count
from pathlib import Path
from typing import Any

from charseq.errors import CharseqError, UsageError, quoted
from charseq.events import Epoch, Event, Start
from charseq.render.base import Renderer
from charseq.render.screen import Screen
from charseq.render.visible import visible
from charseq.system.file_errors import reason, remedy

SCALARS = {
    "loss": "loss/training",
    "validation_loss": "loss/validation",
    "network_validation_loss": "loss/network_validation",
    "ngram_validation_loss": "loss/ngram_validation",
    "cross_validation_loss": "loss/cross_validation",
    "accuracy": "accuracy/training",
    "validation_accuracy": "accuracy/validation",
    "learning_rate": "learning_rate",
    "characters_per_second": "characters_per_second",
    "passes": "passes",
}
"""The tags of the fields of an epoch's event."""
FACTS = (
    "parameters", "vocabulary_size", "training_characters", "validation_characters", "device", "kernel",
    "precision",
)  # fmt: skip
"""Fields of the start event that are listed with the settings."""
LONGEST_PREDICTION = 500
"""Characters of a prediction of memorized text."""


def prepare_folder(folder: Path) -> None:
    """Check that event files can be written into a folder, and create it.

    Raises UsageError without the package tensorboard, CharseqError if the folder cannot be written.
    """
    try:
        import tensorboard.summary.writer.record_writer  # noqa: F401 (is it there?)
    except ModuleNotFoundError:
        raise UsageError(
            "--tensorboard requires the package tensorboard", hint="pip install tensorboard"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise CharseqError(f"cannot write in {quoted(folder)}", hint="check its permissions")
    except (OSError, ValueError) as error:
        hint = remedy(error, "choose another folder with --tensorboard")
        raise CharseqError(f"cannot create {quoted(folder)}: {reason(error)}", hint=hint) from None


class WithTensorBoard(Renderer[Event]):
    """Show events with another renderer, and write them into a folder of event files named for the run.

    A step is a character of the training text that was read, so that runs with other batches compare.  If a
    file cannot be written, training continues without it, and `error` says why.
    """

    def __init__(self, renderer: Renderer[Event], folder: Path) -> None:
        self._renderer, self._folder = renderer, folder
        self._file: BufferedWriter | None = None
        self._characters = 0
        self._last_step = 0
        self.error: CharseqError | None = None
        """The error that ended writing."""

    @property
    def screen(self) -> Screen | None:  # type: ignore[override]
        """The live drawing of the other renderer."""
        return self._renderer.screen

    def begin(self) -> None:
        """Begin the other output."""
        self._renderer.begin()

    def note_message(self, text: str) -> None:
        """Let the other output take note of a message."""
        self._renderer.note_message(text)

    def add_earlier(self, event: Event) -> None:
        """Add an earlier event to the other output; its files have it already."""
        self._renderer.add_earlier(event)

    def show(self, event: Event) -> None:
        """Write an event, and show it."""
        try:
            if isinstance(event, Start):
                self._begin_file(event)
            elif isinstance(event, Epoch) and self._file:
                self._write_epoch(event)
        except OSError as error:
            self._give_up(error)
        self._renderer.show(event)

    def finish(self, *, failed: bool) -> None:
        """Close the file, and complete the other output."""
        try:
            if self._file:
                self._file.close()
        except OSError as error:
            self._give_up(error)
        self._renderer.finish(failed=failed)

    def _give_up(self, error: OSError) -> None:
        with contextlib.suppress(OSError):
            if self._file:
                self._file.close()
        self._file = None
        self.error = CharseqError(
            f"cannot write events for TensorBoard in {quoted(self._folder)}: {reason(error)}",
            hint="; ".join(filter(None, [remedy(error), "training went on without them"])),
        )

    def _begin_file(self, start: Start) -> None:
        """Create the event file; a resumed run replaces the steps after the one that it continues from."""
        self._characters = start.training_characters
        identity = hashlib.sha256(os.fsencode(Path(start.run).absolute())).hexdigest()[:8]
        folder = _folder_of_run(self._folder, Path(start.run).absolute().name, identity)
        folder.mkdir(parents=True, exist_ok=True)
        host = platform.node().replace("/", "_")
        name = f"events.out.tfevents.{time.time():.6f}.{host}.{os.getpid()}.{identity}"
        self._file = (folder / name).open("xb")
        self._write(0, file_version="brain.Event:2")
        step = 0 if start.resumed is None else self._step(start.resumed) + 1
        self._restart(step)
        self._write_values(step, [_text("hyperparameters", _settings_table(start))])

    def _restart(self, step: int) -> None:
        """Let TensorBoard drop what earlier files, or this one, have from a step on."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._write(step, session_log=SessionLog(status=SessionLog.START))
        self._last_step = step - 1

    def _write_epoch(self, event: Epoch) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        step = self._step(event.passes)
        if step <= self._last_step:  # training diverged, and continues from earlier weights
            self._restart(step)
        self._last_step = step
        measures = {tag: getattr(event, name) for name, tag in SCALARS.items()}
        values = [
            Summary.Value(tag=tag, simple_value=value)
            for tag, value in measures.items()
            if value is not None and math.isfinite(value)
        ]
        if event.sample is not None:
            values.append(_text("sample", _preformatted(event.sample)))
        elif event.validation_loss is None and isinstance(event.prediction, str):
            values.append(_text("prediction", _preformatted(event.prediction[:LONGEST_PREDICTION])))
        self._write_values(step, values)

    def _step(self, passes: float) -> int:
        """Return the number of characters of the training text that were read."""
        return round(passes * self._characters)

    def _write_values(self, step: int, values: list[Any]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._write(step, summary=Summary(value=values))

    def _write(self, step: int, **content: Any) -> None:
        """Append an event to the file, without delay."""
        from tensorboard.compat.proto.event_pb2 import Event as EventProto
        from tensorboard.summary.writer.record_writer import RecordWriter

        if self._file:
            event = EventProto(wall_time=time.time(), step=step, **content)
            RecordWriter(self._file).write(event.SerializeToString())
            self._file.flush()


def _folder_of_run(root: Path, name: str, identity: str) -> Path:
    """Return the folder of a run: its own if there is one, or a new one beside those of equal names."""
    for number in count(1):
        folder = root / (name if number == 1 else f"{name}-{number}")
        files = list(folder.glob("*tfevents*"))
        if not files or any(file.name.endswith(f".{identity}") for file in files):
            return folder
    raise AssertionError("count never ends")


def _text(tag: str, markdown: str) -> Any:
    """Return a text in Markdown as TensorBoard's text plugin reads it."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    plugin = SummaryMetadata.PluginData(plugin_name="text")
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[markdown.encode()], tensor_shape=shape)
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor)


def _preformatted(text: str) -> str:
    """Return a text as a code block of Markdown, which shows it as it is."""
    return "\n".join(f"    {visible(line)}" for line in text.rstrip("\n").split("\n"))


def _settings_table(start: Start) -> str:
    """Return the settings of a run and facts about it as a table in Markdown."""
    settings = {name: value for name, value in asdict(start.settings).items() if name != "reasons"}
    facts = {name: getattr(start, name) for name in FACTS}
    rows = {"run": start.run, "text": start.text, **settings, **facts}
    lines = [f"| {name} | `{_cell(value)}` |" for name, value in rows.items() if value is not None]
    return "\n".join(["| setting | value |", "| --- | --- |", *lines])


def _cell(value: object) -> str:
    """Return a value for a cell of a table, in which bars and backquotes have no meaning."""
    return visible(str(value)).replace("|", "\\|").replace("`", "'")
