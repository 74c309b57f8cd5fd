"""`[masakarimonitors_privileged]`: oslo.privsep's helper, for commands that need root.

The options are oslo.privsep's; they are declared here as well because importing oslo.privsep costs
memory that most monitors never need. A test compares the two declarations.
"""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    "masakarimonitors_privileged",
    title="Commands as root",
    help="Settings of the oslo.privsep helper that runs the commands of processes with run_as_root when the "
    "monitor itself is not root. Deployed sudoers rules refer to its command.",
)

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt("user", help="User that the helper runs as. Unset: root."),
    cfg.StrOpt("group", help="Group that the helper runs as. Unset: root's."),
    cfg.ListOpt(
        "capabilities",
        default=[],
        help="Linux capabilities that the helper keeps, by name (CAP_SYS_ADMIN) or number. Empty: those "
        "that the monitor's own context asks for.",
    ),
    cfg.IntOpt(
        "thread_pool_size",
        min=1,
        sample_default="<number of processor cores>",
        help="How many commands the helper runs at the same time.",
    ),
    cfg.StrOpt(
        "helper_command",
        help="Command that starts the helper. Unset: sudo privsep-helper with this monitor's own "
        "--config-file arguments, which is what deployed sudoers rules allow; by its path where that helper stands "
        "in an environment of its own.",
    ),
    cfg.StrOpt(
        "logger_name",
        default="oslo_privsep.daemon",
        help="Name under which the helper's messages are logged.",
    ),
    cfg.BoolOpt(
        "log_daemon_traceback",
        default=False,
        help="Whether a failure inside the helper is logged with its traceback. Useful only for finding a "
        "fault in the helper itself.",
    ),
]
