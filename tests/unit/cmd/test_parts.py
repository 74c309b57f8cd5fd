"""Options become parts: what the API client asks of the network."""

from pathlib import Path
from typing import Any

import pytest
import requests

from masakarimonitors import conf
from masakarimonitors.cmd.parts import api_client
from masakarimonitors.masakari_api import MINIMUM_TIMEOUT, MasakariApi, Unreachable

PASSWORD = """
auth_type = password
auth_url = http://127.0.0.1:9/v3
username = masakari
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
"""
NONE = """
auth_type = none
endpoint = http://127.0.0.1:9/v1
"""
BODY = '{"notification": {}}'


@pytest.fixture
def timeouts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every request fails as if nobody listened; the list holds how long each would have waited."""
    waited: list[Any] = []

    def request(self: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        waited.append(options.get("timeout"))
        raise requests.exceptions.ConnectionError("nobody listens")

    monkeypatch.setattr(requests.Session, "request", request)
    return waited


def client(tmp_path: Path, options: str, endpoint: str | None = None) -> MasakariApi:
    file = tmp_path / "monitors.conf"
    file.write_text(f"[api]{options}")
    return api_client(conf.load(["--config-file", str(file)]), endpoint)


@pytest.mark.parametrize("options", [PASSWORD, NONE, PASSWORD + "timeout = 1\n", NONE + "timeout = 120\n"])
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:9/v1"])
async def test_no_call_waits_for_ever_and_none_gives_up_on_a_slow_answer(
    tmp_path: Path, timeouts: list[Any], options: str, endpoint: str | None
) -> None:
    api = client(tmp_path, options, endpoint)
    try:
        assert isinstance(await api.send(BODY), Unreachable)
    finally:
        api.close()
    assert timeouts
    for timeout in timeouts:
        read = timeout[-1] if isinstance(timeout, tuple) else timeout
        assert read is not None and MINIMUM_TIMEOUT <= read <= 120
