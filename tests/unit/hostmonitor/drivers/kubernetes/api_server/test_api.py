"""A connection to the API server: with whose credentials, in which pages and lines, and what is said of faults."""

import asyncio
import base64
import json
import ssl
import stat
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from masakarimonitors.hostmonitor.core.observation import View
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Api, ApiFault, Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.nodes import Nodes, Rhythm
from masakarimonitors.hostmonitor.drivers.kubernetes.own_node import OwnNames
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.kubernetes_replay import Replay
from tests.fixtures.waiting import PATIENCE
from tests.unit.hostmonitor.drivers.kubernetes.hearing import listening, node

V1 = "client.authentication.k8s.io/v1"
NODES = [node("n1", "True"), node("n2", "True")]


async def names(api: Api, selector: str = "") -> list[str]:
    return [item["metadata"]["name"] async for _, page in api.list_nodes(selector, 5.0) for item in page]


def api(server: Replay, folder: Path, user: dict[str, Any] | None = None, **cluster: Any) -> Api:
    return Api(Credentials(str(server.kubeconfig(folder, user, **cluster))))


async def test_while_the_disk_with_its_credentials_hangs_all_else_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def hangs(*_: Any) -> Any:
        go_on.wait(PATIENCE)
        raise AssertionError("somebody has waited for it")

    monkeypatch.setattr(f"{Api.__module__}.find_access", hangs)
    monkeypatch.setattr(f"{Api.__module__}._READ_WITHIN", 0.01)
    try:
        with pytest.raises(ApiFault, match=r"^no usable credentials: what they stand in cannot be read: .*"):
            async with Api(Credentials(str(tmp_path / "kubeconfig"))):
                pass
    finally:
        go_on.set()


async def test_a_long_list_comes_in_pages(tmp_path: Path) -> None:
    async with (
        Replay([node(f"n{i}", "True") for i in range(5)]).serve() as server,
        api(server, tmp_path) as asking,
    ):
        server.page = 2
        assert await names(asking) == ["n0", "n1", "n2", "n3", "n4"]
        assert server.lists == 3


async def test_one_node_is_found_or_none(tmp_path: Path) -> None:
    async with Replay(NODES).serve() as server, api(server, tmp_path) as asking:
        found = await asking.find_node(5.0, field="metadata.name=n2")
        assert found is not None and found["metadata"]["name"] == "n2"
        assert await asking.find_node(5.0, field="metadata.name=n3") is None
        assert await asking.find_node(5.0, label="") is None


async def test_a_trial_changes_nothing(tmp_path: Path) -> None:
    async with Replay(NODES).serve() as server, api(server, tmp_path) as asking:
        body = await asking.write_lease("default", {"metadata": {"name": "l"}, "spec": {}}, 5.0)
        assert await asking.write_lease("default", body, 5.0, trial=True) == body
        assert await asking.read_lease("default", "l", 5.0) == body


async def test_a_token_in_a_file_is_read_for_each_request(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    async with Replay(NODES).serve() as server, api(server, tmp_path, {"tokenFile": "token"}) as asking:
        server.known = "Bearer first"
        await names(asking)
        token.write_text("second\n")
        server.known = "Bearer second"
        await names(asking)
        token.unlink()
        with pytest.raises(ApiFault, match="credentials"):
            await names(asking)


async def test_a_plugin_is_asked_again_when_its_token_is_refused(tmp_path: Path) -> None:
    plugin, token = tmp_path / "plugin", tmp_path / "token"
    answer = json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": "TOKEN"}})
    plugin.write_text(f"#!/bin/sh\nsed s/TOKEN/$(cat {token})/ <<'E'\n{answer}\nE\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    token.write_text("first")
    user = {"exec": {"apiVersion": V1, "command": str(plugin)}}
    async with Replay(NODES).serve() as server, api(server, tmp_path, user) as asking:
        server.known = "Bearer first"
        await names(asking)
        token.write_text("second")
        await names(asking)
        server.known = "Bearer second"
        with pytest.raises(ApiFault, match="401"):
            await names(asking)
        await names(asking)


async def test_a_plugin_that_fails_is_a_fault(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": V1, "command": "/nonexistent/plugin"}}
    async with Replay(NODES).serve() as server, api(server, tmp_path, user) as asking:
        with pytest.raises(ApiFault, match="no usable credentials: the exec plugin"):
            await names(asking)


async def test_a_name_and_a_password(tmp_path: Path) -> None:
    user = {"username": "n", "password": "p"}
    async with Replay(NODES).serve() as server, api(server, tmp_path, user) as asking:
        server.known = "Basic bjpw"
        await names(asking)


class Authority:
    """A certificate authority with one server (localhost) and one client, made by openssl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        run += ["-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=kube"]
        run += ["-addext", "subjectAltName=DNS:kube,IP:192.0.2.1"]
        subprocess.run(run, cwd=folder, check=True, capture_output=True)
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"

    def server(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.certificate)
        context.load_cert_chain(self.certificate, self.key)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


async def test_a_client_certificate_and_a_server_under_another_name(tmp_path: Path) -> None:
    made = Authority(tmp_path)
    user = {
        "client-certificate-data": base64.b64encode(made.certificate.read_bytes()).decode(),
        "client-key": "key.pem",
    }
    cluster = {"certificate-authority": "cert.pem", "tls-server-name": "kube"}
    async with Replay(NODES).serve(made.server()) as server:
        async with api(server, tmp_path, user, **cluster) as asking:
            assert await names(asking) == ["n1", "n2"]
        assert server.peer["subject"] == ((("commonName", "kube"),),)


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({}, "certificate verify failed"),
        ({"certificate-authority": "cert.pem"}, "127.0.0.1"),
        ({"insecure-skip-tls-verify": True}, None),
    ],
)
async def test_a_server_is_trusted_by_its_certificate(
    tmp_path: Path, cluster: dict[str, Any], words: str | None
) -> None:
    made = Authority(tmp_path)
    async with Replay(NODES).serve(made.server()) as server, api(server, tmp_path, **cluster) as asking:
        if words is None:
            assert await names(asking) == ["n1", "n2"]
        else:
            with pytest.raises(ApiFault, match=words):
                await names(asking)


async def test_a_certificate_that_is_none_is_a_fault_of_the_credentials(tmp_path: Path) -> None:
    broken = base64.b64encode(b"no certificate").decode()
    user = {"client-certificate-data": broken, "client-key-data": broken}
    server = Replay(NODES)
    server.url = "https://192.0.2.1:1"
    with pytest.raises(ApiFault, match="no usable credentials"):
        async with api(server, tmp_path, user):
            raise AssertionError("opened")


class Odd(Replay):
    """Answers each request for nodes with these bytes, and goes on to hold the connection."""

    def __init__(self, *chunks: bytes) -> None:
        super().__init__([])
        self.chunks = chunks

    async def _nodes(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in self.chunks:
            await response.write(chunk)
        return response


async def watched(asking: Api, seconds: int = 5) -> list[tuple[str, Any]]:
    events: AsyncIterator[tuple[str, str, Any]] = asking.watch_nodes("", "1", seconds)
    return [(kind, item.get("n")) async for kind, _, item in events]


async def test_events_are_lines_however_they_are_cut(tmp_path: Path) -> None:
    lines = b"".join(
        json.dumps({"type": "T", "object": {"n": n, "pad": "x" * n}}).encode() + b"\n" for n in (1, 900_000)
    )
    cut = [lines[begin : begin + 50_000] for begin in range(0, len(lines), 50_000)]
    async with Odd(*cut, b'\n{"type": "half').serve() as server, api(server, tmp_path) as asking:
        assert await watched(asking) == [("T", 1), ("T", 900_000)]


@pytest.mark.parametrize(
    ("line", "words", "gone"),
    [
        (b'{"type": "ERROR", "object": {"code": 410, "message": "too old"}}\n', "too old", True),
        (b'{"type": "ERROR", "object": {"code": 500, "message": "no"}}\n', "no", False),
        (b"no json\n", "Expecting value", False),
        (b"[]\n", "no attribute", False),
    ],
)
async def test_a_watch_that_tells_of_a_fault(tmp_path: Path, line: bytes, words: str, gone: bool) -> None:
    async with Odd(line).serve() as server, api(server, tmp_path) as asking:
        with pytest.raises(ApiFault, match=words) as fault:
            await watched(asking)
        assert fault.value.gone is gone


@pytest.mark.parametrize("odd", [None, [], 3, {"metadata": []}, {"metadata": {"resourceVersion": None}}])
async def test_an_event_of_something_odd_has_no_version(tmp_path: Path, odd: object) -> None:
    line = json.dumps({"type": "ADDED", "object": odd}).encode() + b"\n"
    async with Odd(line).serve() as server, api(server, tmp_path) as asking:
        assert [version async for _, version, _ in asking.watch_nodes("", "1", 5)] == [""]


@pytest.mark.parametrize("odd", [{}, {"metadata": []}, {"metadata": {"name": "n"}, "spec": []}])
async def test_an_odd_lease_has_no_stamp(tmp_path: Path, odd: object) -> None:
    class Leases(Replay):
        async def _list_leases(self, request: web.Request) -> web.Response:
            return web.json_response({"metadata": [], "items": [odd]})

    async with Leases([]).serve() as server, api(server, tmp_path) as asking:
        assert list((await asking.list_node_leases(5.0)).values()) == [{}]


async def test_an_event_without_an_end_is_given_up(tmp_path: Path) -> None:
    async with Odd(*[b"x" * (1 << 20)] * 9).serve() as server, api(server, tmp_path) as asking:
        with pytest.raises(ApiFault, match="longer than 8 MiB"):
            await watched(asking)


@pytest.mark.parametrize("answer", [b"[]", b"<html>", b'{"items": 3}', b'{"items": [3]}', b""])
async def test_what_is_no_answer_of_an_api_server_is_a_fault(tmp_path: Path, answer: bytes) -> None:
    async with Odd(answer).serve() as server, api(server, tmp_path) as asking:
        with pytest.raises(ApiFault):
            await asking.find_node(5.0, field="metadata.name=n1")


async def test_a_refusal_carries_its_status_and_words(tmp_path: Path) -> None:
    async with Replay(NODES).serve() as server, api(server, tmp_path) as asking:
        server.status = 403
        with pytest.raises(ApiFault, match="403 refused with 403") as fault:
            await names(asking)
        assert fault.value.status == 403


async def test_silence_is_a_fault(tmp_path: Path) -> None:
    async with Replay(NODES).serve() as server, api(server, tmp_path) as asking:
        server.hang = True
        with pytest.raises(ApiFault, match="no answer in time"):
            await asking.find_node(0.05, field="metadata.name=n1")


async def test_a_server_behind_a_proxy_is_asked_through_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Replay(NODES)
    server.url = "http://192.0.2.1"
    async with Replay(NODES).serve() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with api(server, tmp_path) as asking:
            await names(asking)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        async with api(proxy, tmp_path) as asking:
            with pytest.raises(ApiFault):
                await names(asking)
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            await names(asking)


async def test_credentials_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    credentials = Credentials(str(tmp_path / "nothing"))
    nowhere = OwnNames(names=(), nowhere=True)
    async with listening(Nodes(credentials, "", nowhere, clock=SystemClock(), rhythm=Rhythm())) as heard:
        view = await heard.until(View)
        assert not view.proven and "credentials" in view.why


async def test_it_may_be_cancelled_while_it_watches(tmp_path: Path) -> None:
    async with Replay(NODES).serve() as server, api(server, tmp_path) as asking:
        watching = asyncio.get_running_loop().create_task(watched(asking))
        await server.watching.wait()
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        assert await names(asking) == ["n1", "n2"]
