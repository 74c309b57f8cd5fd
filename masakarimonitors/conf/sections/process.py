"""`[process]`: which processes are watched and how they are restarted."""

from oslo_config import cfg

from masakarimonitors.conf.sections import api

GROUP = cfg.OptGroup("process", title="Watching processes")

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        "check_interval",
        default=5,
        min=1,
        help="Seconds between two scans for processes that have appeared. A death is seen at once without "
        "any scan; this is the safety net, and how soon a newly started process is under watch.",
    ),
    cfg.IntOpt(
        "restart_retries",
        default=3,
        min=0,
        help="How many more times a restart is tried after the first one failed, before the process is "
        "reported as stopped. A report puts the host on maintenance in masakari, so a few tries are worth "
        "their time.",
    ),
    cfg.IntOpt(
        "restart_interval",
        default=5,
        min=0,
        help="Seconds between two restart tries; at least 1, whatever is set. The default gives what the process "
        "depends on a moment to come back. A process has recovered when it has run for twice as long.",
    ),
    cfg.IntOpt(
        "restart_grace",
        default=1,
        min=0,
        help="Seconds after a death in which somebody else may start the process again, as in `systemctl restart` "
        "or in the upgrade of a package, before a restart is tried. With 0, every orderly restart is answered by "
        "a second one.",
    ),
    cfg.IntOpt(
        "start_patience",
        default=30,
        min=0,
        help="Seconds for which a service may need to appear after its start or restart command has exited with 0, "
        "before the next try: a second command would start a second copy of a slow service.",
    ),
    cfg.IntOpt(
        "restarts_per_hour",
        default=10,
        min=2,
        help="So many ends of one process within an hour are an alarm, also where each of them was followed by a "
        "successful start.",
    ),
    cfg.BoolOpt(
        "own_pid_namespace",
        default=False,
        help="Whether the processes of the monitor's own pid namespace are meant where that is not the host's, as in "
        "a container without --pid=host. Otherwise such a monitor cannot see the host's processes: it says so, and "
        "starts and reports nothing.",
    ),
    *api.FIRST_TRIES,
    cfg.StrOpt(
        "process_list_path",
        default="/etc/masakarimonitors/process_list.yaml",
        help="YAML file that lists the processes and their commands. It is read again when it changes and "
        "on SIGHUP.",
    ),
    cfg.IntOpt(
        "command_timeout",
        default=60,
        min=1,
        help="Seconds that one start, restart, pre or post command may take; then it is killed with its "
        "children and counts as failed. Most services start in less; a hung command must not block recovery "
        "for ever.",
    ),
]
