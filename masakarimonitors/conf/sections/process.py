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
        help="Seconds between two restart tries. The default gives what the process depends on a moment to "
        "come back.",
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
