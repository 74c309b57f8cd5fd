"""Where the API server is, by all the ways in which it is told; and what is said of a file that does not tell it."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.drivers.kubernetes.api_server import kubeconfig
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.kubeconfig import (
    AccessFault,
    Credentials,
    find_access,
)

SERVER = "https://192.0.2.1:6443"


def document(cluster: Mapping[str, Any] | None = None, user: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": SERVER} if cluster is None else dict(cluster)}],
        "users": [{"name": "u", "user": {"token": "t"} if user is None else user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    } | more


def written(tmp_path: Path, content: Any, name: str = "config") -> str:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def read(tmp_path: Path, content: Any, context: str | None = None) -> kubeconfig.Access:
    return find_access(Credentials(written(tmp_path, content), context), {})


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_server_and_a_token(tmp_path: Path) -> None:
    access = read(tmp_path, document({"server": f"{SERVER}/"}))
    assert (access.server, access.token, access.verify, access.ca) == (SERVER, "t", True, None)


def test_what_is_named_relative_to_the_file_and_what_is_given_in_it(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("the ca")
    cluster = {
        "server": SERVER,
        "certificate-authority": "ca.pem",
        "tls-server-name": "kube",
        "proxy-url": "http://p",
    }
    user = {
        "client-certificate-data": b64("a certificate"),
        "client-key-data": b64("a key"),
        "tokenFile": "token",
        "as": "somebody",
    }
    access = read(tmp_path, document(cluster, user))
    assert (access.ca, access.server_name, access.proxy) == ("the ca", "kube", "http://p")
    assert (access.certificate, access.key) == ("a certificate", "a key")
    assert (access.token_file, access.impersonate) == (tmp_path / "token", "somebody")


def test_a_certificate_is_looked_at_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    assert not read(tmp_path, document({"server": SERVER, "insecure-skip-tls-verify": True})).verify
    assert read(tmp_path, document({"server": SERVER, "insecure-skip-tls-verify": "yes"})).verify


def test_another_context_than_the_current_one(tmp_path: Path) -> None:
    contexts = [{"name": name, "context": {"cluster": "c", "user": name}} for name in ("x", "y")]
    users = [{"name": name, "user": {"username": name, "password": "p"}} for name in ("x", "y")]
    access = read(tmp_path, document(contexts=contexts, users=users), "y")
    assert (access.user, access.password) == ("y", "p")


def test_an_exec_plugin(tmp_path: Path) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./bin/login",
        "args": ["-a", 1],
        "env": [{"name": "A", "value": "b"}],
        "provideClusterInfo": True,
    }
    found = read(tmp_path, document(user={"exec": plugin})).plugin
    assert found is not None
    assert found.command == (str(tmp_path / "bin/login"), "-a", "1")
    assert (found.env, found.give_cluster) == ({"A": "b"}, True)


def test_several_files_are_one_and_the_first_decides(tmp_path: Path) -> None:
    one = written(tmp_path, {"users": [{"name": "u", "user": {"token": "first"}}]}, "one")
    two = written(tmp_path, document(), "two")
    access = find_access(Credentials(), {"KUBECONFIG": f"{one}:{tmp_path}/nothing:{two}"})
    assert (access.server, access.token) == (SERVER, "first")


def test_the_file_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube", document())
    assert find_access(Credentials(), {}).server == SERVER


@pytest.mark.parametrize(
    ("host", "server"), [("192.0.2.9", "https://192.0.2.9:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_a_pod_uses_its_service_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, server: str
) -> None:
    monkeypatch.setattr(kubeconfig, "POD", tmp_path)
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(AccessFault, match="token cannot be read"):
        find_access(Credentials(), environ)
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_text("the ca")
    access = find_access(Credentials(), environ)
    assert (access.server, access.ca, access.token_file) == (server, "the ca", tmp_path / "token")
    assert find_access(Credentials(written(tmp_path, document())), environ).server == SERVER


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: [", "is not YAML"),
        ("[]", "no kubeconfig file"),
        (document() | {"current-context": ""}, "no current-context"),
        (document() | {"current-context": "z"}, r"no context 'z' \(it has: x\)"),
        (document(users=[]), "no user 'u'"),
        (document(users="u"), "list of users is broken"),
        (document(users=[{"name": "u", "user": ["t"]}]), "list of users is broken"),
        (document({"server": "192.0.2.1:6443"}), "no address of an API server"),
        (document({"server": "https://[::1"}), "no address of an API server"),
        (document(user={"auth-provider": {"name": "oidc"}}), "auth-provider is not supported"),
        (document(user={"client-certificate-data": b64("x")}), "needed together"),
        (
            document(user={"client-key-data": "%%%", "client-certificate-data": b64("x")}),
            "not the base64 form",
        ),
        (document(user={"client-key": "no", "client-certificate": "no"}), "no cannot be read"),
        (document(user={"exec": {"apiVersion": "v1"}}), "names no command"),
        (document(user={"exec": {"command": "x", "apiVersion": "v0"}}), "supported are"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(AccessFault, match=words):
        read(tmp_path, content)


def test_no_secret_is_shown_by_what_was_read_or_refused(tmp_path: Path) -> None:
    plugin = {
        "command": "c",
        "apiVersion": "client.authentication.k8s.io/v1",
        "env": [{"name": "A", "value": "hush3"}],
    }
    user = {"token": "hush1", "password": "hush2", "username": "n", "exec": plugin}
    assert "hush" not in repr(read(tmp_path, document(user=user)))
    with pytest.raises(AccessFault) as fault:
        read(tmp_path, "token: hush: hush\n")
    assert "hush" not in str(fault.value)
