"""Many guests that fall silent together: held, one alarm, released when it is over."""

from typing import Any

from masakarimonitors.core.changed_rules import RulesChanged
from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.storm import TOGETHER, GuardPolicy
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import GuestRules, NotKnown
from masakarimonitors.introspectiveinstancemonitor.monitor import describe
from tests.fixtures.guest_play import RUN, Play

NFS, CEPH = ("nfs:vault",), ("rbd:vms",)
GUESTS = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(20)]


def host(count: int = 10, storages: dict[int, tuple[str, ...]] | None = None, **options: Any) -> Play:
    play = Play(guard=GuardPolicy(domain_threshold=50.0), **options)
    for n, uuid in enumerate(GUESTS[:count]):
        play.seen(uuid, storages=(storages or {}).get(n, ())).answers(uuid)
    return play


def silence(play: Play, *numbers: int, times: int = 1, interval: float = 10.0) -> list[str]:
    """All of them miss together, so many times; who was reported meanwhile."""
    reported = []
    for _ in range(times):
        play.after(interval)
        for n in numbers:
            play.goes_silent(GUESTS[n], times=1, interval=0.0)
            reported += [uuid for uuid, _, _ in play.notified]
    return reported


def alarms(play: Play) -> list[str]:
    return [row.subject for row in describe(play.state) if row.alarm]


def storm_verdicts(play: Play) -> list[Ruling]:
    return [verdict.ruling for verdict in play.told if verdict.subject.startswith("storm:")]


def test_a_host_whose_storage_hangs_reports_no_guest_and_raises_one_alarm() -> None:
    play = host()
    assert silence(play, *range(10), times=30) == []
    assert alarms(play) == ["storm:guests"]
    assert storm_verdicts(play) == [Ruling.HELD]
    held = next(verdict for verdict in play.told if verdict.ruling is Ruling.HELD)
    assert "fell silent together" in held.why and held.alarm
    assert {play.phase(uuid) for uuid in GUESTS[:10]} == {Phase.ACCUSED}


def test_half_of_the_guests_are_no_storm_and_two_never_are() -> None:
    assert len(silence(host(), *range(5), times=3)) == 5
    assert len(silence(host(2), 0, 1, times=3)) == 2


def test_guests_that_never_answered_are_not_of_the_crowd() -> None:
    play = host(4)
    for uuid in GUESTS[4:20]:
        play.seen(uuid)
    assert silence(play, 0, 1, 2, times=3) == []
    assert alarms(play) == ["storm:guests"]


def test_one_storage_is_a_scope_of_its_own() -> None:
    """Eight of twenty guests are no storm of the host; all of the eight on one NFS server are one of the server."""
    play = host(20, {n: NFS if n < 8 else CEPH for n in range(20)})
    assert silence(play, *range(8), times=10) == []
    assert alarms(play) == ["storm:nfs:vault"]
    assert len(silence(play, 15, times=3)) == 1, "one on another storage is reported"


def test_a_host_all_of_whose_guests_are_on_one_storage_is_one_alarm() -> None:
    play = host(10, dict.fromkeys(range(10), CEPH))
    assert silence(play, *range(10), times=10) == []
    assert alarms(play) == ["storm:guests"] and storm_verdicts(play) == [Ruling.HELD]
    for uuid in GUESTS[:10]:
        play.answers(uuid)
    assert storm_verdicts(play) == [Ruling.HELD, Ruling.RECOVERED]


def test_guests_that_answer_again_end_the_storm_and_none_is_reported() -> None:
    play = host()
    silence(play, *range(10), times=10)
    for uuid in GUESTS[:10]:
        play.answers(uuid)
        assert not play.notified
    assert storm_verdicts(play) == [Ruling.HELD, Ruling.RECOVERED]
    assert alarms(play) == []


def test_those_that_stay_silent_when_the_others_are_back_are_reported_after_the_hold() -> None:
    play = host()
    silence(play, *range(10), times=5)
    for uuid in GUESTS[:8]:
        play.answers(uuid)
    assert silence(play, 8, 9, times=29) == []
    assert sorted(silence(play, 8, 9, times=3)) == GUESTS[8:10]
    assert storm_verdicts(play) == [Ruling.HELD, Ruling.RECOVERED]


def test_the_release_comes_by_itself() -> None:
    """Nothing is heard of them any more: their next misses are far away, and the time has come all the same."""
    play = host()
    silence(play, *range(10), times=5)
    for uuid in GUESTS[:8]:
        play.answers(uuid)
    while play.alarms and not play.asked:
        play.to_next_alarm()
    assert not play.notified, "the last look is from long ago"
    reported: list[str] = []
    for command in play.asked:
        play.reads(command.uuid)
        reported += [uuid for uuid, _, _ in play.notified]
    assert reported == GUESTS[8:10]


def test_one_that_moves_again_when_the_storm_is_over_is_not_reported() -> None:
    play = host()
    silence(play, *range(10), times=5)
    for uuid in GUESTS[:9]:
        play.answers(uuid)
    while play.alarms and not play.asked:
        play.to_next_alarm()
    assert not play.reads(GUESTS[9], cpu=5, requests=99).notified
    assert play.phase(GUESTS[9]) is Phase.ERROR


def test_while_as_many_are_silent_they_are_held_but_for_an_hour_at_most() -> None:
    play = host()
    began = play.seconds
    reported: list[str] = []
    while not reported:
        reported = silence(play, *range(10), times=1, interval=30.0)
        assert play.seconds - began < 3 * TOGETHER
    assert TOGETHER <= play.seconds - began < TOGETHER + 400
    assert sorted(reported) == GUESTS[:10], "none is lost"


def test_a_guest_that_fell_silent_alone_is_not_held_and_counts_later() -> None:
    play = host()
    assert silence(play, 0, times=3) == [GUESTS[0]]
    assert silence(play, *range(1, 6), times=10) == [], "with the first, six of ten are silent"


def test_an_application_that_fails_in_all_guests_at_once_is_a_storm_too() -> None:
    """A database that all of them need: no reset of them mends it."""
    play = host(failures={"web": 2})
    for uuid in GUESTS[:10]:
        play.answers(uuid, "web")
    for _ in range(6):
        play.after(30)
        for uuid in GUESTS[:10]:
            play.fails("web", uuid, interval=0.0)
            assert not play.notified
    assert alarms(play) == ["storm:guests"]


def test_the_limit_of_the_hour_is_not_held_by_a_storm_and_holds_no_storm() -> None:
    play = host(reports_per_hour=1)
    assert silence(play, 0, times=3) == [GUESTS[0]]
    play.answers(GUESTS[0])
    assert silence(play, *range(10), times=10) == []
    detail = {row.subject: row.detail for row in describe(play.state)}
    assert "too often" in detail[f"vm:{GUESTS[0]}"]
    assert "together" in detail[f"vm:{GUESTS[1]}"]


def test_without_the_guard_all_are_reported() -> None:
    play = host().rule_by(guard=GuardPolicy(domain_threshold=0.0))
    assert sorted(silence(play, *range(10), times=3)) == GUESTS[:10]


def test_a_storm_in_which_libvirt_tells_nothing_is_one_alarm_still_and_nobody_is_reported_unseen() -> None:
    play = host()
    silence(play, *range(10), times=5)
    for uuid in GUESTS[:10]:
        play.feed(NotKnown(uuid, RUN, "no answer in 5 s"))
    assert alarms(play) == ["storm:guests"] and storm_verdicts(play) == [Ruling.HELD]
    for uuid in GUESTS[:9]:
        play.answers(uuid)
    while play.alarms and not play.asked:
        play.to_next_alarm()
    assert not play.feed(NotKnown(GUESTS[9], RUN, "no answer in 5 s")).notified
    assert play.rulings == [Ruling.BLIND] and alarms(play) == [f"vm:{GUESTS[9]}"]


def test_one_that_cannot_be_asked_and_is_dead_is_held_for_an_hour_at_most_too() -> None:
    """It has missed nothing: what counts is since when it has looked dead. Its neighbours fall silent by turns."""
    play = host(7)
    when: int | None = None
    for second in range(0, 2 * int(TOGETHER), 10):
        play.after(10).misses(GUESTS[0], final=False).not_asked(GUESTS[0]).reads(GUESTS[0])
        if play.phase(GUESTS[0]) is Phase.REPORTED:
            when = second
            break
        for n, uuid in enumerate(GUESTS[1:7]):
            if (second + n * 30) % 180 < 120:
                play.misses(uuid).reads(uuid)
            else:
                play.answers(uuid)
    assert when is not None and TOGETHER < when < TOGETHER + 300


def changed(guard: GuardPolicy, reports: int = 3) -> RulesChanged[GuestRules]:
    rules = GuestRules(guard=guard, reports_per_hour=reports)
    return RulesChanged(rules, "[introspectiveinstancemonitor] storm_threshold")


def test_other_limits_that_the_operator_says_count_from_the_next_storm_on() -> None:
    play = host().feed(changed(GuardPolicy(domain_threshold=90.0)))
    assert play.rulings == [Ruling.ACTED]
    assert len(silence(play, *range(6), times=3)) == 6 and storm_verdicts(play) == []


def test_whom_a_storm_holds_is_not_let_go_because_a_file_was_edited() -> None:
    play = host()
    assert silence(play, *range(10), times=5) == []
    play.feed(changed(GuardPolicy()))
    assert "wait until no storm" in play.verdicts[0].why
    assert silence(play, *range(10), times=5) == [] and storm_verdicts(play) == [Ruling.HELD]
    for uuid in GUESTS[:10]:
        play.answers(uuid)
    play.after(301.0)
    assert storm_verdicts(play) == [Ruling.HELD, Ruling.RECOVERED]
    assert len(silence(play, *range(10), times=3)) == 10, "from now on there is no guard"


def test_a_report_limit_that_is_raised_lets_go_what_it_held() -> None:
    play = host(reports_per_hour=1)
    assert len(silence(play, 0, times=3)) == 1
    play.answers(GUESTS[0])
    assert silence(play, 0, times=3) == []
    play.feed(changed(GuardPolicy(domain_threshold=50.0), reports=5))
    assert [uuid for uuid, _, _ in play.notified] + silence(play, 0, times=1) == [GUESTS[0]]
