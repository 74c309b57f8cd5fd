"""A real corosync + pacemaker cluster on one computer: members n1, n2, n3 and the pacemaker-remotes r1 and r2.

Each host is a set of private namespaces (pid, mount, net, uts, ipc) whose process 1 is node-init.sh;
its network card is a veth whose other end is in a switch, a bridge in one more network namespace.
Nothing has a name on that computer, and everything dies with the test run.

Addresses: n1..n3 = 10.99.0.1..3, r1 and r2 = 10.99.0.4 and 5, the switch (where a test's API listens) = 10.99.0.254.
"""

import contextlib
import grp
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from tests.fixtures import keeper, lifeline
from tests.fixtures.cache import cache
from tests.fixtures.waiting import NotInTime, until
from tests.integration.pacemaker.power_strip import PowerStrip

HERE = Path(__file__).resolve().parent
SWITCH = "10.99.0.254"
MEMBERS = ("n1", "n2", "n3")
REMOTES = ("r1", "r2")
ADDRESSES = {name: f"10.99.0.{last}" for last, name in enumerate((*MEMBERS, *REMOTES), start=1)}

COROSYNC = """totem {{
  version: 2
  cluster_name: rig
  transport: knet
  crypto_cipher: none
  crypto_hash: none
  # After each message the token goes round 30 times before it rests, unless told otherwise; that is most of what
  # an idle Corosync costs.
  seqno_unchanged_const: 2
}}
logging {{
  to_stderr: yes
  to_logfile: yes
  logfile: /var/log/corosync/corosync.log
  to_syslog: no
  timestamp: hires
}}
quorum {{
  provider: corosync_votequorum
}}
nodelist {{
{nodes}
}}
"""

RESOURCES = """<resources>
  <primitive id="fence-all" class="stonith" type="fence_rig">
    <instance_attributes id="fence-all-ia">
      <nvpair id="fence-all-hl" name="pcmk_host_list" value="{hosts}"/>
      <nvpair id="fence-all-hc" name="pcmk_host_check" value="static-list"/>
      <nvpair id="fence-all-s" name="strip" value="{strip}"/>
    </instance_attributes>
  </primitive>
{connections}
</resources>
"""

CONNECTION = """  <primitive id="{name}" class="ocf" provider="pacemaker" type="remote">
    <instance_attributes id="{name}-ia">
      <nvpair id="{name}-server" name="server" value="{address}"/>
      <nvpair id="{name}-rci" name="reconnect_interval" value="10s"/>
    </instance_attributes>
    <operations>
      <op id="{name}-mon" name="monitor" interval="10s" timeout="15s"/>
      <op id="{name}-start" name="start" interval="0" timeout="15s"/>
    </operations>
  </primitive>"""


DAEMONS = {
    "PCMK_logfile": "/var/log/pacemaker/pacemaker.log",
    "PCMK_logfacility": "none",
    # The daemon of a remote looks for a prime at each start, for a second of computing and more with 2048 bits.
    "PCMK_dh_max_bits": "1024",
}
"""What Pacemaker's daemons are told in their environment."""

IDLE = "0.00 0.00 0.00 1/1 1\n"
"""What /proc/loadavg says on every host. A Pacemaker that sees a busy computer does one thing at a time, and fencing
may wait for minutes behind the tries to reach a dead remote."""


class RigError(AssertionError):
    """The cluster did not come to the state that a test needs."""


def ip(*arguments: str) -> None:
    """Run `ip` on the computer itself."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=30)


def first_child(pid: int) -> int | None:
    """The process 1 that `unshare --fork` made, as the outermost pid namespace numbers it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    return None


def end_inside(process: subprocess.Popen[bytes]) -> None:
    """End what `Host.spawn` started: nsenter stays in front of the program as its parent."""
    inside = first_child(process.pid)
    if inside is not None and process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(inside, signal.SIGKILL)
    lifeline.end(process, grace=5)


class Host:
    """One host: power, its cable, its services."""

    def __init__(self, rig: "Rig", name: str, kind: str) -> None:
        self.rig = rig
        self.name = name
        self.kind = kind
        self.home = rig.base / name
        self._process: subprocess.Popen[bytes] | None = None
        self.init: int | None = None
        self._port = ""
        self._boots = 0
        self._told: dict[tuple[str, ...], tuple[str, float, ET.Element | None]] = {}
        self._prepare()

    def _prepare(self) -> None:
        for folder in ("etc-corosync/uidgid.d", "etc-pacemaker", "lib-corosync", "log"):
            (self.home / folder).mkdir(parents=True)
        subprocess.run(["cp", "-a", "/var/lib/pacemaker", str(self.home / "lib-pacemaker")], check=True)
        key = self.home / "etc-pacemaker" / "authkey"
        key.write_bytes(self.rig.authkey)
        haclient = grp.getgrnam("haclient").gr_gid
        for path in (key, key.parent):
            os.chown(path, 0, haclient)
        key.chmod(0o640)
        nodes = "\n".join(
            f"  node {{\n    name: {n}\n    nodeid: {n[1:]}\n    ring0_addr: {ADDRESSES[n]}\n  }}"
            for n in MEMBERS
        )
        (self.home / "etc-corosync" / "corosync.conf").write_text(COROSYNC.format(nodes=nodes))
        hosts = [f"{address} {name}" for name, address in ADDRESSES.items()]
        (self.home / "hosts").write_text("\n".join([*hosts, "127.0.0.1 localhost", ""]))
        (self.home / "loadavg").write_text(IDLE)

    # --- power

    @property
    def powered(self) -> bool:
        """Whether its process 1 lives."""
        return self._process is not None and self._process.poll() is None

    def power_on(self) -> None:
        """Boot: what is on its disk is kept, what was in /run is not."""
        if self.powered:
            return
        self._boots += 1
        inside = [str(HERE / "node-init.sh"), str(self.home), self.name, self.kind]
        inside += [str(HERE / "sbin"), str(self.rig.remote_sbin)]
        self._process = lifeline.spawn(
            ["unshare", "--uts", "--ipc", "--", *inside],
            realm=True,
            net=True,
            # Pacemaker fences for slowness. Corosync has the realtime class, where that is not refused.
            ahead=True,
            env={**os.environ, **DAEMONS},
            log=self.rig.base / f"{self.name}.init.log",
        )
        process = self._process
        self.init = until(lambda: first_child(process.pid), f"process 1 of {self.name}")
        init = self.init
        own = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{init}/ns/net") != own, f"the network namespace of {self.name}")
        self._port = f"{self.name}x{self._boots}"
        # The card stays the same over a reboot. With another address it would be out of reach for the neighbours,
        # which keep the old one for 8 s after their first word to it, while others look for signs of life.
        card = [
            "name",
            "eth0",
            "address",
            f"02:00:0a:63:00:{int(ADDRESSES[self.name].rpartition('.')[2]):02x}",
        ]
        self.rig.in_switch("ip", "link", "add", self._port, "type", "veth", "peer", *card, "netns", str(init))
        self.plug()
        net = ["nsenter", "-t", str(init), "-n", "--"]
        for arguments in (
            ["link", "set", "eth0", "up"],
            ["addr", "add", f"{ADDRESSES[self.name]}/24", "dev", "eth0"],
        ):
            subprocess.run([*net, "ip", *arguments], check=True, capture_output=True, timeout=30)

    def power_cut(self) -> None:
        """Everything on the host stops at this instant."""
        if self.init is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.init, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)

    # --- cable

    def unplug(self) -> None:
        """Cut the cable: the host lives and hears nobody."""
        self.rig.in_switch("ip", "link", "set", self._port, "down", "nomaster")

    def plug(self) -> None:
        """Mend the cable."""
        self.rig.in_switch("ip", "link", "set", self._port, "master", "br0", "up")

    # --- inside

    def enter(self, *argv: str) -> list[str]:
        """The command that runs `argv` inside this host."""
        if self.init is None:
            raise RigError(f"{self.name} was never powered on")
        return ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-n", "-p", "--", *argv]

    def run(self, *argv: str, check: bool = True, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command inside this host to its end."""
        done = subprocess.run(self.enter(*argv), capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode:
            raise RigError(
                f"{self.name}: {' '.join(argv)}: exit {done.returncode}: {done.stdout}{done.stderr}"
            )
        return done

    def spawn(self, *argv: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a long-running program inside this host; it dies with the host and with the test run."""
        return lifeline.spawn(self.enter(*argv), log=log)

    def set_property(self, name: str, value: str) -> None:
        """Set a property of the cluster; `Rig.heal` takes it back."""
        self.run("crm_attribute", "-t", "crm_config", "-n", name, "-v", value)

    def kill(self, program: str, sig: str = "TERM") -> None:
        """Signal the host's processes called `program`; `pkill` sees only this host's pid namespace."""
        self.run("pkill", f"-{sig}", "-x", program[:15])

    def stop_pacemaker(self) -> None:
        """A clean stop of pacemaker (or of pacemaker-remote), as a service manager does it."""
        program = "pacemakerd" if self.kind == "member" else "pacemaker-remoted"
        self.kill(program)
        until(
            lambda: self.run("pgrep", "-x", program[:15], check=False).returncode == 1,
            f"pacemaker stopped on {self.name}",
            every=0.1,
        )

    def stop_corosync(self) -> None:
        """A clean stop of corosync; pacemaker must be stopped already."""
        self.kill("corosync")
        until(
            lambda: self.run("pgrep", "-x", "corosync", check=False).returncode == 1,
            f"corosync stopped on {self.name}",
            every=0.1,
        )

    def start_pacemaker(self) -> None:
        """Start pacemaker (or pacemaker-remote) again after a clean stop; a member's corosync must run."""
        program = "pacemakerd" if self.kind == "member" else "pacemaker-remoted"
        ahead = f"setsid nice -n {lifeline.NICENESS} {program}"
        self.run(
            "env",
            *(f"{name}={value}" for name, value in DAEMONS.items()),
            "sh",
            "-c",
            f"{ahead} >>/var/log/pacemaker/stdout 2>&1 </dev/null &",
        )

    def xml(self, *argv: str) -> ET.Element | None:
        """The XML that a command of Pacemaker prints inside this host, or None when it failed.

        It is not run again while Pacemaker has logged nothing here since, but for a look every second: Pacemaker logs
        each change of the CIB, and its tools are most of what waiting costs.
        """
        logged, now = self._logged(), time.monotonic()
        before, at, told = self._told.get(argv, ("", -math.inf, None))
        if logged == before and now - at < 1:
            return told
        try:
            done = self.run(*argv, check=False, timeout=15)
            told = ET.fromstring(done.stdout) if done.returncode == 0 else None
        except (ET.ParseError, subprocess.TimeoutExpired):
            told = None
        self._told[argv] = logged, now, told
        return told

    def _logged(self) -> str:
        """How much Pacemaker has logged in this life of the host."""
        log = self.home / "log" / "pacemaker" / "pacemaker.log"
        return f"{self._boots} {log.stat().st_size if log.exists() else 0}"

    def quorate(self) -> bool:
        """Whether this host's pacemaker says that it has quorum, and so does its designated controller."""
        cib, mon = self.xml("cibadmin", "--query"), self.xml("crm_mon", "--output-as=xml")
        dc = mon.find("./summary/current_dc") if mon is not None else None
        return (
            cib is not None
            and cib.get("have-quorum") == "1"
            and dc is not None
            and dc.get("with_quorum") == "true"
        )

    def joined(self) -> set[str]:
        """Which hosts this host's pacemaker calls online and not to be fenced, in standby or maintenance, too."""
        return self.online(but=("unclean", "pending"))

    def online(self, but: Sequence[str] = ("unclean", "pending", "standby", "maintenance")) -> set[str]:
        """Which hosts this host's pacemaker calls online, and none of `but`: ready, and not to be fenced."""
        cib = self.xml("cibadmin", "--query")
        states = cib.findall("./status/node_state") if cib is not None else []
        # Since Pacemaker 2.1.7 it says since when, and since 3.0 nothing of a remote.
        joined = {
            n.get("uname")
            for n in states
            if n.get("in_ccm", "false") not in ("false", "0" if n.get("remote_node") is None else "")
        }
        mon = self.xml("crm_mon", "--output-as=xml") if joined else None
        if mon is None:
            return set()
        return {
            str(n.get("name"))
            for n in mon.findall("./nodes/node")
            if n.get("online") == "true"
            and n.get("name") in joined
            and not any(n.get(flag) == "true" for flag in but)
        }


class Rig:
    """The whole cluster; build it once for a session, `heal` it before each test."""

    def __init__(self, base: Path, remote_tree: Path) -> None:
        self.base = base
        base.mkdir(parents=True, exist_ok=True)
        self.remote_sbin = remote_tree / "usr" / "sbin"
        self.authkey = os.urandom(4096)
        self.strip = PowerStrip(base / "strip.sock", lambda name: self[name].power_cut())
        self._switch = lifeline.spawn(["sleep", "infinity"], realm=True, net=True)
        pid = until(lambda: first_child(self._switch.pid), "the switch")
        own = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{pid}/ns/net") != own, "the switch's namespace")
        self._switch_pid = pid
        self._beside: dict[str, subprocess.Popen[bytes]] = {}
        for arguments in (
            ["link", "add", "br0", "type", "bridge"],
            # Its own address: a borrowed one would go with the cable of the host that lent it.
            ["link", "set", "br0", "address", "02:00:0a:63:00:fe", "up"],
            ["addr", "add", f"{SWITCH}/24", "dev", "br0"],
        ):
            self.in_switch("ip", *arguments)
        self.hosts = {name: Host(self, name, "member") for name in MEMBERS}
        self.hosts.update({name: Host(self, name, "remote") for name in REMOTES})

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def in_switch(self, *argv: str) -> None:
        """Run a command in the switch's network namespace."""
        subprocess.run(self.beside_switch(*argv), check=True, capture_output=True, timeout=30)

    def beside_switch(self, *argv: str) -> list[str]:
        """The command that runs `argv` with the switch's network, and the files of the computer itself."""
        return ["nsenter", "-t", str(self._switch_pid), "-n", "--", *argv]

    def beside(self, name: str, *argv: str) -> None:
        """Have a program of this checkout run beside the switch for as long as the rig, once for each `name`."""
        if name not in self._beside:
            self._beside[name] = lifeline.spawn(
                self.beside_switch(*argv),
                log=self.base / f"{name}.log",
                env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
            )

    def start(self) -> None:
        """Power everything on, configure fencing and the remotes, and wait until all five are online."""
        for host in self.hosts.values():
            host.power_on()
        first = self["n1"]
        until(lambda: first.online() >= set(MEMBERS), "a cluster of three", 120, every=0.5)
        resources = first.home / "log" / "resources.xml"
        connections = "\n".join(CONNECTION.format(name=name, address=ADDRESSES[name]) for name in REMOTES)
        resources.write_text(
            RESOURCES.format(strip=self.strip.path, hosts=" ".join(ADDRESSES), connections=connections)
        )
        first.run("cibadmin", "--replace", "--scope", "resources", "--xml-file", "/var/log/resources.xml")
        first.run("crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-v", "true")
        self.wait_online()

    def wait_online(self, *names: str, within: float = 120) -> None:
        """Until every powered member sees all of `names` (default: everybody) online."""
        wanted = set(names or self.hosts)
        for member in MEMBERS:
            if self[member].powered:
                until(
                    lambda member=member: self[member].online() >= wanted,  # type: ignore[misc]
                    f"{wanted} online as {member} sees it",
                    within,
                    every=0.25,
                )

    def heal(self, *, alerts: bool = False) -> None:
        """Everybody powered, plugged, out of standby and maintenance, and online; fencing works.

        `alerts`: leave alert agents in the CIB.
        """
        self.strip.reset()
        for host in self.hosts.values():
            if host.powered:
                host.plug()
                programs = ("corosync", "pacemakerd") if host.kind == "member" else ("pacemaker-remoted",)
                if any(host.run("pgrep", "-x", p[:15], check=False).returncode for p in programs):
                    host.power_cut()
        # A host that boots while the cluster still wants to fence it would be shot again.
        with contextlib.suppress(NotInTime):
            until(self._fencing_is_over, "fencing is over", 20, every=0.25)
        were_off = [name for name in REMOTES if not self[name].powered]
        for host in self.hosts.values():
            host.power_on()
        until(self._quorate, "quorum after healing", 120, every=0.5)
        # Where a test has switched fencing off, a member that has not joined again yet would be shot once it is on.
        with contextlib.suppress(NotInTime):
            until(
                lambda: all(self[member].joined() >= set(MEMBERS) for member in MEMBERS),
                "all members joined",
                40,
                every=0.25,
            )
        self._reset_configuration(alerts)
        for name in were_off:
            self.reconnect(name)
        try:
            until(self._whole, "everybody online", 60, every=0.25)
            self.wait_online(within=40)
            self._come_to_rest()
        except NotInTime:
            # Pacemaker 2.1.5 now and then leaves a member "pending" for good after partitions have merged.
            self.restart_all()
        # Whoever was found without its daemons was switched off above, and is fenced before it comes up again.
        self.strip.forget()

    def _whole(self) -> bool:
        """Whether n1 sees everybody online; whoever was shot while it came up boots again.

        That happens to a remote that was lost while a test had fencing switched off: now it is on again.
        """
        for host in self.hosts.values():
            if not host.powered:
                host.power_on()
                if host.kind == "remote":
                    self.reconnect(host.name)
        return self["n1"].online() >= set(self.hosts)

    def reconnect(self, remote: str) -> None:
        """Let a remote's connection be tried now, not after reconnect_interval or, after a goodbye, never."""
        # Pacemaker 3 cleans up what has failed alone, and a goodbye is no failure.
        version = self["n1"].run("crm_resource", "--version").stdout.split()[1]
        forget = "--cleanup" if int(version.partition(".")[0]) < 3 else "--refresh"
        self["n1"].run("crm_resource", forget, "--resource", remote, check=False)

    def restart_all(self) -> None:
        """Power-cycle everybody: what Pacemaker's daemons remember goes with them."""
        for host in self.hosts.values():
            host.power_cut()
        self.strip.reset()
        for host in self.hosts.values():
            host.power_on()
        self.wait_online()

    def _come_to_rest(self) -> None:
        """Until Pacemaker has nothing to do, and nothing that it would do by itself later.

        A start that has failed is forgotten after reconnect_interval, and a connection that was started elsewhere
        for it may move back then. A remote that dies at that moment is never fenced: Pacemaker fences when the
        monitor operation of a connection fails, not when its start does.
        """
        member = self["n1"]

        def rests() -> bool:
            if self.failures():
                member.run("crm_resource", "--cleanup", check=False)
            done = member.run("crm_resource", "--wait", "--timeout=10s", check=False)
            return done.returncode == 0 and not self.failures()

        until(rests, lambda: f"a cluster that rests; failures {self.failures()}", 60, every=0.25)

    def failures(self) -> list[str]:
        """The failed operations that Pacemaker remembers, as n1 knows them."""
        mon = self["n1"].xml("crm_mon", "--output-as=xml") if self["n1"].powered else None
        found = mon.findall("./failures/failure") if mon is not None else []
        return [f"{one.get('op_key')} on {one.get('node')}: {one.get('exitreason')}" for one in found]

    def decisions(self, last: int = 12) -> list[str]:
        """What Pacemaker has decided to do lately, by the logs of all members."""
        logs = [self[name].home / "log" / "pacemaker" / "pacemaker.log" for name in MEMBERS]
        lines = [
            line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()
        ]
        return [" ".join(line.split()) for line in sorted(lines) if "Actions:" in line][-last:]

    def _fencing_is_over(self) -> bool:
        for member in MEMBERS:
            mon = self[member].xml("crm_mon", "--output-as=xml") if self[member].powered else None
            dc = mon.find("./summary/current_dc") if mon is not None else None
            if mon is None or dc is None or dc.get("with_quorum") != "true":
                continue
            pending = mon.find(".//fence_event[@status='pending']") is not None
            return not pending and mon.find("./nodes/node[@unclean='true']") is None
        return not any(self[member].powered for member in MEMBERS)

    def _quorate(self) -> bool:
        cib = self["n1"].xml("cibadmin", "--query")
        return cib is not None and cib.get("have-quorum") == "1"

    def _reset_configuration(self, alerts: bool) -> None:
        member = self["n1"]
        cib = member.xml("cibadmin", "--query")
        if cib is None:
            raise RigError("n1 does not answer cibadmin")
        for node in cib.findall("./configuration/nodes/node"):
            for pair in node.findall("./instance_attributes/nvpair"):
                member.run("crm_attribute", "-N", str(node.get("uname")), "-n", str(pair.get("name")), "-D")
        wanted = {
            "stonith-enabled": "true",
            "stonith-action": "reboot",
            "maintenance-mode": "false",
            "stop-all-resources": "false",
        }
        have = {p.get("name"): p.get("value") for p in cib.findall("./configuration/crm_config//nvpair")}
        for name, value in wanted.items():
            if have.get(name, "reboot" if name == "stonith-action" else "false") != value:
                member.run("crm_attribute", "-t", "crm_config", "-n", name, "-v", value)
        if not alerts and cib.find("./configuration/alerts/alert") is not None:
            member.run("cibadmin", "--delete-all", "--force", "--xpath", "//alerts/alert")
        if any(cib.find(f".//primitive[@id='{name}']") is None for name in REMOTES):
            member.run(
                "cibadmin", "--replace", "--scope", "resources", "--xml-file", "/var/log/resources.xml"
            )

    def stop(self) -> None:
        """Cut the power of everything."""
        self.strip.close()
        for host in self.hosts.values():
            host.power_cut()
        for program in self._beside.values():
            lifeline.end(program)
        lifeline.end(self._switch, grace=0.1)


def remote_tree() -> Path:
    """Where tools/setup-pacemaker.sh unpacked pacemaker-remote."""
    return cache("pacemaker") / "remote"


def why_not() -> str | None:
    """Why the rig cannot run here, in words; None when it can."""
    if os.geteuid() != 0:
        return "the pacemaker rig needs root (network and mount namespaces)"
    missing = [
        p for p in ("corosync", "pacemakerd", "cibadmin", "crm_mon", "ip", "nsenter") if not shutil.which(p)
    ]
    if missing or not (remote_tree() / "usr" / "sbin" / "pacemaker-remoted").exists():
        return f"run tools/setup-pacemaker.sh first (missing: {', '.join(missing) or 'pacemaker-remote'})"
    return None


if __name__ == "__main__":  # a cluster to play with: python -m tests.integration.pacemaker.rig FOLDER
    if reason := why_not():
        sys.exit(reason)
    keeper.keep()
    rig = Rig(Path(sys.argv[1]), remote_tree())
    rig.start()
    for host in rig.hosts.values():
        print(host.name, " ".join(host.enter()))
    signal.pause()
