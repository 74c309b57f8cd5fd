"""The monitors in their units, confined as these say, beside what they watch: a real libvirtd, and a real service.

libvirtd and QEMU are this computer's own, which that Debian sees; what they write is that Debian's.
"""

import json
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.waiting import until
from tests.integration.debian.conftest import MASAKARI_PORT
from tests.integration.debian.rig import Host
from tests.integration.virt.configuration import QEMU_CONF, libvirtd_conf
from tests.integration.virt.domain import Domain
from tests.integration.virt.ready import why_not

pytestmark = pytest.mark.xdist_group("debian")

_LIBVIRTD = """\
[Service]
RootDirectory=/outer
MountAPIVFS=yes
TemporaryFileSystem=/var /tmp
BindPaths=/run /run/outer/libvirt:/etc/libvirt
BindReadOnlyPaths=/etc/passwd /etc/group
ExecStart=/usr/sbin/libvirtd
"""


_START = """\
import libvirt
libvirt.open("qemu:///system").createXML(open("/run/domain.xml").read())
"""
_RECEIVER = f"""\
[DEFAULT]
state_path = /run/receiver
[receiver]
port = {MASAKARI_PORT}
"""


def python(host: Host, text: str) -> str:
    """What a program of that Debian's own Python prints."""
    return host.run(f"python3 - <<'END-OF-PROGRAM'\n{textwrap.dedent(text)}\nEND-OF-PROGRAM")


def confinement(host: Host, pid: str) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = host.read(f"/proc/{pid}/status").splitlines()
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    mounts = host.run(f"readlink /proc/{pid}/ns/mnt /proc/1/ns/mnt").split()
    return fields | {"apart": "yes" if len(set(mounts)) == 2 else "no"}


@pytest.fixture
def reports(taken_over: Host) -> Iterator["Reports"]:
    taken_over.write("/run/receiver.conf", _RECEIVER)
    taken_over.run(
        "systemd-run -q --unit receiver masakari-monitors receiver --config-file /run/receiver.conf"
    )
    yield Reports(taken_over)
    taken_over.run("systemctl stop receiver")


class Reports:
    """What the embedded receiver has been told there."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def of(self, word: str) -> list[dict[str, object]]:
        """The payloads of the notifications in which the word stands."""
        asked = f"""
            import json, urllib.request
            at = "http://127.0.0.1:{MASAKARI_PORT}/v1/notifications"
            try:
                found = json.load(urllib.request.urlopen(at))["notifications"]
            except OSError:
                found = []
            print(json.dumps([one["payload"] for one in found if {word!r} in json.dumps(one)]))
        """
        told: list[dict[str, object]] = json.loads(python(self._host, asked))
        return told


def test_an_instance_that_dies_is_reported_by_a_monitor_that_may_do_next_to_nothing(
    taken_over: Host, reports: Reports
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    host, unit, number = taken_over, "masakari-instance-monitor", str(uuid.uuid4())
    host.becomes(unit, "active")
    kernel = confinement(host, host.property(unit, "MainPID"))
    assert (kernel["Seccomp"], kernel["NoNewPrivs"], kernel["apart"]) == ("2", "1", "yes")
    assert int(kernel["CapBnd"], 16) == 1 << 2, "CAP_DAC_READ_SEARCH and nothing else"

    # As whom QEMU runs by default: libvirtd does not begin without it.
    host.run("id -u libvirt-qemu || useradd -r -U libvirt-qemu; mkdir -p /run/outer/libvirt")
    host.write("/run/outer/libvirt/qemu.conf", QEMU_CONF)
    host.write("/run/outer/libvirt/libvirtd.conf", libvirtd_conf("libvirt", "0770"))
    host.write("/run/systemd/system/libvirtd.service", _LIBVIRTD)
    domain = Domain("instance-0001", uuid=number, bare=True, agent="none", memory=16)
    host.write("/run/domain.xml", domain.xml(Path("/run")).replace("/run/console/", "/run/"))
    host.run(f"systemctl daemon-reload; systemctl start libvirtd; systemctl restart {unit}")
    try:
        until(lambda: shown(host)["libvirt"] == "proven", lambda: told(host, unit), every=1)
        python(host, _START)
        until(lambda: shown(host).get(f"vm:{number}") == "up", lambda: told(host, unit), every=1)
        host.run("kill -KILL $(cat /run/libvirt/qemu/instance-0001.pid)")
        (payload,) = until(lambda: reports.of(number), lambda: told(host, unit), every=1)
        assert (payload["event"], payload["vir_domain_event"]) == ("LIFECYCLE", "STOPPED_FAILED")
        assert "instancemonitor.sqlite" in host.run("ls /var/lib/masakarimonitors")
    finally:
        host.run("systemctl stop libvirtd")


def shown(host: Host) -> dict[str, str]:
    """What the instance monitor shows: of libvirt whether it is seen, and each instance."""
    said = host.run("masakari-monitors status --json --monitor instancemonitor", code=None).splitlines()
    snapshot = json.loads(said[-1]) if said and said[-1].startswith("{") else {}
    found = {str(row["subject"]): str(row["state"]) for row in snapshot.get("subjects", ())}
    return found | {"libvirt": snapshot["views"][0]["view"] if snapshot.get("views") else ""}


def test_a_service_is_restarted_and_nothing_of_the_unit_is_handed_on_to_it(taken_over: Host) -> None:
    host, unit = taken_over, "masakari-process-monitor"
    host.becomes(unit, "active")
    found = "pgrep -f '^/usr/local/bin/sturdy infinity'"
    first = until(lambda: host.run(found, code=None), lambda: told(host, unit), every=0.5)
    host.run(f"kill -KILL {first}")
    other = f"{found} | grep -vx {first} || true"
    second = until(lambda: host.run(other), lambda: told(host, unit), every=0.5)
    kernel = confinement(host, second)
    assert (kernel["Seccomp"], kernel["NoNewPrivs"], kernel["apart"]) == ("0", "0", "no")
    assert kernel["Uid"].split() == ["0"] * 4
    host.run(f"systemctl restart {unit}")
    host.becomes(unit, "active")
    assert host.run(found) == second, "it outlives who has started it"


def told(host: Host, unit: str) -> str:
    """For a complaint."""
    return host.run(f"ps faux; masakari-monitors status; journalctl --no-pager -n 30 -u {unit}", code=None)
