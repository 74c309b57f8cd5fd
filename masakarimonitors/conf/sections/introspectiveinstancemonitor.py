"""`[introspectiveinstancemonitor]`: how guests are pinged and when silence counts."""

from oslo_config import cfg

GROUP = cfg.OptGroup("introspectiveinstancemonitor", title="Watching guests from inside")

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        "guest_monitoring_interval",
        default=10,
        min=1,
        help="Seconds between two pings of the same guest agent. Choose it longer than an orderly shutdown "
        "of a guest takes, so that a guest that is being switched off is not taken for a hung one.",
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
        help="How many misses in a row, after the guest was seen healthy, are forgiven before the two that make a "
        "report: as OpenStack's own monitor counts, 3 reports at the fifth. With the default interval a hung guest "
        "is reported after about 50 seconds.",
    ),
    cfg.StrOpt(
        "qemu_guest_agent_sock_path",
        default=r"/var/lib/libvirt/qemu/org\.qemu\.guest_agent\..*\.instance-.*\.sock",
        help="Regular expression for the path of a guest agent's socket on the host. A guest is watched "
        "only when its channel matches; the default matches the instances that nova makes and no others.",
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
        help="The reset budget: at most so many reports of one instance within an hour, kept over restarts "
        "of the monitor. An instance that a reset does not help is then held and shown, not reset again. 0: "
        "no limit.",
    ),
    cfg.FloatOpt(
        "storm_threshold",
        default=50.0,
        min=0.0,
        max=100.0,
        help="Per cent of the guests of one libvirt, or of those of its guests whose disks are on the same storage, "
        "and at least three, that may be silent together. When more are, their reports are held, because storage "
        "that hangs is then likelier than so many broken guests. 0 turns the guard off.",
    ),
    cfg.FloatOpt(
        "storm_hold",
        default=300.0,
        min=1.0,
        max=3600.0,
        help="Seconds for which no guest may fall silent or answer again before the reports that a storm holds are "
        "released, if no more than storm_threshold are still silent; otherwise they wait until an hour has passed "
        "since the guests fell silent.",
    ),
    cfg.StrOpt(
        "checks_file",
        help="A YAML file of application checks: commands that are run in guests through the guest agent, "
        "and what they must answer. Not set: none. A file with faults stops the start, each named with line "
        "and column.",
    ),
]
