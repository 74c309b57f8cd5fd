"""The instance monitor, wired: options to policy, libvirt's events and QEMU's processes to the decision.

The only file of this room that reads the configuration.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault, where
from masakarimonitors.daemon import Monitor, Source
from masakarimonitors.decisions import JSON
from masakarimonitors.instancemonitor.decision import Decider, Policy
from masakarimonitors.instancemonitor.effects import Questions
from masakarimonitors.instancemonitor.evidence import Evidence
from masakarimonitors.instancemonitor.observation import Observation
from masakarimonitors.instancemonitor.reading import Numbers, evidence_of
from masakarimonitors.instancemonitor.sources.libvirt import Libvirt
from masakarimonitors.instancemonitor.sources.qemu_process import QemuProcesses
from masakarimonitors.instancemonitor.state import State, lines, recalled
from masakarimonitors.status.board import SubjectRow
from masakarimonitors.system import libvirt
from masakarimonitors.system.clock import Clock

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def build(
    conf: cfg.ConfigOpts, memory: Mapping[str, Mapping[str, JSON]], clock: Clock
) -> Monitor[State, Observation]:
    """The monitor, not running yet; `memory` is what it remembered in its last life.

    Raises ConfigFault for what can never work: no binding, a URI that libvirt cannot make anything of.
    A libvirtd that is away is not among them.
    """
    uris = _uris(conf)
    options = conf.libvirt
    evidence = Evidence(Path(options.qemu_pid_directory), Path(options.qemu_log_directory))
    numbers = Numbers()
    boot_id = _boot_id()
    policy = Policy(
        hostname=conf.hostname,
        settle_time=options.settle_time,
        actionable_only=options.report == "actionable",
        boot_id=boot_id,
    )
    sources: list[Source[Observation]] = [
        Libvirt(uri, clock, numbers, evidence, resync=float(options.resync_interval)) for uri in uris
    ]
    on_this_host = [uri for uri in uris if evidence_of(uri, evidence)]
    if options.watch_processes and on_this_host:
        sources.append(QemuProcesses(evidence.pids, on_this_host[0], clock))
    questions = Questions(clock, numbers, evidence)
    return Monitor(
        name="instancemonitor",
        state=recalled(memory, boot_id),
        decide=Decider(policy),
        sources=sources,
        effects=questions,
        describe=_describe,
        looked=lambda state: state.read.issuperset(uris),
        close=questions.close,
        watching=[f"the machines of {uri}" for uri in uris],
    )


def cannot_work(conf: cfg.ConfigOpts) -> str:
    """Why machines cannot be watched on this computer, or nothing; raises ConfigFault for a bad URI."""
    try:
        uris = libvirt.uris(conf.libvirt.connection_uri)
        libvirt.load()
    except libvirt.BadUri as fault:
        raise ConfigFault(f"{where(conf, 'libvirt', 'connection_uri')}: {fault}") from None
    except libvirt.BindingMissing as fault:
        return str(fault)
    return libvirt.absent(uris)


def _uris(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    try:
        uris = libvirt.uris(conf.libvirt.connection_uri)
        libvirt.load()
        libvirt.check(uris)
    except libvirt.BadUri as fault:
        raise ConfigFault(f"{where(conf, 'libvirt', 'connection_uri')}: {fault}") from None
    except libvirt.BindingMissing as fault:
        raise ConfigFault(str(fault)) from None
    return uris


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _describe(state: State) -> Sequence[SubjectRow]:
    return [SubjectRow(*line) for line in lines(state)]
