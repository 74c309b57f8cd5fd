"""`[receiver]`: the embedded stand-in for masakari-api, where there is no cloud."""

import ipaddress
from typing import Any

from oslo_config import cfg, types

GROUP = cfg.OptGroup(
    "receiver",
    title="The embedded receiver",
    help="A stand-in for masakari-api that takes reports and shows them. It recovers nothing.",
)


class _HostAddress(types.HostAddress):
    """The same without netaddr, which is large, where a plain address of IPv4 is given, as it is by default."""

    def __call__(self, value: str) -> str:
        try:
            return str(ipaddress.IPv4Address(value))
        except ValueError:
            return str(super().__call__(value))


class _HostAddressOpt(cfg.HostAddressOpt):
    def __init__(self, name: str, **options: Any) -> None:
        # What stands between, HostAddressOpt's own, would check the default by its own type.
        cfg.Opt.__init__(self, name, type=_HostAddress(), **options)


OPTIONS: list[cfg.Opt] = [
    cfg.BoolOpt(
        "embedded",
        default=False,
        help="Whether masakari-monitors run also starts the receiver in its own process and delivers to it "
        "instead of to the masakari-api of [api]. For trying things out.",
    ),
    _HostAddressOpt(
        "listen",
        default="127.0.0.1",
        help="Address that the receiver listens on. It asks nobody for a password, so keep it on loopback.",
    ),
    cfg.PortOpt(
        "port",
        default=15868,
        help="Port that the receiver listens on; 0 takes a free one and says which. The default is "
        "masakari-api's.",
    ),
    cfg.ListOpt(
        "names",
        default=[],
        metavar="name or address, ...",
        help="Further names and addresses by which the receiver is asked, without ports. It answers to localhost, to "
        "the host in listen and in [api] endpoint, to the address at which it is asked, to [DEFAULT] hostname and to "
        "this host's own name, and refuses any other, so that no web page can report to it.",
    ),
    cfg.StrOpt(
        "database",
        sample_default="<state_path>/receiver.sqlite",
        help="SQLite file that keeps what was received; :memory: forgets it at the end.",
    ),
]
