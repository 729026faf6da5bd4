"""When a continuation ends: at its length, at a string, or at the end of a memorized text."""

from collections.abc import Sequence

from charseq.errors import UsageError
from charseq.inference.constraint import Constraint
from charseq.model.model_file import Model

DEFAULT_LENGTH = 200
"""Characters that are added to a prompt of a model that memorized no text."""
SYMBOLS_PER_CHARACTER = 4
"""Maximum number of symbols in a character: the bytes of a code point in UTF-8."""


class StoppingRule:
    """Decides when the continuations with the same requested `length` end.

    Without a length, a model that memorized texts ends where one of them ends.
    """

    def __init__(
        self,
        model: Model,
        length: int | None,
        until: Sequence[str] = (),
        constraint: Constraint | None = None,
    ) -> None:
        self._vocabulary, self._until, self._constraint = model.vocabulary, until, constraint
        self._memorized: set[tuple[int, ...]] = set()
        if length is None and model.memorized:
            self._memorized = {tuple(model.vocabulary.encode(text).tolist()) for text in model.memorized}
        self.longest = max(map(len, self._memorized), default=DEFAULT_LENGTH if length is None else length)
        """Maximum number of symbols to add to a prompt."""
        self.ends_where_memorized = bool(self._memorized)
        """Whether a continuation ends at the end of a memorized text."""
        self.may_end_early = bool(self._vocabulary.boundary or until or constraint or self._memorized)
        """Whether a continuation can end before its limit."""

    def limit(self, prompt: Sequence[int]) -> int:
        """Return the maximum number of symbols to add to a prompt: 0 if it is a whole memorized text.

        Raises UsageError if no text of that length satisfies the constraint.
        """
        limit = self.longest
        if self._memorized:
            limit = 0 if self._is_memorized(prompt, []) else max(limit - len(prompt), 0)
        if self._constraint is not None and self._constraint.shortest > limit:
            raise UsageError(
                f"the shortest text that matches --pattern has {self._constraint.shortest} characters, and "
                f"at most {limit} are added",
                hint="give a larger --length, or another --pattern",
            )
        return limit

    def is_complete(self, prompt: Sequence[int], added: Sequence[int], limit: int, state: int) -> bool:
        """Return whether a continuation ends after the added symbols; `state` is the constraint's."""
        if len(added) >= limit:
            return True
        if self._constraint is not None and not self._constraint.is_accepting(state):
            return False
        return self.has_ended(prompt, added) or (
            self._constraint is not None and not self._constraint.can_continue(state, limit - len(added))
        )

    def has_ended(self, prompt: Sequence[int], added: Sequence[int]) -> bool:
        """Return whether the added symbols complete a memorized text, or end with a string of `until`."""
        return self._is_memorized(prompt, added) or any(self._ends_with(added, end) for end in self._until)

    def _ends_with(self, added: Sequence[int], end: str) -> bool:
        return self._vocabulary.decode(added[-SYMBOLS_PER_CHARACTER * len(end) :]).endswith(end)

    def _is_memorized(self, prompt: Sequence[int], added: Sequence[int]) -> bool:
        """Return whether a text is a memorized one, and not the beginning of a longer one."""
        if not self._memorized:
            return False
        text = (*prompt, *added)
        return text in self._memorized and not any(
            len(longer) > len(text) and longer[: len(text)] == text for longer in self._memorized
        )
