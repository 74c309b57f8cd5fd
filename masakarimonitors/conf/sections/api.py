"""`[api]`: how masakari-api is reached and as whom; `[callback]`: how often the libvirt monitors try at first.

Three options of [api] are this project's; all others are keystoneauth's (authentication, session,
adapter), declared by keystoneauth itself so that names, types and older spellings stay its own. The
first tries of the other two monitors stand in [host] and [process], where deployed files have them.
"""

import copy

from keystoneauth1 import exceptions, loading
from oslo_config import cfg

GROUP = cfg.OptGroup(
    "api",
    title="Reaching masakari-api",
    help="Where reports go and with which identity. Every authentication plugin of keystoneauth can be "
    "used; its options stand here too. With auth_type = none and endpoint = http://..., no identity service "
    "is asked.",
)

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "region",
        default="RegionOne",
        help="Region whose instance-ha endpoint is taken from the catalogue. The default is what deployment "
        "tools call a first region.",
    ),
    cfg.StrOpt(
        "api_version",
        default="v1",
        help="Version of masakari's API that is spoken. v1 is the only one there is.",
    ),
    cfg.StrOpt(
        "api_interface",
        default="public",
        choices=["public", "internal", "admin", "publicURL", "internalURL", "adminURL"],
        help="Which endpoint of the catalogue is used. The default is reachable in every deployment; "
        "internal is usual where hosts have no way to the public network.",
    ),
]

CALLBACK_GROUP = cfg.OptGroup(
    "callback",
    title="Delivery of reports about instances",
    help="First, quick delivery tries of masakari-instancemonitor and "
    "masakari-introspectiveinstancemonitor. A report is not lost after them: it stays on disk and is tried "
    "ever more slowly until notification_expiry.",
)

CALLBACK_OPTIONS: list[cfg.Opt] = [
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
        help="Seconds between those tries. The default lets a burst of failed instances not become a burst of "
        "retries.",
    ),
    cfg.IntOpt(
        "max_unfinished",
        default=2,
        min=0,
        help="How many reports of one host's instances on which masakari's engine acts may stand there unfinished; "
        "the others wait here, oldest first. The engine works one host's notifications off one after another, "
        "up to 180 s each when nova-compute is gone, and those that wait hold threads of it: 2 keep it busy, "
        "more gain nothing and delay the recovery of the host itself and of other hosts. 0 sends all at once, as "
        "OpenStack's monitors do.",
    ),
]

FIRST_TRIES: list[cfg.Opt] = [
    cfg.IntOpt(
        "api_retry_max",
        default=12,
        min=0,
        help="How many further deliveries are tried after a first one that failed, api_retry_interval "
        "apart, before the pauses grow. The report stays on disk in any case.",
    ),
    cfg.IntOpt(
        "api_retry_interval",
        default=10,
        min=0,
        help="Seconds between those deliveries. With the defaults they last two minutes, a usual restart of "
        "the API.",
    ),
]
"""What [callback] says for the libvirt monitors, as [host] and [process] say it for theirs."""

_SHOWN_PLUGINS = ("password", "v3applicationcredential", "none")
"""Plugins whose options are in the sample file and in the reference: the ones seen in deployments."""


DEFAULT_AUTH_TYPE = "password"
"""Deployed files name a user and no plugin."""


def register(conf: cfg.ConfigOpts) -> None:
    """Register everything of [api] that does not depend on the authentication plugin."""
    conf.register_opts(shared_options(), group=GROUP.name)
    # Not in the option itself: keystoneauth registers it again, and must find what it declares.
    conf.set_default("auth_type", DEFAULT_AUTH_TYPE, group=GROUP.name)


def shared_options() -> list[cfg.Opt]:
    """keystoneauth's options that do not depend on the authentication plugin."""
    return [
        *identity_options(),
        *loading.get_session_conf_options(),
        *loading.get_adapter_conf_options(),
    ]


def register_section(conf: cfg.ConfigOpts) -> None:
    """Register what keystoneauth reads from the section that [api] auth_section names."""
    loading.register_auth_conf_options(conf, GROUP.name)


def identity_options() -> list[cfg.Opt]:
    """keystoneauth's options that name the authentication plugin."""
    options: list[cfg.Opt] = loading.get_auth_common_conf_options()
    return options


def plugin_options(auth_type: str) -> list[cfg.Opt]:
    """The options of one authentication plugin.

    Raises `ValueError`, naming the plugins there are, when `auth_type` is none of them.
    """
    try:
        options: list[cfg.Opt] = loading.get_auth_plugin_conf_options(auth_type)
    except exceptions.NoMatchingPlugin as missing:
        known = ", ".join(sorted(loading.get_available_plugin_names()))
        raise ValueError(f"there is no such authentication plugin; installed are: {known}") from missing
    return options


def shown_options() -> list[cfg.Opt]:
    """What the sample file and the reference show: ours, the shared ones, and the common plugins' ones."""
    seen: dict[str, cfg.Opt] = {}
    for option in [*OPTIONS, *shared_options(), *(o for p in _SHOWN_PLUGINS for o in plugin_options(p))]:
        seen.setdefault(option.dest, option)
    seen["auth_type"] = copy.copy(seen["auth_type"])
    seen["auth_type"].default = DEFAULT_AUTH_TYPE
    return list(seen.values())
