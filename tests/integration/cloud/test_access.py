"""Our own client of keystone, as a configuration gets it, against the real keystone and masakari-api."""

from pathlib import Path
from typing import Any

import pytest

from masakarimonitors import conf
from masakarimonitors.cmd.wiring import api_client
from masakarimonitors.masakari_answers import Delivered, Unreachable
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.masakari_lists import find_host
from masakarimonitors.system.network.keystone import KeystoneAdapter
from tests.integration.cloud.rig import SERVICE_PASSWORD, Cloud

pytestmark = pytest.mark.xdist_group("cloud")

BODY = """{"notification": {"type": "PROCESS", "hostname": "compute-1", "generated_time": "2026-11-22T08:05:40",
"payload": {"event": "STOPPED", "process_name": "nova-compute"}}}"""
USUAL = {
    "username": "masakari",
    "password": SERVICE_PASSWORD,
    "project_name": "service",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}


def configured(folder: Path, **options: str) -> MasakariApi:
    file = folder / "monitors.conf"
    # Where everything runs on one computer that has other work, an answer may take long.
    file.write_text(
        "[api]\ntimeout = 600\n" + "".join(f"{name} = {value}\n" for name, value in options.items())
    )
    api = api_client(conf.load(["--config-file", str(file)]))
    assert isinstance(api._adapter, KeystoneAdapter)
    return api


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        for spelt in (name, name.upper()):
            monkeypatch.delenv(spelt, raising=False)


def credential(cloud: Cloud) -> dict[str, str]:
    session = cloud.session()
    user = session.get_user_id()
    answer: Any = session.post(
        f"{cloud.auth_url}/users/{user}/application_credentials",
        json={"application_credential": {"name": f"monitor-{id(session)}"}},
    )
    made = answer.json()["application_credential"]
    return {
        "auth_type": "v3applicationcredential",
        "application_credential_id": made["id"],
        "application_credential_secret": made["secret"],
    }


@pytest.mark.parametrize("kind", ["password", "no version in auth_url", "v3password", "credential"])
async def test_a_report_is_accepted_and_lists_are_read(kind: str, cloud: Cloud, tmp_path: Path) -> None:
    match kind:
        case "credential":
            options = {**credential(cloud), "auth_url": cloud.auth_url}
        case "v3password":
            options = {**USUAL, "auth_type": kind, "auth_url": cloud.auth_url}
        case "password":
            options = {**USUAL, "auth_url": cloud.auth_url}
        case _:
            options = {**USUAL, "auth_url": cloud.auth_url.removesuffix("/v3")}
    api = configured(tmp_path, **options)
    try:
        assert isinstance(await api.send(BODY), Delivered)
        assert (await find_host(api, "compute-1")).name == "compute-1"
    finally:
        api.close()


async def test_a_password_that_is_wrong_is_told_in_keystone_s_words(cloud: Cloud, tmp_path: Path) -> None:
    api = configured(tmp_path, **{**USUAL, "password": "WRONG"}, auth_url=cloud.auth_url)
    try:
        outcome = await api.send(BODY)
        assert isinstance(outcome, Unreachable) and not outcome.maybe_accepted
        assert outcome.answer.startswith("no token or endpoint from keystone: ")
        assert "(HTTP 401)" in outcome.answer and "WRONG" not in outcome.answer
    finally:
        api.close()


async def test_a_region_that_is_none_is_named(cloud: Cloud, tmp_path: Path) -> None:
    api = configured(tmp_path, **USUAL, auth_url=cloud.auth_url, region="Nowhere")
    try:
        outcome = await api.send(BODY)
        assert isinstance(outcome, Unreachable)
        assert "endpoint of service instance-ha in region Nowhere is not in keystone" in outcome.answer
    finally:
        api.close()
