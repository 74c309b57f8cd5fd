"""The first process of the libvirt realm: lays out private folders, runs libvirtd, reaps its orphans.

Runs as pid 1 of its own pid, mount and network namespace (see `realm.py`), so every daemonised QEMU
becomes its child: libvirtd may be killed and started again without any QEMU noticing. A dead QEMU
leaves at once (SIGCHLD is ignored, so the kernel itself reaps): libvirt takes a zombie for a living
process and looks again only 200 ms later. Standard library only.

usage: first_process.py LAYOUT GUEST [ARGUMENT...]
    LAYOUT  folder with etc/, run/, var/ (mounted over /etc/libvirt, /run and /var) and control.sock
    GUEST   folder with vmlinuz and initrd.gz (seen inside as LAYOUT/guest)
    ARGUMENT  of libvirtd
Each connection to control.sock says one word: "start" (libvirtd, if it is not running) or "stop" (end).
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

_CLONE_NEWUTS = 0x04000000
LIBVIRTD = ("/usr/sbin/libvirtd",)


def mount(*arguments: str | Path) -> None:
    """mount(8), an exception if it fails."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def take_name(name: str) -> None:
    """Gives this realm a host name of its own: libvirt migrates nothing to the host that it comes from."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUTS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    socket.sethostname(name)


def lay_out(layout: Path, guest: Path) -> None:
    """Puts private folders over the host's own, in this mount namespace only."""
    mount("--bind", guest, layout / "guest")
    # A file system of 3 MiB: the domain whose disk stands on it runs out of space at once.
    mount("-t", "tmpfs", "-o", "size=3m", "tmpfs", layout / "small")
    users = {
        "passwd": "libvirt-qemu:x:64055:64055:QEMU:/nonexistent:/bin/false\n",
        "group": "libvirt-qemu:x:64055:\n",
    }
    for name, line in users.items():
        own = layout / name
        text = Path("/etc", name).read_text()
        own.write_text(text if line.split(":")[0] + ":" in text else text + line)
        mount("--bind", own, f"/etc/{name}")
    for name, target in (("etc", "/etc/libvirt"), ("run", "/run"), ("var", "/var")):
        mount("--bind", layout / name, target)


def start_libvirtd() -> int:
    """Its pid. In a session of its own, output to this process's log."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.environ["SASL_CONF_PATH"] = f"{sys.argv[1]}/sasl2"
        os.execv(LIBVIRTD[0], (*LIBVIRTD, *sys.argv[3:]))
    return pid


def main() -> None:
    """Serves until SIGTERM or "stop"; the kernel then ends everything else in this pid namespace."""
    layout, guest = Path(sys.argv[1]), Path(sys.argv[2])
    take_name(layout.name)
    lay_out(layout, guest)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(str(layout / "control.sock"))
    control.listen(16)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    libvirtd = start_libvirtd()
    # Reaped by the kernel from here on; mount(8) above had to be waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    word = b""
    while word != b"stop":
        connection, _peer = control.accept()
        # A visitor may say nothing and leave: it wanted to know whose socket this is.
        with connection, contextlib.suppress(OSError):
            word = connection.recv(64).strip()
            if word == b"start" and not os.path.exists(f"/proc/{libvirtd}"):
                libvirtd = start_libvirtd()
            connection.sendall(b"ok")


if __name__ == "__main__":
    main()
