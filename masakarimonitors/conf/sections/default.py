"""`[DEFAULT]`: who this host is, where state lives, how long a report is worth delivering.

oslo.log's own options stand in the same section; `conf.log` registers them.
"""

from oslo_config import cfg

from masakarimonitors.core.notification import HOSTNAME

GROUP = cfg.OptGroup("DEFAULT")

_CLASS_PATH = (
    "Class path that older releases loaded. Accepted so that deployed files keep loading; it has no effect, "
    "because each console script runs its own monitor."
)

SHADOW = cfg.BoolOpt(
    "shadow",
    default=False,
    help="Whether the monitors only look, beside others that act: they tell masakari nothing, elect nobody, run no "
    "command, ask no BMC and no guest, and compare what they would have told with what others have told. Their "
    "state is kept in a folder `shadow` below that of state_path. Of such a monitor, `masakari-monitors "
    "status` says so first of all, and that it is degraded: nobody recovers anything because of it. "
    "`masakari-monitors shadow` shows the comparison. These options count for nothing in it: [host] reporter and "
    "pacemaker_alert_socket, [status] listen, [receiver] embedded, [callback] max_unfinished. By hand, --shadow behind "
    "a program's name is safer than a variable of the environment, which does nothing where it is mistyped.",
)
"""An option of the command line, too: `conf.loader` registers it there."""

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "hostname",
        regex="^" + HOSTNAME.pattern,
        metavar="1 to 255 letters, digits, dots, dashes or underscores",
        sample_default="<the name of this host>",
        deprecated_name="host",
        help="The name by which masakari knows this host; every monitor and every report uses this one "
        "name. 1 to 255 letters, digits, dots, dashes and underscores, compared exactly, upper and lower "
        "case included: it must equal the name that the host was registered with in its failover segment, "
        "and usually nova's name of the compute service. Default: what the host calls itself, as nova "
        "does.",
    ),
    cfg.StrOpt(
        "state_path",
        sample_default="<$STATE_DIRECTORY, else /var/lib/masakarimonitors, else the user's state folder>",
        help="Folder for what must outlive the monitor: reports not yet delivered and what was already "
        "reported. Unset, the first writable one is taken of: $STATE_DIRECTORY (systemd sets it), "
        "/var/lib/masakarimonitors, $XDG_STATE_HOME/masakarimonitors (~/.local/state/masakarimonitors). "
        "When none is writable the monitor works from memory and says so with an ERROR. A folder named here "
        "that cannot be written is a fatal error, because somebody relies on it.",
    ),
    cfg.BoolOpt(
        "state_may_be_lost",
        default=False,
        help="Whether it is known and wanted that the folder for state does not outlive the host's next start or its "
        "container (memory, a container's own layer, an emptyDir). Unless it is, a monitor warns of such a folder "
        "and is degraded by it: what waits there would be lost, and what was reported forgotten. Volumes of "
        "containers, such as a hostPath, are no such folder.",
    ),
    SHADOW,
    cfg.IntOpt(
        "notification_expiry",
        default=86400,
        min=60,
        help="Seconds after which a report that could not be delivered is given up, counted from the "
        "detection. The default is one day: longer than any planned outage of a control plane, and short "
        "enough that nobody recovers instances because of what happened last week.",
    ),
    cfg.IntOpt(
        "outbox_history_count",
        default=10000,
        min=0,
        help="How many settled reports (delivered, refused, withdrawn, expired) the outbox keeps for people "
        "to look at; the oldest go first. The default is a few megabytes. Reports that still wait, and delivered ones "
        "that are still followed at masakari, are never dropped.",
    ),
    cfg.IntOpt(
        "longest_silence",
        default=86400,
        min=60,
        max=31 * 86400,
        help="Seconds for which `masakari-monitors silence` may hold reports at most. The default is one day: a "
        "silence that somebody forgets keeps failed hosts from being recovered. Each monitor ends what is longer by "
        "its own option, so it should be the same on all hosts.",
    ),
    cfg.IntOpt(
        "recording_size",
        default=0,
        min=0,
        max=1024,
        help="MiB that the recording of each monitor may take beside its outbox, for `masakari-monitors replay`: all "
        "that it observes, and what it decides. 0, the default: nothing is recorded, because it is much (each reading "
        "that proves a link takes 300 bytes, a whole listing of a thousand hosts 4 KB) and names every host; the "
        "journal says what was decided in any case. 16 hold some hours. Command lines are left out of it. It is "
        "written by a thread, and nothing waits for that.",
    ),
    cfg.IntOpt(
        "loop_stall_limit",
        default=60,
        min=0,
        help="Seconds for which a monitor may do nothing at all (its loop stands still) before it ends itself "
        "with exit code 70, the stacks of all its threads in the log, so that whatever started it starts it "
        "anew. For containers and service managers that have no watchdog; where systemd's is set, the shorter "
        "of the two counts. Time for which the process or the whole host is stopped does not count. 0: "
        "never.",
    ),
    cfg.StrOpt(
        "tempdir",
        help="Folder for temporary files. Accepted so that deployed files keep loading; it has no effect, "
        "because nothing is written to temporary files.",
    ),
    cfg.BoolOpt(
        "monkey_patch",
        default=False,
        help="Accepted so that deployed files keep loading; it has no effect, because nothing is patched at "
        "run time.",
    ),
    cfg.ListOpt(
        "monkey_patch_modules",
        default=[],
        help="Accepted so that deployed files keep loading; it has no effect. See monkey_patch.",
    ),
    cfg.StrOpt(
        "hostmonitor_manager",
        default="masakarimonitors.hostmonitor.host.HostmonitorManager",
        help=_CLASS_PATH,
    ),
    cfg.StrOpt(
        "instancemonitor_manager",
        default="masakarimonitors.instancemonitor.instance.InstancemonitorManager",
        help=_CLASS_PATH,
    ),
    cfg.StrOpt(
        "introspectiveinstancemonitor_manager",
        default="masakarimonitors.introspectiveinstancemonitor.instance.IntrospectiveInstanceMonitorManager",
        help=_CLASS_PATH,
    ),
    cfg.StrOpt(
        "processmonitor_manager",
        default="masakarimonitors.processmonitor.process.ProcessmonitorManager",
        help=_CLASS_PATH,
    ),
]
