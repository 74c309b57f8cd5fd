"""What the instance monitor of an earlier release remembered: the same phases and reports after an upgrade."""

import pytest

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.core.offers.again import LOOK_EVERY
from masakarimonitors.instancemonitor.core.lifecycle import Leaving
from masakarimonitors.instancemonitor.core.memory import restore
from masakarimonitors.instancemonitor.core.observation import Identity, ReportSettled
from masakarimonitors.instancemonitor.core.reports.again import unheard_of
from masakarimonitors.instancemonitor.core.state import memo
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason
from masakarimonitors.outbox.rows import said_by
from tests.fixtures import old_state
from tests.fixtures.instance_play import URI, Play, off, running

MEMORY = old_state.memory("instancemonitor")
BOOT = "0b5f3c9e-2d8a-4c1e-9a57-6f1e2d3c4b5a"

# Number of the instance: its phase, and when its death was reported (seconds since 1970; 0: it was not).
PHASES = {
    1: ("up", 0.0),
    2: ("arriving", 0.0),
    4: ("panicked", 1767225630.0),
    5: ("failed", 1767225630.0),
    6: ("failed", 1767226590.0),
    7: ("failed", 1767226390.0),
    8: ("up", 0.0),
    9: ("failed", 1767225630.0),
    10: ("failed", 1767225600.0),
    11: ("failed", 1767226590.0),
    12: ("failed", 1767226611.0),
    13: ("failed", 1767225630.0),
    14: ("panicked", 1767226590.0),
    15: ("up", 0.0),
}
DEAD = [number for number, (_, reported) in PHASES.items() if reported]


def uuid(number: int) -> str:
    return f"{number:08d}-1111-4111-8111-111111111111"


def identity(number: int) -> Identity:
    return Identity(uuid(number), f"instance-{number:08x}", URI)


def play() -> Play:
    """The monitor after the upgrade."""
    play = Play(boot_id=BOOT)
    play.memory = dict(MEMORY)
    play.restart()
    play.wait(86400)
    return play


def test_one_of_which_was_written_that_it_leaves_counts_as_one_of_which_libvirt_has_told_so() -> None:
    """Only a later release writes whether a census alone had read it."""
    key, value = next((key, value) for key, value in MEMORY.items() if key.endswith(uuid(1)))
    for more, leaving in (
        ({}, Leaving.NO),
        ({"leaving": True}, Leaving.YES),
        ({"leaving": True, "leaving_untold": True}, Leaving.MAYBE),
    ):
        (found,) = restore({key: {**value, **more}}, BOOT).instances.values()
        assert found.leaving is leaving
        again = memo(found).value
        assert again is not None
        assert {word: again[word] for word in again if word.startswith("leaving")} == more


@pytest.mark.parametrize(("boot_id", "rebooted"), [(BOOT, False), ("another", True)])
def test_every_instance_stands_as_it_stood(boot_id: str, rebooted: bool) -> None:
    found = restore(MEMORY, boot_id).instances
    assert {place: (i.phase.value, i.reported, i.before_reboot) for place, i in found.items()} == {
        (URI, uuid(number)): (phase, reported, rebooted) for number, (phase, reported) in PHASES.items()
    }
    assert {i.identity for i in found.values()} == {identity(number) for number in PHASES}


def test_what_is_remembered_does_not_change_on_the_way() -> None:
    written = [memo(instance) for instance in restore(MEMORY, BOOT).instances.values()]
    assert {w.key: w.value for w in written} == {k: v for k, v in MEMORY.items() if k != "host"}


def test_a_first_look_that_finds_all_as_it_was_reports_and_writes_nothing() -> None:
    stage = play()
    stage.census(
        *(
            running(identity(n)) if n not in DEAD else off(ShutoffReason.CRASHED, instance=identity(n))
            for n in PHASES
        )
    )
    assert stage.reports == []
    # The one that had panicked and is off by now, and the one that has arrived, are remembered as they are now.
    changed = {key for key, value in stage.memory.items() if MEMORY.get(key) != value and key != "host"}
    assert {stage.memory[key]["condition"] for key in changed} == {"failed", "up"}
    assert len(changed) == 3


def test_what_died_during_the_upgrade_is_reported_once() -> None:
    stage = play()
    up = [n for n, (phase, _) in PHASES.items() if phase == "up"]
    for _ in range(2):
        stage.census(*(off(ShutoffReason.CRASHED, instance=identity(n)) for n in PHASES))
    assert stage.reports == [(uuid(n), "LIFECYCLE/STOPPED_FAILED") for n in up]


@pytest.mark.parametrize("number", DEAD)
def test_an_instance_that_is_back_is_withdrawn(number: int) -> None:
    stage = play()
    assert stage.event(Lifecycle.STARTED, instance=identity(number)) == ["withdraw"]
    assert stage.memory[f"machine:{uuid(number)}"]["condition"] == "up"


def test_what_masakari_refused_of_an_earlier_release_is_offered_again_when_it_may_be_taken() -> None:
    """That release did not write what became of its reports; its outbox has it."""
    after = play()
    wanted = {subject for subject, _ in unheard_of(after.state)}
    assert wanted == {f"vm:{uuid(number)}" for number in DEAD}
    refused = [row for row in old_state.rows("instancemonitor") if row["status"] in ("refused", "expired")]
    assert {row["subject"] for row in refused} == {f"vm:{uuid(number)}" for number in (9, 10)}
    made = dict(unheard_of(after.state))
    for row in refused:
        said = said_by(row["body"])
        assert said is not None
        made_at = said.generated_time
        assert made_at == made[row["subject"]]
        uuid_of = row["subject"].removeprefix("vm:")
        after.see(ReportSettled(uuid_of, made_at, ReportStatus(row["status"]), row["answer"]))
        assert after.alarm
    after.census(*(off(ShutoffReason.FAILED, instance=identity(number)) for number in DEAD))
    after.wait(LOOK_EVERY)
    after.at_masakari()
    again = after.census(*(off(ShutoffReason.FAILED, instance=identity(number)) for number in DEAD))
    assert again.count("report LIFECYCLE/STOPPED_FAILED") == len(refused)
    assert {one for one, _ in after.reports[-2:]} == {uuid(9), uuid(10)}
