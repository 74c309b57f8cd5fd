"""What the process monitor of an earlier release remembered: what was reported, and no second report of it."""

from typing import Self

import pytest

from masakarimonitors.core.decision import Command, Notify, Remember, Withdraw, Woken
from masakarimonitors.processmonitor.core.decision import Decider, State, restore
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    Entry,
    ListRead,
    Look,
    Observation,
    Presence,
    Run,
    Sighting,
)
from masakarimonitors.processmonitor.core.stages import Policy
from tests.fixtures import old_state
from tests.fixtures.playbook import Playbook

MEMORY = old_state.memory("processmonitor")
REPORTED = (
    "/usr/sbin/libvirtd",
    "p-delivered",
    "p-doubtful",
    "p-expired",
    "p-not-offered",
    "p-not-taken",
    "p-refused",
    "p-reoffered",
    "p-twice",
    "p-window",
)


class Upgraded(Playbook[State, Observation]):
    """The monitor after the upgrade: every look says `presence`, every command fails."""

    def __init__(self, *names: str, presence: Presence) -> None:
        self.presence = presence
        self.answers: list[Observation] = []
        self.all_told: list[Command] = []
        self.run: set[str] = set()
        rules = Policy(hostname="compute-1", restart_retries=1, restart_interval=2.0)
        super().__init__(Decider(rules), restore(MEMORY), MEMORY)
        entries = tuple(Entry(process_name=name, restart_command="restart") for name in names)
        self.feed(ListRead(entries, "list"), *map(self.sighting, names))

    def sighting(self, name: str, in_reply_to: int = 0) -> Sighting:
        return Sighting(
            process_name=name, presence=self.presence, at=self.now, evidence="seen", in_reply_to=in_reply_to
        )

    def feed(self, *observations: Observation | Woken) -> Self:
        """Answers come after all that was decided with the question."""
        super().feed(*observations)
        while self.answers:
            super().feed(self.answers.pop(0))
        return self

    def follow(self, command: Command) -> None:
        super().follow(command)
        match command:
            case Look(process_name=name, request_id=asked):
                self.answers.append(self.sighting(name, asked))
            case Run(process_name=name, request_id=asked):
                self.run.add(name)
                self.answers.append(CommandEnded(name, asked, 1, "exited 1"))
            case Remember(key=key) if key.startswith("try:"):
                pass  # what is kept of the next command: another test's
            case Notify() | Withdraw() | Remember():
                self.all_told.append(command)


def test_what_was_reported_is_known_as_reported() -> None:
    assert set(MEMORY) == {f"process:{name}" for name in REPORTED}
    after = Upgraded(*REPORTED, "nova-compute", presence=Presence.UNKNOWN)
    assert {name for name, process in after.state.processes.items() if process.reported} == set(REPORTED)
    assert after.all_told == []


def test_what_is_still_gone_is_tried_again_and_reported_no_second_time() -> None:
    after = Upgraded(*REPORTED, presence=Presence.GONE)
    after.wait(60)
    assert after.run == set(REPORTED)
    assert after.all_told == []


@pytest.mark.parametrize("listed", [REPORTED, ("nova-compute",)], ids=["runs again", "taken off the list"])
def test_what_is_over_is_withdrawn_and_forgotten(listed: tuple[str, ...]) -> None:
    after = Upgraded(*listed, presence=Presence.RUNNING)
    after.wait(60)
    withdrawn = [c.subject for c in after.all_told if isinstance(c, Withdraw)]
    forgotten = [c for c in after.all_told if isinstance(c, Remember)]
    assert sorted(withdrawn) == sorted(MEMORY)
    assert sorted(c.key for c in forgotten) == sorted(MEMORY)
    # What runs again may have been told to masakari by then, which is asked; nobody asks for what is not watched.
    assert {c.value is not None and c.value["over"] for c in forgotten} == {listed is REPORTED}
    assert len(after.all_told) == 2 * len(MEMORY)
