"""Ways to a real libvirtd other than its own socket: SASL and TLS, with libvirt's files as an operator writes them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.waiting import until
from tests.integration.virt import remote
from tests.integration.virt.ready import why_not
from tests.integration.virt.realm import Realm, opened

pytestmark = pytest.mark.xdist_group("virt")

# A client on the realm's own network: as the source does, events first, then a list, then an event.
_CLIENT = """
import asyncio, sys
from masakarimonitors.libvirt.domain_state import EventId
from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.libvirt.session import session

async def main():
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()
    def on_event(_connection, domain, event, detail, _opaque):
        print("event", domain.name(), event, detail, flush=True)
        if event == 5:
            loop.call_soon_threadsafe(heard.set)
    try:
        async with session(sys.argv[1], "remote", timeout=60) as opened:
            await opened.subscribe({EventId.LIFECYCLE: on_event}, 60)
            names = await opened.call(lambda c: [d.name() for d in c.listAllDomains()], 60)
            await opened.let_events_pass(60)
            print("list", *names, flush=True)
            async with asyncio.timeout(60):
                await heard.wait()
    except Unavailable as error:
        print("unavailable", error.refused, error, flush=True)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def far() -> Iterator[Realm]:
    if reason := why_not():
        pytest.skip(reason)
    with opened(remote.prepare) as realm:
        yield realm


def uri_of(realm: Realm, transport: str) -> str:
    if transport == "modular":
        return "qemu:///system?mode=direct"
    if transport == "tls":
        return f"qemu+tls://127.0.0.1/system?pkipath={realm.layout}/pki"
    return "qemu+tcp://127.0.0.1/system"


def client(realm: Realm, uri: str, auth: Path) -> subprocess.Popen[str]:
    command = realm.inside(sys.executable, "-c", _CLIENT, uri)
    env = {**os.environ, "LIBVIRT_AUTH_FILE": str(auth), "PYTHONPATH": os.getcwd()}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "transport", ["tcp", "tls", "modular"], ids=["SASL DIGEST-MD5 over TCP", "TLS", "socket of virtqemud"]
)
def test_a_session_lists_and_hears(far: Realm, tmp_path: Path, transport: str) -> None:
    """Debian ships no modular daemons: behind virtqemud's socket stands libvirtd, which speaks the same protocol."""
    if transport == "modular":
        (far.socket.parent / "virtqemud-sock-ro").symlink_to("libvirt-sock-ro")
    instance = far.paused(f"far-{transport}")
    with client(far, uri_of(far, transport), remote.auth_file(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"list {instance.name}\n"
        instance.kill()
        assert process.stdout.readline() == f"event {instance.name} 5 5\n"
        until(lambda: process.poll() == 0, "the client to end")
    instance.remove()


def test_a_wrong_password_is_a_refusal_that_names_auth_conf(far: Realm, tmp_path: Path) -> None:
    with client(far, uri_of(far, "tcp"), remote.auth_file(tmp_path, "wrong")) as process:
        assert process.stdout is not None
        words = process.stdout.read()
    assert words.startswith("unavailable True"), words
    assert "auth.conf" in words


def test_a_certificate_of_nobody_is_told(far: Realm, tmp_path: Path) -> None:
    uri = f"qemu+tls://127.0.0.1/system?pkipath={tmp_path}"
    with client(far, uri, remote.auth_file(tmp_path)) as process:
        assert process.stdout is not None
        words = process.stdout.read()
    assert words.startswith("unavailable"), words
    assert str(tmp_path) in words
