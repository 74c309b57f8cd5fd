"""Requests over real sockets; drips, endless answers and redirects are in the tests of the API client above it."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.system.network import http_session
from masakarimonitors.system.network.http_exchange import Exchange, Withheld
from masakarimonitors.system.network.http_session import Broken, HttpSession, Response, Tls, Unsent
from tests.fixtures.odd_server import Asked, odd_server, says

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Some: Thing\r\n\r\n{}"


def ask(session: HttpSession, url: str, **options: Any) -> Response:
    with Exchange(60.0).here():
        return session.request("GET", url, {}, **options)


async def test_a_connection_is_kept_and_one_that_has_ended_is_not_used_again() -> None:
    writers = []

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if writer not in writers:
            writers.append(writer)
        writer.write(OK)

    async with odd_server(answer) as server:
        session = HttpSession(Tls())
        for _ in range(2):
            response = await asyncio.to_thread(ask, session, server.url)
            assert (response.status_code, response.json(), response.headers.get("x-some")) == (
                200,
                {},
                "Thing",
            )
        assert len(writers) == 1
        writers[0].close()
        await writers[0].wait_closed()
        await asyncio.to_thread(ask, session, server.url)
        assert len(writers) == 2


class Counting:
    """Answers as soon as so many ask at once, on every connection; after `mute`, no more on those that there are."""

    def __init__(self, together: int = 1) -> None:
        self.connections = list[asyncio.StreamWriter]()
        self._together = asyncio.Barrier(together)
        self._mute = list[asyncio.StreamWriter]()

    def mute(self) -> None:
        self._mute, self._together = list(self.connections), asyncio.Barrier(1)

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if writer not in self.connections:
            self.connections.append(writer)
        if writer not in self._mute:
            await self._together.wait()
            writer.write(OK)


async def test_a_connection_that_was_idle_for_a_minute_is_closed_and_not_used_again() -> None:
    """Whatever stands between may have forgotten it, and would lose what is sent on it."""
    counting, now = Counting(), [0.0]
    async with odd_server(counting) as server:
        session = HttpSession(Tls(), lambda: now[0])
        for now[0], connections in ((0.0, 1), (59.0, 1), (119.5, 2), (150.0, 2)):
            await asyncio.to_thread(ask, session, server.url)
            assert len(counting.connections) == connections
        async with asyncio.timeout(60.0):
            await counting.connections[0].wait_closed()


async def test_one_lost_connection_ends_all_idle_ones_of_its_place() -> None:
    """As many were made when a storm went through; without that, each next try would meet another lost one."""
    counting, other = Counting(together=6), Counting()
    async with odd_server(counting) as server, odd_server(other) as elsewhere:
        session = HttpSession(Tls())
        await asyncio.to_thread(ask, session, elsewhere.url)
        await asyncio.gather(*(asyncio.to_thread(ask, session, server.url) for _ in range(6)))
        assert len(counting.connections) == 6
        counting.mute()

        def in_vain() -> None:
            with Exchange(0.2).here():
                session.request("POST", server.url, {}, b"{}")

        with pytest.raises(TimeoutError):
            await asyncio.to_thread(in_vain)
        await asyncio.to_thread(ask, session, server.url)
        await asyncio.to_thread(ask, session, elsewhere.url)
        assert len(counting.connections) == 7, "the next try connects anew"
        assert len(other.connections) == 1, "what leads elsewhere is not concerned"


async def test_what_a_server_says_unasked_is_nobody_s_answer() -> None:
    """It would be taken for the answer to the next request."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    async with odd_server(answer) as server:
        session = HttpSession(Tls())
        for _ in range(3):
            assert (await asyncio.to_thread(ask, session, server.url)).status_code == 200


async def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        with pytest.raises(Unsent, match=r"no connection to 127\.0\.0\.1"):
            await asyncio.to_thread(ask, HttpSession(Tls()), url)


async def test_a_name_that_is_none_is_told_without_what_is_secret() -> None:
    with pytest.raises(OSError) as fault:
        await asyncio.to_thread(ask, HttpSession(Tls()), "http://u:SECRET@nowhere.invalid/v1")
    assert isinstance(fault.value, Unsent) and "nowhere.invalid" in str(fault.value)
    assert "SECRET" not in str(fault.value)


@pytest.mark.parametrize("url", ["", "masakari", "ftp://masakari/", "http:///v1", "http://host:port/"])
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    with pytest.raises(ValueError):
        ask(HttpSession(Tls()), url)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
async def test_what_is_no_answer_of_http_is_broken(answer: bytes) -> None:
    async with odd_server(says(answer)) as server:
        with pytest.raises(Broken):
            await asyncio.to_thread(ask, HttpSession(Tls()), server.url)


async def test_an_answer_that_ends_early_is_none() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with odd_server(answer) as server:
        with pytest.raises(Broken, match="ended in the middle"):
            await asyncio.to_thread(ask, HttpSession(Tls()), server.url)


async def test_what_was_taken_back_is_not_written() -> None:
    async with odd_server(says(OK)) as server:
        session, exchange = HttpSession(Tls()), Exchange(60.0)

        def offer() -> None:
            with exchange.here(), exchange.within(1000, lambda: False):
                session.request("POST", server.url, {}, b"{}")

        with pytest.raises(Withheld):
            await asyncio.to_thread(offer)
        assert server.asked == []


async def test_targets_and_heads_say_what_an_address_does() -> None:
    async with odd_server(says(OK)) as server:
        session = HttpSession(Tls())
        for path in ("", "/v1/a b/%20?x=a%2Bb&y=ü"):
            await asyncio.to_thread(ask, session, server.url.replace("//", "//user:p%40ss@") + path)
        first, second = (one.head for one in server.asked)
        assert first.startswith("GET / HTTP/1.1\r\n")
        assert second.startswith("GET /v1/a%20b/%20?x=a%2Bb&y=%C3%BC HTTP/1.1\r\n")
        assert "Authorization: Basic dXNlcjpwQHNz\r\n" in first
        assert f"Host: {server.url.removeprefix('http://')}\r\n" in first


async def test_an_address_of_ipv6_is_one() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    try:
        listening = await asyncio.start_server(answer, "::1", 0)
    except OSError:
        pytest.skip("this host has no IPv6")
    async with listening:
        url = f"http://[::1]:{listening.sockets[0].getsockname()[1]}/"
        assert (await asyncio.to_thread(ask, HttpSession(Tls()), url)).status_code == 200


def certificate(folder: Path, name: str, names: str) -> tuple[Path, Path]:
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    kind = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command = ["openssl", "req", *kind.split(), *names.split(), "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


BY_ADDRESS = "-subj /CN=api -addext subjectAltName=IP:127.0.0.1"


@pytest.fixture
async def encrypted(tmp_path: Path) -> AsyncIterator[tuple[str, Path, ssl.SSLContext]]:
    """A server with TLS: where, its certificate, and what it speaks with."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl to make certificates")
    made, key = certificate(tmp_path, "server", BY_ADDRESS)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls) as listening:
        yield f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}", made, tls


async def test_a_server_is_trusted_by_its_authority_or_on_purpose(
    encrypted: tuple[str, Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, made, _ = encrypted
    for tls in (Tls(cafile=str(made)), Tls(insecure=True), Tls(insecure=True, cafile="/nowhere")):
        assert (await asyncio.to_thread(ask, HttpSession(tls), url)).status_code == 200
    with pytest.raises(Unsent, match="certificate verify failed"):
        await asyncio.to_thread(ask, HttpSession(Tls()), url)
    with pytest.raises(Unsent, match="/nowhere"):
        await asyncio.to_thread(ask, HttpSession(Tls(cafile="/nowhere")), url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made))
    assert (await asyncio.to_thread(ask, HttpSession(Tls()), url)).status_code == 200


async def test_an_authority_that_only_newer_pythons_mind_is_trusted(
    encrypted: tuple[str, Path, ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was before: the cloud would be cut off by an update of Python."""
    url, _, tls = encrypted
    lax, key = certificate(tmp_path, "lax", "-subj /CN=lax -addext basicConstraints=CA:TRUE")
    tls.load_cert_chain(*certificate(tmp_path, "issued", f"{BY_ADDRESS} -CA {lax} -CAkey {key}"))
    create = ssl.create_default_context

    def as_in_3_13(**options: Any) -> ssl.SSLContext:
        context = create(**options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", as_in_3_13)
    assert (await asyncio.to_thread(ask, HttpSession(Tls(cafile=str(lax))), url)).status_code == 200


async def test_a_certificate_of_another_name_is_not_accepted_be_it_in_its_title(
    encrypted: tuple[str, Path, ssl.SSLContext], tmp_path: Path
) -> None:
    url, _, tls = encrypted
    other, key = certificate(tmp_path, "other", "-subj /CN=localhost")
    tls.load_cert_chain(other, key)
    with pytest.raises(Unsent, match="certificate verify failed"):
        await asyncio.to_thread(
            ask, HttpSession(Tls(cafile=str(other))), url.replace("127.0.0.1", "localhost")
        )


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_kernel_asks_whether_the_far_side_is_still_there(
    scheme: str, encrypted: tuple[str, Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, connect = list[socket.socket](), socket.create_connection

    def create(*arguments: Any, **options: Any) -> socket.socket:
        one = connect(*arguments, **options)
        made.append(one.dup())
        return one

    monkeypatch.setattr(socket, "create_connection", create)
    async with odd_server(says(OK)) as server:
        url, authority, _ = encrypted
        session = HttpSession(Tls(cafile=str(authority)))
        await asyncio.to_thread(ask, session, server.url if scheme == "http" else url)
    with made[0] as one:
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [one.getsockopt(socket.IPPROTO_TCP, name) for name in names] == [60, 15, 4]


async def test_files_of_tls_are_read_at_the_start_and_again_when_they_change(
    encrypted: tuple[str, Path, ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report leaves while the disk with them is away; whoever renews them need not restart anything."""
    monkeypatch.setattr(http_session, "_LOOK", 60.0)
    url, made, tls = encrypted
    trusted = tmp_path / "trusted.pem"
    shutil.copy(made, trusted)
    session = HttpSession(Tls(cafile=str(trusted)))
    session.learn()
    trusted.unlink()
    assert (await asyncio.to_thread(ask, session, url)).status_code == 200
    new, key = certificate(tmp_path, "new", BY_ADDRESS)
    tls.load_cert_chain(new, key)
    with pytest.raises(Unsent):
        await asyncio.to_thread(ask, session, url)
    shutil.copy(new, trusted)
    assert (await asyncio.to_thread(ask, session, url)).status_code == 200


async def test_a_disk_with_files_of_tls_that_hangs_holds_no_connection(
    encrypted: tuple[str, Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, made, _ = encrypted
    hangs, asked = threading.Event(), list[int]()

    def stamps(self: Tls) -> tuple[float, ...]:
        asked.append(1)
        hangs.wait()
        return ()

    session = HttpSession(Tls(cafile=str(made)))
    session.learn()
    monkeypatch.setattr(Tls, "stamps", stamps)
    monkeypatch.setattr(http_session, "_LOOK", 0.01)
    try:
        for _ in range(3):
            assert (await asyncio.to_thread(ask, session, url)).status_code == 200
        assert len(asked) == 1, "nor is it asked again"
    finally:
        hangs.set()
