"""The model that a run starts from: fine-tuning."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from charseq.errors import UsageError, quoted
from charseq.model.description import Ancestor
from charseq.model.model_file import Model, read
from charseq.runs.model_paths import model_path
from charseq.runs.training_text import saved_text
from charseq.settings.fine_tuning import INHERITED, NETWORK
from charseq.settings.train_settings import TrainSettings
from charseq.text.sources import TextSource
from charseq.text.vocabulary import Vocabulary

SAVED = {*INHERITED, "sequence_length"}
"""Settings of a parent, beside those of its network, that are read from its file."""
SPLIT = ("seed", "validation", "validation_split", "separate_validation")
"""Settings that determine which parts of a text are held out."""


@dataclass(frozen=True)
class Parent:
    """A trained model whose weights, vocabulary and n-gram counts a run starts from."""

    path: Path
    model: Model
    sha256: str
    """The SHA-256 of its file."""
    text_sha256: object = None
    """The SHA-256 of the text that it was trained on; None if unknown."""

    @property
    def name(self) -> str:
        """Its name in messages: the folder of its run."""
        return str(self.path.parent)

    @property
    def settings(self) -> TrainSettings:
        """The settings that it was trained with; those of its network are always known."""
        network = {name: value for name, value in asdict(self.model.network).items() if name in NETWORK}
        saved = self.model.training.get("settings", {})
        inherited = {name: saved[name] for name in SAVED & saved.keys()}
        return TrainSettings(**{**inherited, **network, "cell": self.model.network.cell_name})

    def holds_out_otherwise(self, settings: TrainSettings) -> bool:
        """Return whether a run with these settings would hold out other parts of the same text."""
        saved, default = self.model.training.get("settings", {}), TrainSettings()
        return any(saved.get(name, getattr(default, name)) != getattr(settings, name) for name in SPLIT)

    @property
    def lineage(self) -> tuple[Ancestor, ...]:
        """The models that a run starts from: this one, and its own ancestors."""
        return (Ancestor(str(self.path), self.sha256), *self.model.lineage)

    def with_its_units(self, source: TextSource) -> TextSource:
        """Return the source, read as the text of this model was.  Raises UsageError if it asks otherwise."""
        vocabulary = self.model.vocabulary
        for option, asked, own, default in (
            ("unit", source.unit, vocabulary.unit, TextSource().unit),
            ("normalize", source.normalization, vocabulary.normalization, TextSource().normalization),
        ):
            if asked not in (default, own):
                raise UsageError(
                    f"--{option} {asked} cannot be combined with --from {quoted(self.name)}, "
                    f"which was trained with --{option} {own}",
                    hint=f"omit --{option}, or train without --from",
                )
        if source.lines and not vocabulary.boundary:
            raise UsageError(
                f"--lines requires a model of lines, and {quoted(self.name)} was trained without --lines",
                hint="omit --lines, or start from a model that was trained with --lines",
            )
        if source.labels and not vocabulary.labels:
            raise UsageError(
                f"--labels requires a model of labels, and {quoted(self.name)} was trained without --labels",
                hint="omit --labels, or start from a model that was trained with --labels",
            )
        return replace(
            source,
            labels=bool(vocabulary.labels),
            unit=vocabulary.unit,
            normalization=vocabulary.normalization,
            lines=vocabulary.boundary,
        )

    def vocabulary(self, of_text: Vocabulary) -> Vocabulary:
        """Return the vocabulary of this model with the further symbols of a text behind its own.

        Raises UsageError where the network cannot learn further symbols.
        """
        known = self.model.vocabulary
        extended = known.extended(of_text)
        if self.model.network.head == "none" and extended != known:
            symbol = extended.symbols[len(known)]
            raise UsageError(
                f"the network of {quoted(self.name)} cannot learn new characters such as {quoted(symbol)}: "
                "it was trained with --head none",
                hint="remove them from the text, or start from a model with a linear head",
            )
        return extended


def load_parent(name: str) -> Parent:
    """Load the model of a run, or a model file.  Raises ModelFileError."""
    path = model_path(name)
    model = read(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Parent(path, model, sha256, saved_text(path)[1])
