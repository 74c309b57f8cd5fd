"""The election by a Lease of a replay server: who says what, and what the ledger keeps."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.election import ElectionPolicy
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection, WriteLedger
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Api, ApiFault, Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.elector import (
    POLICY,
    ElectionTimings,
    LeaseElector,
)
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.kubernetes_replay import Replay
from tests.fixtures.waiting import eventually
from tests.unit.hostmonitor.drivers.kubernetes.hearing import listening

BRISK = ElectionTimings(duration=5, deadline=3.0, renew=0.1, patience=3.0, refused=0.2, tick=0.05)
PATIENT = replace(POLICY, superior=0.3, yields=0.3, doubt=3600.0)


def elector(
    tmp_path: Path,
    server: Replay,
    own: str,
    timings: ElectionTimings = BRISK,
    policy: ElectionPolicy = PATIENT,
) -> LeaseElector:
    return LeaseElector(
        Credentials(str(server.kubeconfig(tmp_path))), "default", "l", own, SystemClock(), timings, policy
    )


async def test_one_of_three_monitors_reports(tmp_path: Path) -> None:
    async with Replay().serve() as server, contextlib.AsyncExitStack() as stack:
        heard = {
            name: await stack.enter_async_context(listening(elector(tmp_path, server, name)))
            for name in ("n0", "n1", "n2")
        }
        await eventually(lambda: holder_of(server) != "", "a holder")
        leader = holder_of(server)
        for name, each in heard.items():
            if name == leader:
                said = await each.until(Leader)
                assert 0 < said.good_for <= BRISK.deadline
            else:
                await each.until(Follower, lambda said: said.leader == leader)


async def test_a_leader_that_stops_cleanly_hands_over_with_its_ledger(tmp_path: Path) -> None:
    entry = LedgerEntry(HostStatus.NORMAL, SystemClock().now().wall)
    async with Replay().serve() as server, contextlib.AsyncExitStack() as stack:
        first = elector(tmp_path, server, "n1")
        async with listening(first) as heard:
            await heard.until(Leader)
            second = await stack.enter_async_context(listening(elector(tmp_path, server, "n2")))
            await second.until(Follower, lambda said: said.leader == "n1")
            await first.perform(WriteLedger({"node05": entry}))
            await second.until(Follower, lambda said: bool(said.ledger))
        assert (await second.until(Leader)).ledger == {"node05": entry}


async def test_what_was_not_written_yet_goes_with_the_lease(tmp_path: Path) -> None:
    entry = LedgerEntry(HostStatus.NORMAL, SystemClock().now().wall)
    slow = replace(BRISK, duration=3600, deadline=3600.0, renew=3600.0)
    async with Replay().serve() as server:
        server.lease = held_by("")
        source = elector(tmp_path, server, "n1", slow)
        async with listening(source) as heard:
            await heard.until(Leader)
            server.write_status = 503
            await source.perform(WriteLedger({"node05": entry}))
            await eventually(lambda: server.lease_tries > 0, "it is tried")
            server.write_status = 200
        assert server.lease is not None and "node05" in json.dumps(server.lease)
        assert server.lease["spec"]["holderIdentity"] == ""


async def test_a_leader_that_dies_is_succeeded_when_its_lease_has_run_out(tmp_path: Path) -> None:
    async with Replay().serve() as server:
        server.lease = held_by("dead")
        async with listening(elector(tmp_path, server, "n1")) as heard:
            await heard.until(Follower, lambda said: said.leader == "dead")
            await heard.until(Leader)


async def test_a_lease_that_was_deleted_is_made_anew_once_its_holder_has_stopped(tmp_path: Path) -> None:
    async with Replay().serve() as server, contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(listening(elector(tmp_path, server, "n1")))
        await one.until(Leader)
        two = await stack.enter_async_context(listening(elector(tmp_path, server, "n2")))
        await two.until(Follower)
        heard = {"n1": one, "n2": two}
        after = {name: len(words) for name, words in heard.items()}
        server.lease = None
        await two.until(
            NoElection, lambda said: "no Lease" in said.why or "made anew" in said.why, after["n2"]
        )
        await eventually(lambda: holder_of(server) != "", "a holder")
        holder = holder_of(server)
        led = [said for said in heard["n1"][: after["n1"]] if isinstance(said, Leader)][-1]
        leads = await heard[holder].until(Leader, after=after[holder])
        assert leads.at.monotonic >= led.at.monotonic + (led.good_for or 0.0)


class Shelf:
    """An API server with one Lease, and everybody's connection to it."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.reads = self.writes = 0

    def put(self, body: dict[str, Any] | None) -> None:
        self.writes += 1
        if body is not None:
            uid = self.lease["metadata"]["uid"] if self.lease else f"uid-{self.writes}"
            body = body | {"metadata": body["metadata"] | {"resourceVersion": str(self.writes), "uid": uid}}
        self.lease = body

    async def read_lease(self, namespace: str, name: str, timeout: float) -> dict[str, Any] | None:
        self.reads += 1
        return self.lease

    async def write_lease(self, namespace: str, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        stands = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if body["metadata"].get("resourceVersion") != stands:
            raise ApiFault("the object has been modified", 409)
        self.put(dict(body))
        assert self.lease is not None
        return self.lease


@pytest.mark.parametrize("gone", [None, {"metadata": {"name": "l"}, "spec": {}}], ids=["deleted", "emptied"])
async def test_a_lease_that_was_held_between_two_looks_is_waited_for(gone: dict[str, Any] | None) -> None:
    """Who finds none twice, or a blank one, cannot know that none was held in between: its holder may report."""
    clock, shelf, timings = FakeClock(), Shelf(), ElectionTimings()
    source = LeaseElector(
        Credentials(), "default", "l", "n1", clock, timings, open_api=lambda _: contextlib.nullcontext(shelf)
    )
    async with listening(source) as heard:
        for _ in range(80):
            await clock.advance(timings.tick / 8)
        assert not any(isinstance(said, Leader) for said in heard)
        shelf.put(held_by("n2"))
        held = clock.now().monotonic
        await clock.advance(timings.tick / 8)
        shelf.put(gone)
        while not any(isinstance(said, Leader) for said in heard):
            await clock.advance(timings.tick / 8)
        assert clock.now().monotonic >= held + timings.deadline
        # And not much later: what a successor waits is that, a look, and a look.
        assert clock.now().monotonic <= held + timings.deadline + 2 * timings.renew + timings.tick


async def test_a_renewal_that_was_asked_for_before_this_computer_was_suspended_gives_no_authority() -> None:
    """Others have counted on: by the time of the answer somebody else may hold the Lease."""
    clock, timings = FakeClock(), ElectionTimings()

    class Suspending(Shelf):
        suspend = False

        async def write_lease(
            self, namespace: str, body: Mapping[str, Any], timeout: float
        ) -> dict[str, Any]:
            if self.suspend:
                self.suspend = False
                clock.set_on(3600.0)
            return await super().write_lease(namespace, body, timeout)

    shelf = Suspending()
    shelf.put(held_by(""))
    source = LeaseElector(
        Credentials(), "default", "l", "n1", clock, timings, open_api=lambda _: contextlib.nullcontext(shelf)
    )
    async with listening(source) as heard:
        while not any(isinstance(said, Leader) for said in heard):
            await clock.advance(timings.tick / 8)
        writes, shelf.suspend = shelf.writes, True
        while shelf.writes == writes:
            await clock.advance(timings.tick / 8)
        said = len(heard)
        assert isinstance(heard[-1], NoElection)
        while not any(isinstance(word, Leader) for word in heard[said:]):
            await clock.advance(timings.tick / 8)
        assert shelf.writes > writes + 1


async def test_two_processes_of_one_hosts_name_never_lead_at_once_and_one_says_so() -> None:
    """As when a pod is replaced and the old one lives on for a while: both find their own name on the Lease."""
    clock, shelf, timings = FakeClock(), Shelf(), ElectionTimings()

    def process() -> LeaseElector:
        return LeaseElector(
            Credentials(),
            "default",
            "l",
            "n1",
            clock,
            timings,
            open_api=lambda _: contextlib.nullcontext(shelf),
        )

    old, new = process(), process()
    async with contextlib.AsyncExitStack() as stack:
        async with listening(old) as first:
            while not any(isinstance(said, Leader) for said in first):
                await clock.advance(timings.tick / 4)
            second = await stack.enter_async_context(listening(new))
            for _ in range(200):
                await clock.advance(timings.tick / 4)
                assert not any(isinstance(said, Leader) for said in second)
            assert isinstance(first[-1], Leader) and isinstance(second[-1], Follower)
            (trouble,) = new.troubles
            assert "n1" in trouble and not old.troubles
        # Stopped in order it hands over; one that is killed is waited for as long as it may lead.
        while not any(isinstance(said, Leader) for said in second):
            await clock.advance(timings.tick / 4)
        for _ in range(80):
            await clock.advance(timings.tick / 4)
        assert new.troubles == ()


async def test_one_that_comes_back_after_it_was_killed_leads_when_its_former_self_would_have_stopped() -> (
    None
):
    clock, shelf, timings = FakeClock(), Shelf(), ElectionTimings()
    shelf.put(held_by("n1"))
    source = LeaseElector(
        Credentials(), "default", "l", "n1", clock, timings, open_api=lambda _: contextlib.nullcontext(shelf)
    )
    began = clock.now().monotonic
    async with listening(source) as heard:
        while not any(isinstance(said, Leader) for said in heard):
            await clock.advance(timings.tick / 4)
        waited = clock.now().monotonic - began
        assert timings.deadline <= waited <= timings.deadline + timings.renew + timings.tick


async def test_a_lease_by_which_its_holder_has_it_for_a_second_is_left_to_it_for_as_long_as_it_may_lead() -> (
    None
):
    """As somebody has edited it: its holder, which renews it every few seconds, does not know."""
    clock, shelf, timings = FakeClock(), Shelf(), ElectionTimings()
    held = held_by("n2")
    held["spec"]["leaseDurationSeconds"] = 1
    shelf.put(held)
    source = LeaseElector(
        Credentials(), "default", "l", "n1", clock, timings, open_api=lambda _: contextlib.nullcontext(shelf)
    )
    began = clock.now().monotonic
    async with listening(source) as heard:
        while not any(isinstance(said, Leader) for said in heard):
            await clock.advance(timings.tick / 4)
        assert clock.now().monotonic - began >= timings.deadline


async def test_a_holder_that_is_gone_is_not_followed_for_as_many_years_as_somebody_has_written() -> None:
    clock, shelf, timings = FakeClock(), Shelf(), ElectionTimings()
    held = held_by("n2")
    held["spec"]["leaseDurationSeconds"] = (1 << 31) - 1
    shelf.put(held)
    source = LeaseElector(
        Credentials(), "default", "l", "n1", clock, timings, open_api=lambda _: contextlib.nullcontext(shelf)
    )
    began = clock.now().monotonic
    async with listening(source) as heard:
        while clock.now().monotonic - began < 55.0:
            await clock.advance(timings.renew / 2)
        assert not any(isinstance(said, Leader) for said in heard)
        while clock.now().monotonic - began < 75.0:
            await clock.advance(timings.renew / 2)
        assert isinstance(heard[-1], Leader)


async def test_a_renewal_that_was_carried_out_unanswered_is_its_own() -> None:
    clock, timings = FakeClock(), ElectionTimings()

    class Mute(Shelf):
        mute = False

        async def write_lease(
            self, namespace: str, body: Mapping[str, Any], timeout: float
        ) -> dict[str, Any]:
            written = await super().write_lease(namespace, body, timeout)
            if self.mute:
                self.mute = False
                raise ApiFault("no answer in time")
            return written

    shelf = Mute()
    shelf.put(held_by(""))
    source = LeaseElector(
        Credentials(), "default", "l", "n1", clock, timings, open_api=lambda _: contextlib.nullcontext(shelf)
    )
    async with listening(source) as heard:
        while not any(isinstance(said, Leader) for said in heard):
            await clock.advance(timings.tick / 4)
        shelf.mute = True
        for _ in range(120):
            await clock.advance(timings.tick / 4)
        assert not shelf.mute and not any(isinstance(said, Follower) for said in heard)
        assert isinstance(heard[-1], Leader) and source.troubles == ()


async def test_a_lease_that_others_write_all_the_time_stays_its_holders_with_what_it_has_to_write() -> None:
    """However often it tries: what stands there is the renewal that it asked for before all of these."""
    clock, timings = FakeClock(), ElectionTimings()

    class Busy(Shelf):
        conflicts = 0

        async def write_lease(
            self, namespace: str, body: Mapping[str, Any], timeout: float
        ) -> dict[str, Any]:
            if self.conflicts:
                self.conflicts -= 1
                self.put(self.lease)
            return await super().write_lease(namespace, body, timeout)

    shelf, entry = Busy(), LedgerEntry(HostStatus.NORMAL, SystemClock().now().wall)
    shelf.put(held_by(""))
    source = LeaseElector(
        Credentials(), "default", "l", "n1", clock, timings, open_api=lambda _: contextlib.nullcontext(shelf)
    )
    async with listening(source) as heard:
        while not any(isinstance(said, Leader) for said in heard):
            await clock.advance(timings.tick / 20)
        shelf.conflicts = 12
        await source.perform(WriteLedger({"node05": entry}))
        while shelf.conflicts:
            await clock.advance(timings.tick / 20)
        for _ in range(40):
            await clock.advance(timings.tick / 20)
        assert not any(isinstance(said, Follower) for said in heard)
        assert isinstance(heard[-1], Leader) and "node05" in json.dumps(shelf.lease)


@pytest.mark.parametrize(("uid", "holder"), [("two", ""), ("two", "n1"), ("two", "n2"), ("one", "")])
async def test_a_lease_that_was_made_anew_is_acquired_once_its_holder_has_stopped(
    tmp_path: Path, uid: str, holder: str
) -> None:
    """Who holds it may not reach the API server, and then does not know that its Lease is gone, or was emptied."""
    async with Replay().serve() as server:
        before = held_by("n1")
        before["metadata"]["uid"] = "one"
        before["spec"]["leaseDurationSeconds"] = 3600
        server.lease = before
        async with listening(elector(tmp_path, server, "n2")) as heard:
            await heard.until(Follower, lambda said: said.leader == "n1")
            after, at = len(heard), SystemClock().now().monotonic
            anew = held_by(holder) if holder else {"metadata": {"name": "l"}, "spec": {}}
            anew["metadata"] |= {"uid": uid, "resourceVersion": "anew"}
            server.lease = anew
            leads = await heard.until(Leader, after=after)
            assert leads.at.monotonic >= at + BRISK.deadline


async def test_a_leader_that_cannot_renew_stops_reporting_before_another_may_begin(tmp_path: Path) -> None:
    async with Replay().serve() as server, listening(elector(tmp_path, server, "n1")) as heard:
        await heard.until(Leader)
        server.lease_status = 503
        lost = await heard.until(NoElection, lambda said: "503" in said.why)
        authority = max(said.at.monotonic + said.good_for for said in heard if isinstance(said, Leader))
        assert authority <= lost.at.monotonic
        server.lease_status = 200
        await heard.until(Leader, after=heard.index(lost))


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500, 503])
async def test_a_lease_that_can_be_read_and_not_written_is_no_election(tmp_path: Path, status: int) -> None:
    async with Replay().serve() as server:
        server.write_status = status
        server.lease = held_by("dead")
        timings = replace(BRISK, refused=0.05)
        async with listening(elector(tmp_path, server, "n1", timings)) as heard:
            await heard.until(Follower, lambda said: said.leader == "dead")
            first = await heard.until(NoElection, after=len(heard))
            said = await heard.until(NoElection, lambda said: str(status) in said.why)
            assert said.since == first.since
            tries = server.lease_tries
            await eventually(lambda: server.lease_tries > tries + 3, "it is tried again")
            assert {one.since for one in heard[heard.index(first) :] if isinstance(one, NoElection)} == {
                said.since
            }
            server.write_status = 200
            await heard.until(Leader)


async def test_a_leader_that_can_read_and_not_write_stops_and_gives_way(tmp_path: Path) -> None:
    async with Replay().serve() as server, listening(elector(tmp_path, server, "n1")) as heard:
        await heard.until(Leader)
        server.write_status = 500
        lost = await heard.until(NoElection, lambda said: "500" in said.why)
        server.write_status = 200
        await heard.until(Leader, after=heard.index(lost))


async def test_a_conflict_without_end_is_not_asked_without_pause(tmp_path: Path) -> None:
    clock = FakeClock()
    async with Replay().serve() as server:
        server.write_status, server.lease = 409, held_by("")
        access = Credentials(str(server.kubeconfig(tmp_path)))
        timings = replace(BRISK, tick=100.0)
        source = LeaseElector(access, "default", "l", "n1", clock, timings, PATIENT)
        async with listening(source) as heard, Api(access) as another:
            passed = 0.0
            while server.lease_tries < 5:
                # One that did not pause would try again within each such question.
                await another.read_lease("default", "l", 5.0)
                await clock.advance(5.0)
                passed += 5.0
            assert passed >= 4 * 0.1 * timings.tick
            assert isinstance(heard[-1], NoElection)


async def test_what_a_deposed_leader_had_not_written_is_not_written_later(tmp_path: Path) -> None:
    entry = LedgerEntry(HostStatus.NORMAL, SystemClock().now().wall)
    async with Replay().serve() as server:
        source = elector(tmp_path, server, "n1")
        async with listening(source) as heard:
            await heard.until(Leader)
            server.write_status = 503
            await source.perform(WriteLedger({"n5": entry}))
            await heard.until(NoElection, lambda said: "503" in said.why)
            server.lease = held_by("n2")
            await heard.until(Follower, lambda said: said.leader == "n2")
            after, server.write_status = len(heard), 200
            again = await heard.until(Leader, after=after)
            assert again.ledger is None
            writes = server.lease_writes
            await eventually(lambda: server.lease_writes >= writes + 3, "three renewals")
            assert "n5" not in json.dumps(server.lease)


async def test_a_leader_without_a_way_to_masakari_gives_its_place_to_one_that_delivers(
    tmp_path: Path,
) -> None:
    async with Replay().serve() as server, contextlib.AsyncExitStack() as stack:
        first, second = (elector(tmp_path, server, name) for name in ("n1", "n2"))
        one = await stack.enter_async_context(listening(first))
        await one.until(Leader)
        two = await stack.enter_async_context(listening(second))
        await two.until(Follower, lambda said: said.leader == "n1")
        first.on_path(False)
        second.on_path(True)
        await two.until(Leader)
        await one.until(Follower, lambda said: said.leader == "n2")


async def test_an_account_that_may_not_use_leases_means_no_election(tmp_path: Path) -> None:
    async with Replay().serve() as server:
        server.lease_status = 403
        async with listening(elector(tmp_path, server, "n1")) as heard:
            said = await heard.until(NoElection, lambda said: "403" in said.why)
            first = heard[0]
            assert isinstance(first, NoElection | Follower | Leader) and said.since <= first.at.monotonic


def holder_of(server: Replay) -> str:
    return "" if server.lease is None else str(server.lease["spec"].get("holderIdentity") or "")


def held_by(leader: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "l", "resourceVersion": "0"},
        "spec": {
            "holderIdentity": leader,
            "leaseDurationSeconds": 1,
            "renewTime": "2026-01-01T00:00:00.0Z",
        },
    }


async def test_a_leader_that_sees_nothing_leaves_the_lease_to_one_that_does(tmp_path: Path) -> None:
    async with Replay().serve() as server, contextlib.AsyncExitStack() as stack:
        first = elector(tmp_path, server, "n1")
        heard = await stack.enter_async_context(listening(first))
        await heard.until(Leader)
        second = await stack.enter_async_context(listening(elector(tmp_path, server, "n2")))
        await second.until(Follower, lambda said: said.leader == "n1")
        first.on_sight(False)
        await second.until(Leader)
        first.on_sight(True)
        await heard.until(Follower, lambda said: said.leader == "n2")
