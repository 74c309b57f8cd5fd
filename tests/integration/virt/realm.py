"""A libvirtd of our own: real, private, quickly started, and gone with the test run.

A `Realm` is a pid, mount, network and host name namespace that holds one libvirtd and its domains. The
host's own /etc/libvirt, /run and /var are not touched: the realm sees folders of its own there,
which stand in one short temporary folder, so that its sockets and pidfiles are reachable from here:

    layout/run/libvirt/libvirt-sock       the read-write socket (`uri`)
    layout/run/libvirt/libvirt-sock-ro    the read-only socket (`uri_ro`)
    layout/run/libvirt/qemu/NAME.pid      libvirt's pidfile of each domain (a pid of the realm, not ours)
    layout/console/NAME.log               the guest's serial console

Nothing outlives the realm: its first process is tied to this one, and the kernel ends the rest.
"""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.fixtures import lifeline
from tests.fixtures.waiting import until
from tests.integration.virt import tiny
from tests.integration.virt.configuration import QEMU_CONF, libvirtd_conf
from tests.integration.virt.domain import Domain
from tests.integration.virt.instance import Instance
from tests.integration.virt.ready import CACHE, libvirt

DEADLINE = 60.0
"""Seconds that anything here may take on a slow, loaded host before it counts as broken."""

_LIBVIRTD_CONF = """\
log_level = 3
log_outputs = "3:stderr"
max_clients = 5000
host_uuid = "{host_uuid}"
"""


def peer_pid(path: Path) -> int | None:
    """The pid, as seen from here, of the process that listens on the unix socket `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(DEADLINE)
        try:
            s.connect(str(path))
        except OSError:
            return None
        return int(struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]) or None


class Realm:
    """One libvirtd; see the module's opening. Made by `opened()`."""

    def __init__(self, layout: Path) -> None:
        self.layout = layout
        self.socket = layout / "run/libvirt/libvirt-sock"
        self.uri = f"qemu:///system?socket={self.socket}"
        self.uri_ro = f"qemu:///system?socket={self.socket}-ro"
        self.test_uri = f"test+unix:///default?socket={self.socket}"
        """libvirt's test driver, shared by all clients: cheap domains in this libvirtd's memory."""
        self.pid_directory = layout / "run/libvirt/qemu"
        self._client: Any = None

    # ---- libvirtd

    def connect(self, uri: str | None = None) -> Any:
        """A connection of its own, independent of every other; the caller closes it."""
        return libvirt.open(uri or self.uri)

    @property
    def client(self) -> Any:
        """The rig's own kept connection (made anew when libvirtd was restarted)."""
        if self._client is not None:
            try:
                self._client.getLibVersion()
            except libvirt.libvirtError:
                self._forget_client()
        if self._client is None:
            self._client = self.connect()
        return self._client

    def _forget_client(self) -> None:
        if self._client is not None:
            with contextlib.suppress(libvirt.libvirtError):
                self._client.close()
            self._client = None

    @property
    def libvirtd_pid(self) -> int | None:
        """Its pid as seen from here; None while it is away."""
        return peer_pid(self.socket)

    def virsh(self, *arguments: str, timeout: float = DEADLINE) -> str:
        """A second client, in a process of its own; its output."""
        done = subprocess.run(
            ["virsh", "-q", "-c", self.uri, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
        )
        return done.stdout

    def kill_libvirtd(self, sig: int = signal.SIGKILL) -> None:
        """Ends libvirtd, and waits until nobody listens any more; every instance runs on."""
        pid = self.libvirtd_pid
        assert pid, "libvirtd is not running"
        self._forget_client()
        os.kill(pid, sig)
        until(lambda: not os.path.exists(f"/proc/{pid}"), "libvirtd to end")

    def start_libvirtd(self) -> None:
        """Starts it if it is away, and waits until it answers."""
        self._control(b"start")
        self.wait_for_libvirtd()

    def _control(self, word: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(DEADLINE)
            s.connect(str(self.layout / "control.sock"))
            s.sendall(word)
            assert s.recv(64) == b"ok"

    def close(self) -> None:
        """Ends everything in the realm at once."""
        self._forget_client()
        self._control(b"stop")

    def restart_libvirtd(self, sig: int = signal.SIGKILL) -> None:
        """`kill_libvirtd` and `start_libvirtd`; instances run on."""
        self.kill_libvirtd(sig)
        self.start_libvirtd()

    def wait_for_libvirtd(self) -> None:
        """Returns when libvirtd answers a client."""

        def answers() -> bool:
            try:
                connection = self.connect()
            except libvirt.libvirtError:
                return False
            connection.close()
            return True

        until(answers, "libvirtd to answer")

    # ---- instances

    def instance(self, name: str) -> Instance:
        """The handle of an instance that may or may not exist."""
        return Instance(self, name)

    def define(self, name: str, **options: Any) -> Instance:
        """An instance that is not started; `options` are those of `Domain`. Replaces one of the same name."""
        instance = self.instance(name)
        instance.remove()
        self.client.defineXML(Domain(name, **options).xml(self.layout))
        return instance

    def boot(self, name: str, *, wait: bool = True, **options: Any) -> Instance:
        """A running guest; with `wait`, returns when its agent answers, and so is anything done that it is told."""
        instance = self.define(name, **options)
        instance.start()
        if wait:
            instance.wait_for_agent()
        return instance

    def paused(self, name: str, **options: Any) -> Instance:
        """A real QEMU process of 50 MB whose guest never executes: enough wherever no guest is needed."""
        instance = self.define(name, **{"memory": 64, "agent": "none", **options})
        instance.start(paused=True)
        return instance

    def bare(self, name: str, **options: Any) -> Instance:
        """A running QEMU whose guest has no system and waits in its BIOS: it can be migrated, saved and reset."""
        instance = self.define(name, **{"memory": 64, "agent": "none", "bare": True, **options})
        instance.start()
        return instance

    def tiny(self, name: str, act: bytes, **options: Any) -> Instance:
        """A QEMU whose guest is paused, and does `act` (of `tiny`) when it is resumed."""
        kernel = self.layout / f"{name}.kernel"
        kernel.write_bytes(tiny.kernel(act))
        return self.paused(name, kernel=str(kernel), **options)

    def ballast(self, mebibytes: int = 16) -> str:
        """A file of random bytes for `Domain.ballast`."""
        path = self.layout / f"ballast-{mebibytes}"
        if not path.exists():
            path.write_bytes(os.urandom(mebibytes << 20))
        return str(path)

    def full_disk(self, name: str) -> Path:
        """A sparse 16 MiB disk on a file system of 3 MiB (a path for `file_disk`): writes soon meet ENOSPC.

        Created inside the realm, where that small file system is mounted.
        """
        pool = self.layout / "small"
        path = pool / f"{name}.raw"
        inside = Path(f"/proc/{peer_pid(self.layout / 'control.sock')}/root{path}")
        with inside.open("wb") as f:
            f.truncate(16 << 20)
        return path

    @contextlib.contextmanager
    def failing_nbd(self, event: str = "pwritev") -> Iterator[Path]:
        """The socket of an NBD export (for `nbd_disk`) on which every request of `event` ends with EIO."""
        folder = Path(tempfile.mkdtemp(prefix="nbd-", dir=self.layout))
        path = folder / "s"
        (folder / "disk.raw").write_bytes(b"")
        os.truncate(folder / "disk.raw", 16 << 20)
        (folder / "blkdebug.conf").write_text(
            f'[inject-error]\nevent = "{event}"\nerrno = "5"\nonce = "off"\n'
        )
        options = (
            f"driver=blkdebug,config={folder}/blkdebug.conf,image.driver=raw,"
            f"image.file.driver=file,image.file.filename={folder}/disk.raw"
        )
        argv = ["qemu-nbd", "-t", "-k", str(path), "-e", "8", "-x", "x", "--image-opts", options]
        with lifeline.running(argv, log=self.layout / "qemu-nbd.log"):
            until(path.exists, "qemu-nbd to listen")
            yield path

    def inside(self, *argv: str | Path) -> list[str | Path]:
        """The command that runs `argv` with this realm's network and its /run."""
        pid = peer_pid(self.layout / "control.sock")
        return ["nsenter", f"--net=/proc/{pid}/ns/net", f"--mount=/proc/{pid}/ns/mnt", *argv]

    def remove_instances(self) -> None:
        """Ends and forgets every instance of this libvirtd."""
        for domain in self.client.listAllDomains():
            self.instance(domain.name()).remove()


_NO_NETWORK = "listen_tls = 0\nlisten_tcp = 0\n"


@contextlib.contextmanager
def opened(prepare: Callable[[Path], str] = lambda layout: "") -> Iterator[Realm]:
    """A realm with libvirtd running and no instance; about a second. Everything of it ends with the block.

    `prepare` may lay out what the realm needs to be spoken to over its own loopback; what it returns goes into
    libvirtd.conf, and libvirtd then listens there.
    """
    for old in Path("/tmp").glob("mmv-*"):
        # Left by a run that was killed: its processes are gone, its folder is not.
        if time.time() - old.stat().st_mtime > DEADLINE and not peer_pid(old / "control.sock"):  # noqa: TID251
            shutil.rmtree(old, ignore_errors=True)
    # Short: a unix socket's path has 107 bytes, and libvirt's are long.
    layout = Path(tempfile.mkdtemp(prefix="mmv-", dir="/tmp"))
    try:
        for folder in ("console", "guest", "small", "etc", "run/libvirt", "run/lock"):
            (layout / folder).mkdir(parents=True)
        for kind in ("lib", "log", "cache"):
            (layout / "var" / kind / "libvirt").mkdir(parents=True)
        (layout / "var/run").symlink_to("/run")
        (layout / "var/tmp").mkdir()
        more = prepare(layout)
        (layout / "etc/libvirtd.conf").write_text(
            (more or _NO_NETWORK)
            + libvirtd_conf("root", "0700")
            + _LIBVIRTD_CONF.format(host_uuid=uuid.uuid4())
        )
        (layout / "etc/qemu.conf").write_text(QEMU_CONF)
        # Others may pass (a test connects as an unprivileged user).
        layout.chmod(0o755)
        script = Path(__file__).with_name("first_process.py")
        first: list[str | Path] = [sys.executable, "-S", "-E", script, layout, CACHE / "guest"]
        first += ["--listen"] if more else []
        log = layout / "libvirtd.log"
        with lifeline.running(first, realm=True, net=True, log=log) as process:
            realm = Realm(layout)
            try:
                until(lambda: realm.libvirtd_pid or process.poll() is not None, "libvirtd to listen")
                if process.poll() is not None:
                    raise AssertionError(f"the realm ended with {process.returncode}:\n{log.read_text()}")
                realm.wait_for_libvirtd()
                yield realm
            finally:
                with contextlib.suppress(OSError):
                    realm.close()
                    process.wait(DEADLINE)
    finally:
        # The kernel ends the realm's processes before unshare's child is reaped; its mounts go with them.
        def removed() -> bool:
            shutil.rmtree(layout, ignore_errors=True)
            return not layout.exists()

        until(removed, f"{layout} to be removed")
