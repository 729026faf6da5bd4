"""Names of several languages, from the package faker, and words of random languages in their place."""

import random
from collections.abc import Sequence

Labeled = list[tuple[str, str]]
"""Labels and texts."""

LOCALES = (
    "cs_CZ", "da_DK", "de_DE", "es_ES", "et_EE", "fi_FI", "fr_FR", "hr_HR", "hu_HU", "it_IT", "nl_NL",
    "no_NO", "pt_PT", "sv_SE", "tr_TR",
)  # fmt: skip
"""The locales whose names are used: all in Latin letters."""
MOST_NAMES = 1_500
FEWEST_NAMES = 50
LAST_NAMES = ("last_names", "last_names_male", "last_names_female")
NAMES = (*LAST_NAMES, "first_names", "first_names_male", "first_names_female")
"""Kinds of names, as faker calls them."""
ALPHABET = " abcdefghijklmnopqrstuvwxyz"


def faker_names(
    kinds: Sequence[str], *, locales: Sequence[str] = LOCALES, most: int | None = MOST_NAMES
) -> Labeled:
    """Return names of these kinds with their locales, as the package faker has them; nothing without it.

    `most` is the maximum number of names of a locale, drawn at random.
    """
    try:
        from faker import Faker  # type: ignore[import-not-found]
    except ModuleNotFoundError:
        return []
    labeled: Labeled = []
    for locale in locales:
        names: set[str] = set()
        for provider in Faker(locale).providers:
            for kind in kinds:
                names.update(getattr(provider, kind, ()))
        if len(names) >= FEWEST_NAMES:
            chosen = random.Random(0).sample(sorted(names), min(len(names), most or len(names)))
            labeled += [(locale, name) for name in chosen]
    return labeled


def markov_words(languages: int = 10, most: int = MOST_NAMES) -> Labeled:
    """Return distinct words of random languages, each a Markov chain of second order over its letters."""
    labeled: Labeled = []
    common = random.Random(0)
    shared = {a + b: common.choices("abcdefghijklmnopqrstuvwxyz", k=4) for a in ALPHABET for b in ALPHABET}
    for number in range(languages):
        r = random.Random(number)
        chain = {pair: [*letters, *r.choices(ALPHABET[1:], k=2)] for pair, letters in shared.items()}
        words: set[str] = set()
        while len(words) < most // (1 + number):  # imbalanced
            word = "  "
            for _ in range(r.randint(3, 9)):
                word += r.choice(chain[word[-2:]])
            words.add(word.strip())
        labeled += [(f"language {number}", word) for word in sorted(words)]
    return labeled
