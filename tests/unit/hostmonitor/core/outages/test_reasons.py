"""The closed set of reasons: each that holds a report says what to do, and no two look alike."""

from masakarimonitors.hostmonitor.core.outages.reasons import TO_DO, Reason


def test_no_two_reasons_look_alike() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason)


def test_every_reason_of_a_gate_and_of_blindness_says_what_to_do() -> None:
    of_gates = list(Reason)[: list(Reason).index(Reason.UNDECIDED)]
    unseen = [Reason.UNDECIDED, Reason.UNWATCHED, Reason.LEFT_IN_SERVICE, Reason.LEFT_LONG, Reason.VANISHED]
    assert list(TO_DO) == [*of_gates, *unseen, Reason.NEVER_LOST, Reason.OUT_OF_SERVICE]
    assert all(text.endswith(".") for text in TO_DO.values())
