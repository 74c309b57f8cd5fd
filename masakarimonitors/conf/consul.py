"""`[consul]`: the agents that the Consul driver asks, one for each network."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    "consul",
    title="Watching hosts with Consul",
    help="One Consul datacentre for each network between the hosts. Only datacentres whose agent is named "
    "here are looked at.",
)

_AGENT = (
    "Address of this machine's own Consul agent in the datacentre of the {} network, host:port as the "
    "agent's bind_addr and http port say, 192.168.101.1:8500 for example. Unset: that network is not "
    "watched."
)

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt("agent_manage", help=_AGENT.format("management")),
    cfg.StrOpt("agent_tenant", help=_AGENT.format("tenant")),
    cfg.StrOpt("agent_storage", help=_AGENT.format("storage")),
    cfg.StrOpt(
        "matrix_config_file",
        help="YAML file that says which combination of reachable networks calls for recovery. Unset: "
        "recovery when the storage network is down, because a machine that lost its disks is of no use "
        "wherever it runs.",
    ),
]

OPEN_NAMES = ("agent_*",)
"""Further datacentres are named by the matrix's sequence, so their options cannot be listed here."""
