"""What an operator should know of a cluster's configuration before a host fails; pure.

In: both documents, and what this monitor is set to do. Out: sentences for the log and for
`masakari-monitors check`: what was seen, what it means, what to do.
"""

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Cib, CrmMon

_REBOOT = (
    "Pacemaker fences by reboot (stonith-action = {action}): a host that is back before masakari's engine has "
    "begun to evacuate it (it waits 180 s by default) still counts as running there, and its recovery fails. "
    "Set the cluster property stonith-action = off (fencing-action from Pacemaker 3.0.2 on)."
)
_UNCHECKED = (
    "The cluster's fencing is off and [host] disable_ipmi_check is set: nobody proves that a lost host is dead. "
    "Such a host is taken as off unchecked, after settling and only if nothing of it answers on TCP. "
    "Turn fencing on, or let a BMC be asked (disable_ipmi_check = false, power_config_file)."
)
_NO_FENCING = (
    "The cluster's fencing is off (stonith-enabled): a lost host is proven dead by its BMC alone, asked by this "
    "monitor; a host whose BMC is not known is reported as UNKNOWN, which masakari does not act on. Turn "
    "fencing on, or name the BMCs with [host] power_config_file."
)
_ALONE = (
    "Fencing by Pacemaker is the only proof here ([host] disable_ipmi_check): a host that Pacemaker cannot or "
    "does not fence (a remote that is lost together with the node that holds its connection, say) is reported "
    "as UNKNOWN, which masakari does not act on."
)
_SLOW = (
    "Fencing may come late while a member is busy, and it is the only proof here: where the load average of any of "
    "the {members} members is above {load:.1f} for each of its CPUs (twice load-threshold, {threshold:.0f} %), "
    "Pacemaker does one thing at a time after the loss of one, and tries to reach remote nodes may take that turn for "
    "minutes. Until it is fenced a lost host is reported as UNKNOWN, which masakari does not act on. Raise the "
    "cluster property load-threshold (to 400%, say), or let a BMC be asked (disable_ipmi_check = false, "
    "power_config_file)."
)
_DEFAULT_LOAD = 0.8
"""Pacemaker's own load-threshold; whoever has raised it has seen to that."""
_FEW = 4
"""So many members do one thing at a time when one of them is lost: half as many as are left, rounded down."""
_UNALERTED = (
    "Pacemaker does not alert this monitor: a lost remote node is seen by polling, up to {poll:.0f} s later, and a "
    "clean stop of pacemaker_remoted cannot be told from a loss; run 'masakari-monitors pacemaker-alert "
    "install' on every cluster node"
)


def remarks(cib: Cib, mon: CrmMon, alerted: bool, *, asks_bmc: bool, poll: float) -> list[str]:
    """`alerted`: the CIB names this monitor's socket. `asks_bmc`: BMCs are asked. `poll`: seconds between looks."""
    found = []
    stonith = cib.stonith if mon.stonith is None else mon.stonith
    if stonith and cib.stonith_action == "reboot":
        found.append(_REBOOT.format(action="reboot, the default"))
    if not stonith:
        found.append(_NO_FENCING if asks_bmc else _UNCHECKED)
    elif not asks_bmc:
        found.append(_ALONE)
        members = sum(not node.remote for node in cib.nodes)
        if cib.connections and members <= _FEW and 0 < cib.load_threshold <= _DEFAULT_LOAD:
            share = cib.load_threshold
            found.append(_SLOW.format(members=members, load=2 * share, threshold=100 * share))
    if not alerted:
        found.append(_UNALERTED.format(poll=poll))
    return found
