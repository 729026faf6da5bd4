"""Where a continuation ends: at its length, at a string, or by itself."""

from collections.abc import Sequence

from charseq.errors import UsageError
from charseq.inference.constraint import Constraint
from charseq.model.model_file import Model

DEFAULT_LENGTH = 200


class Ending:
    """Where texts of the same `length` end; None ends a text that was learned whole where that one does."""

    def __init__(
        self,
        model: Model,
        length: int | None,
        until: Sequence[str] = (),
        constraint: Constraint | None = None,
    ) -> None:
        self._vocabulary, self._until, self._constraint = model.vocabulary, until, constraint
        self._learned: set[tuple[int, ...]] = set()
        if length is None and model.learned:
            self._learned = {tuple(model.vocabulary.encode(text).tolist()) for text in model.learned}
        self.longest = max(map(len, self._learned), default=DEFAULT_LENGTH if length is None else length)
        """The most symbols that are added to a text."""
        self.may_come_early = bool(self._vocabulary.boundary or until or constraint or self._learned)
        """Whether a text can end before its limit."""

    def limit(self, given: Sequence[int]) -> int:
        """How many symbols may be added: none where a learned text is whole already.  Raises UsageError."""
        limit = self.longest
        if self._learned:
            limit = 0 if self._is_learned(given, []) else max(limit - len(given), 0)
        if self._constraint is not None and self._constraint.shortest > limit:
            raise UsageError(
                f"the shortest text that matches --pattern has {self._constraint.shortest} characters, and "
                f"at most {limit} are added",
                hint="give a larger --length, or another --pattern",
            )
        return limit

    def is_over(self, given: Sequence[int], added: Sequence[int], limit: int, state: int) -> bool:
        """Whether a text to which something was added is at its end; `state` is the constraint's."""
        if len(added) >= limit:
            return True
        if self._constraint is not None and not self._constraint.is_whole(state):
            return False
        return (
            self._is_learned(given, added)
            or (self._constraint is not None and not self._constraint.leads_on(state, limit - len(added)))
            or any(self._vocabulary.decode(added[-4 * len(end) :]).endswith(end) for end in self._until)
        )

    def _is_learned(self, given: Sequence[int], added: Sequence[int]) -> bool:
        """Whether a learned text is whole now, and begins no longer one."""
        if not self._learned:
            return False
        text = (*given, *added)
        return text in self._learned and not any(
            len(longer) > len(text) and longer[: len(text)] == text for longer in self._learned
        )
