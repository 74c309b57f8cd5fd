"""`[host]`: what masakari-hostmonitor watches hosts with, and how sure it must be."""

from oslo_config import cfg

from masakarimonitors.conf.sections import api

GROUP = cfg.OptGroup(
    "host",
    title="Watching hosts",
    help="Options of masakari-hostmonitor: the driver that sees the hosts, its rhythm, and the proof that a "
    "host that is gone is really off.",
)

OWN_DRIVERS = ("simple", "default", "consul", "kubernetes")
"""The drivers of this project; any other brings options of its own, which are known once it is loaded."""

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "monitoring_driver",
        default="default",
        help="Which driver watches the hosts: default (or simple) for Pacemaker and Corosync, consul, "
        "kubernetes, or any other entry point of the group hostmonitor.driver.",
    ),
    cfg.IntOpt(
        "monitoring_interval",
        default=60,
        min=1,
        help="Seconds between two complete readings of every host's state. Changes are seen by events "
        "within moments; this reading is the safety net for an event that never came, so it may be slow.",
    ),
    cfg.IntOpt(
        "monitoring_samples",
        default=1,
        min=1,
        help="How many readings in a row must agree before a host's changed state is believed. 1 acts on "
        "the first; more forgive a short flap, and cost their time at each failure.",
    ),
    cfg.StrOpt(
        "reporter",
        default="elected",
        choices=["elected", "all"],
        help="Who reports a failed host. elected: one monitor, chosen by the cluster engine; another takes "
        "over when it is lost. all: every monitor, one after another, and each looks first whether masakari has the "
        "report already. Where no election is possible for 20 s, all report whatever stands here. masakari may "
        "accept two reports of one failure that arrive together, and then recovers twice: with all, give "
        "masakari-api a [coordination] backend_url.",
    ),
    cfg.BoolOpt(
        "fleet_view",
        default=True,
        help="Whether this monitor tells those of the other hosts, with the means of the cluster engine, how it is: "
        "its release, its health, what it does not see, how many reports wait, and a digest of its rules. What "
        "differs among them is then seen at the reporter. Written at a change, once a minute at most, and every ten "
        "minutes.",
    ),
    *api.FIRST_TRIES,
    cfg.BoolOpt(
        "disable_ipmi_check",
        default=False,
        help="Whether to report a lost host without asking its management controller if the power is off. "
        "True leaves the proof to Pacemaker's fencing alone, where that is on; where it is off, a lost host is "
        "taken as off unchecked unless something of it still answers. With False, a report that makes masakari "
        "evacuate goes out only on proof, because evacuating a host that still runs destroys disks.",
    ),
    cfg.BoolOpt(
        "restrict_to_remotes",
        default=False,
        help="Whether only pacemaker-remote nodes are judged. True where the full members of the cluster are "
        "controllers that run no instances.",
    ),
    cfg.IntOpt(
        "ipmi_timeout",
        default=5,
        min=1,
        help="Seconds that one question to a management controller may take. A healthy one answers in less "
        "than one.",
    ),
    cfg.IntOpt(
        "ipmi_retry_max",
        default=3,
        min=0,
        help="How many times a management controller that gave no proof is asked again, ipmi_retry_interval "
        "apart. Afterwards it is asked more slowly, and the host's state is reported as not proven.",
    ),
    cfg.IntOpt(
        "ipmi_retry_interval",
        default=10,
        min=0,
        help="Seconds between those questions. The default leaves a controller the time to restart.",
    ),
    cfg.StrOpt(
        "ipmi_cipher_suite",
        regex=r"^\d{0,2}$",
        default="",
        help="IPMI cipher suite that ipmitool is told to use (its -C), for BMCs whose fencing device names "
        "none. Empty leaves the choice to ipmitool, which some BMCs answer only after 10 seconds, beyond "
        "ipmi_timeout; 17 and 3 are the usual values.",
    ),
    cfg.FloatOpt(
        "power_second_look",
        default=10.0,
        min=10.0,
        max=60.0,
        help="Seconds between the two looks at which a BMC must say that its host is off. The least outlasts "
        "the off part of a power cycle (1 s) and what some BMCs say wrongly in the seconds after a restart of "
        "their own.",
    ),
    cfg.FloatOpt(
        "power_check_interval",
        default=86400.0,
        min=0.0,
        help="Seconds between two looks at the BMC of a host that is up, by the reporter alone and at one host a "
        "minute at most. A wrong password or a BMC of another host is then an alarm long before its host fails. "
        "0 looks at none.",
    ),
    cfg.StrOpt(
        "power_config_file",
        help="YAML file that says where the BMC of each host is (host -> driver, address, username, "
        "credentials_file), for clusters whose fencing devices do not say it, or say it wrongly: what it says of "
        "a host replaces what those say. It and the files that it names must not be readable by everyone.",
    ),
    cfg.BoolOpt(
        "power_unreachable_means_off",
        default=False,
        help="Whether the host of a BMC that is silent at two looks counts as off, unchecked. Silent is only one "
        "that gives no answer of any kind; a wrong password, a missing tool or an odd answer never counts. "
        "DANGEROUS: a BMC whose network is cut is silent, too, while its host runs on, and evacuating that host "
        "destroys disks. Only for hardware whose BMC is known to lose its power together with its host, on "
        "a network of its own that is watched otherwise.",
    ),
    cfg.IntOpt(
        "stonith_wait",
        default=30,
        min=0,
        help="Seconds that the cluster is given to fence a lost host before its management controller is "
        "asked, and to say why a host is away before somebody is asked about it. The default covers a power-off "
        "by IPMI with one retry.",
    ),
    cfg.IntOpt(
        "tcpdump_timeout",
        default=5,
        min=1,
        help="Seconds of listening for corosync's packets where multicast is used. Corosync sends several a "
        "second, so silence for the default time means a dead line.",
    ),
    cfg.StrOpt(
        "corosync_multicast_interfaces",
        help="Interfaces that corosync talks through, separated by commas (enp0s3,enp0s8). One for each "
        "entry of corosync_multicast_ports, in the same order. Unset, or without ports: corosync itself is "
        "asked about its links.",
    ),
    cfg.StrOpt(
        "corosync_multicast_ports",
        help="Ports that corosync talks through, separated by commas (5405,5406). One for each entry of "
        "corosync_multicast_interfaces, in the same order. Without interfaces they have no effect.",
    ),
    cfg.StrOpt(
        "pacemaker_node_type",
        default="autodetect",
        choices=["autodetect", "cluster", "remote"],
        help="What this node is: a full member (cluster), a pacemaker-remote node (remote), or whichever is "
        "found running (autodetect). Name it where the services cannot be looked at, in a container say.",
    ),
    cfg.FloatOpt(
        "sample_interval",
        default=5.0,
        min=0.1,
        max=3600.0,
        help="Seconds between two of the readings that monitoring_samples counts, once an event has shown a "
        "changed state. With monitoring_samples = 3 and the default, a state is believed 10 s after it was "
        "first seen.",
    ),
    cfg.FloatOpt(
        "settle_time",
        default=2.0,
        min=0.0,
        max=600.0,
        help="Seconds between seeing that a host must be recovered and reporting it. One cut reaches the "
        "links of a host one after another, usually within a second; what is back within this time is not "
        "reported. A host that is proven off is reported at once.",
    ),
    cfg.FloatOpt(
        "unproven_settle_time",
        default=30.0,
        min=0.0,
        max=3600.0,
        help="The same where no link of the host is up and nothing can prove that it is off: no fencing, no "
        "management controller that is asked. Published flaps of living hosts last 3 to 39 seconds; the default "
        "forgives most of them and costs its time at each real failure of that kind. Afterwards the host's "
        "addresses are tried once more before anything is reported.",
    ),
    cfg.FloatOpt(
        "storm_threshold",
        default=50.0,
        min=0.0,
        max=100.0,
        help="Per cent of the known hosts, and at least three, that may fail within storm_window. When more "
        "do, all reports are held, because a broken switch or a broken watcher is then likelier than so many "
        "broken hosts. 0 turns the guard off.",
    ),
    cfg.FloatOpt(
        "storm_domain_threshold",
        default=0.0,
        min=0.0,
        max=100.0,
        help="The same within one failure domain of failure_domains_file. 0, the default, holds nothing: a "
        "rack that loses its power is a real failure.",
    ),
    cfg.FloatOpt(
        "storm_window",
        default=60.0,
        min=1.0,
        max=3600.0,
        help="Seconds within which failures count as one storm. An isolated Consul agent declares its peers "
        "dead one by one within about a minute.",
    ),
    cfg.FloatOpt(
        "storm_hold",
        default=300.0,
        min=1.0,
        max=86400.0,
        help="Seconds for which nothing may change, with a proven view, before the reports that a storm "
        "holds are released. Long enough for a switch to restart.",
    ),
    cfg.StrOpt(
        "failure_domains_file",
        help="YAML file that maps each host's name to its failure domain (node01: rack1). Used with "
        "storm_domain_threshold.",
    ),
    cfg.FloatOpt(
        "left_warning_after",
        default=3600.0,
        min=1.0,
        help="Seconds after which a host that left the cluster by itself, and has not come back, raises a "
        "warning: leaving is planned work, staying away means that nobody watches it.",
    ),
    cfg.FloatOpt(
        "maintenance_warning_after",
        default=86400.0,
        min=1.0,
        help="Seconds after which a host that is still on maintenance in masakari raises a warning: masakari "
        "refuses every report about it, so it has no high availability.",
    ),
    cfg.BoolOpt(
        "segment_lookup",
        default=True,
        help="Whether masakari is asked which hosts its failover segments hold. It lets a host that was down "
        "before this monitor's first start be reported, and shows hosts on maintenance. A look-up that fails "
        "holds nothing.",
    ),
    cfg.StrOpt(
        "pacemaker_alert_socket",
        default="/run/masakari-monitors/pacemaker-alert.sock",
        help="Where pacemaker's alert agent (masakari-monitors pacemaker-alert install) finds this monitor. "
        "What arrives there makes the monitor look at once, and tells of a remote node that says good-bye; it can "
        "excuse a loss that follows within seconds and never cause a report. "
        "Empty: no socket; fencing is then seen by polling, up to a second later.",
    ),
]
