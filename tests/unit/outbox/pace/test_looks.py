"""What one look at masakari tells of a host, out of the lists that a played masakari-api gives."""

import datetime

import pytest

from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.outbox.pace.looks import Looks
from masakarimonitors.outbox.pace.stages import Lane, Sign
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.fake_lists import FakeLists

HOST = "compute-1"
DIED = {"event": "LIFECYCLE", "instance_uuid": "i", "vir_domain_event": "STOPPED_FAILED"}
FILED = {"event": "REBOOT", "instance_uuid": "i", "vir_domain_event": "UNKNOWN"}
HOST_DOWN = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"}
STAMP = "2026-01-01T00:00:00"


def lists() -> FakeLists:
    return FakeLists({"first": ["other"], "second": [HOST, "compute-2"]})


def looks(known: FakeLists) -> Looks:
    return Looks(known, FakeClock())


async def test_the_host_is_found_once_and_not_asked_for_where_an_answer_has_told() -> None:
    known = lists()
    at = looks(known)
    await at.look("COMPUTE-1", ())
    asked = len([path for path in known.asked if path.startswith("/segments")])
    await at.look("COMPUTE-1", ())
    assert len([path for path in known.asked if path.startswith("/segments")]) == asked > 0
    other = lists()
    told = looks(other)
    told.learn(HOST, f"uuid-of-{HOST}")
    await told.look(HOST, ())
    assert other.asked and all(path.startswith("/notifications") for path in other.asked)


class Anew(FakeLists):
    """After `anew` the host has another uuid, as one that was taken out of its segment and put in again."""

    anew = False

    def _hosts(self, segment: str) -> list[dict[str, object]]:
        found = super()._hosts(segment)
        for one in found:
            if self.anew and one["name"] == HOST:
                one["uuid"] = "anew"
        return found

    def report_host(self) -> str:
        uuid = self.file(HOST, "COMPUTE_HOST", HOST_DOWN, STAMP, status="new")
        self.notifications[-1]["source_host_uuid"] = "anew"
        return uuid


@pytest.mark.parametrize("told", [False, True])
async def test_a_host_that_is_registered_anew_is_found_again_in_some_minutes(told: bool) -> None:
    """`told`: its uuid is known from an answer to a report, and its segment from the report as masakari lists it."""
    known, clock = Anew({"first": ["other"], "second": [HOST]}), FakeClock()
    at = Looks(known, clock)
    if told:
        at.learn(HOST, f"uuid-of-{HOST}")
        known.file(HOST, "VM", DIED, STAMP, status="new")
    await at.look(HOST, ())
    known.anew = True
    host = known.report_host()
    await clock.advance(300)
    assert host in (await at.look(HOST, ())).unfinished


async def test_a_host_that_stays_what_it_was_is_asked_for_with_one_request_in_minutes() -> None:
    known, clock = lists(), FakeClock()
    at = Looks(known, clock)
    at.learn(HOST, f"uuid-of-{HOST}")
    known.file(HOST, "VM", DIED, STAMP, status="new")
    for _ in range(60):
        await at.look(HOST, ())
        await clock.advance(10)
    asked = [path for path in known.asked if path.startswith("/segments")]
    assert 3 <= len(asked) <= 6 and set(asked) == {f"/segments/uuid-of-second/hosts/uuid-of-{HOST}"}


async def test_a_host_whose_uuid_masakari_knows_no_more_is_found_again_at_the_next_look() -> None:
    known, clock = Anew({"all": [HOST]}), FakeClock()
    at = Looks(known, clock)
    uuid = known.file(HOST, "COMPUTE_HOST", HOST_DOWN, STAMP, status="running")
    known.date = EPOCH + datetime.timedelta(seconds=600)
    await at.look(HOST, ())
    known.anew = True
    assert (await at.look(HOST, ())).hosts[uuid].doubtful
    host = known.report_host()
    assert host in (await at.look(HOST, ())).unfinished


async def test_a_host_that_is_registered_nowhere_cannot_be_looked_at() -> None:
    with pytest.raises(LookupFailed, match="in none of masakari's failover segments"):
        await looks(lists()).look("nowhere", ())


async def test_what_is_unfinished_stands_there_by_what_the_engine_does_with_it() -> None:
    known = lists()
    at = looks(known)
    new, running = (known.file(HOST, "VM", DIED, STAMP, status=status) for status in ("new", "running"))
    filed = known.file(HOST, "VM", FILED, STAMP, status="new")
    failed_once = known.file(HOST, "VM", DIED, STAMP, status="error")
    for status in ("finished", "ignored", "failed"):
        known.file(HOST, "VM", DIED, STAMP, status=status)
    known.file("compute-2", "VM", DIED, STAMP)
    host = known.file(HOST, "COMPUTE_HOST", HOST_DOWN, STAMP, status="running")
    known.file(HOST, "COMPUTE_HOST", HOST_DOWN | {"host_status": "UNKNOWN"}, STAMP)
    seen = await at.look(HOST, ())
    assert seen.unfinished == {
        new: Lane.RECOVERED,
        running: Lane.RECOVERED,
        failed_once: Lane.RECOVERED,
        filed: Lane.FILED,
        host: Lane.HOST,
    }


async def test_a_server_that_filters_nothing_is_understood_all_the_same() -> None:
    class Unfiltered(FakeLists):
        def show(self, path: str) -> tuple[int, dict[str, object]]:
            return super().show(path.replace("&status=", "&any="))

    known = Unfiltered({"all": [HOST]})
    at = Looks(known, FakeClock())
    uuid = known.file(HOST, "VM", DIED, STAMP, status="running")
    known.file(HOST, "VM", DIED, STAMP, status="finished")
    assert (await at.look(HOST, ())).unfinished == {uuid: Lane.RECOVERED}


async def test_ours_that_are_in_no_list_are_asked_for_one_by_one() -> None:
    known = lists()
    at = looks(known)
    words = {
        "finished": Sign.FINISHED,
        "ignored": Sign.IGNORED,
        "failed": Sign.FAILED,
        "odd": Sign.UNFINISHED,
    }
    ours = {known.file(HOST, "VM", DIED, STAMP, status=status): sign for status, sign in words.items()}
    running = known.file(HOST, "VM", DIED, STAMP, status="running")
    seen = await at.look(HOST, (*ours, running, "purged"))
    assert seen.signs == ours | {"purged": Sign.UNKNOWN}


async def test_when_a_host_was_recovered_is_told_by_our_clock() -> None:
    """masakari's is an hour ahead, and says so in its answers."""
    known = lists()
    at = looks(known)
    known.date = EPOCH + datetime.timedelta(hours=1)
    uuid = known.file(HOST, "COMPUTE_HOST", HOST_DOWN, STAMP, status="finished")
    known.notifications[-1]["updated_at"] = "2026-01-01T00:59:50"
    given_up = known.file(HOST, "COMPUTE_HOST", HOST_DOWN, STAMP, status="failed")
    seen = await at.look(HOST, ())
    # Ten seconds ago, and one for the rounding.
    assert seen.recovered == {uuid: 1000.0 - 11.0}
    assert given_up not in seen.unfinished


@pytest.mark.parametrize("kept", [True, False, None])
@pytest.mark.parametrize(
    ("status", "age", "doubtful"),
    [
        ("new", 60, dict.fromkeys((True, False, None), True)),
        ("new", 600, dict.fromkeys((True, False, None), True)),
        ("running", 60, dict.fromkeys((True, False, None), False)),
        ("running", 600, {True: False, None: True}),
        ("error", 600, {True: False, None: True}),
    ],
)
async def test_the_engine_is_at_a_host_that_is_on_maintenance_and_not_at_one_in_service(
    status: str, age: float, doubtful: dict[bool | None, bool], kept: bool | None
) -> None:
    """None: whether it is on maintenance cannot be read. It is first of all set on it when it is taken up."""

    class Lists(FakeLists):
        async def get(self, path: str) -> object:
            if path.startswith("/segments/") and kept is None:
                raise LookupFailed("403")
            return await super().get(path)

    known = Lists({"all": [HOST]})
    known.on_maintenance = {HOST} if kept else set()
    known.date = EPOCH + datetime.timedelta(seconds=age)
    at = looks(known)
    at.learn(HOST, f"uuid-of-{HOST}")
    uuid = known.file(HOST, "COMPUTE_HOST", HOST_DOWN, STAMP, status=status)
    seen = await at.look(HOST, ())
    if kept in doubtful:
        assert seen.unfinished == {uuid: Lane.HOST} and not seen.abandoned
        assert seen.hosts[uuid].doubtful is doubtful[kept]
        assert seen.hosts[uuid].changed == pytest.approx(1000.0 - age, abs=1.0)
    else:
        assert not seen.unfinished and seen.abandoned == {uuid}
