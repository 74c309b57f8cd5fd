"""`[kubernetes]`: which nodes the Kubernetes driver watches, as whom, and where its reporter is elected."""

from oslo_config import cfg

GROUP = cfg.OptGroup("kubernetes", title="Watching hosts with Kubernetes")

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "monitoring_node_labels",
        default="",
        help="Label selector of the nodes that are hosts: compute-node=enabled,zone=a for example. Empty: "
        "every node, which is right only where every node runs instances.",
    ),
    cfg.StrOpt(
        "node_name",
        help="Name of the Node that this monitor runs on: it never reports that one, and does not believe what is "
        "said of others while that one is lost. Unset: the environment variable NODE_NAME (in a pod: from "
        "spec.nodeName), else the Node that bears this host's name. `none`: this monitor runs on no Node.",
    ),
    cfg.StrOpt(
        "kubeconfig",
        help="File with the address and the credentials of the API server (exec plugins included). Unset: "
        "the service account of the pod that this runs in, else $KUBECONFIG, else ~/.kube/config.",
    ),
    cfg.StrOpt(
        "context",
        help="Context of that file; unset: its current one.",
    ),
    cfg.StrOpt(
        "lease_namespace",
        default="default",
        help="Namespace of the Lease by which the one reporting monitor is elected. The account needs get, "
        "create and update on leases of coordination.k8s.io there, list on those in kube-node-lease, and list "
        "and watch on nodes; `masakari-monitors check` says which is missing.",
    ),
    cfg.StrOpt(
        "lease_name",
        default="masakari-hostmonitor",
        help="Name of that Lease. Two clouds on one Kubernetes cluster need two names.",
    ),
]
