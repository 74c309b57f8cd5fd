"""Connections to the web server of a BMC, whom to trust there, and what is taken for a whole answer."""

import asyncio
import contextlib
import gzip
import shutil
import ssl
import subprocess
import sys
import threading
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.power.https import LARGEST, CaFault, Conversation, Trust, first
from masakarimonitors.hostmonitor.power.names import Names
from masakarimonitors.system.network.http_client import HttpFault
from tests.fixtures.waiting import PATIENCE

DOCUMENT = b'{"PowerState": "Off"}'


class Way:
    """A connection that stands, fails or hangs when a test says so."""

    def __init__(self, outcome: OSError | None = None) -> None:
        self.outcome = outcome
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.aborted = asyncio.Event()
        self.transport = self

    def abort(self) -> None:
        self.aborted.set()

    async def __call__(self) -> Any:
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # it stands in the very turn in which nobody wants it any more
        if self.outcome is not None:
            raise self.outcome
        return self, self

    def ready(self) -> "Way":
        self.go_on.set()
        return self


async def stands(*ways: Way, apart: float = 0.0) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await first(ways, apart)


async def set_in_time(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        await event.wait()


async def test_an_address_that_leads_nowhere_holds_up_no_other() -> None:
    silent, good = Way(), Way().ready()
    reader, _ = await stands(silent, good)
    assert reader is good
    await set_in_time(silent.aborted)
    assert not good.aborted.is_set()


async def test_an_address_that_is_refused_is_waited_for_no_longer() -> None:
    refused, good, later = Way(ConnectionRefusedError()).ready(), Way().ready(), Way()
    reader, _ = await stands(refused, good, later, apart=10 * PATIENCE)
    assert (reader is good, later.begun.is_set()) == (True, False)


async def test_nobody_listens_only_if_all_refuse() -> None:
    lost = OSError("no route to host")
    with pytest.raises(ConnectionRefusedError):
        await stands(Way(ConnectionRefusedError()).ready(), Way(ConnectionRefusedError()).ready())
    with pytest.raises(OSError, match="no route"):
        await stands(Way(ConnectionRefusedError()).ready(), Way(lost).ready())
    with pytest.raises(OSError, match="no address"):
        await stands()


async def test_whoever_gives_up_leaves_no_connection_behind() -> None:
    ways = Way(), Way()
    asking = asyncio.get_running_loop().create_task(first(ways, 0.0))
    for way in ways:
        await set_in_time(way.begun)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    for way in ways:
        await set_in_time(way.aborted)


class Played:
    """A server that says the same to everybody, and what it was asked."""

    def __init__(self, said: bytes, *, ends: bool = False) -> None:
        self.said = said
        self.ends = ends
        self.asked: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.said)
                await writer.drain()
                if self.ends:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def playing(
    said: bytes, *, ends: bool = False, place: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Played]:
    played = Played(said, ends=ends)
    server = await asyncio.start_server(played.serve, place, 0, ssl=tls)
    played.port = server.sockets[0].getsockname()[1]
    try:
        yield played
    finally:
        server.close()


async def bodies(
    url: str, verify: bool | str = True, times: int = 1, names: Names | None = None
) -> list[bytes]:
    async with Conversation(names or Names(PATIENCE), Trust(PATIENCE), verify) as conversation:
        return [(await conversation.get(url, {})).body for _ in range(times)]


def whole(body: bytes, encoding: str = "") -> bytes:
    packed = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    return f"HTTP/1.1 200 OK\r\n{packed}Content-Length: {len(body)}\r\n\r\n".encode() + body


RAW = zlib.compress(DOCUMENT)[2:-4]


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        (whole(DOCUMENT), False),
        # What says that it keeps the connection, and ends it.
        (whole(DOCUMENT), True),
        (b"HTTP/1.0 200 OK\r\nServer: BMC\r\n\r\n" + DOCUMENT, True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DOCUMENT, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n" + DOCUMENT + b"\r\n0\r\n\r\n", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + whole(DOCUMENT), False),
        (b"HTTP/1.1 200\nContent-Length: 21\n\n" + DOCUMENT, False),
        # Packed, though nobody has asked for that.
        (whole(gzip.compress(DOCUMENT, mtime=0), "gzip"), False),
        (whole(gzip.compress(DOCUMENT, mtime=0), "x-gzip"), False),
        (whole(zlib.compress(DOCUMENT), "deflate"), False),
        (whole(RAW, "deflate"), False),
    ],
)
async def test_whatever_a_web_server_of_a_bmc_speaks_its_document_is_read(said: bytes, ends: bool) -> None:
    async with playing(said, ends=ends) as played:
        assert await bodies(f"http://127.0.0.1:{played.port}/", times=3) == 3 * [DOCUMENT]
    assert played.connections == (3 if ends else 1)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (whole(b"x" * (LARGEST + 1)), "more than 1 MiB"),
        (whole(gzip.compress(b"x" * (LARGEST + 1), mtime=0), "gzip"), "more than 1 MiB"),
        (whole(gzip.compress(DOCUMENT, mtime=0)[:-9], "gzip"), "ends in its middle"),
        (whole(DOCUMENT, "gzip"), "cannot be unpacked"),
        (whole(DOCUMENT, "br"), "not asked for"),
        (whole(DOCUMENT)[:-1], "ended in the middle"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
    ],
)
async def test_what_is_no_whole_document_is_a_fault(said: bytes, words: str) -> None:
    async with playing(said, ends=True) as played:
        with pytest.raises(HttpFault, match=words):
            await bodies(f"http://127.0.0.1:{played.port}/")


async def test_an_address_of_ipv6_is_named_as_http_wants_it_and_no_proxy_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with playing(whole(DOCUMENT), place="::1") as played:
        await bodies(f"http://[::1]:{played.port}/redfish/v1/a b?c=\u00e9#d")
    head = played.asked[0].decode().split("\r\n")
    assert head[0] == "GET /redfish/v1/a%20b?c=%C3%A9 HTTP/1.1"
    assert f"Host: [::1]:{played.port}" in head


@pytest.mark.parametrize(
    "url", ["ftp://bmc/", "http://", "http://bmc:0/", "http://bmc:70000/", "http://[::1/", "x"]
)
async def test_what_is_no_url_is_said(url: str) -> None:
    with pytest.raises(ValueError):
        await bodies(url)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that nobody but itself vouches for, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl to make a certificate")
    made = tmp_path_factory.mktemp("tls") / "bmc.pem"
    kind = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = "-subj /CN=bmc -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(made.with_suffix(".key")), "-out", str(made)]
    subprocess.run(["openssl", "req", *kind.split(), *names.split(), *files], check=True, capture_output=True)
    return made


async def test_a_certificate_is_believed_as_the_address_says(pem: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, pem.with_suffix(".key"))
    async with playing(whole(DOCUMENT), tls=context) as played:
        url = f"https://127.0.0.1:{played.port}/"
        assert await bodies(url, str(pem)) == await bodies(url, False) == [DOCUMENT]
        with pytest.raises(ssl.SSLCertVerificationError):
            await bodies(url)


async def test_a_ca_file_that_was_read_once_serves_while_its_disk_hangs(
    pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    shutil.copy(pem, file)
    trust, go_on = Trust(0.05), threading.Event()
    known = None
    while known is None:
        with contextlib.suppress(CaFault):  # this computer may be slower than that
            known = await trust.context(str(file))
    monkeypatch.setattr("masakarimonitors.hostmonitor.power.https.stamp_of", lambda _path: go_on.wait())
    try:
        assert await trust.context(str(file)) is known
    finally:
        go_on.set()


async def test_of_many_bmcs_that_are_asked_at_once_one_has_its_ca_file_read(
    pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, trust = list[object](), Trust(PATIENCE)

    def create(cafile: str | None) -> ssl.SSLContext:
        read.append(cafile)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(ssl, "create_default_context", create)
    for verify, cafile in ((str(pem), str(pem)), (True, None)):
        read.clear()
        found = await asyncio.gather(*(trust.context(verify) for _ in range(8)))
        assert (read, len(set(found))) == ([cafile], 1)


async def test_whoever_trusts_everybody_waits_for_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("masakarimonitors.hostmonitor.power.https.read_aside")
    assert (await Trust(PATIENCE).context(False)).verify_mode is ssl.CERT_NONE


async def test_a_ca_file_that_is_changed_counts_and_one_that_is_gone_does_not(
    pem: Path, tmp_path: Path
) -> None:
    file, trust = tmp_path / "ca.pem", Trust(PATIENCE)
    shutil.copy(pem, file)
    before = await trust.context(str(file))
    assert await trust.context(str(file)) is before
    file.write_text(f"# anew\n{pem.read_text()}")
    assert await trust.context(str(file)) is not before
    file.write_text("nonsense")
    with pytest.raises(CaFault, match=r"ca\.pem cannot be used"):
        await trust.context(str(file))
    file.unlink()
    with pytest.raises(CaFault, match="No such file"):
        await trust.context(str(file))


def test_no_module_is_loaded_for_the_first_bmc_that_is_asked() -> None:
    """It may be asked at the death of a host whose storage is that of our modules, too."""
    program = """
import masakarimonitors.hostmonitor.power.prover
import asyncio, socket, sys
from masakarimonitors.hostmonitor.power.bmc import Address, Literal, Speaks
from masakarimonitors.hostmonitor.power.redfish import Redfish

DOCUMENT = b'{"PowerState": "Off", "Links": {"ManagedBy": [{"@odata.id": "/m"}]}}'

async def serve(reader, writer):
    while (await reader.read(4096)).startswith(b"GET"):
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(DOCUMENT) + DOCUMENT)
    writer.close()

async def ask():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    readings = []
    before = set(sys.modules)
    for host in (f"http://127.0.0.1:{port}", f"http://localhost:{port}", f"https://127.0.0.1:{port}"):
        bmc = Address(
            device="d", speaks=Speaks.REDFISH, host=host, user="u", secret=Literal("p"), system="/s"
        )
        readings.append(str((await Redfish(60.0).read(bmc)).power))
    print(readings, sorted(set(sys.modules) - before))

asyncio.run(ask())
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.stdout == "['off', 'off', 'no proof'] []\n", ran.stdout + ran.stderr
