"""`[api]`: how masakari-api is reached and as whom; `[callback]`: how often the libvirt monitors try at first.

Three options of [api] are this project's; all others are keystoneauth1's (authentication, session, adapter). Those that
nearly every cloud uses are declared here as that library declares them (a test compares the two): a monitor that needs
no others does without it, which saves up to an eighth of its memory. The first tries of the other two monitors stand in
[host] and [process], where deployed files have them.
"""

import copy
import importlib
from collections.abc import Callable
from typing import Any, cast

from oslo_config import cfg, types

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


class _Theirs:
    """Makes an option equal to keystoneauth1's own of that name, which has a text of help besides.

    A host driver of somebody else may register that one, and oslo.config takes no two that differ.
    """

    def __eq__(self, other: object) -> bool:
        return _without_help(self) == _without_help(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = object.__hash__


def _without_help(option: object) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(option).items()
        if name not in ("help", "deprecated_reason", "type")
    }


class _Opt(_Theirs, cfg.Opt):
    pass


class _StrOpt(_Theirs, cfg.StrOpt):
    pass


class _BoolOpt(_Theirs, cfg.BoolOpt):
    pass


class _IntOpt(_Theirs, cfg.IntOpt):
    pass


class _FloatOpt(_Theirs, cfg.FloatOpt):
    pass


class _ListOpt(_Theirs, cfg.ListOpt):
    pass


def _of_plugin(name: str, *older: str, secret: bool = False, required: bool = False) -> cfg.Opt:
    return _Opt(
        name,
        type=cast(Any, str),
        secret=secret,
        required=required,
        dest=name.replace("-", "_"),
        deprecated_opts=[cfg.DeprecatedOpt(one) for one in older],
    )


def _identity() -> list[cfg.Opt]:
    return [_of_plugin("auth_type", "auth_plugin"), _of_plugin("auth_section")]


def _session() -> list[cfg.Opt]:
    return [
        *(_StrOpt(name) for name in ("cafile", "certfile", "keyfile")),
        _BoolOpt("insecure", default=False),
        _FloatOpt("timeout"),
        *(_BoolOpt(name, default=False) for name in ("collect-timing", "split-loggers")),
        _StrOpt("tls-ciphers"),
        _StrOpt("tls-min-version", choices=[None, "1.2", "1.3"]),
    ]


def _adapter() -> list[cfg.Opt]:
    return [
        *(_StrOpt(name) for name in ("service-type", "service-name")),
        _ListOpt("valid-interfaces"),
        *(
            _StrOpt(name)
            for name in ("region-name", "endpoint-override", "version", "min-version", "max-version")
        ),
        _IntOpt("connect-retries"),
        _FloatOpt("connect-retry-delay"),
        _IntOpt("status-code-retries"),
        _FloatOpt("status-code-retry-delay"),
        _ListOpt("retriable-status-codes", item_type=types.Integer()),
        _StrOpt("interface", deprecated_for_removal=True),
    ]


def _scope(*, generic: bool) -> list[cfg.Opt]:
    return [
        _of_plugin("auth-url", required=True),
        *(_of_plugin(name) for name in ("system-scope", "domain-id", "domain-name")),
        _of_plugin("project-id", *(["tenant-id"] if generic else [])),
        _of_plugin("project-name", *(["tenant-name"] if generic else [])),
        *(_of_plugin(name) for name in ("project-domain-id", "project-domain-name", "trust-id")),
        *(_of_plugin(name) for name in ("default-domain-id", "default-domain-name") if generic),
    ]


def _user() -> list[cfg.Opt]:
    return [
        _of_plugin("user-id"),
        _of_plugin("username", "user-name"),
        *(_of_plugin(name) for name in ("user-domain-id", "user-domain-name")),
    ]


KNOWN_PLUGINS: dict[str, Callable[[], list[cfg.Opt]]] = {
    "password": lambda: [*_scope(generic=True), *_user(), _of_plugin("password", secret=True)],
    "v3password": lambda: [*_scope(generic=False), *_user(), _of_plugin("password", secret=True)],
    "v3applicationcredential": lambda: [
        *_scope(generic=False),
        *_user(),
        _of_plugin("application_credential_secret", secret=True, required=True),
        *(_of_plugin(f"application_credential_{name}") for name in ("id", "name")),
    ],
    "none": lambda: [_of_plugin("endpoint")],
}
"""Plugins for which keystoneauth1 need not be loaded, with their options."""


def register(conf: cfg.ConfigOpts) -> None:
    """Register everything of [api] that does not depend on the authentication plugin."""
    conf.register_opts(shared_options(), group=GROUP.name)
    # Not in the option itself: keystoneauth1 may register it again, and must find what it declares.
    conf.set_default("auth_type", DEFAULT_AUTH_TYPE, group=GROUP.name)


def shared_options() -> list[cfg.Opt]:
    """The options of [api] that do not depend on the authentication plugin, but our own."""
    return [*_identity(), *_session(), *_adapter()]


def register_section(conf: cfg.ConfigOpts) -> None:
    """Register what is read from the section that [api] auth_section names."""
    _loading().register_auth_conf_options(conf, GROUP.name)


def identity_options() -> list[cfg.Opt]:
    """The options that name the authentication plugin."""
    return _identity()


def plugin_options(auth_type: str) -> list[cfg.Opt]:
    """The options of one authentication plugin.

    Raises `ValueError`, naming the plugins there are, when `auth_type` is none of them.
    """
    known = KNOWN_PLUGINS.get(auth_type)
    return known() if known is not None else _loaded_options(auth_type)


def _loaded_options(auth_type: str) -> list[cfg.Opt]:
    loading = _loading()
    try:
        options: list[cfg.Opt] = loading.get_auth_plugin_conf_options(auth_type)
    except importlib.import_module("keystoneauth1.exceptions").NoMatchingPlugin as missing:
        known = ", ".join(sorted(loading.get_available_plugin_names()))
        raise ValueError(f"there is no such authentication plugin; installed are: {known}") from missing
    return options


def _loading() -> Any:
    """keystoneauth1's own way to its plugins: loaded while a configuration is read, for what is not known here."""
    return importlib.import_module("keystoneauth1.loading")


def shown_options() -> list[cfg.Opt]:
    """What the sample file and the reference show: ours, the shared ones, and the common plugins' ones.

    With the texts of keystoneauth1, which is loaded for them.
    """
    loading = _loading()
    theirs = [
        *loading.get_auth_common_conf_options(),
        *loading.get_session_conf_options(),
        *loading.get_adapter_conf_options(),
        *(option for plugin in _SHOWN_PLUGINS for option in _loaded_options(plugin)),
    ]
    seen: dict[str, cfg.Opt] = {}
    for option in [*OPTIONS, *theirs]:
        seen.setdefault(option.dest, option)
    seen["auth_type"] = copy.copy(seen["auth_type"])
    seen["auth_type"].default = DEFAULT_AUTH_TYPE
    return list(seen.values())


def shown_names() -> set[str]:
    """The names of those of `shown_options` that keystoneauth1 declares."""
    options = [*shared_options(), *(one for plugin in _SHOWN_PLUGINS for one in plugin_options(plugin))]
    return {option.dest for option in options}
