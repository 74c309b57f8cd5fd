"""What each host's monitor says of itself, on Leases that a replayed API server keeps."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.peers.announcement import LARGEST
from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.peers import FLEET, LeaseWords, selector, words_lease
from tests.fixtures.kubernetes_replay import Replay


@pytest.fixture
async def server() -> AsyncIterator[Replay]:
    async with Replay([]).serve() as serving:
        yield serving


def words(server: Replay, folder: Path) -> LeaseWords:
    return LeaseWords(Credentials(str(server.kubeconfig(folder))), "ours", "masakari-hostmonitor")


async def test_each_host_has_a_lease_and_all_are_read_at_once(server: Replay, tmp_path: Path) -> None:
    told = words(server, tmp_path)
    assert await told.read() == {}
    for node, value in (("Node01", b"one"), ("node02", b"two"), ("Node01", b"three")):
        await told.tell(node, value)
    assert await told.read() == {"node01": b"three", "node02": b"two"}
    assert set(server.labelled) == {"masakari-hostmonitor-node01", "masakari-hostmonitor-node02"}
    assert server.lease is None, "the election's is not touched"


async def test_a_right_that_is_missing_is_named(server: Replay, tmp_path: Path) -> None:
    server.labelled_status = 403
    told = words(server, tmp_path)
    for act in (told.read(), told.tell("node01", b"x")):
        with pytest.raises(NotShared, match="needs get, create, update, list on leases"):
            await act


async def test_a_server_that_fails_is_said(server: Replay, tmp_path: Path) -> None:
    server.labelled_status = 500
    told = words(server, tmp_path)
    with pytest.raises(NotShared, match="refused with 500"):
        await told.read()


async def test_without_credentials_nothing_is_told(tmp_path: Path) -> None:
    told = LeaseWords(Credentials(str(tmp_path / "none")), "ours", "l")
    with pytest.raises(NotShared, match="no usable credentials"):
        await told.tell("node01", b"x")


async def test_odd_leases_break_nothing(server: Replay, tmp_path: Path) -> None:
    label = {FLEET: "masakari-hostmonitor"}
    server.labelled = {
        "1": {"metadata": {"labels": label}},
        "2": {"metadata": {"labels": label, "name": "another", "annotations": {}}},
        "3": {"metadata": {"labels": label, "name": "masakari-hostmonitor-n3", "annotations": ["x"]}},
        "4": {"metadata": {"labels": label, "name": "masakari-hostmonitor-n4", "annotations": None}},
        "5": {
            "metadata": {
                "labels": label,
                "name": "masakari-hostmonitor-n5",
                "annotations": {"masakari-monitors/announcement": 7},
            }
        },
    }
    assert await words(server, tmp_path).read() == {"n3": b"", "n4": b"", "n5": b"7"}


async def test_a_lease_of_that_name_that_is_another_elections_is_left_alone(
    server: Replay, tmp_path: Path
) -> None:
    """One election may be called as the other is with a node's name behind."""
    there = {
        "metadata": {"name": "masakari-hostmonitor-az1", "resourceVersion": "1", "annotations": {"a": "b"}},
        "spec": {"holderIdentity": "node07"},
    }
    server.labelled["masakari-hostmonitor-az1"] = there
    with pytest.raises(NotShared, match=r"ours/masakari-hostmonitor-az1.*is not of these"):
        await words(server, tmp_path).tell("az1", b"x")
    assert server.labelled["masakari-hostmonitor-az1"] == there


async def test_no_more_is_kept_of_a_lease_than_a_monitor_says(server: Replay, tmp_path: Path) -> None:
    await words(server, tmp_path).tell("node01", b"x" * 200_000)
    (value,) = (await words(server, tmp_path).read()).values()
    assert len(value) == LARGEST + 1


def test_a_label_is_one_whatever_the_lease_is_called() -> None:
    name = "a" * 62 + ".b.c"
    assert selector(name) == f"{FLEET}={'a' * 62}"
    assert words_lease(name, "node01", "x")["metadata"]["labels"][FLEET] == "a" * 62
