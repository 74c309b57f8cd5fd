"""TLS on the way to masakari-api, as `[api]` sets it: cafile, insecure, certfile and keyfile."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from masakarimonitors import conf
from masakarimonitors.cmd.wiring import api_client
from masakarimonitors.masakari_answers import Delivered, Outcome, Unreachable
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.integration.cloud.proxy import Proxy

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make certificates")

BODY = """{"notification": {"type": "PROCESS", "hostname": "compute-1", "generated_time": "2026-11-22T08:05:40",
"payload": {"event": "STOPPED", "process_name": "nova-compute"}}}"""


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed one for 127.0.0.1, and its key."""
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    names = f"-subj /CN={name} -addext subjectAltName=IP:127.0.0.1"
    kind = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command = ["openssl", "req", *kind.split(), *names.split(), "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.fixture
async def receiver() -> AsyncIterator[str]:
    async with Receiver(":memory:", SystemClock()).serve() as url:
        yield f"{url}/v1"


async def offer(folder: Path, endpoint: str, **options: object) -> Outcome:
    file = folder / "monitors.conf"
    settings = {"auth_type": "none", "endpoint": endpoint} | options
    file.write_text("[api]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    api = api_client(conf.load(["--config-file", str(file)]))
    try:
        return await api.send(BODY)
    finally:
        api.close()


async def test_a_server_is_trusted_by_its_authority_or_on_purpose_not_at_all(
    receiver: str, tmp_path: Path
) -> None:
    server, key = certificate(tmp_path, "api")
    other, _ = certificate(tmp_path, "other")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(server, key)
    async with Proxy(receiver, tls) as proxy:
        for options in ({}, {"cafile": other}):
            outcome = await offer(tmp_path, proxy.endpoint, **options)
            assert isinstance(outcome, Unreachable)
            assert "certificate" in outcome.answer.lower()
            assert not outcome.maybe_accepted
        assert isinstance(await offer(tmp_path, proxy.endpoint, cafile=server), Delivered)
        answer = await offer(tmp_path, proxy.endpoint, insecure=True)
        assert not isinstance(answer, Unreachable)


async def test_a_server_that_asks_for_a_certificate_gets_it(receiver: str, tmp_path: Path) -> None:
    server, key = certificate(tmp_path, "api")
    client, client_key = certificate(tmp_path, "monitor")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(server, key)
    tls.load_verify_locations(client)
    tls.verify_mode = ssl.CERT_REQUIRED
    async with Proxy(receiver, tls) as proxy:
        assert isinstance(await offer(tmp_path, proxy.endpoint, cafile=server), Unreachable)
        outcome = await offer(tmp_path, proxy.endpoint, cafile=server, certfile=client, keyfile=client_key)
        assert isinstance(outcome, Delivered)
