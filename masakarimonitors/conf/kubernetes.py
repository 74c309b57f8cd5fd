"""`[kubernetes]`: which nodes the Kubernetes driver watches."""

from oslo_config import cfg

GROUP = cfg.OptGroup("kubernetes", title="Watching hosts with Kubernetes")

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "monitoring_node_labels",
        default="",
        help="Label selector of the nodes that are hosts: compute-node=enabled,zone=a for example. Empty: "
        "every node, which is right only where every node runs machines.",
    ),
]
