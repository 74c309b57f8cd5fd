"""The monitors in their units, confined as these say, beside what they watch: a real libvirtd, a real cluster, and a
real service.

libvirtd, QEMU, Corosync and Pacemaker are this computer's own, which that Debian sees; what they write stays there.
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
from tests.integration.pacemaker.rig import why_not as no_cluster
from tests.integration.virt.configuration import QEMU_CONF, libvirtd_conf
from tests.integration.virt.domain import Domain
from tests.integration.virt.ready import why_not

# Longer than a slow computer needs for all that is waited for in one of them.
pytestmark = [pytest.mark.xdist_group("debian"), pytest.mark.timeout(900)]

_OUTER = """\
[Service]
Type={kind}
RootDirectory=/outer
MountAPIVFS=yes
TemporaryFileSystem=/var /tmp
BindPaths=/run {configuration}
BindReadOnlyPaths=/etc/passwd /etc/group /etc/hosts
ExecStart=/bin/sh -c 'ln -s /run /var/run; {script}'
"""
"""A daemon of this computer's own, which that Debian sees; what it writes is that Debian's."""
_COROSYNC = """\
totem {
  version: 2
  cluster_name: here
  transport: knet
  crypto_cipher: none
  crypto_hash: none
  seqno_unchanged_const: 2
}
quorum {
  provider: corosync_votequorum
}
nodelist {
  node {
    name: node
    nodeid: 1
    ring0_addr: 127.0.0.1
  }
}
"""
_CIB = """\
<cib validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="at-start">
<nvpair id="alone" name="dc-deadtime" value="1s"/><nvpair id="unfenced" name="stonith-enabled" value="false"/>
</cluster_property_set></crm_config><nodes/><resources/><constraints/></configuration><status/></cib>
"""
"""Nobody else is waited for at the start of the cluster."""
_PACEMAKER = """\
cd /var; \
install -d -o hacluster -g haclient lib/pacemaker lib/pacemaker/cib lib/pacemaker/pengine log/pacemaker /run/crm; \
install -o hacluster -g haclient -m 600 /run/cib.xml lib/pacemaker/cib/cib.xml; \
export PCMK_logfile=none PCMK_logfacility=none; exec pacemakerd"""
_TOOLS = """\
groupadd -r haclient; useradd -r -g haclient hacluster
programs='usr/sbin/crm_mon usr/sbin/cibadmin usr/sbin/stonith_admin'
libraries=$(cd /outer; ls usr/lib/*/libquorum.so.5 usr/lib/*/libcpg.so.4)
cd /outer
cp $programs /usr/sbin
# Without any schema Pacemaker 3's crm_mon aborts.
cp -r usr/share/pacemaker /usr/share/
for library in $libraries $(chroot . ldd $programs $libraries | sed -n 's,.*=> /\\([^ ]*\\) .*,\\1,p'); do
    [ -e /$library ] || cp -L $library /$library
done
dpkg-trigger --by-package=base-files --no-await /usr/sbin/pacemakerd
dpkg --triggers-only -a
"""
"""What `pacemaker-cli-utils` would bring, and what dpkg says to our package when Pacemaker comes."""


def outer(host: Host, name: str, script: str, configuration: str = "", kind: str = "simple") -> None:
    """Start it: what `script` ends with. `configuration`: what it sees as a folder of its own in /etc."""
    unit = _OUTER.format(kind=kind, configuration=configuration, script=script)
    host.write(f"/run/systemd/system/{name}.service", unit)
    host.run(f"systemctl daemon-reload; systemctl start {name}")


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


def test_what_libvirt_shows_is_seen_and_reported_by_monitors_that_may_do_next_to_nothing(
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
    domain = Domain("instance-0001", uuid=number, bare=True, agent="only", memory=16)
    host.write("/run/domain.xml", domain.xml(Path("/run")).replace("/run/console/", "/run/"))
    outer(host, "libvirtd", "exec libvirtd", "/run/outer/libvirt:/etc/libvirt")
    host.run(f"systemctl restart {unit} masakari-introspective-instance-monitor")
    try:
        until(lambda: shown(host)["view"] == "proven", lambda: told(host, unit), every=1)
        python(host, _START)
        until(lambda: shown(host).get(f"vm:{number}") == "up", lambda: told(host, unit), every=1)
        a_guest_is_seen_from_inside(host, number)
        host.run("kill -KILL $(cat /run/libvirt/qemu/instance-0001.pid)")
        (payload,) = until(lambda: reports.of(number), lambda: told(host, unit), every=1)
        assert (payload["event"], payload["vir_domain_event"]) == ("LIFECYCLE", "STOPPED_FAILED")
        assert "instancemonitor.sqlite" in host.run("ls /var/lib/masakarimonitors")
    finally:
        host.run("systemctl stop libvirtd")


def a_guest_is_seen_from_inside(host: Host, number: str) -> None:
    """As far as one without a system can be: over libvirt's read-write socket, with no right of root's."""
    unit, monitor = "masakari-introspective-instance-monitor", "introspectiveinstancemonitor"
    host.becomes(unit, "active")
    kernel = confinement(host, host.property(unit, "MainPID"))
    assert (kernel["Seccomp"], kernel["NoNewPrivs"], kernel["apart"]) == ("2", "1", "yes")
    assert int(kernel["CapBnd"], 16) == 0

    def seen() -> bool:
        found = shown(host, monitor)
        return found["view"] == "proven" and any(number in subject for subject in found)

    until(seen, lambda: told(host, unit), every=1)


def test_hosts_are_seen_by_a_monitor_that_cannot_become_root(taken_over: Host) -> None:
    if reason := no_cluster():
        pytest.skip(reason)
    host, unit = taken_over, "masakari-host-monitor"
    host.run(_TOOLS)
    assert host.run("id -nG masakari").split().count("haclient") == 1
    host.becomes(unit, "active")
    kernel = confinement(host, host.property(unit, "MainPID"))
    # So whatever it learns here it has learnt without root.
    assert (kernel["Seccomp"], kernel["NoNewPrivs"], kernel["apart"]) == ("2", "1", "yes")
    assert int(kernel["CapBnd"], 16) == 1 << 13, "CAP_NET_RAW and nothing else"

    host.write("/etc/corosync/corosync.conf", _COROSYNC)
    host.write("/run/cib.xml", _CIB)
    corosync = "mkdir -p /var/lib/corosync /var/log/corosync; exec corosync -f"
    outer(host, "corosync", corosync, "/etc/corosync", kind="notify")
    outer(host, "pacemaker", _PACEMAKER, "/etc/corosync")
    try:
        # By Corosync's groups, which it is let into by our file in uidgid.d, and with Pacemaker's answers.
        until(
            lambda: shown(host, "hostmonitor").get("reporter") == "this monitor",
            lambda: told(host, unit) + told(host, "pacemaker"),
            every=1,
        )
        until(lambda: shown(host, "hostmonitor")["view"] == "proven", lambda: told(host, unit), every=1)
    finally:
        host.run("systemctl stop pacemaker corosync")


def shown(host: Host, monitor: str = "instancemonitor") -> dict[str, str]:
    """What a monitor shows: each subject, and of its view whether it is proven."""
    said = host.run(f"masakari-monitors status --json --monitor {monitor}", code=None).splitlines()
    snapshot = json.loads(said[-1]) if said and said[-1].startswith("{") else {}
    found = {str(row["subject"]): str(row["state"]) for row in snapshot.get("subjects", ())}
    return found | {"view": snapshot["views"][0]["view"] if snapshot.get("views") else ""}


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
