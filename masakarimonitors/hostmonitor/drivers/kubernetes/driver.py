"""The `kubernetes` driver: hosts that are nodes of a Kubernetes cluster.

In: `[kubernetes]` and the BMC options of `[host]`. Out: a `Driver`, wired. Ready=Unknown says that a
kubelet is silent, not that its host is dead: with a power_config_file the BMC is asked first.
"""

import functools
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.decision import Command
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import CheckPower, Observation, Power, PowerSeen
from masakarimonitors.hostmonitor.drivers.base import Driver, Finding
from masakarimonitors.hostmonitor.drivers.kubernetes import examine
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.elector import ElectionTimings, LeaseElector
from masakarimonitors.hostmonitor.drivers.kubernetes.nodes import LINK, Nodes, Rhythm
from masakarimonitors.hostmonitor.drivers.kubernetes.own_node import OwnNames, own_names
from masakarimonitors.hostmonitor.drivers.kubernetes.peers import LeaseWords
from masakarimonitors.hostmonitor.power.prover import PowerPolicy, Prover
from masakarimonitors.system.clock import Clock, boot_id


@dataclass(frozen=True, slots=True)
class _Effects:
    """What the core may ask of this driver."""

    proof: Prover | None
    elector: LeaseElector | None
    clock: Clock

    async def perform(self, command: Command) -> Observation | None:
        if isinstance(command, CheckPower):
            return await self.proof.prove(command) if self.proof is not None else self._unasked(command)
        return None if self.elector is None else await self.elector.perform(command)

    def _unasked(self, request: CheckPower) -> PowerSeen:
        return PowerSeen(
            host=request.host,
            power=Power.NO_PROOF,
            evidence="no BMC is asked: [host] power_config_file is not set, or disable_ipmi_check is",
            at=self.clock.now(),
            in_reply_to=request,
        )


def build(conf: cfg.ConfigOpts, own: str, clock: Clock) -> Driver:
    """Read `[kubernetes]`; `own` is this host's name; raises ConfigFault."""
    options = conf.kubernetes
    credentials = _credentials(conf)
    # Without a power_config_file, or with disable_ipmi_check, no BMC is asked, neither about a death nor in rounds.
    asks = bool(conf.host.power_config_file) and not conf.host.disable_ipmi_check
    proof = Prover(PowerPolicy.of(conf.host), clock) if asks and not conf.shadow else None
    rhythm = Rhythm(resync=max(1, int(conf.host.monitoring_interval)))
    names = _names(conf, own)
    elector, peers = None, None
    if conf.host.reporter != "all":
        elector = LeaseElector(
            credentials, options.lease_namespace, options.lease_name, own, clock, ElectionTimings()
        )
        peers = LeaseWords(credentials, options.lease_namespace, options.lease_name)
    nodes = Nodes(
        credentials,
        options.monitoring_node_labels,
        names,
        clock=clock,
        rhythm=rhythm,
        on_sight=_ignore if elector is None else elector.on_sight,
    )

    async def close() -> None:
        if proof is not None:
            proof.close()

    return Driver(
        name="kubernetes",
        matrix=matrix.single(LINK),
        sources=[nodes] if elector is None else [nodes, elector],
        # A guess may be the name of another Node, whose failure would not be told here.
        own_names=frozenset(name.lower() for name in names.names) if names.sure else frozenset(),
        effects=_Effects(proof, elector, clock),
        needs_proof=asks,
        elected=elector is not None,
        on_path=elector.on_path if elector is not None else lambda works: None,
        peers=peers,
        share_silences=None if elector is None else elector.silences.share,
        troubles=tuple if elector is None else lambda: elector.troubles,
        look_at_power=proof.look if proof is not None else None,
        note_power=proof.note if proof is not None else lambda host, said: {},
        recall_power=proof.recall if proof is not None else lambda wrong: None,
        wrong_power=proof.wrong if proof is not None else dict,
        hear_power=proof.hear if proof is not None else lambda wrong, leads: None,
        power_places=proof.places if proof is not None else lambda host: None,
        power_hosts=functools.partial(_hosts_of, proof) if proof is not None else None,
        files=proof.files() if proof is not None else (),
        closers=[close],
        endpoints=nodes.endpoints,
    )


async def check_engine(conf: cfg.ConfigOpts, own: str) -> Sequence[Finding]:
    """For `masakari-monitors check`: whether the API server lets this account do its work; raises ConfigFault."""
    options = conf.kubernetes
    lease = None if conf.host.reporter == "all" else (options.lease_namespace, options.lease_name)
    return await examine.examine(
        examine.Question(
            credentials=_credentials(conf),
            selector=options.monitoring_node_labels,
            own=_names(conf, own),
            lease=lease,
            fleet=own if conf.host.fleet_view and lease is not None else "",
        )
    )


async def _hosts_of(proof: Prover) -> Sequence[str]:
    return proof.hosts()


def _ignore(proven: bool) -> None:
    """Nobody is elected."""


def _credentials(conf: cfg.ConfigOpts) -> Credentials:
    credentials = Credentials(conf.kubernetes.kubeconfig, conf.kubernetes.context)
    if credentials.kubeconfig and not os.access(os.path.expanduser(credentials.kubeconfig), os.R_OK):
        raise ConfigFault(
            f"[kubernetes] kubeconfig = {credentials.kubeconfig} cannot be read by uid {os.geteuid()}: name a file "
            "that this user may read, or none to use the service account of the pod."
        )
    return credentials


def _names(conf: cfg.ConfigOpts, own: str) -> OwnNames:
    return own_names(conf.kubernetes.node_name, os.environ, (own, socket.gethostname()), boot_id(""))
