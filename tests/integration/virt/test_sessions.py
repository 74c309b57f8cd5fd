"""Sessions with a real libvirtd: refusals, loss, hung calls, threads that end, URIs that can never work."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
from typing import Any

import pytest

from masakarimonitors.libvirt.domain_state import DomainState, EventId, Lifecycle
from masakarimonitors.libvirt.faults import Unanswered, Unavailable
from masakarimonitors.libvirt.session import left_behind, session
from masakarimonitors.libvirt.trial import check, try_all
from masakarimonitors.libvirt.uri import BadUri
from tests.fixtures.waiting import eventually
from tests.integration.virt.realm import Realm

pytestmark = pytest.mark.xdist_group("virt")
LONG = 60.0


def version(connection: Any) -> Any:
    return connection.getLibVersion()


def clients(realm: Realm) -> int:
    """Connections that libvirtd has; the rig's own are among them."""
    return len(os.listdir(f"/proc/{realm.libvirtd_pid}/fd"))


def threads(purpose: str) -> int:
    return sum(thread.name.startswith(purpose) for thread in threading.enumerate())


async def test_a_session_knows_when_libvirtd_is_gone_and_the_next_one_when_it_is_back(realm: Realm) -> None:
    with pytest.raises(Unavailable, match="connection broke"):
        async with session(realm.uri_ro, "door") as opened:
            assert await opened.call(version, LONG) >= 9000000
            realm.kill_libvirtd()
            async with asyncio.timeout(LONG):
                await opened.lost.wait()
            await opened.call(version, LONG)
    with pytest.raises(Unavailable, match="refused"):
        async with session(realm.uri_ro, "door"):
            pytest.fail("it was opened")  # pragma: no cover
    realm.start_libvirtd()
    async with session(realm.uri_ro, "door") as opened:
        assert await opened.call(version, LONG) >= 9000000
    await eventually(lambda: threads("door") == 0, "the threads of all three to end")


async def test_a_connection_that_broke_without_a_word_is_noticed_by_the_next_call(realm: Realm) -> None:
    """As when libvirtd dies between the opening and the registration of the callback."""
    async with session(realm.uri_ro, "door") as opened:
        await opened.call(lambda connection: connection.unregisterCloseCallback(), LONG)
        realm.kill_libvirtd()
        with pytest.raises(Unavailable):
            await opened.call(lambda connection: connection.listAllDomains(), LONG)
        assert opened.lost.is_set()
    realm.start_libvirtd()


async def test_a_hung_call_ends_its_session_alone_and_comes_back_by_itself(realm: Realm) -> None:
    pid = realm.libvirtd_pid
    assert pid
    async with session(realm.uri_ro, "other") as other:
        with pytest.raises(Unanswered):
            async with session(realm.uri_ro, "hung") as hung:
                os.kill(pid, signal.SIGSTOP)
                try:
                    await hung.call(lambda connection: connection.listAllDomains(), 0.1)
                finally:
                    assert (
                        left_behind(realm.uri_ro, "hung") == 0
                    )  # not over yet: nothing is left behind of it
                    os.kill(pid, signal.SIGCONT)
        assert await other.call(lambda connection: connection.listAllDomains(), LONG) is not None
    await eventually(lambda: threads("hung") == 0, "the hung call to come back, and its thread to end")
    assert left_behind(realm.uri_ro, "hung") == 0


async def test_sessions_with_events_leave_no_connection_behind(realm: Realm) -> None:
    """A binding keeps a connection open for as long as a callback of it is registered."""
    before = clients(realm)
    for _ in range(30):
        async with session(realm.uri_ro, "leak") as opened:
            await opened.subscribe(
                {EventId.LIFECYCLE: lambda *_: None, EventId.REBOOT: lambda *_: None}, LONG
            )
    # Each client is a file of libvirtd's; a few others come and go.
    await eventually(lambda: clients(realm) < before + 10, "libvirtd to have no more clients than before")
    await eventually(lambda: threads("leak") == 0, "the threads to end")


async def test_answers_stand_behind_the_events_of_what_they_tell(realm: Realm) -> None:
    """Asked over another connection at the very moment of a death: who is told that it is off has heard why."""
    deaths: list[str] = []
    instance = realm.define("order", memory=64, agent="none", bare=True)
    loop = asyncio.get_running_loop()

    def heard(_connection: Any, domain: Any, event: int, _detail: int, _opaque: Any) -> None:
        if event == Lifecycle.STOPPED and domain.name() == instance.name:
            loop.call_soon_threadsafe(deaths.append, domain.name())

    def is_off(connection: Any) -> bool:
        return bool(connection.lookupByName(instance.name).state()[0] == DomainState.SHUTOFF)

    async with session(realm.uri_ro, "events") as events, session(realm.uri_ro, "asked") as asked:
        await events.subscribe({EventId.LIFECYCLE: heard}, LONG)
        for number in range(5):
            await asyncio.to_thread(instance.start, paused=True)
            instance.kill()
            while not await asked.call(is_off, LONG):
                assert len(deaths) <= number + 1
            await events.let_events_pass(LONG)
            assert len(deaths) == number + 1
    instance.remove()


def test_a_uri_that_can_never_work_is_told_from_a_libvirtd_that_is_away(realm: Realm) -> None:
    check([realm.uri_ro, "qemu:///system?socket=/nonexistent/socket", "qemu+tcp://127.0.0.1:1/system"])
    for uri in (
        "qemu+bogus:///system",
        f"qemu:///nope?socket={realm.socket}",
        f"bogus:///system?socket={realm.socket}",
    ):
        with pytest.raises(BadUri, match="connection_uri"):
            check([uri], LONG)


def test_the_right_to_ask_guests_is_tried_apart(realm: Realm) -> None:
    assert try_all([realm.uri], readonly=False, timeout=LONG) == {realm.uri: None}


def test_no_permission_says_what_to_do(realm: Realm) -> None:
    assert stat.S_IMODE(realm.socket.stat().st_mode) == 0o700
    script = (
        "import asyncio, os, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "from masakarimonitors.libvirt.session import session\n"
        "from masakarimonitors.libvirt.faults import Unavailable\n"
        "async def main():\n"
        "    try:\n"
        f"        async with session({realm.uri!r}, 'test', readonly=False, timeout=60): pass\n"
        "    except Unavailable as error: print(error.never, error.refused, error)\n"
        "asyncio.run(main())\n"
    )
    # The binding and this package may lie where nobody else may read; they are loaded before that.
    script = "import libvirt, libvirt_qemu, masakarimonitors.libvirt.session, encodings.idna\n" + script
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("False True"), done.stderr
    assert "uid 65534" in done.stdout
    assert "group" in done.stdout
