"""`[status]`: where a person or Prometheus looks at a running monitor."""

from oslo_config import cfg

GROUP = cfg.OptGroup("status", title="Looking at a running monitor")

LISTEN = r"^(unix://)?/.+$|^(\[[0-9a-fA-F:.]+\]|[^\s:/]+):\d{1,5}$"
"""What says where somebody listens."""

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "listen",
        regex=LISTEN,
        metavar="host:port, [address]:port or the path of a unix socket",
        help="Where the probes and the metrics of the monitors in this process are served: host:port, [address]:port, "
        "or the path of a unix socket. Unset: nowhere, because a monitor should open no port that nobody asked for. "
        "What is told there names hosts and instances and asks for no password. The page, and probes and metrics for "
        "all monitors of a host, are served by `masakari-monitors web`: see [web]. Of a path, only a socket that an "
        "ended process of the same user has left behind is replaced; anything else that stands there is left, and "
        "named.",
    ),
    cfg.ListOpt(
        "names",
        default=[],
        metavar="name or address, ...",
        help="Further names and addresses by which it is asked over TCP, without ports. It answers to "
        "localhost, to the host in listen, to the address at which it is asked, to [DEFAULT] hostname and to this "
        "host's own name. Any other name is refused, because a web page could give its own name this host's address "
        "and so read what is told through a browser. Where Prometheus asks by a fully qualified name, or through a "
        "forwarded port, name it here.",
    ),
]
