"""What libvirt's errors about a guest agent mean: silence, an answer, or a question that was never put."""

from types import SimpleNamespace
from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.sources import agent
from masakarimonitors.introspectiveinstancemonitor.sources.agent import (
    NotAsked,
    Refused,
    Silent,
    ask,
    meaning_of,
)
from tests.fixtures.fake_libvirt import FakeConnection, FakeError, FakeModule

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


class Slow(FakeModule):
    """A libvirtd with no worker free for `queue` seconds, and an agent of which it says so after `agent` more."""

    VIR_ERR_AGENT = 86

    def __init__(self, *, queue: float, agent: float) -> None:
        super().__init__()
        self.queue, self.agent, self.now = queue, agent, 0.0
        (domain,) = self.add("one")
        known = domain.info

        def info() -> list[int]:
            self.now += self.queue
            return known()

        domain.info = info  # type: ignore[method-assign]

    def monotonic(self) -> float:
        return self.now

    def qemuAgentCommand(self, *_: Any) -> str:
        self.now += self.queue + self.agent
        raise FakeError("Guest agent is not responding", self.VIR_ERR_AGENT)


@pytest.mark.parametrize(
    ("queue", "agent_takes", "meaning"),
    [
        (0.01, 0.0, NotAsked),
        (0.01, 2.0, Silent),
        (3.0, 0.0, NotAsked),
        (3.0, 0.1, NotAsked),
        (3.0, 5.0, Silent),
    ],
)
def test_what_libvirtd_itself_takes_is_no_silence_of_the_guest(
    monkeypatch: pytest.MonkeyPatch, queue: float, agent_takes: float, meaning: type[Exception]
) -> None:
    """One that has just started refuses questions to agents that it has not reached yet, and is slow about it."""
    libvirt = Slow(queue=queue, agent=agent_takes)
    monkeypatch.setattr(agent, "load", lambda: libvirt.api)
    monkeypatch.setattr(agent, "time", SimpleNamespace(monotonic=libvirt.monotonic))
    with pytest.raises(meaning):
        ask(FakeConnection(libvirt), "uuid-of-one", 1, PING, 2)
