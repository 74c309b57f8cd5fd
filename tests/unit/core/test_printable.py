"""What is shown of text from outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nova-compute", "nova-compute"),
        ("ein Gerät, 日本", "ein Gerät, 日本"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nCRITICAL forged", r"a\nCRITICAL forged"),
        ("over\rwritten", r"over\rwritten"),
        ("\x9b2J\x00\x7f", r"\x9b2J\x00\x7f"),
        ("left\u202eright", r"left\u202eright"),
        ("line\u2028end", r"line\u2028end"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_would_not_be_seen_as_itself_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_is_to_stay_stays() -> None:
    assert printable("a\n\tb\x1b", keep="\n") == "a\n\\tb\\x1b"


def test_long_text_is_cut_and_says_so() -> None:
    assert printable("x" * 10, 4) == "xxxx..."
    assert printable("xxxx", 4) == "xxxx"


@given(st.text(), st.integers(0, 20))
def test_whatever_it_is_given_it_shows_on_one_line(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert shown.isprintable() and len(shown) <= longest + 3
