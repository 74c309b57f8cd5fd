"""`[web]`: the page, the probes and the metrics of all monitors of this host, of `masakari-monitors web`."""

from oslo_config import cfg, types

from masakarimonitors.conf.sections.status import LISTEN

GROUP = cfg.OptGroup(
    "web",
    title="The page of all monitors of a host",
    help="Of `masakari-monitors web`, which asks the monitors of this host at their sockets and shows all of them.",
)

_MONITORS = ("processmonitor", "instancemonitor", "introspectiveinstancemonitor", "hostmonitor")

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "listen",
        default="127.0.0.1:15869",
        regex=LISTEN,
        metavar="host:port, [address]:port or the path of a unix socket",
        help="Where the page, the probes and the metrics of all monitors of this host are served: host:port, "
        "[address]:port, or the path of a unix socket; port 0 takes a free one and says which. The page shows the "
        "names of hosts and instances and asks for no password.",
    ),
    cfg.ListOpt(
        "names",
        default=[],
        metavar="name or address, ...",
        help="Further names and addresses by which the page is asked for over TCP, without ports, as with [status] "
        "names. Any other name is refused, because a web page could give its own name this host's address and so read "
        "the page through a browser.",
    ),
    cfg.ListOpt(
        "monitors",
        default=[],
        item_type=types.String(choices=_MONITORS),
        metavar="monitor, ...",
        help="The monitors that are to run on this host: one that does not is a fault on page, probes and metrics, "
        "and for `masakari-monitors status`. Unset: each that has left an outbox on this host, or was seen here since "
        "`masakari-monitors web` was started.",
    ),
]
