"""What both documents share: the two spellings of a truth, and that no text breaks a reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.cib import read_cib
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.crm_mon import read_crm_mon
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Unreadable, flag


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("true", True),
        ("online", True),
        ("1700000000", True),
        ("1", True),
        ("false", False),
        ("offline", False),
        ("0", False),
        ("", None),
        ("maybe", None),
        ("-5", None),
        (None, None),
    ],
)
def test_both_spellings_of_a_truth(word: str | None, meaning: bool | None) -> None:
    assert flag(word) is meaning


@given(st.text(max_size=200))
def test_no_text_at_all_makes_the_readers_fail_otherwise(text: str) -> None:
    for read in (read_cib, read_crm_mon):
        try:
            read(text)
        except Unreadable:
            continue
