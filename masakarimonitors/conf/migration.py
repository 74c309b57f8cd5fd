"""What each line of a file that was written for OpenStack's own monitors means here.

In: a loaded configuration. Out: one meaning for each assignment in its files, in their order, and what is worth
knowing where no line speaks of it. Values are looked at and never repeated: a password may stand anywhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from oslo_config import cfg

from masakarimonitors.conf import files, unknown
from masakarimonitors.conf.sections.host import OWN_DRIVERS


class Fate(StrEnum):
    """What becomes of a line."""

    KEPT = "kept"
    """It means what it meant."""
    RENAMED = "renamed"
    """It works; its name is another now."""
    NO_EFFECT = "no effect"
    """It is accepted so that files keep loading, and nothing hangs on it."""
    OTHERWISE = "otherwise"
    """It works, and what it brings about has changed."""
    RIGHTS = "rights"
    """It works, and needs a right or a program that was not needed before."""
    FOREIGN = "foreign"
    """Another library's, which nobody reads here."""
    IGNORED = "IGNORED"
    """Nobody reads it: it has no effect here and had none before, or is misspelt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one line means; `file` is empty and `line` 0 where no line speaks of it."""

    fate: Fate
    section: str
    option: str
    text: str = ""
    file: str = ""
    line: int = 0


_Said = tuple[Fate, str]
_KEPT: _Said = (Fate.KEPT, "")

_TRIES = (
    Fate.OTHERWISE,
    "when these tries are over, the report stays on disk and is tried on, ever more slowly, until "
    "[DEFAULT] notification_expiry",
)
_SAFETY_NET = (
    Fate.OTHERWISE,
    "changes are seen by events at once; this is how often everything is read all the same, and may be slow",
)
_POWER = (
    Fate.OTHERWISE,
    "every common fencing device is understood, by IPMI or Redfish; UNKNOWN is sent only when no proof can be had",
)
_AGENT = (
    Fate.RIGHTS,
    "where agents have ACLs, the token must read nodes, write keys below [consul] kv_prefix, and write sessions: one "
    "of the monitors is elected to report",
)
_PACEMAKER = (
    Fate.RIGHTS,
    "a full member asks Corosync itself: libquorum and libcpg, or corosync-quorumtool, must be installed beside the "
    "monitor, and its user must be in haclient and in /etc/corosync/uidgid.d, or be root",
)
_KUBERNETES = (
    Fate.RIGHTS,
    "the account may list and watch nodes, list leases in kube-node-lease, and get, create and update leases in "
    "[kubernetes] lease_namespace; with `list` of nodes alone it works, later, and every monitor reports",
)
_CLASSES = (Fate.NO_EFFECT, "each program runs its own monitor")
_ROOT = (
    Fate.RIGHTS,
    "a process monitor that is not root has commands run as root only from a list and a configuration that root alone "
    "can write",
)


def _driver(value: str) -> _Said:
    if value in ("default", "simple"):
        return _PACEMAKER
    if value == "kubernetes":
        return _KUBERNETES
    if value in OWN_DRIVERS:
        return _AGENT
    return (
        Fate.KEPT,
        "a driver of your own, found by the same entry point; both paths of its base class work",
    )


def _node(value: str) -> _Said:
    return _PACEMAKER if value == "cluster" else _KEPT


_MEANINGS: Mapping[tuple[str, str], _Said | Callable[[str], _Said]] = {
    **{
        ("DEFAULT", f"{name}_manager"): _CLASSES
        for name in ("hostmonitor", "instancemonitor", "processmonitor")
    },
    ("DEFAULT", "introspectiveinstancemonitor_manager"): _CLASSES,
    ("DEFAULT", "monkey_patch"): (Fate.NO_EFFECT, "nothing is patched"),
    ("DEFAULT", "monkey_patch_modules"): (Fate.NO_EFFECT, "nothing is patched"),
    ("DEFAULT", "tempdir"): (Fate.NO_EFFECT, "no temporary files are made there"),
    **{
        (place, name): _TRIES
        for place in ("host", "process")
        for name in ("api_retry_max", "api_retry_interval")
    },
    **{("callback", name): _TRIES for name in ("retry_max", "retry_interval")},
    ("process", "check_interval"): _SAFETY_NET,
    ("process", "process_list_path"): (
        Fate.OTHERWISE,
        "a process_name is compared with what a process runs, no more with the text of ps: a part of a name matches "
        "nothing. `masakari-monitors check` says what each entry matches",
    ),
    ("process", "restart_retries"): (
        Fate.OTHERWISE,
        "after the report the process is tried on, ever more slowly; others are not waited for",
    ),
    ("host", "monitoring_driver"): _driver,
    ("host", "monitoring_interval"): _SAFETY_NET,
    ("host", "disable_ipmi_check"): (
        Fate.OTHERWISE,
        "true leaves the proof that a host is off to Pacemaker's fencing; where fencing is off, too, a host that still "
        "answers is held, with an alarm",
    ),
    **{("host", f"ipmi_{name}"): _POWER for name in ("timeout", "retry_max", "retry_interval")},
    ("host", "stonith_wait"): (
        Fate.OTHERWISE,
        "fencing is waited for, and NORMAL is sent only when it has succeeded",
    ),
    ("host", "corosync_multicast_interfaces"): (
        Fate.RIGHTS,
        "tcpdump is run as the monitor's user, and where that is refused as root; with knet, Corosync's default since "
        "3.0, leave it out, and Corosync tells of its links itself",
    ),
    ("host", "corosync_multicast_ports"): (
        Fate.KEPT,
        "without corosync_multicast_interfaces it is not heeded",
    ),
    ("host", "pacemaker_node_type"): _node,
    **{("consul", f"agent_{name}"): _AGENT for name in ("manage", "tenant", "storage")},
    ("consul", "matrix_config_file"): (
        Fate.OTHERWISE,
        "a fault in it is named with line and column, and the monitor does not start",
    ),
    ("kubernetes", "monitoring_node_labels"): _KUBERNETES,
    ("introspectiveinstancemonitor", "guest_monitoring_failure_threshold"): (
        Fate.OTHERWISE,
        "counts as before (3: the fifth miss in a row), but a guest that is at work is not reported, nor are many that "
        "fall silent together",
    ),
    ("libvirt", "connection_uri"): (
        Fate.OTHERWISE,
        "to see instances a read-only connection will do; to ask guest agents it must be read-write. Several, "
        "separated by commas, are watched side by side",
    ),
    **{
        ("masakarimonitors_privileged", name): _ROOT
        for name in ("helper_command", "user", "group", "capabilities")
    },
}


def meanings(conf: cfg.ConfigOpts) -> list[Meaning]:
    """One for each assignment of the loaded files, and one for what they leave open; a driver must be loaded by now."""
    settings = [one for one in files.read(files.loaded(conf)) if one.name is not None]
    said = {(one.file, one.line): one for one in unknown.remarks(conf, driver_loaded=True)}
    sections = {one.section: one for one in said.values() if one.opens}
    known, _ = unknown.names(conf)
    found = []
    for one in settings:
        name = str(one.name)
        remark = said.get((one.file, one.line)) or sections.get(one.section)
        if remark is not None:
            fate, text = (Fate.IGNORED if remark.ignored else Fate.RENAMED), remark.text
        elif name not in known.get(one.section, ()):
            fate, text = Fate.FOREIGN, ""
        else:
            meaning = _MEANINGS.get((one.section, name), _KEPT)
            fate, text = meaning(one.value.strip("'\"")) if callable(meaning) else meaning
        found.append(
            Meaning(fate=fate, section=one.section, option=name, text=text, file=one.file, line=one.line)
        )
    return found + _left_open({(one.section, one.option) for one in found})


def _left_open(set_here: set[tuple[str, str]]) -> list[Meaning]:
    """What deserves a thought although no line says anything of it: all other options keep their defaults."""
    found = []
    if ("DEFAULT", "state_path") not in set_here:
        text = (
            "new, and not set: reports are kept in /var/lib/masakarimonitors. In a container that must be a volume of "
            "the host, or what waits is forgotten with the container"
        )
        found.append(Meaning(fate=Fate.OTHERWISE, section="DEFAULT", option="state_path", text=text))
    if ("host", "monitoring_driver") not in set_here and ("host", "pacemaker_node_type") not in set_here:
        text = f"not set, so Pacemaker is asked: {_PACEMAKER[1]}"
        found.append(Meaning(fate=Fate.RIGHTS, section="host", option="monitoring_driver", text=text))
    return found
