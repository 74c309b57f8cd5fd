"""What others have told masakari: all pages, with names, or nothing at all."""

import datetime

import pytest

from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.shadow.theirs import AGAIN, FOUND_FOR, NAMES, Theirs
from tests.fixtures.fake_clock import EPOCH
from tests.fixtures.fake_lists import FakeLists

SINCE = EPOCH - datetime.timedelta(seconds=60)
STOPPED = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"}


@pytest.fixture
def lists() -> FakeLists:
    return FakeLists({"s": ["node01", "node05", "node06"]})


async def test_the_hosts_of_others_by_their_names(lists: FakeLists) -> None:
    for host in ("node01", "node05", "node06"):
        lists.file(host, "COMPUTE_HOST", STOPPED, EPOCH.isoformat())
    theirs = Theirs(lists, "hostmonitor", "NODE01")
    told = await theirs.read(SINCE)
    assert sorted(one.subject for one in told) == ["host:node05", "host:node06"]
    before = len(lists.asked)
    await theirs.read(SINCE)
    assert len(lists.asked) == before + 2, "names are asked for once, and where the list ends each time"
    assert await theirs.read(EPOCH + datetime.timedelta(hours=1)) == []


async def test_of_processes_and_instances_those_of_this_host(lists: FakeLists) -> None:
    for host in ("node01", "node05"):
        lists.file(host, "PROCESS", {"event": "STOPPED", "process_name": f"p-{host}"}, EPOCH.isoformat())
        for event in ("LIFECYCLE", "QEMU_GUEST_AGENT_ERROR"):
            payload = {"event": event, "instance_uuid": f"i-{host}", "vir_domain_event": "STOPPED_FAILED"}
            lists.file(host, "VM", payload, EPOCH.isoformat())
    processes = await Theirs(lists, "processmonitor", "node05").read(SINCE)
    assert [one.subject for one in processes] == ["process:p-node05"]
    instances = await Theirs(lists, "instancemonitor", "node05").read(SINCE)
    assert [(one.subject, one.says) for one in instances] == [("vm:i-node05", "LIFECYCLE STOPPED_FAILED")]


async def test_a_list_that_the_api_cuts_is_read_to_its_end() -> None:
    hosts = ["node01", *(f"n{number}" for number in range(7))]
    lists = FakeLists({"s": hosts}, longest=3)
    for host in hosts:
        lists.file(host, "COMPUTE_HOST", STOPPED, EPOCH.isoformat())
        lists.file(host, "PROCESS", {"event": "STOPPED", "process_name": f"p-{host}"}, EPOCH.isoformat())
    told = await Theirs(lists, "hostmonitor", "node01").read(SINCE)
    assert sorted(one.subject for one in told) == [f"host:{name}" for name in sorted(hosts[1:])]
    for number in range(4):
        lists.file("n5", "PROCESS", {"event": "STOPPED", "process_name": f"q{number}"}, EPOCH.isoformat())
    told = await Theirs(lists, "processmonitor", "n5").read(SINCE)
    assert len(told) == 5 and {one.subject for one in told} >= {"process:p-n5", "process:q0"}


async def test_what_cannot_be_read_is_not_nothing(lists: FakeLists) -> None:
    theirs = Theirs(lists, "processmonitor", "node05")
    assert await theirs.read(SINCE) == []
    lists.fails = "away"
    with pytest.raises(LookupFailed, match="away"):
        await theirs.read(SINCE)
    lists.fails = ""
    assert await theirs.read(SINCE) == []
    with pytest.raises(LookupFailed, match="in none"):
        await Theirs(lists, "processmonitor", "stranger").read(SINCE)


async def test_this_host_is_looked_for_seldom(lists: FakeLists) -> None:
    theirs = Theirs(lists, "processmonitor", "stranger")
    for _ in range(AGAIN):
        with pytest.raises(LookupFailed, match="in none"):
            await theirs.read(SINCE)
    looked = len(lists.asked)
    lists.segments["s"].append("stranger")
    assert await theirs.read(SINCE) == [] and len(lists.asked) > looked
    looked = len(lists.asked)
    for _ in range(FOUND_FOR):
        await theirs.read(SINCE)
    assert len(lists.asked) == looked + FOUND_FOR, "one question a reading"
    await theirs.read(SINCE)
    assert len(lists.asked) > looked + FOUND_FOR + 1, "it may stand under another uuid by now"


async def test_a_host_that_was_deleted_since_keeps_its_uuid_for_a_name(lists: FakeLists) -> None:
    lists.file("node05", "COMPUTE_HOST", STOPPED, EPOCH.isoformat())
    lists.segments["s"].remove("node05")
    told = await Theirs(lists, "hostmonitor", "node01").read(SINCE)
    assert [one.subject for one in told] == ["host:uuid-of-node05"]


async def test_the_names_of_many_hosts_are_asked_for_in_several_readings() -> None:
    hosts = [f"n{number}" for number in range(NAMES + 3)]
    lists = FakeLists({"s": hosts})
    for host in hosts:
        lists.file(host, "COMPUTE_HOST", STOPPED, EPOCH.isoformat())
    theirs = Theirs(lists, "hostmonitor", "other")
    with pytest.raises(LookupFailed, match="3 hosts are not known yet"):
        await theirs.read(SINCE)
    assert len(await theirs.read(SINCE)) == NAMES + 3
