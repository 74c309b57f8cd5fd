"""`[status]`: where a person or Prometheus looks at a running monitor."""

from oslo_config import cfg

GROUP = cfg.OptGroup("status", title="Looking at a running monitor")

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "listen",
        regex=r"^(unix://)?/.+$|^(\[[0-9a-fA-F:.]+\]|[^\s:/]+):\d{1,5}$",
        metavar="host:port, [address]:port or the path of a unix socket",
        help="Where the status page and the metrics are served: host:port, [address]:port, or the path of a "
        "unix socket. Unset: nowhere, because a monitor should open no port that nobody asked for. The page "
        "shows the names of hosts and instances and asks for no password.",
    ),
]
