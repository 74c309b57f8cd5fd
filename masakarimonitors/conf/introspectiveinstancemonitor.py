"""`[introspectiveinstancemonitor]`: how guests are pinged and when silence counts."""

from oslo_config import cfg

GROUP = cfg.OptGroup("introspectiveinstancemonitor", title="Watching guests from inside")

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        "guest_monitoring_interval",
        default=10,
        min=1,
        help="Seconds between two pings of the same guest agent. Choose it longer than an orderly shutdown "
        "of a guest takes, so that a machine that is being switched off is not taken for a hung one.",
    ),
    cfg.IntOpt(
        "guest_monitoring_timeout",
        default=2,
        min=1,
        help="Seconds after which a ping without an answer is a miss. An idle guest answers within "
        "milliseconds; the default forgives a busy one.",
    ),
    cfg.IntOpt(
        "guest_monitoring_failure_threshold",
        default=3,
        min=1,
        help="How many misses in a row, after the guest was seen healthy, make a report. With the default "
        "interval a hung guest is reported after about half a minute.",
    ),
    cfg.StrOpt(
        "qemu_guest_agent_sock_path",
        default=r"/var/lib/libvirt/qemu/org\.qemu\.guest_agent\..*\.instance-.*\.sock",
        help="Regular expression for the path of a guest agent's socket on the host. A machine is watched "
        "only when its channel matches; the default matches the machines that nova makes and no others.",
    ),
    cfg.BoolOpt(
        "io_check",
        default=True,
        help="Before a silent guest is reported, look at its block and processor counters: a guest that "
        "completes block requests, or whose processors both work and rest, lives, and only its agent died. "
        "Then the report is held back and shown. Without this check a dead agent costs a living guest a "
        "reset.",
    ),
    cfg.IntOpt(
        "max_reports_per_hour",
        default=3,
        min=0,
        help="The reset budget: at most so many reports of one machine within an hour, kept over restarts "
        "of the monitor. A machine that a reset does not help is then held and shown, not reset again. 0: "
        "no limit.",
    ),
    cfg.StrOpt(
        "checks_file",
        help="A YAML file of application checks: commands that are run in guests through the guest agent, "
        "and what they must answer. Not set: none. A file with faults stops the start, each named with line "
        "and column.",
    ),
]
