"""The door to libvirt against a real libvirtd: refusals, loss, hung calls, URIs that can never work."""

import asyncio
import os
import signal
import stat
import subprocess
import sys

import pytest

from masakarimonitors.system.libvirt import BadUri, Connection, Unanswered, Unavailable, check
from tests.integration.virt.ready import libvirt
from tests.integration.virt.realm import Realm

pytestmark = pytest.mark.xdist_group("virt")
LONG = 60.0


async def test_a_connection_knows_when_libvirtd_is_gone_and_opens_again(realm: Realm) -> None:
    connection = Connection(realm.uri_ro)
    await connection.open(LONG)
    assert await connection.call(lambda c: c.getLibVersion(), LONG) >= 9000000
    realm.kill_libvirtd()
    await asyncio.wait_for(connection.lost.wait(), LONG)
    with pytest.raises(Unavailable, match="away"):
        await connection.call(lambda c: c.getLibVersion(), LONG)
    with pytest.raises(Unavailable, match="refused"):
        await connection.open(LONG)
    realm.start_libvirtd()
    await connection.open(LONG)
    assert connection.connected
    connection.close()


async def test_a_connection_that_broke_without_a_word_is_noticed_by_the_next_call(realm: Realm) -> None:
    """As when libvirtd dies between the opening and the registration of the callback."""
    connection = Connection(realm.uri_ro)
    await connection.open(LONG)
    await connection.call(lambda c: c.unregisterCloseCallback(), LONG)
    realm.kill_libvirtd()
    with pytest.raises(Unavailable):
        await connection.call(lambda c: c.listAllDomains(), LONG)
    assert not connection.connected
    realm.start_libvirtd()
    await connection.open(LONG)
    assert await connection.call(lambda c: c.getLibVersion(), LONG)
    connection.close()


async def test_a_hung_call_holds_up_only_its_own_connection(realm: Realm) -> None:
    hung, other = Connection(realm.uri_ro), Connection(realm.uri_ro)
    await hung.open(LONG)
    await other.open(LONG)
    pid = realm.libvirtd_pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unanswered):
            await hung.call(lambda c: c.listAllDomains(), 0.1)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await other.call(lambda c: c.listAllDomains(), LONG) is not None
    assert await hung.call(lambda c: c.getLibVersion(), LONG)
    for connection in (hung, other):
        connection.close()


async def test_several_who_open_at_once_get_one_connection(realm: Realm) -> None:
    def libvirtd_files() -> int:
        return len(os.listdir(f"/proc/{realm.libvirtd_pid}/fd"))

    before, connection = libvirtd_files(), Connection(realm.uri_ro, threads=4)
    await asyncio.gather(*(connection.open(LONG) for _ in range(20)))
    assert connection.connected
    # Each client is a file of libvirtd's; a few others come and go.
    assert libvirtd_files() < before + 10
    connection.close()


def test_a_uri_that_can_never_work_is_told_from_a_libvirtd_that_is_away(realm: Realm) -> None:
    check([realm.uri_ro, "qemu:///system?socket=/nonexistent/socket", "qemu+tcp://127.0.0.1:1/system"])
    for uri in (
        "qemu+bogus:///system",
        f"qemu:///nope?socket={realm.socket}",
        f"bogus:///system?socket={realm.socket}",
    ):
        with pytest.raises(BadUri, match="connection_uri"):
            check([uri], LONG)


def test_no_permission_says_what_to_do(realm: Realm) -> None:
    assert stat.S_IMODE(realm.socket.stat().st_mode) == 0o700
    script = (
        "import asyncio, os, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "from masakarimonitors.system.libvirt import Connection, Unavailable\n"
        "async def main():\n"
        f"    try: await Connection({realm.uri!r}, readonly=False).open(60)\n"
        "    except Unavailable as error: print(error.never, error)\n"
        "asyncio.run(main())\n"
    )
    # The binding and this package may lie where nobody else may read; they are loaded before that.
    script = "import libvirt, libvirt_qemu, masakarimonitors.system.libvirt\n" + script
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("False"), done.stderr
    assert "uid 65534" in done.stdout
    assert "group" in done.stdout


async def test_calls_end_with_libvirts_own_words(realm: Realm) -> None:
    connection = Connection(realm.uri_ro)
    await connection.open(LONG)
    with pytest.raises(Unavailable) as caught:
        await connection.call(lambda c: c.lookupByName("no-such-machine"), LONG)
    assert caught.value.code == libvirt.VIR_ERR_NO_DOMAIN
    connection.close()
