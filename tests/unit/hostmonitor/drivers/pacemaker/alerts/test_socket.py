"""The alert socket: whose word counts, who may write, and whose the path is when one monitor follows another."""

import array
import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.senders import Accounts, Senders
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.socket import Alerts
from masakarimonitors.system.network.socket_path import Taken
from tests.fixtures.open_files import open_files, opened_since
from tests.fixtures.waiting import PATIENCE

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users, which only root may")

STRANGER, PACEMAKER, MONITOR, GROUP = 64001, 64002, 64003, 64004
ACCOUNTS = Accounts(frozenset({os.getuid(), PACEMAKER}), GROUP)
GOODBYE = "kind=attribute node=r1 attribute_name=shutdown attribute_value=1"

# Another user only after the imports and inside the folder: both may stand where only root can go.
BECOME = (
    "import os, socket, struct, sys\n"
    "os.chdir(os.path.dirname(sys.argv[1])); name = os.path.basename(sys.argv[1])\n"
    "os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))\n"
)
SEND = BECOME + "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[4].encode(), name)"
FORGE = BECOME + (
    "door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    "door.connect(name)\n"
    "root = struct.pack('iII', os.getpid(), 0, 0)\n"
    "door.sendmsg([sys.argv[4].encode()], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, root)])"
)


@contextmanager
def listening(
    path: Path, accounts: Callable[[], Accounts] = lambda: ACCOUNTS
) -> Iterator[asyncio.Queue[str]]:
    heard: asyncio.Queue[str] = asyncio.Queue()
    alerts = Alerts(path, heard.put_nowait, Senders(path, accounts))
    path.chmod(0o666)
    try:
        yield heard
    finally:
        alerts.close()


async def write(path: Path, uid: int, gid: int, text: str = GOODBYE, script: str = SEND) -> str:
    """From a process of that user: only the kernel can say whose it is. What it complains of."""
    command = [sys.executable, "-IS", "-c", script, str(path), str(uid), str(gid), text]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.stderr


async def heard_by(alerts: asyncio.Queue[str]) -> str:
    async with asyncio.timeout(60):
        return await alerts.get()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """In a folder that every user can enter, as /run/masakari-monitors is."""
    tmp_path.chmod(0o711)
    return tmp_path / "alert.sock"


@needs_root
@pytest.mark.parametrize(
    ("uid", "gid"), [(0, 0), (PACEMAKER, STRANGER), (STRANGER, GROUP)], ids=["root", "hacluster", "haclient"]
)
async def test_whom_pacemaker_obeys_is_believed(path: Path, uid: int, gid: int) -> None:
    with listening(path) as alerts:
        assert await write(path, uid, gid) == ""
        assert await heard_by(alerts) == GOODBYE


@needs_root
async def test_a_strangers_goodbye_is_dropped_and_he_is_named_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(path) as alerts, caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert await write(path, STRANGER, STRANGER) == ""
        await write(path, PACEMAKER, PACEMAKER, "kind=node")
        assert await heard_by(alerts) == "kind=node"
        assert alerts.empty()
    (word,) = caplog.messages
    assert word.startswith(f"User {STRANGER} writes to the alert socket {path} and is refused")


@needs_root
async def test_who_calls_himself_root_is_refused_by_the_kernel(path: Path) -> None:
    with listening(path) as alerts:
        assert "PermissionError" in await write(path, STRANGER, STRANGER, script=FORGE)
        await write(path, PACEMAKER, PACEMAKER, "after it")
        assert await heard_by(alerts) == "after it"


@needs_root
async def test_who_becomes_known_later_is_believed_from_then_on(path: Path) -> None:
    """Pacemaker is installed while the monitor runs."""
    known = Accounts(frozenset({0}), None)
    with listening(path, lambda: known) as alerts:
        known = ACCOUNTS
        await write(path, PACEMAKER, PACEMAKER)
        assert await heard_by(alerts) == GOODBYE


async def test_file_descriptors_that_come_along_are_not_taken(path: Path) -> None:
    with listening(path) as alerts, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.connect(str(path))
        before = open_files()
        along = array.array("i", [door.fileno()] * 4)
        door.sendmsg([b"look"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, along)])
        assert await heard_by(alerts) == "look"
        assert not opened_since(before)


LISTEN = (
    "import asyncio, os, sys\n"
    "from pathlib import Path\n"
    "from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.senders import Accounts, Senders\n"
    "from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.socket import Alerts\n"
    "uid, group, believed = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])\n"
    "os.chdir(os.path.dirname(sys.argv[1])); path = Path(os.path.basename(sys.argv[1])); os.chown('.', uid, -1)\n"
    "async def listen():\n"
    "    heard = asyncio.Queue()\n"
    "    os.setgroups([]); os.setgid(uid); os.setuid(uid)\n"
    "    accounts = Accounts(frozenset({uid, believed}), group)\n"
    "    alerts = Alerts(path, heard.put_nowait, Senders(path, lambda: accounts))\n"
    "    print(alerts.writers, flush=True)\n"
    "    print(await heard.get(), flush=True)\n"
    "    alerts.close()\n"
    "asyncio.run(listen())\n"
)


@needs_root
async def test_a_monitor_outside_pacemakers_group_lets_that_group_write_and_no_stranger(path: Path) -> None:
    """Only a member may give a file to a group; every owner may name one in an access control list."""
    monitor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LISTEN, str(path), str(MONITOR), str(GROUP), str(PACEMAKER)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert monitor.stdout is not None
    try:
        async with asyncio.timeout(60):
            writers = await monitor.stdout.readline()
        assert writers == b"group haclient, by an access control list\n"
        assert "PermissionError" in await write(path, STRANGER, STRANGER)
        assert await write(path, PACEMAKER, GROUP) == ""
        async with asyncio.timeout(60):
            assert await monitor.stdout.readline() == GOODBYE.encode() + b"\n"
        async with asyncio.timeout(60):
            assert await monitor.wait() == 0
    finally:
        if monitor.returncode is None:
            monitor.kill()
            await monitor.wait()


async def test_a_socket_left_behind_is_replaced_and_a_successors_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "alert.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ended:
        ended.bind(str(path))
    first = Alerts(path, lambda text: None)
    with pytest.raises(Taken, match="a process answers there already"):
        Alerts(path, lambda text: None)
    path.unlink()
    second = Alerts(path, lambda text: None)
    first.close()
    assert path.exists()
    second.close()
    assert not path.exists()


async def test_what_is_not_its_own_is_left_there(tmp_path: Path) -> None:
    path = tmp_path / "alert.sock"
    path.write_text("precious")
    with pytest.raises(Taken, match="an ordinary file stands there"):
        Alerts(path, lambda text: None)
    assert path.read_text() == "precious"
