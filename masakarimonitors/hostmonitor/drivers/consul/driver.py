"""The `consul` driver: one Consul datacentre for each network between the hosts.

In: `[consul]` and the environment that Consul's own tools read. Out: a `Driver`, wired: one source
for each datacentre, independent of each other, and the election of the one monitor that reports.
"""

import functools
import itertools
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.decision import Command
from masakarimonitors.hostmonitor import input_files
from masakarimonitors.hostmonitor.core.election.candidate import deciding_links
from masakarimonitors.hostmonitor.core.election.election import ElectionPolicy
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import CheckPower, Observation
from masakarimonitors.hostmonitor.drivers.base import Driver, Endpoint, Finding
from masakarimonitors.hostmonitor.drivers.consul import examine
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from masakarimonitors.hostmonitor.drivers.consul.datacentre import Datacentre, ProvenLinks
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import ElectionTimings
from masakarimonitors.hostmonitor.drivers.consul.leadership.elector import Elector
from masakarimonitors.hostmonitor.drivers.consul.peers import StoredWords, prefix_of
from masakarimonitors.hostmonitor.drivers.consul.planned import PlannedWork
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from masakarimonitors.hostmonitor.power.prover import PowerPolicy, Prover
from masakarimonitors.monitor import InputFile
from masakarimonitors.system.clock import Clock, SystemClock
from masakarimonitors.system.files.operators_file import Unreadable, in_time, read_text
from masakarimonitors.system.files.yaml_file import YamlFileFault

LOG = logging.getLogger(__name__)

_SSH = 22
_FALSE = ("0", "f", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class _Effects:
    """What the core may ask of this driver."""

    proof: Prover | None
    elector: Elector | None

    async def perform(self, command: Command) -> Observation | None:
        if self.proof is not None and isinstance(command, CheckPower):
            return await self.proof.prove(command)
        return None if self.elector is None else await self.elector.perform(command)


def build(conf: cfg.ConfigOpts, own: str, clock: Clock) -> Driver:
    """Read `[consul]`; `own` is this node's name, in masakari and in Consul.

    Raises ConfigFault for an address, a file or a matrix that cannot be used.
    """
    judged = _matrix(conf)
    agents = {link: access_to(conf, link, os.environ) for link in judged.sequence}
    _refuse_one_agent_twice(agents)
    elector, peers = None, None
    if conf.host.reporter != "all":
        first = judged.sequence[0]
        prefix = conf.consul.kv_prefix.strip("/") + "/"
        elector = Elector(
            first,
            agents[first],
            own,
            clock,
            prefix=prefix,
            timings=ElectionTimings(),
            policy=ElectionPolicy(deciding=deciding_links(judged)),
        )
        peers = StoredWords(agents[first], prefix_of(prefix))
    links = ProvenLinks() if elector is None else elector.links
    # The resync: a blocking query answers after this time even when nothing has changed.
    rhythm = Rhythm(wait=min(float(conf.host.monitoring_interval), 600.0))
    # A critical agent says that a host is out of reach, not that it is dead: whoever names its BMC has it asked.
    asks = bool(conf.host.power_config_file) and not conf.host.disable_ipmi_check
    proof = Prover(PowerPolicy.of(conf.host), clock) if asks and not conf.shadow else None
    expect = expecting(proof, elector)
    planned = PlannedWork()
    sources = [
        Datacentre(link, access, own, clock, links, rhythm, planned=planned, on_down=expect)
        for link, access in agents.items()
    ]
    return Driver(
        name="consul",
        matrix=judged,
        sources=sources if elector is None else [*sources, elector],
        effects=_Effects(proof, elector),
        needs_proof=proof is not None,
        elected=elector is not None,
        files=[*_matrix_file(conf, judged), *(() if proof is None else proof.files())],
        closers=[*([] if proof is None else [_closer(proof)]), *([] if peers is None else [peers.close])],
        endpoints=lambda host: endpoints(sources, host),
        look_at_power=None if proof is None else proof.look,
        note_power=proof.note if proof is not None else lambda host, said: {},
        recall_power=proof.recall if proof is not None else lambda wrong: None,
        wrong_power=proof.wrong if proof is not None else dict,
        hear_power=proof.hear if proof is not None else lambda wrong, leads: None,
        power_places=proof.places if proof is not None else lambda host: None,
        power_hosts=None if proof is None else functools.partial(_hosts_of, proof),
        on_path=elector.on_path if elector is not None else lambda works: None,
        peers=peers,
        share_silences=None if elector is None else elector.silences.share,
        troubles=tuple if elector is None else lambda: elector.troubles,
    )


async def check_engine(conf: cfg.ConfigOpts, own: str) -> Sequence[Finding]:
    """For `masakari-monitors check`: whether Consul shows what is to be watched, and lets this token elect a reporter.

    Raises ConfigFault.
    """
    judged = _matrix(conf)
    question = examine.Question(
        agents={link: access_to(conf, link, os.environ) for link in judged.sequence},
        own=own,
        prefix=None if conf.host.reporter == "all" else conf.consul.kv_prefix.strip("/") + "/",
        fleet=conf.host.fleet_view,
    )
    return await examine.examine(question, SystemClock())


async def _hosts_of(proof: Prover) -> Sequence[str]:
    return proof.hosts()


class Expects(Protocol):
    """Who looks at BMCs."""

    def expect(self, host: str) -> None:
        """The host begins to be lost."""


class Leads(Protocol):
    """Who knows whether this monitor is the reporter."""

    @property
    def leads(self) -> bool:
        """Whether it is."""


def expecting(proof: Expects | None, elector: Leads | None) -> Callable[[str], None]:
    """A host's networks are found lost one after another: the reporter has its BMC looked at with the first."""

    def expect(host: str) -> None:
        if proof is not None and elector is not None and elector.leads:
            proof.expect(host)

    return expect


def endpoints(datacentres: Sequence[Datacentre], host: str) -> tuple[Endpoint, ...]:
    """Where a living host would answer: its agent's gossip in each datacentre, and ssh beside it."""
    found: list[Endpoint] = []
    for datacentre in datacentres:
        place = datacentre.places.of(host)
        if place is not None:
            address, port = place
            found.append(Endpoint(address, port, f"Consul agent on {datacentre.link}"))
            found.append(Endpoint(address, _SSH, f"ssh on {datacentre.link}"))
    return tuple(found)


def _closer(proof: Prover) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        proof.close()

    return close


def _refuse_one_agent_twice(agents: Mapping[str, Access]) -> None:
    for (link, access), (other, same) in itertools.combinations(agents.items(), 2):
        if access.address == same.address:
            raise ConfigFault(
                f"[consul] agent_{link} and agent_{other} are the same agent, {access.address}: then one "
                "failed network would count as two. Give each datacentre's own agent, or shorten the matrix."
            )


def _matrix_file(conf: cfg.ConfigOpts, judged: matrix.Matrix) -> Sequence[InputFile]:
    path = conf.consul.matrix_config_file
    return (InputFile(path=path, read=lambda: _matrix(conf), in_force=judged),) if path else ()


def _matrix(conf: cfg.ConfigOpts) -> matrix.Matrix:
    path = conf.consul.matrix_config_file
    if not path:
        configured = [link for link in matrix.CLASSIC_SEQUENCE if conf.consul[f"agent_{link}"]]
        if not configured:
            raise ConfigFault(
                "[consul] names no agent: with monitoring_driver = consul at least one of agent_manage, "
                "agent_tenant, agent_storage is needed, the address of this host's agent (127.0.0.1:8500)."
            )
        judged = matrix.default(configured)
    else:
        try:
            read = in_time(path, lambda: input_files.parse_matrix(read_text(path)))
        except Unreadable as fault:
            raise ConfigFault(f"[consul] matrix_config_file = {path}: {fault}.") from fault
        except YamlFileFault as fault:
            faults = "".join(f"\n  {path}, {one}" for one in fault.faults)
            raise ConfigFault(
                f"[consul] matrix_config_file cannot be used; nothing is guessed, so mend it:{faults}"
            ) from fault
        for warning in read.warnings:
            LOG.warning("%s: %s", path, warning)
        judged = read.matrix
    if judged.never_recovers:
        LOG.warning(
            "No combination of the networks %s calls for recovery, so no host will ever be reported. Name "
            "agent_storage, or say in matrix_config_file what shall be recovered.",
            ", ".join(judged.sequence),
        )
    return judged


def access_to(conf: cfg.ConfigOpts, link: str, environment: Mapping[str, str]) -> Access:
    """How the agent of one datacentre is spoken to; raises ConfigFault. Options win over the environment."""
    text = _option(conf, f"agent_{link}")
    if not text:
        raise ConfigFault(
            f"[consul] agent_{link} is missing, but the matrix's sequence names the datacentre {link!r}: give "
            "the address of this host's agent there, or take it out of the matrix."
        )
    secure = environment.get("CONSUL_HTTP_SSL", "").lower() not in ("", *_FALSE)
    try:
        address = parse_address(text, secure=secure)
    except ValueError as fault:
        raise ConfigFault(
            f"[consul] agent_{link} = {text} cannot be understood: {fault}. Expected is host:port, [v6]:port, "
            "http(s)://host:port or unix:///path."
        ) from fault

    def setting(name: str, variable: str) -> str:
        """For this datacentre, for all of them, from the environment: the first that is given."""
        value = _option(conf, f"{name}_{link}") or conf.consul[name] or environment.get(variable, "")
        return str(value).strip()

    access = Access(
        address=address,
        token=setting("token", "CONSUL_HTTP_TOKEN"),
        token_file=_token_file(conf, link, environment),
        cafile=setting("cafile", "CONSUL_CACERT"),
        capath=environment.get("CONSUL_CAPATH", ""),
        certfile=setting("certfile", "CONSUL_CLIENT_CERT"),
        keyfile=setting("keyfile", "CONSUL_CLIENT_KEY"),
        verify=_verify(conf, link, environment),
        server_name=setting("tls_server_name", "CONSUL_TLS_SERVER_NAME") if address.secure else "",
    )
    files: Sequence[tuple[str, str]] = [("token_file", access.token_file)]
    if address.secure:
        files = [
            *files,
            ("cafile", access.cafile),
            ("certfile", access.certfile),
            ("keyfile", access.keyfile),
        ]
    for name, path in files:
        if path and not os.access(path, os.R_OK):
            raise ConfigFault(
                f"[consul] {name} = {path} (for the datacentre {link}) cannot be read by uid {os.geteuid()}."
            )
    return access


def _token_file(conf: cfg.ConfigOpts, link: str, environment: Mapping[str, str]) -> str:
    """The nearest of the settings wins: a datacentre's own token must not lose to the common token file."""
    if own := _option(conf, f"token_file_{link}"):
        return str(own)
    if _option(conf, f"token_{link}"):
        return ""
    if common := conf.consul.token_file:
        return str(common)
    return "" if conf.consul.token else environment.get("CONSUL_HTTP_TOKEN_FILE", "")


def _verify(conf: cfg.ConfigOpts, link: str, environment: Mapping[str, str]) -> bool:
    for value in (_option(conf, f"verify_{link}", cfg.BoolOpt), conf.consul.verify):
        if value is not None:
            return bool(value)
    return environment.get("CONSUL_HTTP_SSL_VERIFY", "").lower() not in _FALSE


def _option(conf: cfg.ConfigOpts, name: str, kind: type[cfg.Opt] = cfg.StrOpt) -> Any:
    """An option whose name contains a datacentre's, so that it could not be registered before."""
    if name not in conf.consul:
        conf.register_opt(kind(name, secret=name.startswith("token_")), group="consul")
    try:
        return conf.consul[name]
    except ValueError as fault:
        raise ConfigFault(f"[consul] {name} is not valid: {fault}.") from fault
