"""Dialogues about lives that nobody saw: what else is seen in the same look, or before it, must not hide them."""

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.instancemonitor.core.evidence.first_look import PATIENCE
from masakarimonitors.instancemonitor.core.observation import (
    Asked,
    Census,
    Identity,
    LibvirtAway,
    LibvirtBack,
    Power,
    Reading,
)
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason
from tests.fixtures.instance_play import INSTANCE, OTHER, URI, Play, off, running

DEFINED, UNDEFINED, STARTED, SUSPENDED, STOPPED, CRASHED = (
    Lifecycle.DEFINED,
    Lifecycle.UNDEFINED,
    Lifecycle.STARTED,
    Lifecycle.SUSPENDED,
    Lifecycle.STOPPED,
    Lifecycle.CRASHED,
)
REPORT = "report LIFECYCLE/STOPPED_FAILED"
THIRD = Identity("33333333-3333-4333-8333-333333333333", "instance-3", URI)
THERE = "qemu+tls://b/system"


def stopped(instance: Identity = INSTANCE) -> Reading:
    return off(ShutoffReason.DESTROYED, last_words="destroyed", instance=instance)


def unread(instance: Identity = INSTANCE) -> Reading:
    return Reading(instance=instance, power=Power.UNKNOWN)


def crashed(play: Play, instance: Identity = OTHER, ago: float = 60.0) -> Reading:
    """Of a life that began so many seconds ago."""
    started = play.now.wall.timestamp() - ago
    return off(ShutoffReason.CRASHED, last_words="crashed", instance=instance, started=started)


def watched(*instances: Identity) -> Play:
    play = Play()
    play.census(*(running(one) for one in instances))
    play.wait(3600)
    return play


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("restarted", [True, False])
def test_an_unseen_life_is_found_in_whatever_order_libvirt_lists(
    order: tuple[int, ...], restarted: bool
) -> None:
    play = watched(INSTANCE, THIRD)
    if restarted:
        play.restart()
    else:
        play.see(LibvirtAway(URI, "gone"))
        play.wait(600)
        play.see(LibvirtBack(URI))
    readings = (stopped(), crashed(play), running(THIRD))
    assert play.census(*(readings[at] for at in order)) == [REPORT]
    assert play.reports[-1][0] == OTHER.uuid
    play.restart()
    assert play.census(*(readings[at] for at in order)) == []


@pytest.mark.parametrize(
    "before",
    [
        lambda play: play.event(STOPPED, 1),
        lambda play: play.event(STOPPED, 5) + play.event(UNDEFINED),
        lambda play: play.census(running(), unread(OTHER)) + play.event(STOPPED, 1),
        lambda play: play.census(stopped(), unread(OTHER)) + play.event(DEFINED),
    ],
)
@pytest.mark.parametrize("restarted", [True, False])
def test_what_is_seen_of_another_one_before_the_look_hides_no_unseen_life(
    before: Callable[[Play], list[str]], restarted: bool
) -> None:
    play = watched(INSTANCE)
    if restarted:
        play.restart()
    else:
        play.see(LibvirtAway(URI, "gone"))
        play.wait(600)
    later = crashed(play)
    before(play)
    play.see(LibvirtBack(URI))
    play.reports.clear()
    assert play.census(stopped(), later)[-1:] == [REPORT]
    assert play.reports[-1][0] == OTHER.uuid


def test_an_unseen_life_that_waits_for_another_libvirt_is_not_hidden_by_the_look_at_its_own() -> None:
    for restarted in (False, True):
        play = watched(INSTANCE)
        play.restart(uris=[URI, THERE])
        reading = crashed(play)
        assert play.census(stopped(), reading) == []
        if restarted:
            play.restart(uris=[URI, THERE])
            assert play.census(stopped(), reading) == []
        assert play.see(Census(THERE, (), play.number)) == [REPORT]
        play.restart(uris=[URI, THERE])
        play.see(Census(THERE, (), play.number))
        assert play.census(stopped(), reading) == [], "reported once"


def test_an_unseen_life_is_reported_when_the_other_libvirt_is_given_up() -> None:
    play = watched(INSTANCE)
    play.restart(uris=[URI, THERE])
    play.census(stopped(), crashed(play))
    play.wait(PATIENCE)
    assert f"vm:{OTHER.uuid}" in [one.subject for one in play.told if one.ruling is Ruling.REPORTED]
    assert "machine:" + INSTANCE.uuid not in play.memory


def test_who_was_seen_to_end_before_the_look_is_not_remembered_after_it() -> None:
    play = watched(INSTANCE)
    play.restart()
    play.event(STOPPED, 1)
    assert play.memory.keys() == {"host", "machine:" + INSTANCE.uuid}
    play.census(stopped())
    assert play.memory.keys() == {"host"}
    play = watched(INSTANCE)
    play.restart()
    play.event(STOPPED, 1)
    play.event(STARTED)
    play.census(running())
    assert play.memory.keys() == {"host", "machine:" + INSTANCE.uuid}, "it runs again"


# ---- the memory is of another boot


def test_a_restart_of_the_host_is_known_until_every_libvirt_was_read() -> None:
    there = replace(OTHER, uri=THERE)
    play = watched(INSTANCE)
    play.see(Census(THERE, (), play.number))
    play.wait(60)
    started = play.now.wall.timestamp()
    play.wait(60)
    for _ in range(2):
        play.restart("boot-2", [URI, THERE])
        play.census(off(ShutoffReason.UNKNOWN))
    unseen = off(ShutoffReason.UNKNOWN, instance=there, started=started)
    assert play.see(Census(THERE, (unseen,), play.number)) == []


@pytest.mark.parametrize("events", [[(STARTED, 0), (STOPPED, 1)], [(STOPPED, 1)], [(STOPPED, 5)]])
def test_an_event_before_the_first_look_does_not_end_what_is_known_of_a_restart_of_the_host(
    events: list[tuple[Lifecycle, int]],
) -> None:
    play = watched(INSTANCE, OTHER)
    play.restart("boot-2", [URI])
    for event in events:
        play.event(*event)
    play.restart("boot-2", [URI])
    said = play.census(stopped(), off(ShutoffReason.UNKNOWN, instance=OTHER))
    assert REPORT not in said and play.alarm


# ---- clocks, and what cannot be read


def test_a_look_by_a_clock_that_was_ahead_makes_no_history() -> None:
    play = Play()
    play.seconds += 86400
    play.census(running())
    play.seconds -= 86000
    play.restart()
    assert play.census(running(), crashed(play)) == [] and play.alarm
    assert play.memory["host"]["looked"] == {URI: play.now.wall.timestamp()}


def test_a_clock_that_is_set_back_while_the_monitor_runs_is_an_alarm_once() -> None:
    play = watched(INSTANCE)
    play.seconds -= 7200
    reading = crashed(play)
    assert play.census(running(), reading) == [] and play.alarm
    assert play.census(running(), reading) == [] and not play.alarm


def test_the_report_of_one_that_cannot_be_read_waits() -> None:
    play = watched(INSTANCE)
    assert play.event(STOPPED, 5) == [REPORT]
    play.restart()
    play.adopts_report_of()
    play.census(unread())
    assert "does not tell how" in play.waits_for
    play.census(off(ShutoffReason.CRASHED))
    assert play.confirmed == [f"vm:{INSTANCE.uuid}"]


# ---- what was missed while its libvirtd was away


def arrived_unheard() -> Play:
    play = Play()
    play.census()
    play.event(STARTED, 1)
    play.see(LibvirtAway(URI, "gone"))
    return play


def died_there(play: Play) -> Reading:
    return replace(crashed(play, INSTANCE), arrived=True)


@pytest.mark.parametrize("back_first", [True, False])
def test_one_that_arrived_while_libvirtd_was_away_and_ends_before_it_is_read_is_judged_by_libvirt(
    back_first: bool,
) -> None:
    play = arrived_unheard()
    if back_first:
        play.see(LibvirtBack(URI))
    assert play.event(STOPPED, 5) == ["ask"] and not play.verdicts
    assert play.asked(died_there(play)) == [REPORT]
    play.see(LibvirtBack(URI))
    assert play.census(died_there(play)) == []


def test_one_that_arrived_while_libvirtd_was_away_is_judged_by_the_census_if_nothing_answers() -> None:
    play = arrived_unheard()
    play.event(STOPPED, 5)
    play.restart()
    assert play.census(died_there(play)) == [REPORT]


def test_a_migration_that_failed_while_libvirtd_was_away_is_no_death() -> None:
    play = arrived_unheard()
    play.event(STOPPED, 5)
    assert play.asked(off(ShutoffReason.FAILED)) == [] and play.ruling == "held" and not play.alarm


def test_one_that_ends_unread_and_leaves_no_definition_is_an_alarm() -> None:
    play = arrived_unheard()
    play.event(STOPPED, 5)
    play.asked(None)
    play.restart()
    assert play.census() == []
    assert play.census() == [] and play.alarm
    assert play.census() == [] and not play.alarm


def test_a_reading_that_tells_nothing_leaves_open_what_was_missed() -> None:
    play = arrived_unheard()
    play.see(LibvirtBack(URI))
    play.census(unread())
    assert play.census(died_there(play)) == [REPORT]


# ---- whether libvirt keeps a definition is read


@pytest.mark.parametrize(("persistent", "does"), [(False, [REPORT]), (True, [])])
def test_without_a_definition_it_dies_beside_its_libvirtd_after_a_restart_of_the_monitor(
    persistent: bool, does: list[str]
) -> None:
    play = watched(INSTANCE)
    play.event(UNDEFINED)
    play.restart()
    play.census(running(persistent=persistent))
    play.see(LibvirtAway(URI, "gone"))
    play.ended()
    play.see(LibvirtBack(URI))
    assert play.census() == []
    assert play.census() == does


def test_without_a_definition_and_unread_since_the_restart_its_end_is_an_alarm() -> None:
    play = watched(INSTANCE)
    play.event(UNDEFINED)
    play.restart()
    play.census(unread())
    play.see(LibvirtAway(URI, "gone"))
    play.ended()
    play.see(LibvirtBack(URI))
    assert play.census() == ["ask"]
    assert play.census() == [] and play.alarm


# ---- many at once


FLEET = [Identity(f"{n:08d}-1111-4111-8111-111111111111", f"instance-{n}", URI) for n in range(5)]


def one_of(chance: random.Random, play: Play, instance: Identity) -> Reading | None:
    readings = (
        None,
        running(instance),
        unread(instance),
        stopped(instance),
        crashed(play, instance),
        off(ShutoffReason.UNKNOWN, last_words="crashed", instance=instance),
    )
    return chance.choice(readings)


def outcome(seed: int, order: int) -> tuple[set[tuple[str, str]], set[str], list[object]]:
    """What is reported, alarmed and shown when `seed` decides what happens and `order` in which order it is listed."""
    chance, shuffled = random.Random(seed), random.Random(order)
    play = watched(*FLEET[:3])
    for one in FLEET[:2]:
        if chance.random() < 0.3:
            play.event(STOPPED, chance.choice([1, 5]), one)
    play.wait(60)
    if chance.random() < 0.5:
        play.restart(uris=[URI])
    else:
        play.see(LibvirtAway(URI, "gone"))
    play.wait(600)
    readings = [seen for one in FLEET if (seen := one_of(chance, play, one)) is not None]
    last = [crashed(play, one.instance) if one.power is Power.UNKNOWN else one for one in readings]
    if chance.random() < 0.5:
        play.event(STOPPED, 1, chance.choice(FLEET))
    play.see(LibvirtBack(URI))
    for listed in (readings, last, last):
        shuffled.shuffle(listed)
        play.census(*listed)
    alarms = {verdict.why for verdict in play.told if verdict.alarm}
    return set(play.reports), alarms, list(describe(play.state))


@pytest.mark.parametrize("seed", range(60))
def test_the_order_in_which_libvirt_lists_decides_nothing(seed: int) -> None:
    assert outcome(seed, 0) == outcome(seed, 1) == outcome(seed, 2)


# ---- one that was reported, and may have lived and died again


def reported() -> Play:
    """Its first life is reported; then the monitor is away."""
    play = Play()
    play.census(running(OTHER))
    play.event(STARTED)
    assert play.event(STOPPED, 5) == [REPORT]
    play.wait(60)
    return play


def silent(play: Play) -> Reading:
    """Off after a crash, with a log that cannot be read."""
    return off(ShutoffReason.CRASHED, log_read=False)


def rotated(play: Play) -> Reading:
    """The same, with a log that was rotated in its last life, or since."""
    return off(ShutoffReason.CRASHED, last_words="crashed", started=0.0)


def arrived(play: Play) -> Reading:
    """The same, by its log after a live migration to this host, which may not have been completed."""
    started = play.now.wall.timestamp() - 30
    return off(ShutoffReason.CRASHED, last_words="crashed", started=started, arrived=True)


@pytest.mark.parametrize("reading", [silent, rotated, arrived])
@pytest.mark.parametrize("away", ["monitor", "libvirtd"])
def test_a_second_death_that_its_log_does_not_tell_from_the_first_one_is_an_alarm(
    reading: Callable[[Play], Reading], away: str
) -> None:
    play = reported()
    if away == "monitor":
        play.restart()
        play.adopts_report_of()
    else:
        play.see(LibvirtAway(URI, "gone"))
        play.see(LibvirtBack(URI))
    seen = reading(play)
    assert play.census(running(OTHER), seen) == [] and play.alarm
    assert "look at it" in play.verdicts[-1].why
    # Told once, and it stands until something tells.
    assert play.census(running(OTHER), seen) == [] and not play.verdicts
    assert any("look at it" in one.alarm for one in play.state.instances.values())
    assert not play.unconfirmed, (
        "what was not delivered of the first one holds: it is off, and nobody wanted that"
    )
    play.event(STARTED)
    assert not any(one.alarm for one in play.state.instances.values())


def test_nor_is_it_told_by_a_start_that_fails_before_the_first_look() -> None:
    play = reported()
    play.see(LibvirtAway(URI, "gone"))
    play.event(STOPPED, 5)
    play.see(LibvirtBack(URI))
    assert play.census(running(OTHER), silent(play)) == [] and play.alarm


def test_a_log_that_is_read_again_answers() -> None:
    play = reported()
    play.restart()
    play.census(running(OTHER), silent(play))
    assert play.census(running(OTHER), crashed(play, INSTANCE, ago=600)) == []
    assert not any(one.alarm for one in play.state.instances.values()), "it is the life that was reported"


def test_while_everybody_listens_a_log_that_cannot_be_read_is_no_news() -> None:
    play = reported()
    assert play.census(running(OTHER), silent(play)) == [] and not play.verdicts


def test_a_log_that_could_not_be_read_at_the_first_look_tells_later() -> None:
    play = watched(OTHER)
    play.restart()
    play.wait(60)
    play.census(running(OTHER), off(ShutoffReason.UNKNOWN, log_read=False))
    play.wait(60)
    reading = replace(crashed(play, INSTANCE, ago=100), reason=ShutoffReason.UNKNOWN)
    assert REPORT in play.census(running(OTHER), reading)
    assert play.census(running(OTHER), reading) == []


def test_a_start_that_is_under_way_at_the_first_look_does_not_hide_the_life_before() -> None:
    play = watched(OTHER)
    play.restart()
    play.wait(60)
    starting = Reading(instance=replace(INSTANCE, run=9), power=Power.STARTING)
    before = replace(crashed(play, INSTANCE, ago=30), reason=ShutoffReason.FAILED)
    play.census(running(OTHER), starting)
    play.wait(1)
    play.event(STOPPED, 5)
    assert REPORT in play.census(running(OTHER), before)


# ---- one without a definition vanishes when it dies


def vanished(play: Play, *, times: int = 1) -> None:
    for _ in range(times):
        play.census(running(OTHER))


def transient() -> Play:
    play = Play()
    play.census(running(OTHER), running())
    play.event(UNDEFINED)
    play.see(LibvirtAway(URI, "gone"))
    play.see(LibvirtBack(URI))
    return play


def told(words: str, **log: object) -> Reading:
    return replace(off(ShutoffReason.UNKNOWN, last_words=words), **log)  # type: ignore[arg-type]


def test_one_that_vanished_is_asked_about_and_the_log_of_libvirtd_proves_its_death() -> None:
    play = transient()
    assert play.census(running(OTHER)) == ["ask"]
    assert play.see(Asked(INSTANCE, None, play.number, told("crashed"))) == []
    assert play.census(running(OTHER)) == [REPORT]
    assert play.census(running(OTHER)) == [] and play.census(running(OTHER)) == []


def test_an_answer_that_comes_late_is_a_report_all_the_same() -> None:
    play = transient()
    vanished(play, times=3)
    assert next(iter(play.told)).alarm
    assert play.see(Asked(INSTANCE, None, play.number, told("crashed"))) == [REPORT]


@pytest.mark.parametrize(
    "traces", [told("migrated"), told("destroyed"), told("crashed", arrived=True, started=4e9), None]
)
def test_what_is_no_proof_of_its_death_is_none(traces: Reading | None) -> None:
    play = transient()
    play.census(running(OTHER))
    assert play.see(Asked(INSTANCE, None, play.number, traces)) == []
    assert play.census(running(OTHER)) == [] and play.alarm
    assert "Look at it" in play.verdicts[-1].why


def test_that_alarm_stands_for_a_day_also_over_a_restart() -> None:
    play = transient()
    vanished(play, times=5)
    play.restart()
    vanished(play, times=3)
    (row,) = [row for row in describe(play.state) if row[0] == f"vm:{INSTANCE.uuid}"]
    assert row[1] == "unsure" and row[3]
    play.wait(86400)
    vanished(play, times=1)
    assert not [row for row in describe(play.state) if row[0] == f"vm:{INSTANCE.uuid}"]


def test_what_is_only_remembered_may_have_been_defined_again_so_its_log_proves_nothing() -> None:
    play = transient()
    play.restart()
    assert play.census(running(OTHER)) == ["ask"]
    assert play.see(Asked(INSTANCE, None, play.number, told("crashed"))) == []
    assert play.census(running(OTHER)) == [] and play.alarm


@pytest.mark.parametrize("words", ["crashed", "destroyed", "migrated"])
def test_one_that_is_gone_after_an_absence_is_an_alarm_if_its_log_says_that_it_crashed(words: str) -> None:
    """Its definition may have been taken away unseen, by a live snapshot or for good."""
    play = watched(INSTANCE, OTHER)
    play.restart()
    assert play.census(running(OTHER)) == ["ask"]
    assert play.see(Asked(INSTANCE, None, play.number, told(words))) == []
    assert play.census(running(OTHER)) == []
    assert play.alarm is (words == "crashed")


@pytest.mark.parametrize("eye", [True, False])
@pytest.mark.parametrize("mute", [True, False])
def test_what_libvirtd_shows_before_it_knows_of_a_death_makes_nobody_leave_who_has_died(
    mute: bool, eye: bool
) -> None:
    """Without a definition it vanishes by dying; who sees its process, but no log of this host, has seen that end."""
    play, instance = Play(), replace(INSTANCE, run=7, born=1)
    play.census(running(instance, persistent=False))
    play.see(LibvirtAway(URI, "away"))
    if eye:
        assert play.ended(instance) == ["ask"]
        play.see(Asked(instance, None, play.number, mute=mute))
    play.see(LibvirtBack(URI))
    assert play.census(running(instance, persistent=False)) == [], "as libvirtd had written down"
    said = play.census()
    play.see(Asked(instance, None, play.number, mute=mute))
    said += play.census()
    died = eye and not mute
    assert (REPORT in said) is died and play.alarm is not died


def test_a_life_that_began_since_is_not_the_one_whose_process_had_ended() -> None:
    play, instance = Play(), replace(INSTANCE, run=7)
    play.census(running(instance, persistent=False))
    play.see(LibvirtAway(URI, "away"))
    play.ended(instance)
    play.see(LibvirtBack(URI))
    play.census(running(replace(INSTANCE, run=8), persistent=False))
    play.census()
    assert REPORT not in play.census() and play.alarm


@pytest.mark.parametrize("restarted", [False, True])
def test_what_libvirtd_has_written_down_outranks_that_its_process_ended_while_nobody_could_hear_it(
    restarted: bool,
) -> None:
    """Our connection had broken off, its libvirtd went on: an administrator has ended it."""
    play = Play()
    play.census(running(persistent=False))
    play.see(LibvirtAway(URI, "connection reset"))
    assert play.ended() == ["ask"]
    if restarted:
        play.restart(uris=[URI])
        assert play.census() == ["ask"]
    play.see(Asked(INSTANCE, None, play.number, told("destroyed")))
    play.see(LibvirtBack(URI))
    for _ in range(4):
        assert REPORT not in play.census()
    assert any(verdict.alarm and verdict.subject == f"vm:{INSTANCE.uuid}" for verdict in play.told)


def phase(play: Play) -> str:
    return str(play.state.instances[URI, INSTANCE.uuid].phase)


def kept_after_a_crash() -> Play:
    """Its crashed guest is kept, and reported; then the monitor is away."""
    play = Play()
    play.census(running(replace(INSTANCE, run=3)))
    assert play.event(CRASHED, 0, replace(INSTANCE, run=3)) == [REPORT]
    return play


@pytest.mark.parametrize(("run", "boot_id"), [(4, "boot-1"), (3, "boot-2")])
def test_one_that_is_paused_in_a_later_life_is_no_crashed_guest_that_is_kept(run: int, boot_id: str) -> None:
    """Its report would have masakari start it beside itself."""
    anew = replace(INSTANCE, run=run)
    play = kept_after_a_crash()
    play.restart(boot_id)
    assert play.census(Reading(instance=anew, power=Power.PAUSED)) == ["withdraw"] and phase(play) == "up"
    play = kept_after_a_crash()
    play.restart(boot_id)
    assert play.event(SUSPENDED, 0, anew) == ["withdraw"] and phase(play) == "up"


def test_the_crash_of_a_later_life_that_is_heard_before_the_first_look_is_reported() -> None:
    play = kept_after_a_crash()
    play.restart()
    assert play.event(CRASHED, 0, replace(INSTANCE, run=4)) == ["withdraw", REPORT]
    kept = Reading(instance=replace(INSTANCE, run=4), power=Power.PANICKED)
    assert play.census(kept) == [] and phase(play) == "panicked"


def test_one_that_is_kept_after_a_crash_and_paused_is_reported_once() -> None:
    play = kept_after_a_crash()
    play.restart()
    assert play.event(SUSPENDED, 0, replace(INSTANCE, run=3)) == []
    assert play.census(Reading(instance=replace(INSTANCE, run=3), power=Power.PAUSED)) == []
    assert phase(play) == "panicked"


def begun_before_a_gap() -> tuple[Play, float]:
    """An instance whose start was heard, at that moment (seconds of wall time), a minute before events were missed."""
    play = Play()
    began = play.now.wall.timestamp()
    assert play.event(STARTED) == []
    play.wait(60)
    play.see(LibvirtAway(URI, "gone"))
    play.see(LibvirtBack(URI))
    return play, began


@pytest.mark.parametrize("words", ["crashed", "destroyed"])
@pytest.mark.parametrize(("ago", "of_it"), [(1000.0, False), (-5.0, True)])
def test_what_its_log_tells_of_a_life_before_the_one_that_was_seen_says_nothing_of_that(
    words: str, ago: float, of_it: bool
) -> None:
    """A disk without room has kept libvirt from writing that the later one began, and that it ended."""
    play, began = begun_before_a_gap()
    told = off(ShutoffReason.UNKNOWN, last_words=words, started=began - 2000)
    said = play.census(replace(told, ended=began - ago))
    assert said == ([REPORT] if of_it and words == "crashed" else [])
    assert phase(play) == ("unsure" if not of_it else "failed" if words == "crashed" else "down")
    assert play.alarm is not of_it


@pytest.mark.parametrize("words", ["crashed", "destroyed"])
def test_what_its_log_tells_of_a_life_before_says_nothing_of_one_that_is_not_listed_any_more(
    words: str,
) -> None:
    play, began = begun_before_a_gap()
    assert play.census() == ["ask"]
    told = off(ShutoffReason.UNKNOWN, last_words=words, started=began - 2000)
    traces = replace(told, ended=began - 1000)
    play.see(Asked(INSTANCE, None, play.number, traces))
    assert play.census() == [] and play.alarm and phase(play) == "unsure"


def test_a_clock_that_was_set_back_makes_no_words_of_its_log_those_of_an_earlier_life() -> None:
    play, began = begun_before_a_gap()
    told = off(ShutoffReason.UNKNOWN, last_words="crashed", started=began - 1)
    assert play.census(replace(told, ended=began - 1000)) == [REPORT]
