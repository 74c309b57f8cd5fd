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
]
