"""The words on a report of the last life."""

from masakarimonitors.core.unconfirmed import Say, Word, confirm, forget, wait, withdraw


def test_each_word_says_one_thing_and_why() -> None:
    assert confirm("seen") == Word(Say.CONFIRM, "seen")
    assert withdraw("over") == Word(Say.WITHDRAW, "over")
    assert wait("away") == Word(Say.WAIT, "away")
    assert forget("nobody knows it") == Word(Say.WITHDRAW, "nobody knows it", forgotten=True)
