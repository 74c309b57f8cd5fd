"""Where the API server is and who asks it: a kubeconfig file, or what every pod is given.

In: paths, the environment. Out: one `Access`, or an `AccessFault` whose text an operator can act on.
Speaks to nobody; what must be fresh at each request (a token in a file, an exec plugin) is only named here.
"""

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from masakarimonitors.system.files import yaml_file

POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account: `token` (renewed about hourly by the kubelet) and `ca.crt`."""

_PLUGIN_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class AccessFault(ValueError):
    """These credentials cannot be used; the text says which, and why."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the server is and who we are: a kubeconfig file and its context, or what this host or pod has."""

    kubeconfig: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A program that prints credentials: client-go's exec plugins, of `version`."""

    command: tuple[str, ...]
    version: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    give_cluster: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One server and one user. PEM as text; `verify=False`: its certificate is not looked at.

    `token_file` is read at each request: such tokens are renewed in place.
    """

    server: str
    ca: str | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    plugin: Plugin | None = None
    impersonate: str | None = None


def find_access(credentials: Credentials, environ: Mapping[str, str]) -> Access:
    """The kubeconfig that is named, else the pod's service account, else $KUBECONFIG, else ~/.kube/config.

    Raises AccessFault.
    """
    if credentials.kubeconfig:
        return _read_files([Path(credentials.kubeconfig).expanduser()], credentials.context)
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return _read_pod(environ)
    named = [Path(part).expanduser() for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    # As kubectl does it: of several files, one that is not there is no fault.
    paths = [path for path in named if path.exists()] if len(named) > 1 else named
    return _read_files(paths or [Path("~/.kube/config").expanduser()], credentials.context)


def _read_pod(environ: Mapping[str, str]) -> Access:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT") or "443"
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    _text_of(POD / "token")
    return Access(server=server, ca=_text_of(POD / "ca.crt"), token_file=POD / "token")


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not text"
        raise AccessFault(f"{path} cannot be read by uid {os.geteuid()}: {why}") from fault


@dataclass(frozen=True, slots=True)
class _Entry:
    """One named cluster, user or context, and the file that names it: its paths are relative to that one."""

    values: Mapping[str, Any]
    file: Path

    def text(self, name: str) -> str | None:
        """The value, None when it is missing or empty."""
        value = self.values.get(name)
        return str(value) if value not in (None, "") else None

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        return None if value is None else self.file.parent / Path(value).expanduser()

    def pem(self, name: str) -> str | None:
        """What `<name>-data` (base64) says, else the file that `name` names."""
        data, path = self.text(f"{name}-data"), self.path(name)
        if data is None:
            return None if path is None else _text_of(path)
        try:
            return base64.b64decode(data, validate=True).decode("ascii")
        except (binascii.Error, ValueError) as fault:
            raise AccessFault(f"{self.file}: {name}-data is not the base64 form of a PEM file") from fault


def _read_files(paths: list[Path], context: str | None) -> Access:
    entries: dict[tuple[str, str], _Entry] = {}
    current = context
    for path in paths:
        document = _document(path)
        current = current or str(document.get("current-context") or "") or None
        for kind, name, values in _named(document, path):
            # The first file that names something decides, as it does for kubectl.
            entries.setdefault((kind, name), _Entry(values, path))
    where = ", ".join(map(str, paths))
    if current is None:
        raise AccessFault(f"{where} has no current-context: name one with [kubernetes] context")
    chosen = _of(entries, "context", current, where)
    cluster = _of(entries, "cluster", chosen.text("cluster") or "", where)
    login = chosen.text("user")
    user = _Entry({}, chosen.file) if login is None else _of(entries, "user", login, where)
    return _access(cluster, user)


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml_file.load(_text_of(path))
    except yaml_file.YamlFileFault as fault:
        # Its words quote nothing: a line may hold a secret.
        raise AccessFault(f"{path} is not YAML ({fault})") from fault
    if not isinstance(document, dict):
        raise AccessFault(f"{path} is no kubeconfig file")
    return document


def _named(document: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for kind in ("cluster", "user", "context"):
        items = document.get(f"{kind}s") or []
        for item in items if isinstance(items, list) else [None]:
            values = item.get(kind) if isinstance(item, dict) else item
            if not isinstance(item, dict) or not isinstance(values or {}, dict):
                raise AccessFault(f"{path}: its list of {kind}s is broken")
            yield kind, str(item.get("name")), values or {}


def _of(entries: Mapping[tuple[str, str], _Entry], kind: str, name: str, where: str) -> _Entry:
    entry = entries.get((kind, name))
    if entry is None:
        known = ", ".join(sorted(known for one, known in entries if one == kind)) or "none"
        raise AccessFault(f"{where} has no {kind} {name!r} (it has: {known})")
    return entry


def _access(cluster: _Entry, user: _Entry) -> Access:
    server = cluster.text("server") or ""
    try:
        fine = urlsplit(server).scheme in ("http", "https") and bool(urlsplit(server).hostname)
    except ValueError:
        fine = False
    if not fine:
        raise AccessFault(f"{cluster.file}: {server!r} is no address of an API server")
    if user.values.get("auth-provider"):
        raise AccessFault(
            f"{user.file}: auth-provider is not supported (Kubernetes itself has dropped it): use an exec plugin, "
            "a token or a client certificate"
        )
    certificate, key = user.pem("client-certificate"), user.pem("client-key")
    if (certificate is None) != (key is None):
        raise AccessFault(f"{user.file}: client-certificate and client-key are needed together")
    return Access(
        server=server.rstrip("/"),
        ca=cluster.pem("certificate-authority"),
        verify=cluster.values.get("insecure-skip-tls-verify") is not True,
        server_name=cluster.text("tls-server-name"),
        proxy=cluster.text("proxy-url"),
        certificate=certificate,
        key=key,
        token=user.text("token"),
        token_file=user.path("tokenFile"),
        user=user.text("username"),
        password=user.text("password"),
        plugin=_plugin(user),
        impersonate=user.text("as"),
    )


def _plugin(user: _Entry) -> Plugin | None:
    values = user.values.get("exec")
    if not values:
        return None
    if not isinstance(values, dict) or not values.get("command"):
        raise AccessFault(f"{user.file}: exec names no command")
    version = str(values.get("apiVersion"))
    if version not in _PLUGIN_VERSIONS:
        raise AccessFault(
            f"{user.file}: exec has apiVersion {version!r}; supported are {', '.join(_PLUGIN_VERSIONS)}"
        )
    command = str(values["command"])
    if "/" in command:
        command = str(user.file.parent / Path(command).expanduser())
    variables = {
        str(one["name"]): str(one.get("value", "")) for one in values.get("env") or () if "name" in one
    }
    return Plugin(
        command=(command, *(str(one) for one in values.get("args") or ())),
        version=version,
        env=variables,
        give_cluster=values.get("provideClusterInfo") is True,
    )
