"""A program that prints credentials: what it is told, what is taken from it, and what is said when it fails."""

import datetime
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.exec_plugin import (
    PluginFault,
    Printed,
    read_printed,
    run_plugin,
)
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.kubeconfig import Access, Plugin
from tests.fixtures.fake_clock import EPOCH

V1 = "client.authentication.k8s.io/v1"
ACCESS = Access(server="https://a", ca="the ca", server_name="kube", proxy="http://p", verify=False)


def plugin(tmp_path: Path, script: str, **more: Any) -> Plugin:
    path = tmp_path / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Plugin(command=(str(path), "an argument"), version=V1, **more)


def printed(**status: Any) -> dict[str, Any]:
    return {"apiVersion": V1, "kind": "ExecCredential", "status": status}


async def test_what_it_prints_is_taken_and_it_knows_for_whom(tmp_path: Path) -> None:
    answer = json.dumps(printed(token="t"))
    script = (
        f'echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/info; echo "$1 $A" > {tmp_path}/told; echo \'{answer}\''
    )
    found = await run_plugin(plugin(tmp_path, script, env={"A": "b"}, give_cluster=True), ACCESS)
    assert found == Printed("t")
    assert (tmp_path / "told").read_text() == "an argument b\n"
    assert json.loads((tmp_path / "info").read_text()) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://a",
                "certificate-authority-data": "dGhlIGNh",
                "insecure-skip-tls-verify": True,
                "tls-server-name": "kube",
                "proxy-url": "http://p",
            },
        },
    }


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no login >&2; exit 3", "ended with 3: no login"),
        ("echo token-in-clear", "printed no ExecCredential"),
        ("echo '[]'", "printed no ExecCredential"),
        ('echo \'{"kind": "ExecCredential"}\'', "printed no ExecCredential"),
    ],
)
async def test_what_it_does_wrong_is_said_without_its_output(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(PluginFault, match=words) as fault:
        await run_plugin(plugin(tmp_path, script), ACCESS)
    assert "token-in-clear" not in str(fault.value)


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(PluginFault, match="cannot be started"):
        await run_plugin(Plugin(command=("/nonexistent",), version=V1), ACCESS)


def test_when_a_token_expires() -> None:
    soon = read_printed(printed(token="t", expirationTimestamp="2026-01-01T00:05:00Z"))
    assert soon.fresh(EPOCH + datetime.timedelta(minutes=3))
    assert not soon.fresh(EPOCH + datetime.timedelta(minutes=4))
    assert read_printed(printed(token="t")).fresh(EPOCH)


def test_a_certificate_is_as_good_as_a_token() -> None:
    given = read_printed(printed(clientCertificateData="c", clientKeyData="k"))
    assert (given.token, given.certificate, given.key) == (None, "c", "k")


@pytest.mark.parametrize(
    "status", [{}, {"token": ""}, {"token": "t", "expirationTimestamp": "2026-01-01T00:00:00"}]
)
def test_what_is_no_credential(status: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_printed(printed(**status))


def test_no_secret_is_shown() -> None:
    assert "hush" not in repr(Printed("hush", "c", "hush"))
