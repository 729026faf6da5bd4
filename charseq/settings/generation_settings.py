"""The settings of text generation."""

from collections.abc import Sequence
from dataclasses import dataclass

from charseq.errors import UsageError, cannot_combine
from charseq.settings.setting import (
    CONSTRAINTS,
    LARGEST_COUNT,
    LARGEST_SEED,
    SAMPLING,
    Bounds,
    check_settings,
    setting,
)

COUNT_OR_ZERO = Bounds(0, LARGEST_COUNT)


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """How a prompt is continued.

    Raises UsageError for an invalid setting, and for settings that cannot be combined.
    """

    label: str | None = setting(
        None,
        metavar="LABEL",
        help="Label of the generated texts, of a model trained with --labels.",
        default_text="drawn at random, in proportion to the training lines",
        panel=CONSTRAINTS,
    )
    length: int | None = setting(
        None,
        bounds=COUNT_OR_ZERO,
        help="Maximum characters to generate.",
        default_text="to the end of a memorized text, otherwise 200",
        panel=CONSTRAINTS,
    )
    until: Sequence[str] = setting(
        (),
        metavar="STRING",
        help="Stop after generating this string. May be repeated.",
        panel=CONSTRAINTS,
    )
    allow: str | None = setting(
        None, metavar="CHARACTERS", help="Generate only these characters.", panel=CONSTRAINTS
    )
    pattern: str | None = setting(
        None,
        metavar="REGEX",
        help="Regular expression that the whole generated text matches.",
        panel=CONSTRAINTS,
    )
    novel: bool = setting(
        False,
        help="Generate only lines that are not in the training text, each once. "
        "Requires a model trained with --lines.",
        panel=CONSTRAINTS,
    )
    greedy: bool = setting(False, help="Greedy decoding: always the most probable character.", panel=SAMPLING)
    temperature: float | None = setting(
        None,
        bounds=Bounds(0, 100),
        help="Sampling temperature: below 1 more conservative, above 1 more random; 0 is greedy.",
        default_text="0 for a memorized text, otherwise 0.8",
        panel=SAMPLING,
    )
    top_k: int = setting(
        0,
        bounds=COUNT_OR_ZERO,
        help="Top-k sampling: sample from the k most probable characters; 0 disables.",
        panel=SAMPLING,
    )
    top_p: float = setting(
        1.0,
        bounds=Bounds(0, 1, above_low=True),
        help="Nucleus (top-p) sampling: sample from the smallest set of characters whose total probability "
        "reaches this value; 1 disables.",
        panel=SAMPLING,
    )
    min_p: float = setting(
        0.0,
        bounds=Bounds(0, 1),
        help="Min-p sampling: minimum probability, as a fraction of the highest; 0 disables.",
        panel=SAMPLING,
    )
    beam: int = setting(
        0, bounds=Bounds(0, 10_000), help="Beam search: number of beams; 0 disables.", panel=SAMPLING
    )
    samples: int = setting(
        1, bounds=Bounds(1, LARGEST_COUNT), help="Continuations per prompt.", panel=SAMPLING
    )
    seed: int = setting(
        0,
        bounds=Bounds(0, LARGEST_SEED),
        help="Random seed. The same prompt and seed give the same continuations.",
        panel=SAMPLING,
    )
    top: int | None = setting(
        5, bounds=COUNT_OR_ZERO, help="Most probable characters listed per step, with --json."
    )
    """None computes no probabilities."""
    batch_size: int = setting(
        64, bounds=Bounds(1, 10_000), help="Prompts per batch; the results do not depend on it."
    )

    def __post_init__(self) -> None:
        """Raise UsageError for an invalid value, and for settings that cannot be combined."""
        check_settings(self)
        if self.greedy and self.temperature:
            raise cannot_combine("--greedy", ["--temperature"])
        if self.novel and (self.greedy or self.temperature == 0 or self.top_k == 1):
            other = "--greedy" if self.greedy else "--top-k 1" if self.top_k == 1 else "--temperature 0"
            raise cannot_combine("--novel", [other], "it would generate the same line every time")
        if self.pattern is not None and self.until:
            raise cannot_combine("--pattern", ["--until"], hint="let the pattern describe the end, too")
        self._check_beam()

    def _check_beam(self) -> None:
        sampling = {
            "--greedy": self.greedy,
            "--temperature": self.temperature is not None,
            "--top-k": self.top_k,
            "--top-p": self.top_p < 1,
            "--min-p": self.min_p,
            "--novel": self.novel,
        }
        others = [name for name, used in sampling.items() if used]
        if self.beam and others:
            raise cannot_combine("--beam", others, "beam search does not sample")
        if self.beam and self.samples > self.beam:
            raise UsageError(
                f"--samples {self.samples} is more than the {self.beam} beams of --beam",
                hint="use a larger --beam, or fewer --samples",
            )
