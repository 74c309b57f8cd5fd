"""A real Consul cluster on one host: the manual's nodes and datacentres, in namespaces.

One *realm* (pid, mount and network namespace, see `tests.fixtures.lifeline`) holds everything: its
network namespace is the hub with one bridge per datacentre; each node is a named network namespace
inside it with one interface per datacentre; each (node, datacentre) runs one agent. The realm's
tmpfs keeps the agents' data and their unix sockets, so nothing is left on the host and everything
dies with the test process, even when that is SIGKILLed. From outside, an agent is reached through
`/proc/<realm>/root/...`, whatever is cut inside.

The first three nodes are Consul servers, as in the manual; the others are clients.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fixtures import lifeline, network
from tests.fixtures.cache import cache
from tests.fixtures.waiting import until

HTTP_PORT = 8500
HTTPS_PORT = 8502
_ROOT = "/run/rig"


def consul_binary() -> Path:
    """Where tools/setup-consul.sh puts the binary."""
    return cache("consul") / "bin" / "consul"


@dataclass(frozen=True)
class Datacentre:
    """One Consul datacentre: its link's name in the matrix, Consul's own name, and its subnet."""

    link: str
    name: str
    octet: int

    def address(self, node: int) -> str:
        """The node's IPv4 address on this datacentre's network."""
        return f"192.168.{self.octet}.{node}"

    def address6(self, node: int) -> str:
        """The node's IPv6 address on this datacentre's network."""
        return f"fd00:{self.octet}::{node}"


MANAGE = Datacentre("manage", "management", 101)
TENANT = Datacentre("tenant", "tenant", 102)
STORAGE = Datacentre("storage", "storage", 103)
DATACENTRES = (MANAGE, TENANT, STORAGE)


def node_name(node: int) -> str:
    """What Consul and masakari call node number `node` (1 is the first)."""
    return f"node{node:02d}"


@dataclass
class Cluster:
    """`nodes` nodes in each of `datacentres`, the first `servers` of them Consul servers.

    `settings` is merged into every agent's configuration (ACLs, TLS).
    """

    logs: Path
    nodes: int = 5
    servers: int = 3
    datacentres: Sequence[Datacentre] = DATACENTRES
    settings: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""
    _realm: subprocess.Popen[bytes] | None = None
    _init: int = 0
    _agents: dict[tuple[int, str], subprocess.Popen[bytes]] = field(default_factory=dict)
    _cut: set[tuple[int, str]] = field(default_factory=set)

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the realm and its networks, start every agent; returns before they have a leader."""
        self._realm = lifeline.spawn(["sleep", "infinity"], realm=True, net=True, log=self.logs / "realm.log")
        children = Path(f"/proc/{self._realm.pid}/task/{self._realm.pid}/children")
        until(lambda: bool(children.read_text().split()), "the realm's first process", 20)
        self._init = int(children.read_text().split()[0])
        # The realm is ready when its first process has become `sleep`: loopback is up by then.
        comm = Path(f"/proc/{self._init}/comm")
        until(lambda: comm.read_text().strip() == "sleep", "the realm", 20)
        lines = [
            "set -e",
            # A /run of its own: names of networks and the agents' files stay in the realm.
            "mount -t tmpfs tmpfs /run",
            f"mkdir -p /run/netns {_ROOT}",
        ]
        for dc in self.datacentres:
            lines.append(f"ip link add br-{dc.link} type bridge && ip link set br-{dc.link} up")
        for node in range(1, self.nodes + 1):
            name = node_name(node)
            lines.append(f"ip netns add {name} && ip -n {name} link set lo up")
            for dc in self.datacentres:
                lines += [
                    f"ip link add {self._port(node, dc)} type veth peer name {dc.link} netns {name}",
                    f"ip link set {self._port(node, dc)} master br-{dc.link} up",
                    f"ip -n {name} addr add {dc.address(node)}/24 dev {dc.link}",
                    f"ip -n {name} addr add {dc.address6(node)}/64 dev {dc.link} nodad",
                    f"ip -n {name} link set {dc.link} up",
                ]
        self._inside(["sh", "-c", "\n".join(lines)])
        for node in range(1, self.nodes + 1):
            for dc in self.datacentres:
                self.start_agent(node, dc)

    def stop(self) -> None:
        """Everything in the realm dies with it."""
        if self._realm is not None:
            lifeline.end(self._realm, grace=0)
        for agent in self._agents.values():
            agent.send_signal(signal.SIGCONT)
            agent.wait(20)

    # --- agents -----------------------------------------------------------------------------------

    def socket(self, node: int, dc: Datacentre) -> str:
        """The unix socket of an agent's HTTP interface, as seen from outside the realm."""
        return f"/proc/{self._init}/root{self._directory(node, dc)}/http.sock"

    def start_agent(self, node: int, dc: Datacentre, name: str = "") -> None:
        """Start the agent; it joins the others by itself (`retry_join`, every second).

        `name`: another one than the node's own.
        """
        directory = self._directory(node, dc)
        servers = [f"{dc.address(n)}:8301" for n in range(1, self.servers + 1)]
        config: dict[str, Any] = {
            "node_name": name or node_name(node),
            "datacenter": dc.name,
            "data_dir": f"{directory}/data",
            "bind_addr": dc.address(node),
            "client_addr": f"{dc.address(node)} {dc.address6(node)} 127.0.0.1",
            "addresses": {"http": f"{dc.address(node)} {dc.address6(node)} unix://{directory}/http.sock"},
            "unix_sockets": {"mode": "0600"},
            "ports": {"http": HTTP_PORT, "serf_lan": 8301, "dns": -1, "serf_wan": -1},
            "retry_join": servers,
            "retry_interval": "1s",
            "disable_update_check": True,
            "log_level": "INFO",
        }
        if node <= self.servers:
            config |= {"server": True, "bootstrap_expect": self.servers}
        for key, value in self.settings.items():
            own = config.get(key)
            config[key] = own | value if isinstance(own, dict) else value
        outside = Path(f"/proc/{self._init}/root{directory}")
        outside.mkdir(parents=True, exist_ok=True)
        (outside / "config.json").write_text(json.dumps(config))
        (outside / "pid").unlink(missing_ok=True)
        # Its own pid, as the realm counts, is what the fault helpers signal.
        script = 'echo $$ > "$1/pid"; exec ip netns exec "$2" "$3" agent -config-file "$1/config.json"'
        self._agents[node, dc.link] = lifeline.spawn(
            self._nsenter(["sh", "-c", script, "sh", directory, node_name(node), str(consul_binary())]),
            ahead=True,
            # Fifteen agents share two processors; as one thread that seldom collects garbage, each takes less.
            env=os.environ | {"GOMAXPROCS": "1", "GOGC": "400"},
            log=self.logs / f"{node_name(node)}-{dc.link}.log",
        )
        until(lambda: (outside / "pid").exists(), f"agent {node_name(node)} {dc.link}", 20)

    def signal_agent(self, node: int, dc: Datacentre, number: signal.Signals) -> None:
        """Send a signal to one agent. SIGKILL is a crash, SIGTERM makes a client leave, SIGSTOP hangs it."""
        pid = Path(f"/proc/{self._init}/root{self._directory(node, dc)}/pid").read_text().strip()
        self._inside(["kill", f"-{number.value}", pid])
        if number is signal.SIGCONT:
            # nsenter stops itself when its child is stopped.
            self._agents[node, dc.link].send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._agents[node, dc.link].wait(30)

    def kill(self, node: int, *dcs: Datacentre) -> None:
        """Crash the node's agents in `dcs`; by default the host loses its power, and nothing of it answers any more."""
        for dc in () if dcs else self.datacentres:
            self.cut(node, dc)
        for dc in dcs or self.datacentres:
            self.signal_agent(node, dc, signal.SIGKILL)

    def is_running(self, node: int, dc: Datacentre) -> bool:
        """Whether the agent's process is alive."""
        return self._agents[node, dc.link].poll() is None

    def leave(self, node: int, dc: Datacentre) -> None:
        """`consul leave`: the agent says goodbye and ends."""
        address = f"-http-addr=unix://{self._directory(node, dc)}/http.sock"
        self._inside(
            [str(consul_binary()), "leave", address, *([f"-token={self.token}"] if self.token else [])]
        )
        self._agents[node, dc.link].wait(30)

    def wipe(self, node: int, dc: Datacentre) -> None:
        """The agent, which is dead, loses all that it kept, its node id too: as a host that is installed anew."""
        self._inside(["rm", "-rf", f"{self._directory(node, dc)}/data"])

    def prune(self, node: int, dc: Datacentre, gone: int) -> None:
        """`consul force-leave -prune`: this agent forgets a member that has left."""
        address = f"-http-addr=unix://{self._directory(node, dc)}/http.sock"
        self._inside([str(consul_binary()), "force-leave", address, "-prune", node_name(gone)])

    def leader(self, dc: Datacentre) -> int | None:
        """The number of the node that leads this datacentre's raft, None while there is none."""
        for node in range(1, self.servers + 1):
            with contextlib.suppress(OSError, ValueError):
                address = str(self.ask(node, dc, "/v1/status/leader"))
                if address:
                    return int(address.split(":")[0].rsplit(".", 1)[1])
        return None

    # --- networks ---------------------------------------------------------------------------------

    def cut(self, node: int, dc: Datacentre, *, carrier: bool = False) -> None:
        """Cut the node from the datacentre's network: silently, or (`carrier`) its interface goes down."""
        if carrier:
            self._inside(["ip", "-n", node_name(node), "link", "set", dc.link, "down"])
        else:
            self._inside(["ip", "link", "set", self._port(node, dc), "nomaster"])
        self._cut.add((node, dc.link))

    def mend(self, node: int, dc: Datacentre) -> None:
        """Undo `cut`, and have the agents meet again at once (serf alone would take up to 30 s)."""
        self._inside(["ip", "-n", node_name(node), "link", "set", dc.link, "up"])
        self._inside(
            [
                "ip",
                "-n",
                node_name(node),
                "addr",
                "replace",
                f"{dc.address6(node)}/64",
                "dev",
                dc.link,
                "nodad",
            ]
        )
        self._inside(["ip", "link", "set", self._port(node, dc), "master", f"br-{dc.link}"])
        self._cut.discard((node, dc.link))

    def network_of(self, node: int) -> AbstractContextManager[None]:
        """Sockets that this *thread* opens inside the block belong to the node's network."""
        return network.inside(f"/proc/{self._init}/root/run/netns/{node_name(node)}")

    # --- looking ----------------------------------------------------------------------------------

    def ask(self, node: int, dc: Datacentre, path: str, *, method: str = "GET", body: Any = None) -> Any:
        """One request to an agent, over its unix socket; the parsed JSON.

        Raises OSError when the agent does not answer, ValueError for a status other than 200.
        """
        link = UnixConnection(self.socket(node, dc))
        try:
            headers = {"X-Consul-Token": self.token} if self.token else {}
            link.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = link.getresponse()
            text = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{path}: {error!r}") from error
        finally:
            link.close()
        if answer.status != 200:
            raise ValueError(f"{path}: {answer.status} {text!r}")
        return json.loads(text) if text else None

    def statuses(self, node: int, dc: Datacentre) -> dict[str, str]:
        """serfHealth of every node, by a default-consistency read through this agent."""
        checks = self.ask(node, dc, "/v1/health/state/any")
        return {c["Node"]: c["Status"] for c in checks if c["CheckID"] == "serfHealth"}

    def members(self, node: int, dc: Datacentre) -> dict[str, int]:
        """Gossip's word on every member as this agent hears it: 1 alive, 2 leaving, 3 left, 4 failed."""
        return {m["Name"]: m["Status"] for m in self.ask(node, dc, "/v1/agent/members")}

    def is_healthy(self, dc: Datacentre) -> bool:
        """Whether every agent of the datacentre sees every node alive, through a leader that all servers elect."""
        names = {node_name(n) for n in range(1, self.nodes + 1)}
        try:
            for node in range(1, self.nodes + 1):
                if self.statuses(node, dc) != dict.fromkeys(names, "passing"):
                    return False
                if self.members(node, dc) != dict.fromkeys(names, 1):
                    return False
            # Autopilot takes a dead server out of raft, and lets it vote again only 10 s after its return:
            # until then the loss of one more server would be the loss of the quorum.
            raft = self.ask(1, dc, "/v1/operator/raft/configuration")["Servers"]
            if len(raft) != self.servers or not all(server["Voter"] for server in raft):
                return False
        except (OSError, ValueError):
            return False
        return True

    def heal(self, seconds: float = 180) -> None:
        """Mend every cut, start every dead agent, and wait until all see all again."""
        for node, link in sorted(self._cut):
            self.mend(node, next(dc for dc in self.datacentres if dc.link == link))
        for dc in self.datacentres:
            for node in range(1, self.nodes + 1):
                if not self.is_running(node, dc):
                    self.start_agent(node, dc)
                else:
                    self.signal_agent(node, dc, signal.SIGCONT)
        deadline = time.monotonic() + seconds
        for dc in self.datacentres:
            while not self.is_healthy(dc):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the datacentre {dc.name} is not whole again after {seconds:.0f} s")
                self._introduce(dc)
                time.sleep(0.3)

    # --- inside -----------------------------------------------------------------------------------

    def _introduce(self, dc: Datacentre) -> None:
        """Make the agents that lost each other join again (serf by itself tries every 30 s).

        The lost one must speak, too: whoever missed that it came back, having been told that it leaves, goes
        on calling it "leaving", and so keeps it out of the catalog, until it hears a newer word from itself.
        """
        numbers = range(1, self.nodes + 1)
        lost: set[int] = set()
        for node in numbers:
            with contextlib.suppress(OSError, ValueError):
                seen = self.members(node, dc)
                missed = {other for other in numbers if seen.get(node_name(other)) != 1}
                if missed:
                    lost |= {node, *missed}
        for node in lost:
            for other in numbers:
                if other != node:
                    with contextlib.suppress(OSError, ValueError):
                        self.ask(node, dc, f"/v1/agent/join/{dc.address(other)}:8301", method="PUT")

    def _directory(self, node: int, dc: Datacentre) -> str:
        return f"{_ROOT}/{node_name(node)}-{dc.link}"

    def _port(self, node: int, dc: Datacentre) -> str:
        """The hub's end of the node's cable."""
        return f"{dc.link[:7]}-{node}"

    def _nsenter(self, argv: Sequence[str]) -> list[str]:
        return ["nsenter", f"--target={self._init}", "--mount", "--net", "--pid", "--", *argv]

    def _inside(self, argv: Sequence[str]) -> str:
        """Run a command in the realm and return its output; raises with its error text."""
        done = subprocess.run(self._nsenter(argv), capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{argv}: {done.stderr.strip()}")
        return done.stdout


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float = 10) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
