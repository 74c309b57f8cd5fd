"""[api] becomes a way to masakari-api: our own for what nearly every cloud says there, else keystoneauth1's.

Which one it is is decided by the configuration alone, before anything is watched: what a report needs is loaded then.
Both mean the same by every option. Our own needs up to an eighth less memory.
"""

import contextlib
import functools
import importlib
import logging
import os
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from masakarimonitors.conf import ConfigFault
from masakarimonitors.conf.sections.api import KNOWN_PLUGINS
from masakarimonitors.masakari_api import Adapter
from masakarimonitors.system.network.http_session import HttpSession, Tls, shown
from masakarimonitors.system.network.keystone import Identity, Keystone, KeystoneAdapter, Service
from masakarimonitors.system.service import held_back

LOG = logging.getLogger(__name__)

_SERVICE = "instance-ha"
_NAMES = (_SERVICE, "ha")
"""What masakari is called in a catalogue, the best first."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_LEFT = ("tls_ciphers", "tls_min_version", "split_loggers", "trust_id")
"""Options that are left to keystoneauth1."""


def open_endpoint(endpoint: str) -> Adapter:
    """A way to an address of this computer, with no identity."""
    return KeystoneAdapter(HttpSession(Tls()), None, _service(None, ["public"]), endpoint)


def adapter(conf: cfg.ConfigOpts, timeout: float) -> Adapter:
    """The way that [api] describes; `timeout`: seconds for a request of keystoneauth1's. Raises ConfigFault."""
    why = unusual(conf, os.environ)
    if why:
        LOG.debug("keystoneauth1 is loaded: %s", why)
        return _theirs(conf, timeout)
    return _ours(conf.api)


def unusual(conf: cfg.ConfigOpts, environment: Mapping[str, str]) -> str:
    """What of [api], or around it, is left to keystoneauth1; or nothing."""
    options = conf.api
    if options.auth_section or options.auth_type not in KNOWN_PLUGINS:
        return f"[api] auth_type = {options.auth_type}, auth_section = {options.auth_section}"
    said = {option.dest: options[option.dest] for option in KNOWN_PLUGINS[options.auth_type]()}
    for name in filter(options.__contains__, _LEFT):
        if options[name]:
            return f"[api] {name} is set"
    if options.service_type not in (None, "", _SERVICE):
        return f"[api] service_type = {options.service_type}"
    if any(name.lower() in _PROXIES and value for name, value in environment.items()):
        return "a proxy is named by the environment"
    for url in (said.get("auth_url"), said.get("endpoint"), options.endpoint_override):
        if url and not (url.isascii() and url.startswith(("http://", "https://"))):
            return "an address is none of plain letters"
    return "" if options.auth_type == "none" else _odd_identity(options.auth_type, said)


def _odd_identity(kind: str, said: Mapping[str, Any]) -> str:
    """What is missing or too much, so that keystoneauth1 has its own words for it; or nothing."""
    generic = kind == "password"
    domain = "domain_id", "domain_name", "project_domain_id", "project_domain_name"
    targets = (
        said["domain_id"] or said["domain_name"],
        said["project_id"] or said["project_name"],
        said["system_scope"],
    )
    if not said["auth_url"]:
        return "auth_url is missing"
    if sum(map(bool, targets)) > 1 or said["system_scope"] not in (None, "", "all"):
        return "more than one scope, or one that is not known"
    if kind == "v3applicationcredential":
        if not said["application_credential_secret"] or not (
            said["application_credential_id"] or said["application_credential_name"]
        ):
            return "the application credential is not whole"
    elif said["password"] is None:
        return "password is missing"
    if generic:
        known = (*domain, "user_domain_id", "user_domain_name", "default_domain_id", "default_domain_name")
        return (
            "" if any(said[name] for name in known) else "no domain, as version 2 of keystone's API has none"
        )
    if said["username"] and not (said["user_domain_id"] or said["user_domain_name"]):
        return "username has no domain"
    if said["project_name"] and not (said["project_domain_id"] or said["project_domain_name"]):
        return "project_name has no domain"
    return ""


def _ours(options: Any) -> Adapter:
    session = HttpSession(
        Tls(
            cafile=options.cafile,
            certfile=options.certfile,
            keyfile=options.keyfile,
            insecure=options.insecure,
        )
    )
    interfaces = options.valid_interfaces or [options.api_interface.removesuffix("URL")]
    service = _service(options.region_name or options.region, interfaces, options.service_name)
    kind = options.auth_type
    said = {option.dest: options[option.dest] for option in KNOWN_PLUGINS[kind]()}
    addresses = (said.get("auth_url"), said.get("endpoint"), options.endpoint_override)
    if any(url and url.startswith("https://") for url in addresses):
        # What cannot be read now is named by the first request, as it would be by any later one.
        with contextlib.suppress(OSError):
            session.learn()
    endpoint = options.endpoint_override or said.get("endpoint")
    keystone = None if kind == "none" else Keystone(session, identity(kind, said))
    return KeystoneAdapter(session, keystone, service, endpoint)


def _service(region: str | None, interfaces: list[str], name: str | None = None) -> Service:
    return Service(names=_NAMES, interfaces=interfaces, region=region, name=name)


def identity(kind: str, said: Mapping[str, Any]) -> Identity:
    """Who asks, by the options of one of `KNOWN_PLUGINS` but none; they are not `unusual`."""
    user = _user(said)
    proof: dict[str, Any]
    if kind == "v3applicationcredential":
        proof = {"secret": said["application_credential_secret"]}
        if said["application_credential_id"]:
            proof["id"] = said["application_credential_id"]
        else:
            proof |= {"name": said["application_credential_name"], "user": user}
    else:
        proof = {"user": {"password": said["password"], **user}}
    return Identity(
        auth_url=said["auth_url"],
        method="application_credential" if kind == "v3applicationcredential" else "password",
        proof=proof,
        scope=_scope(said),
        discovers=kind == "password",
        newest_first=bool(said.get("default_domain_id") or said.get("default_domain_name")),
    )


def _user(said: Mapping[str, Any]) -> dict[str, Any]:
    if said["user_id"]:
        return {"id": said["user_id"]}
    if not said["username"]:
        return {}
    return {"name": said["username"], **_domain(said, "user")}


def _scope(said: Mapping[str, Any]) -> dict[str, Any] | None:
    if said["domain_id"]:
        return {"domain": {"id": said["domain_id"]}}
    if said["domain_name"]:
        return {"domain": {"name": said["domain_name"]}}
    if said["project_id"]:
        return {"project": {"id": said["project_id"]}}
    if said["project_name"]:
        return {"project": {"name": said["project_name"], **_domain(said, "project")}}
    return {"system": {"all": True}} if said["system_scope"] else None


def _domain(said: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """The domain of a user or project; an id comes before a name, be it only the default one."""
    for kind in ("id", "name"):
        value = said[f"{whose}_domain_{kind}"] or said.get(f"default_domain_{kind}")
        if value:
            return {"domain": {kind: value}}
    return {}


def _theirs(conf: cfg.ConfigOpts, timeout: float) -> Adapter:
    loading: Any = importlib.import_module("keystoneauth1.loading")
    adapters: Any = importlib.import_module("keystoneauth1.adapter")
    faults: Any = importlib.import_module("keystoneauth1.exceptions")
    from masakarimonitors.system.network.exchange import bound  # it loads requests and urllib3

    held_back.load("iso8601")
    held_back.load("uuid")  # for plugins whose requests have names
    options = conf.api
    try:
        auth = loading.load_auth_from_conf_options(conf, "api")
        session = loading.load_session_from_conf_options(conf, "api", auth=auth)
    except (faults.ClientException, OSError, ValueError) as fault:
        raise ConfigFault(f"The [api] section cannot be used: {fault}") from fault
    session.timeout = timeout
    made: Any = adapters.Adapter(
        bound(session),
        service_type=options.service_type or _SERVICE,
        service_name=options.service_name,
        interface=options.valid_interfaces or options.api_interface.removesuffix("URL"),
        region_name=options.region_name or options.region,
        endpoint_override=options.endpoint_override,
    )
    made.renew = functools.partial(_renewed, made)
    way: Adapter = made
    return way


def _renewed(adapter: Any) -> str:
    """What `Adapter` says of `renew`, for one of keystoneauth1's; raises what its plugins raise."""
    identity = adapter.auth or adapter.session.auth
    known = getattr(identity, "auth_ref", None)
    if known is None or adapter.endpoint_override or known.will_expire_soon():
        return ""  # it has no catalogue, or the next one who needs a token fetches both
    before = _where(adapter)
    identity.auth_ref = identity.get_auth_ref(adapter.session)
    after = _where(adapter)
    if not after:
        identity.auth_ref = known
    if not after or before == after:
        return ""
    was = shown(before) or "none"
    return f"keystone's catalogue has another address of masakari-api: {shown(after)} ({was} before)"


def _where(adapter: Any) -> str:
    try:
        return adapter.get_endpoint() or ""
    except Exception:  # noqa: BLE001 - that of a catalogue without it has several names
        return ""
