"""What libvirt's errors about a guest agent mean: silence, an answer, or a question that was never put."""

import pytest

from masakarimonitors.introspectiveinstancemonitor.sources.agent import NotAsked, Refused, Silent, meaning_of

PING = '{"execute": "guest-ping"}'
REFUSAL = "unable to execute QEMU agent command 'guest-ping': Command guest-ping has been disabled"


@pytest.mark.parametrize(
    ("code", "words", "waited", "meaning"),
    [
        # libvirt before 11: one code for all that is no answer.
        (86, "Guest agent is not responding: no answer", 5.0, Silent),
        (86, "Guest agent is not responding: no answer", 2.0, Silent),
        (86, "Guest agent is not responding: QEMU guest agent is not connected", 0.001, NotAsked),
        (86, "QEMU guest agent is not available due to an error", 0.001, NotAsked),
        (1, f"internal error: {REFUSAL}", 0.01, Refused),
        (1, "internal error: cannot parse json", 0.01, NotAsked),
        # libvirt 11: a time that is up, and an agent that refuses, have codes of their own.
        (112, "guest agent command timed out", 2.0, Silent),
        (112, "guest agent command timed out: Guest agent disappeared", 0.01, NotAsked),
        (113, f"guest agent command failed: {REFUSAL}", 0.01, Refused),
        # Not about the agent.
        (111, "metadata not found", 9.0, NotAsked),
        (68, "cannot acquire state change lock", 30.0, NotAsked),
    ],
)
def test_an_error_means(code: int, words: str, waited: float, meaning: type[Exception]) -> None:
    assert meaning_of(code, words, PING, waited=waited, seconds=2) is meaning


def test_a_long_question_is_silence_after_five_seconds_for_libvirt_waits_no_longer_for_the_agent() -> None:
    assert meaning_of(86, "", PING, waited=5.0, seconds=30) is Silent
    assert meaning_of(86, "", PING, waited=4.0, seconds=30) is NotAsked
