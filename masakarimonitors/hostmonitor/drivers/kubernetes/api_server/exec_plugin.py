"""Credentials that a program prints: client-go's exec plugins (cloud CLIs, OIDC helpers).

In: a `Plugin`. Out: what it printed, as `Printed`, or a `PluginFault`. A token is kept until shortly
before the moment that the plugin names; without such a moment until the server refuses it.
"""

import base64
import datetime
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from masakarimonitors.core.outside import known_moment, read_json
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.kubeconfig import Access, Plugin
from masakarimonitors.system.processes import command

_LIMIT = 30.0
"""Seconds: a plugin may have to ask a cloud for a token."""
_EARLY = datetime.timedelta(seconds=60)


class PluginFault(Exception):
    """The plugin gave no credentials; its output is never shown, since it may hold some."""


@dataclass(frozen=True, slots=True)
class Printed:
    """What a plugin gave: a bearer token, a client certificate with its key (PEM), or both."""

    token: str | None = field(default=None, repr=False)
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    expires: datetime.datetime | None = None

    def fresh(self, now: datetime.datetime) -> bool:
        """Whether it may still be used at `now` (aware)."""
        return self.expires is None or now < self.expires - _EARLY


async def run_plugin(plugin: Plugin, access: Access) -> Printed:
    """Run it and read what it says; raises PluginFault."""
    name = plugin.command[0]
    spec: dict[str, Any] = {"interactive": False}
    if plugin.give_cluster:
        spec["cluster"] = _cluster(access)
    info = {"apiVersion": plugin.version, "kind": "ExecCredential", "spec": spec}
    env = {**os.environ, **plugin.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        done = await command.run(plugin.command, timeout=_LIMIT, env=env)
    except OSError as fault:
        raise PluginFault(f"the exec plugin {name} cannot be started: {fault.strerror}") from fault
    if not done.ok:
        ended = f"did not end within {_LIMIT:g} s" if done.timed_out else f"ended with {done.exit_code}"
        raise PluginFault(f"the exec plugin {name} {ended}: {' '.join(done.errors.split())[:300]}")
    try:
        return read_printed(read_json(done.output))
    except (ValueError, TypeError, AttributeError) as fault:
        raise PluginFault(
            f"the exec plugin {name} printed no ExecCredential with a token or a certificate"
        ) from fault


def read_printed(document: Mapping[str, Any]) -> Printed:
    """From an ExecCredential; raises ValueError, TypeError or AttributeError when it is none."""
    status = document["status"] if document.get("kind") == "ExecCredential" and "status" in document else {}
    token, certificate = status.get("token"), status.get("clientCertificateData")
    if not token and not certificate:
        raise ValueError("neither a token nor a certificate")
    key = status.get("clientKeyData")
    if not all(part is None or isinstance(part, str) for part in (token, certificate, key)):
        raise ValueError("credentials that are no text")
    expires = status.get("expirationTimestamp")
    return Printed(token, certificate, key, known_moment(expires) if expires else None)


def _cluster(access: Access) -> dict[str, Any]:
    said: dict[str, Any] = {"server": access.server}
    if access.ca is not None:
        said["certificate-authority-data"] = base64.b64encode(access.ca.encode()).decode()
    if not access.verify:
        said["insecure-skip-tls-verify"] = True
    if access.server_name is not None:
        said["tls-server-name"] = access.server_name
    if access.proxy is not None:
        said["proxy-url"] = access.proxy
    return said
