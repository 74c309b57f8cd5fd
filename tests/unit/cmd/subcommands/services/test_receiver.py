"""The embedded receiver as the commands start it: where it keeps reports, and what it says when it cannot."""

import socket
from pathlib import Path

import aiohttp
import pytest
from oslo_config import cfg

from masakarimonitors import conf
from masakarimonitors.cmd.subcommands.services.receiver import embedded_receiver
from masakarimonitors.conf import ConfigFault


def options(tmp_path: Path, **receiver: object) -> cfg.ConfigOpts:
    file = tmp_path / "monitors.conf"
    settings = "".join(f"{key} = {value}\n" for key, value in receiver.items())
    file.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n[receiver]\n{settings}")
    return conf.load(["--config-file", str(file)])


async def test_it_keeps_reports_under_the_state_path(tmp_path: Path) -> None:
    async with embedded_receiver(options(tmp_path, port=0)) as url, aiohttp.ClientSession() as http:
        async with http.get(f"{url}/healthcheck") as answer:
            assert answer.status == 200
        assert (tmp_path / "receiver.sqlite").exists()


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigFault, match=f"port {port}"):
            async with embedded_receiver(options(tmp_path, port=port)):
                pass


@pytest.mark.parametrize("content", [None, b"this is no database, but long enough to look at" * 100])
async def test_a_database_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    database = tmp_path / "nowhere" / "receiver.sqlite"
    if content is not None:
        database.parent.mkdir()
        database.write_bytes(content)
    with pytest.raises(ConfigFault, match=r"nowhere/receiver\.sqlite"):
        async with embedded_receiver(options(tmp_path, port=0, database=database)):
            pass
