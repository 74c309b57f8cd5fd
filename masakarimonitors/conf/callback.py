"""`[callback]`: how the two machine monitors deliver, before the slow retries begin."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    "callback",
    title="Delivery of reports about machines",
    help="First, quick delivery tries of masakari-instancemonitor and "
    "masakari-introspectiveinstancemonitor. A report is not lost after them: it stays on disk and is tried "
    "ever more slowly until notification_expiry.",
)

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        "retry_max",
        default=12,
        min=0,
        help="How many further tries follow a first one that failed, retry_interval apart, before the "
        "pauses grow. With the defaults that is two minutes, the time of a usual restart of the API.",
    ),
    cfg.IntOpt(
        "retry_interval",
        default=10,
        min=0,
        help="Seconds between those tries. The default lets a burst of machines not become a burst of "
        "retries.",
    ),
]
