"""The `kubernetes` driver: hosts that are nodes of a Kubernetes cluster.

In: `[kubernetes]` and the BMC options of `[host]`. Out: a `Driver`, wired. Ready=Unknown says that a
kubelet is silent, not that its host is dead: with a power_config_file the BMC is asked first.
"""

import importlib.util
import os
from dataclasses import dataclass

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault
from masakarimonitors.decisions import Command
from masakarimonitors.hostmonitor import matrix
from masakarimonitors.hostmonitor.driver import Driver
from masakarimonitors.hostmonitor.observation import CheckPower, Observation
from masakarimonitors.hostmonitor.power.options import prover
from masakarimonitors.hostmonitor.power.proof import Proof
from masakarimonitors.hostmonitor.sources.kubernetes_api import Account
from masakarimonitors.hostmonitor.sources.kubernetes_nodes import LINK, Nodes, Rhythm
from masakarimonitors.hostmonitor.sources.kubernetes_reporter import LeaseOffice, Terms
from masakarimonitors.system.clock import Clock


@dataclass(frozen=True, slots=True)
class _Acts:
    """What the core may ask of this driver."""

    proof: Proof
    office: LeaseOffice | None

    async def perform(self, command: Command) -> Observation | None:
        if isinstance(command, CheckPower):
            return await self.proof.prove(command)
        return None if self.office is None else await self.office.perform(command)


def build(conf: cfg.ConfigOpts, own: str, clock: Clock) -> Driver:
    """Read `[kubernetes]`; `own` is this host's name; raises ConfigFault."""
    if importlib.util.find_spec("kubernetes_asyncio") is None:
        raise ConfigFault(
            "monitoring_driver = kubernetes needs the Python package kubernetes_asyncio, which is not installed: "
            "install masakari-monitors[kubernetes]."
        )
    options = conf.kubernetes
    account = Account(options.kubeconfig, options.context)
    if account.kubeconfig and not os.access(account.kubeconfig, os.R_OK):
        raise ConfigFault(
            f"[kubernetes] kubeconfig = {account.kubeconfig} cannot be read by uid {os.geteuid()}: name a file "
            "that this user may read, or none to use the service account of the pod."
        )
    proof = prover(conf, clock)
    rhythm = Rhythm(resync=max(1, int(conf.host.monitoring_interval)))
    nodes = Nodes(account, options.monitoring_node_labels, clock, rhythm)
    office = None
    if conf.host.reporter != "all":
        office = LeaseOffice(account, options.lease_namespace, options.lease_name, own, clock, Terms())
    return Driver(
        "kubernetes",
        matrix.single(LINK),
        [nodes] if office is None else [nodes, office],
        effects=_Acts(proof, office),
        needs_proof=bool(conf.host.power_config_file) and not conf.host.disable_ipmi_check,
        elected=office is not None,
    )
