"""The table of who bids the QEMU of an instance end."""

import itertools

from masakarimonitors.instancemonitor.core.sight.halt import BIDDINGS, Bidding, Word, move_bidding


def test_the_table_is_whole() -> None:
    assert set(BIDDINGS) == {(bidding, word) for bidding in Bidding for word in Word}


def test_a_signal_counts_for_the_shutdown_that_it_has_begun_and_for_no_later_one() -> None:
    for story in itertools.product(Word, repeat=4):
        bidding = Bidding.NOBODY
        for word in story:
            bidding = move_bidding(bidding, word)
        told = [word for word in story if word is not Word.STILL_UP]
        assert (bidding is Bidding.SIGNAL) == (told[-1:] == [Word.SIGNALLED]), story
