"""How messages quote text."""

import pytest

from charseq.errors import quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("it's", '"it\'s"'),
        ("a\\b\n", r"'a\b\n'"),
        ("\udcff\udc80", r"'\xff\x80'"),
        ("\\udcff", r"'\udcff'"),
        ("\\\udcff", r"'\\xff'"),
        ("\ud800\udfff", r"'\ud800\udfff'"),
    ],
)
def test_a_quoted_text_has_single_backslashes_and_bytes_as_numbers(text: str, shown: str) -> None:
    assert quoted(text) == shown
