"""The first process of the libvirt realm: lays out private folders, runs libvirtd, reaps its orphans.

Runs as pid 1 of its own pid, mount and network namespace (see `realm.py`), so every daemonised QEMU
becomes its child: libvirtd may be killed and started again without any machine noticing, and a dead
QEMU never stays a zombie (libvirt would notice it 1-2 s late). Standard library only.

usage: first_process.py LAYOUT GUEST
    LAYOUT  folder with etc/, run/, var/ (mounted over /etc/libvirt, /run and /var) and control.sock
    GUEST   folder with vmlinuz and initrd.gz (seen inside as LAYOUT/guest)
Each connection to control.sock says one word: "start" (libvirtd, if it is not running) or "stop" (end).
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path

LIBVIRTD = ("/usr/sbin/libvirtd",)


def mount(*arguments: str | Path) -> None:
    """mount(8), an exception if it fails."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def lay_out(layout: Path, guest: Path) -> None:
    """Puts private folders over the machine's own, in this mount namespace only."""
    mount("--bind", guest, layout / "guest")
    # A file system of 3 MiB: the machine whose disk stands on it runs out of space at once.
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
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execv(LIBVIRTD[0], LIBVIRTD)
    return pid


def main() -> None:
    """Serves until SIGTERM or "stop"; the kernel then ends everything else in this pid namespace."""
    layout, guest = Path(sys.argv[1]), Path(sys.argv[2])
    lay_out(layout, guest)
    signals_in, signals_out = socket.socketpair()
    signals_in.setblocking(False)
    signals_out.setblocking(False)
    signal.set_wakeup_fd(signals_out.fileno())
    stop = False

    def on_term(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(str(layout / "control.sock"))
    control.listen(16)
    waiting = selectors.DefaultSelector()
    waiting.register(control, selectors.EVENT_READ)
    waiting.register(signals_in, selectors.EVENT_READ)
    libvirtd = start_libvirtd()
    while not stop:
        for key, _ in waiting.select():
            if key.fileobj is signals_in:
                with contextlib.suppress(BlockingIOError):
                    signals_in.recv(4096)
                continue
            connection, _peer = control.accept()
            with connection:
                word = connection.recv(64).strip()
                if word == b"start" and not libvirtd:
                    libvirtd = start_libvirtd()
                stop = stop or word == b"stop"
                connection.sendall(b"ok")
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                if ended == libvirtd:
                    libvirtd = 0


if __name__ == "__main__":
    main()
