"""A small Debian of this computer's own release with its own systemd, in namespaces: packages are installed and
services run there as on a host.

Its files are the cache's (tools/setup-debian.sh), its changes live in memory, and all of it ends with the test run.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import prometheus_client

from tests.fixtures import earlier_release, lifeline
from tests.fixtures.cache import cache
from tests.fixtures.waiting import PATIENCE, until

ROOT = Path(__file__).parents[3]
MONITORS = ("host", "instance", "introspective-instance", "process")


class Host:
    """A booted one; `run` does something there."""

    def __init__(self, pid: int, log: Path) -> None:
        self._pid = pid
        self._log = log

    def run(self, script: str, *, code: int | None = 0) -> str:
        """What a shell says there, stderr included; `code`: how it must end, None: in any way."""
        enter = [
            "nsenter",
            f"--target={self._pid}",
            *["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"],
        ]
        ran = subprocess.run(
            [*enter, "/bin/sh", "-euc", script],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL": "C.UTF-8",
                "DEBIAN_FRONTEND": "noninteractive",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
        if code is not None and ran.returncode != code:
            said = self._log.read_text(errors="replace")[-3000:]
            raise AssertionError(
                f"{script}\nended with {ran.returncode}:\n{ran.stdout}\nprocess 1 said:\n{said}"
            )
        return ran.stdout.strip()

    def property(self, unit: str, name: str) -> str:
        return self.run(f"systemctl show -P {name} {unit}")

    def becomes(self, unit: str, state: str) -> None:
        """Wait until systemd calls it so."""
        until(
            lambda: self.property(unit, "ActiveState") == state,
            lambda: self.run(
                f"systemctl status --no-pager -l {unit}; journalctl --no-pager -n 30 -u {unit}", code=None
            ),
            every=0.1,
        )

    def read(self, path: str) -> str:
        return self.run(f"cat {path}")

    def write(self, path: str, text: str) -> None:
        self.run(f"cat > {path} <<'END-OF-FILE'\n{text}\nEND-OF-FILE")


def _own_cgroup() -> Path:
    """A folder among the control groups of this computer, below which that systemd makes its own.

    Named by chance, not by a process id: a run in namespaces of its own may have the same, and sees the same groups.
    """
    for base in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")):
        if (base / "cgroup.procs").exists():
            return base / f"masakari-monitors-{secrets.token_hex(6)}"
    raise AssertionError("no unified hierarchy of control groups is mounted on this computer")


@contextlib.contextmanager
def booted(folder: Path, packages: Path) -> Iterator[Host]:
    """A fresh one; `packages` is seen there as /mnt."""
    root = cache("debian") / "root"
    assert (root / "usr/bin/dpkg").is_file(), f"{root} is not there: tools/setup-debian.sh makes it"
    changes, log = folder / "changes", folder / "log"
    changes.mkdir(parents=True)
    group = _own_cgroup()
    group.mkdir()
    # Into its control group ahead of the namespaces, so that they show it as the root of all.
    argv = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", "unshare"]
    argv += [f"--{namespace}" for namespace in ("mount", "pid", "ipc", "uts", "net", "cgroup", "fork")]
    argv += ["--kill-child=SIGKILL", "--propagation", "private", "--"]
    argv += ["sh", str(Path(__file__).parent / "boot.sh"), str(root), str(changes), str(packages)]
    try:
        with lifeline.running(argv, log=log) as outside:
            first = until(
                lambda: outside.poll() is not None or _child(outside.pid),
                lambda: log.read_text(errors="replace"),
            )
            assert outside.poll() is None, log.read_text(errors="replace")
            host = Host(first, log)
            until(
                lambda: host.run("systemctl is-system-running", code=None) in ("running", "degraded"),
                lambda: log.read_text(errors="replace"),
                every=0.1,
            )
            # What no package installs but a maintainer script makes: who may use sudo is asked of PAM.
            for what in ("auth", "account", "password", "session", "session-noninteractive"):
                host.write(f"/etc/pam.d/common-{what}", f"{what.partition('-')[0]} required pam_unix.so")
            yield host
    finally:
        until(lambda: _removed(group), "the control groups to be empty")


def _child(pid: int) -> int:
    """The first process of the namespaces, once it is the service manager."""
    try:
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(child) if "systemd" in Path(f"/proc/{child}/comm").read_text() else 0
    except (OSError, ValueError):
        return 0


def _removed(group: Path) -> bool:
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
    return not group.exists()


def built(folder: Path) -> Path:
    """The packages of what stands here, and those that they replace below `replaced`."""
    subprocess.run(
        [ROOT / "tools/build-deb.sh", folder],
        env={**os.environ, "DEB_COMPRESSION": "none"},
        check=True,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    (folder / "replaced").mkdir()
    for package in (cache("debian") / "replaced").iterdir():
        shutil.copy(package, folder / "replaced")
    shutil.copytree(ROOT / "etc", folder / "etc")
    return folder


def archive(packages: Path) -> str:
    """Makes an archive of those that ours replace, as apt reads one, and returns the line that names it there."""
    entries = []
    for deb in sorted((packages / "replaced").glob("*.deb")):
        fields = subprocess.run(["dpkg-deb", "-f", deb], check=True, capture_output=True, text=True).stdout
        number = hashlib.sha256(deb.read_bytes()).hexdigest()
        entries.append(f"{fields}Filename: {deb.name}\nSize: {deb.stat().st_size}\nSHA256: {number}\n")
    (packages / "replaced" / "Packages").write_text("\n".join(entries))
    return "deb [trusted=yes] file:/mnt/replaced ./"


EARLIER = "1:0.9"
"""The number of the packages below `earlier`."""


def earlier(packages: Path, scratch: Path) -> None:
    """Below `earlier`: the package of the programs with those of an earlier release, and the process monitor's for it.

    Of what is around them, one file has changed since that an operator may edit: the rotation of the logs.
    """
    (packages / "earlier").mkdir()
    for name in ("masakari-monitors", "masakari-process-monitor"):
        (deb,) = packages.glob(f"{name}_*.deb")
        tree = scratch / name
        subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
        control = tree / "DEBIAN" / "control"
        text = control.read_text()
        number = next(line.split()[1] for line in text.splitlines() if line.startswith("Version:"))
        control.write_text(text.replace(number, EARLIER))
        if name == "masakari-monitors":
            _programs_of_then(tree / "usr/lib/masakari-monitors")
            with (tree / "etc/logrotate.d/masakari-monitors").open("a") as rotation:
                rotation.write("# of then\n")
        made = packages / "earlier" / deb.name
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made],
            check=True,
            capture_output=True,
        )
        shutil.rmtree(tree)


def _programs_of_then(environment: Path) -> None:
    (site,) = environment.glob("lib/python3*/site-packages")
    for ours in (site / "masakarimonitors", *site.glob("masakari_monitors-*.dist-info")):
        shutil.rmtree(ours)
    earlier_release.unpack(site)
    # What it needs that this project needs no more.
    shutil.copytree(Path(prometheus_client.__file__).parent, site / "prometheus_client")
    (entries,) = site.glob("masakari_monitors-*.dist-info/entry_points.txt")
    for ours in (environment / "bin").glob("masakari-*"):
        ours.unlink()
    for name, module in re.findall(r"^(masakari-\S+) = (\S+):main$", entries.read_text(), re.MULTILINE):
        program = environment / "bin" / name
        program.write_text(f"#!/usr/lib/masakari-monitors/bin/python3\nfrom {module} import main\n\nmain()\n")
        program.chmod(0o755)
