"""Two lives of each monitor: what the first could not deliver leaves in the second only where it still holds."""

from functools import partial
from typing import Any

import pytest

from masakarimonitors.hostmonitor.core.decision import Decider as HostDecider
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.judging.leaving import may_offer
from masakarimonitors.hostmonitor.core.observation import Membership, Sample, Sighting, View
from masakarimonitors.hostmonitor.core.state import Policy as HostPolicy
from masakarimonitors.hostmonitor.core.state import restore as restore_hosts
from masakarimonitors.hostmonitor.core.unconfirmed import judge as judge_host
from masakarimonitors.instancemonitor.core import observation as instances
from masakarimonitors.instancemonitor.core.decision import Decider as InstanceDecider
from masakarimonitors.instancemonitor.core.memory import restore as restore_instances
from masakarimonitors.instancemonitor.core.state import Policy as InstancePolicy
from masakarimonitors.instancemonitor.core.unconfirmed import judge as judge_instance
from masakarimonitors.introspectiveinstancemonitor import monitor as guest_monitor
from masakarimonitors.introspectiveinstancemonitor.core import observation as guests
from masakarimonitors.introspectiveinstancemonitor.core.decision import Decider as GuestDecider
from masakarimonitors.introspectiveinstancemonitor.core.memory import restore as restore_guests
from masakarimonitors.introspectiveinstancemonitor.core.state import Policy as GuestPolicy
from masakarimonitors.introspectiveinstancemonitor.core.unconfirmed import judge as judge_guest
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason, Stopped
from masakarimonitors.monitor import Monitor
from masakarimonitors.processmonitor.core import observation as processes
from masakarimonitors.processmonitor.core.decision import Decider as ProcessDecider
from masakarimonitors.processmonitor.core.decision import restore as restore_processes
from masakarimonitors.processmonitor.core.stages import Policy as ProcessPolicy
from masakarimonitors.processmonitor.core.unconfirmed import judge as judge_process
from tests.fixtures.two_lives import Life, Memory, Script, Stage

# A guest hangs.

GUEST, RUN = "aaaaaaaa-0000-4000-8000-000000000001", "boot-1-7"
GUEST_POLICY = GuestPolicy(hostname="compute-1", threshold=3)


def guest_maker(memory: Memory, script: Script) -> Monitor[Any, Any]:
    return Monitor(
        name="introspectiveinstancemonitor",
        state=restore_guests(memory),
        decide=GuestDecider(GUEST_POLICY),
        sources=(script,),
        effects=script,
        describe=guest_monitor.describe,
        judge_unconfirmed=lambda state, report, now: judge_guest(GUEST_POLICY, ("",), state, report, now),
        settled=guest_monitor.settled,
    )


def seen(availability: guests.Availability) -> tuple[guests.Observation, ...]:
    return (
        guests.GuestSeen(uuid=GUEST, name="i", run=RUN, availability=availability),
        guests.Census(frozenset({GUEST})),
    )


async def hang(life: Life, requests: int | None = 0) -> None:
    """Three pings are missed, and nothing moves but what a test moves."""
    moved = 0

    def counters(command: Any) -> Any:
        nonlocal moved
        moved += requests or 0
        ran = (guests.VcpuTime(moved * 10**9, 0),)
        return guests.Counters(
            uuid=GUEST,
            run=RUN,
            at=life.clock.now().monotonic,
            availability=guests.Availability.RUNNING,
            cpu=moved * 10**9,
            vcpus=ran,
            requests=moved,
        )

    life.script.answer = counters
    for number in range(4):
        missed = guests.Missed(
            uuid=GUEST, run=RUN, probe=guests.HEARTBEAT, in_reply_to=number, evidence="no answer", final=True
        )
        await life.sees(missed, for_seconds=10)


async def guest_reported() -> Stage:
    stage = Stage(guest_maker)
    async with stage.first() as life:
        answered = guests.Answered(uuid=GUEST, run=RUN, probe=guests.HEARTBEAT, took=0.1)
        await life.sees(*seen(guests.Availability.RUNNING), answered)
        await hang(life)
    assert stage.statuses == ["pending"]
    return stage


@pytest.mark.parametrize(
    "excuse", [guests.Availability.AGENT_CLOSED, guests.Availability.SHUTTING_DOWN, guests.Availability.BUSY]
)
async def test_a_guest_that_is_excused_when_first_seen_is_not_reported(excuse: guests.Availability) -> None:
    stage = await guest_reported()
    async with stage.second() as life:
        await life.sees(*seen(excuse), for_seconds=600)
        assert (life.sent, stage.statuses) == (0, ["withdrawn"])


async def test_a_guest_is_reported_when_it_was_looked_at_and_not_by_the_time() -> None:
    stage = await guest_reported()
    async with stage.second() as life:
        await life.sees(*seen(guests.Availability.RUNNING), for_seconds=600)
        assert (life.sent, stage.statuses) == (0, ["pending"])
        await hang(life)
        assert (life.sent, stage.statuses) == (1, ["delivered"])


async def test_a_guest_that_is_at_work_is_not_reported_however_late_that_is_seen() -> None:
    stage = await guest_reported()
    async with stage.second() as life:
        await life.sees(*seen(guests.Availability.RUNNING), for_seconds=45)
        await hang(life, requests=50)
        assert (life.sent, stage.statuses) == (0, ["withdrawn"])


# An instance dies.

URI = "qemu:///system"
ONE = instances.Identity("11111111-1111-4111-8111-111111111111", "instance-1", URI, 3)
TWO = instances.Identity("22222222-2222-4222-8222-222222222222", "instance-2", URI, 4)


def instance_maker(memory: Memory, script: Script) -> Monitor[Any, Any]:
    return Monitor(
        name="instancemonitor",
        state=restore_instances(memory, "boot-1", [URI]),
        decide=InstanceDecider(InstancePolicy("compute-1", boot_id="boot-1")),
        sources=(script,),
        effects=script,
        judge_unconfirmed=partial(judge_instance, [URI]),
    )


def reading(instance: instances.Identity, power: instances.Power, **more: Any) -> instances.Reading:
    return instances.Reading(instance=instance, power=power, persistent=True, **more)


async def instances_died(*which: instances.Identity) -> Stage:
    stage = Stage(instance_maker)
    async with stage.first() as life:
        up = tuple(reading(one, instances.Power.RUNNING) for one in which)
        await life.sees(instances.Census(URI, up, 0))
        for number, one in enumerate(which, start=1):
            await life.sees(instances.LifecycleChanged(one, number, Lifecycle.STOPPED, Stopped.FAILED))
    return stage


async def test_an_instance_that_runs_again_is_not_reported_however_late_libvirt_answers() -> None:
    stage = await instances_died(ONE)
    async with stage.second() as life:
        await life.sees(instances.LibvirtAway(URI, "no socket yet"), for_seconds=29)
        assert not life.alarms[1:], "that libvirt is away was said"
        assert [(row.subject, row.alarm) for row in life.waiting] == [(f"vm:{ONE.uuid}", False)]
        await life.clock.advance(3600)
        assert [row.alarm for row in life.waiting] == [True] and "is away" in life.waiting[0].detail
        assert len(life.alarms) == 2 and "recover it by hand" in life.alarms[1]
        census = instances.Census(URI, (reading(ONE, instances.Power.RUNNING),), 0)
        await life.sees(instances.LibvirtBack(URI), census, for_seconds=5)
        assert (life.sent, stage.statuses, life.waiting) == (0, ["withdrawn"], [])


async def test_one_instance_that_cannot_be_read_holds_up_no_other_and_is_not_sent() -> None:
    stage = await instances_died(ONE, TWO)
    async with stage.second() as life:
        dead = reading(ONE, instances.Power.OFF, reason=ShutoffReason.CRASHED, log_read=True)
        await life.sees(
            instances.Census(URI, (dead, reading(TWO, instances.Power.UNKNOWN)), 0), for_seconds=60
        )
        assert [offer["payload"]["instance_uuid"] for offer in life.masakari.offers] == [ONE.uuid]
        assert [row.subject for row in life.waiting] == [f"vm:{TWO.uuid}"]


# A process dies.

NOVA = "/usr/bin/nova-compute"
PROCESS_POLICY = ProcessPolicy(
    hostname="compute-1", restart_retries=1, restart_interval=1.0, start_patience=2.0
)


def process_maker(memory: Memory, script: Script) -> Monitor[Any, Any]:
    return Monitor(
        name="processmonitor",
        state=restore_processes(memory),
        decide=ProcessDecider(PROCESS_POLICY),
        sources=(script,),
        effects=script,
        judge_unconfirmed=lambda state, report, now: judge_process(state, report),
    )


async def process_looked_for(life: Life, *, start_helps: bool) -> None:
    """The list is read, and the process is gone; whether its start command brings it back."""
    runs = False

    async def at_work(command: Any) -> Any:
        nonlocal runs
        if isinstance(command, processes.Run):
            await life.clock.sleep(1)
            runs = start_helps
            return processes.CommandEnded(NOVA, command.request_id, 0, "exited 0")
        if isinstance(command, processes.Look):
            return sighting(command.request_id)
        return None

    def sighting(request: int) -> processes.Sighting:
        presence = processes.Presence.RUNNING if runs else processes.Presence.GONE
        now = life.clock.now()
        return processes.Sighting(
            process_name=NOVA, presence=presence, at=now, evidence="", in_reply_to=request
        )

    life.script.answer = at_work
    entry = processes.Entry(process_name=NOVA, start_command="start", restart_command="restart")
    await life.sees(processes.ListRead((entry,), "list"), sighting(0))


async def process_reported() -> Stage:
    stage = Stage(process_maker)
    async with stage.first() as life:
        await process_looked_for(life, start_helps=False)
        await life.clock.advance(20)
    assert stage.statuses == ["pending"]
    return stage


async def test_a_process_that_its_start_brings_back_is_not_reported() -> None:
    stage = await process_reported()
    async with stage.second() as life:
        await process_looked_for(life, start_helps=True)
        await life.clock.advance(60)
        assert (life.sent, stage.statuses) == (0, ["withdrawn"])


async def test_a_process_is_reported_when_all_was_tried_again_in_vain() -> None:
    stage = await process_reported()
    async with stage.second() as life:
        await process_looked_for(life, start_helps=False)
        assert life.sent == 0
        await life.clock.advance(60)
        assert (life.sent, stage.statuses) == (1, ["delivered"])


# A host dies.

HOST_POLICY = HostPolicy(
    own="node01", matrix=matrix.single("cluster"), lookup=False, check_life=False, look_up_reports=False
)


def host_maker(memory: Memory, script: Script) -> Monitor[Any, Any]:
    return Monitor(
        name="hostmonitor",
        state=restore_hosts(HOST_POLICY, memory),
        decide=HostDecider(HOST_POLICY),
        sources=(script,),
        effects=script,
        judge_unconfirmed=partial(judge_host, HOST_POLICY),
        may_offer=partial(may_offer, HOST_POLICY),
    )


async def host_is(life: Life, value: Membership) -> None:
    now = life.clock.now()
    values = {"node01": Sighting(Membership.UP, ""), "node05": Sighting(value, "")}
    view = View(link="cluster", proven=True, why="read", at=now, good_for=10_000.0)
    await life.sees(view, Sample("cluster", values, now, whole=True))


async def host_returned() -> Stage:
    """The word that a host is back was not delivered."""
    stage = Stage(host_maker)
    async with stage.first() as life:
        await host_is(life, Membership.UP)
        await host_is(life, Membership.DOWN)
        await life.clock.advance(300)
        await host_is(life, Membership.UP)
    assert sorted(stage.statuses) == ["pending", "withdrawn"]
    return stage


async def test_that_a_host_is_back_is_not_told_when_it_has_failed_again() -> None:
    stage = await host_returned()
    async with stage.second() as life:
        await host_is(life, Membership.DOWN)
        assert (life.sent, sorted(stage.statuses)) == (0, ["withdrawn", "withdrawn"])


async def test_that_a_host_is_back_is_told_once_it_is_seen_up() -> None:
    stage = await host_returned()
    async with stage.second() as life:
        await life.clock.advance(600)
        assert (life.sent, len(life.waiting)) == (0, 1)
        await host_is(life, Membership.UP)
        assert [offer["payload"]["event"] for offer in life.masakari.offers] == ["STARTED"]


async def test_a_failed_host_is_told_by_the_very_report_that_waited() -> None:
    stage = Stage(host_maker)
    async with stage.first() as life:
        await host_is(life, Membership.UP)
        await host_is(life, Membership.DOWN)
        await life.clock.advance(300)
    (before,) = stage.disk.recent(9)
    async with stage.second() as life:
        await life.clock.advance(600)
        assert (life.sent, len(life.waiting)) == (0, 1)
        await host_is(life, Membership.DOWN)
        await life.clock.advance(300)
        (after,) = stage.disk.recent(9)
        assert (after.id, after.body, after.status.value) == (before.id, before.body, "delivered")
