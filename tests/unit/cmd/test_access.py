"""Which way to masakari-api a configuration gets, and that ours asks and finds what keystoneauth1 does.

Each row of the tables below is one configuration, played twice against the same keystone: with keystoneauth1, which is
asked as it always was, and with our own client. What stands on the wire, and the address that is found, must be equal.
"""

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1 import adapter, loading

from masakarimonitors import conf
from masakarimonitors.cmd import access
from masakarimonitors.conf import ConfigFault
from masakarimonitors.conf.sections import api as options_of_api
from masakarimonitors.masakari_answers import Delivered
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.system.network.exchange import bound
from masakarimonitors.system.network.http_exchange import Exchange
from masakarimonitors.system.network.keystone import KeystoneAdapter
from tests.fixtures.fake_keystone import FakeKeystone
from tests.fixtures.odd_server import ACCEPTED, odd_server, says

PASSWORD = {"auth_type": "password", "username": "u", "password": "SECRET"}
IN_DEFAULT = {"user_domain_name": "Default", "project_domain_name": "Default"}
USUAL = {**PASSWORD, **IN_DEFAULT, "project_name": "service"}
CREDENTIAL = {"auth_type": "v3applicationcredential", "application_credential_secret": "SECRET"}

IDENTITIES: dict[str, dict[str, str]] = {
    "a project by names": USUAL,
    "older names": {
        "auth_plugin": "password",
        "user_name": "u",
        "password": "SECRET",
        "tenant_name": "service",
        **IN_DEFAULT,
    },
    "no auth_type": {key: value for key, value in USUAL.items() if key != "auth_type"},
    "everything by ids": {
        **PASSWORD,
        "user_id": "u1",
        "project_id": "p1",
        "user_domain_id": "d1",
        "project_domain_id": "d1",
    },
    "an older id of the project": {**PASSWORD, "tenant_id": "p1", "user_domain_id": "d1"},
    "ids before names": {**USUAL, "user_domain_id": "d1", "project_domain_id": "d2"},
    "a default domain by id": {**PASSWORD, "project_name": "service", "default_domain_id": "default"},
    "a default domain by name": {**PASSWORD, "project_name": "service", "default_domain_name": "Default"},
    "a default id before a name": {**USUAL, "default_domain_id": "default"},
    "a default name behind an id": {**USUAL, "user_domain_id": "d1", "default_domain_name": "Other"},
    "a domain": {**PASSWORD, "domain_name": "Default", "user_domain_name": "Default"},
    "a domain by id": {**PASSWORD, "domain_id": "d1", "user_domain_name": "Default"},
    "the system": {**PASSWORD, "system_scope": "all", "user_domain_name": "Default"},
    "no scope": {**PASSWORD, "user_domain_name": "Default"},
    "an empty password": {**USUAL, "password": ""},
    "letters of all kinds": {**USUAL, "password": 'ä"\\ %%{}', "username": "ü"},
    "v3password": {**USUAL, "auth_type": "v3password"},
    "v3password by ids": {
        "auth_type": "v3password",
        "password": "SECRET",
        "user_id": "u1",
        "project_id": "p1",
    },
    "v3password, a domain": {
        **PASSWORD,
        "auth_type": "v3password",
        "user_domain_id": "d",
        "domain_id": "d1",
    },
    "a credential by id": {**CREDENTIAL, "application_credential_id": "c1"},
    "a credential by name": {
        **CREDENTIAL,
        "application_credential_name": "c",
        "username": "u",
        "user_domain_name": "Default",
    },
    "a credential of a user's id": {**CREDENTIAL, "application_credential_name": "c", "user_id": "u1"},
    "a credential and more": {
        **CREDENTIAL,
        "application_credential_id": "c1",
        "project_id": "p1",
        "username": "u",
        "user_domain_id": "d",
    },
}

PLACES = [
    "",
    "/",
    "/v3",
    "/v3/",
    "/identity",
    "/identity/",
    "/identity/v3",
    "/identity/v3/",
    "/nothing",
    "/nothing/v3",
    "/v3/nothing",
]
"""Where auth_url may point to; at `nothing` there is no document of versions."""

DOCUMENTS: dict[str, Any] = {
    "a list, and 300": None,
    "two versions": [("v2.0", "deprecated", "{url}/v2.0/"), ("v3.14", "stable", "{url}/v3/")],
    "two versions, the newer first": [("v3.14", "stable", "{url}/v3/"), ("v2.0", "stable", "{url}/v2.0/")],
    "two of version 3": [("v3.8", "stable", "{url}/v3/"), ("v3.14", "current", "{url}/identity/v3/")],
    "of another host": [("v3.14", "stable", "http://inside.example.org:5000/v3/")],
    "of another host, without a slash": [("v3.14", "stable", "https://inside.example.org/identity/v3")],
    "a path alone": [("v3.14", "stable", "/v3")],
    "a relative path": [("v3", "stable", "v3/")],
    "supported": [("v3", "SUPPORTED", "{url}/v3/")],
    "experimental": [("v3", "experimental", "{url}/v3/")],
    "none": [],
}

ENDPOINTS = [
    ("public", "RegionOne", "https://public.one/v1/p"),
    ("internal", "RegionOne", "http://internal.one/v1/p"),
    ("admin", "RegionOne", "http://admin.one/v1/p"),
    ("public", "RegionTwo", "https://public.two/v1/p"),
    ("internal", "RegionTwo", "http://internal.two"),
]


def service(
    kind: str, endpoints: list[tuple[str, str, str]], name: str | None = "masakari"
) -> dict[str, Any]:
    listed = [
        {"id": "e", "interface": interface, "region": region, "region_id": region, "url": url}
        for interface, region, url in endpoints
    ]
    return {"type": kind, "id": "s", "endpoints": listed} | ({} if name is None else {"name": name})


def old(one: dict[str, Any]) -> dict[str, Any]:
    """As older releases say where an endpoint is: by a name alone."""
    one = copy.deepcopy(one)
    for endpoint in one["endpoints"]:
        del endpoint["region_id"]
    return one


OTHER = service("compute", [("public", "RegionOne", "http://nova")], "nova")
CATALOGUES: dict[str, list[Any]] = {
    "whole": [OTHER, service("instance-ha", ENDPOINTS)],
    "by an older name": [service("ha", ENDPOINTS), OTHER],
    "both names": [
        service("ha", [("public", "RegionOne", "http://older")]),
        service("instance-ha", ENDPOINTS),
    ],
    "both names, one of which is elsewhere": [
        service(
            "ha", [("public", "RegionTwo", "http://older.two"), ("internal", "RegionOne", "http://older")]
        ),
        service("instance-ha", [("public", "RegionOne", "http://public.one")]),
    ],
    "regions by names": [old(service("instance-ha", ENDPOINTS))],
    "two services of one type": [
        service("instance-ha", [("public", "RegionOne", "http://first")], "other"),
        service("instance-ha", [("public", "RegionOne", "http://second")], "masakari"),
    ],
    "a service without a name": [
        service("instance-ha", [("public", "RegionOne", "http://nameless")], None),
    ],
    "an endpoint without an address": [
        service("instance-ha", [("public", "RegionOne", ""), ("public", "RegionOne", "http://second")]),
    ],
    "no such service": [OTHER],
    "no endpoints": [service("instance-ha", [])],
    "empty": [],
}
CHOICES: list[dict[str, str]] = [
    {},
    {"region": "RegionTwo"},
    {"region_name": "RegionTwo"},
    {"region": "RegionThree"},
    {"api_interface": "internal"},
    {"api_interface": "adminURL"},
    {"valid_interfaces": "internal,public"},
    {"valid-interfaces": "admin,internal", "region": "RegionTwo"},
    {"service_name": "masakari"},
    {"service_name": "nothing"},
    {"service_type": "instance-ha"},
    {"endpoint_override": "http://here.example.org/v1/p"},
]


def configured(folder: Path, **options: str) -> Any:
    file = folder / "monitors.conf"
    file.write_text("[api]\n" + "".join(f"{name} = {value}\n" for name, value in options.items()))
    return conf.load(["--config-file", str(file)])


def theirs(options: Any) -> adapter.Adapter:
    """As keystoneauth1 itself reads it, with nothing of ours in between but the choice of the region."""
    auth = loading.load_auth_from_conf_options(options, "api")
    session = loading.load_session_from_conf_options(options, "api", auth=auth)
    bound(session)
    said = options.api
    return adapter.Adapter(
        session,
        service_type=said.service_type or "instance-ha",
        service_name=said.service_name,
        interface=said.valid_interfaces or said.api_interface.removesuffix("URL"),
        region_name=said.region_name or said.region,
        endpoint_override=said.endpoint_override,
    )


@pytest.fixture
def keystone() -> Any:
    with FakeKeystone() as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in access._PROXIES:
        for spelt in (name, name.upper()):
            monkeypatch.delenv(spelt, raising=False)


def found(way: Any, keystone: FakeKeystone) -> tuple[list[Any], str | None]:
    """What was asked of keystone, and the endpoint and the token that came of it; or that it failed."""
    keystone.asked.clear()
    keystone.tokens = 0
    with Exchange(60.0).here():
        try:
            seen = f"{way.get_endpoint()} {way.get_token()}"
        except Exception as fault:  # noqa: BLE001 - keystoneauth1 raises what it likes
            seen = None
            assert "SECRET" not in str(fault)
    return list(keystone.asked), seen


def compare(options: Any, keystone: FakeKeystone, row: str = "") -> str | None:
    ours = access.adapter(options, 60.0)
    assert isinstance(ours, KeystoneAdapter)
    asked, seen = found(ours, keystone)
    assert (asked, seen) == found(theirs(options), keystone), row
    if seen is not None:
        assert found(ours, keystone) == ([], seen), "nothing of it is asked twice"
    return seen


@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES.keys())
def test_ours_asks_for_a_token_as_keystoneauth1_does(
    identity: dict[str, str], keystone: FakeKeystone, tmp_path: Path
) -> None:
    keystone.catalogue = CATALOGUES["whole"]
    written = {key: value.replace("$", "$$") for key, value in identity.items()}
    options = configured(tmp_path, auth_url=f"{keystone.url}/v3", **written)
    assert compare(options, keystone) == "https://public.one/v1/p TOKEN-1"


@pytest.mark.parametrize("place", PLACES)
def test_ours_finds_keystone_from_any_auth_url(place: str, keystone: FakeKeystone, tmp_path: Path) -> None:
    keystone.catalogue = CATALOGUES["whole"]
    for kind in ("password", "v3password"):
        options = configured(tmp_path, **{**USUAL, "auth_type": kind}, auth_url=keystone.url + place)
        compare(options, keystone, kind)


@pytest.mark.parametrize("place", ["", "/identity", "/v3"])
@pytest.mark.parametrize("domains", [IN_DEFAULT, {"default_domain_id": "default"}], ids=["", "default"])
def test_ours_reads_documents_of_versions_as_keystoneauth1_does(
    domains: dict[str, str], place: str, keystone: FakeKeystone, tmp_path: Path
) -> None:
    keystone.catalogue = CATALOGUES["whole"]
    options = configured(
        tmp_path, **PASSWORD, **domains, project_name="service", auth_url=keystone.url + place
    )
    for row, document in DOCUMENTS.items():
        keystone.versions = document
        compare(options, keystone, row)


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: " ".join(choice.values()) or "default")
def test_ours_finds_in_a_catalogue_what_keystoneauth1_does(
    choice: dict[str, str], keystone: FakeKeystone, tmp_path: Path
) -> None:
    options = configured(tmp_path, **USUAL, **choice, auth_url=f"{keystone.url}/v3")
    for row, catalogue in CATALOGUES.items():
        keystone.catalogue = catalogue
        compare(options, keystone, row)


def test_a_keystone_that_has_no_version_3_is_none(keystone: FakeKeystone, tmp_path: Path) -> None:
    """keystone has had version 2 until 2017; keystoneauth1 would speak it where only a default domain is said."""
    keystone.versions = [("v2.0", "stable", "{url}/v2.0/")]
    way = access.adapter(configured(tmp_path, **USUAL, auth_url=keystone.url), 60.0)
    with Exchange(60.0).here(), pytest.raises(OSError, match="offers no version 3 of keystone's API"):
        way.get_token()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_what_keystone_says_is_told_in_its_words(status: int, keystone: FakeKeystone, tmp_path: Path) -> None:
    keystone.refusal = status
    options = configured(tmp_path, **USUAL, auth_url=f"{keystone.url}/v3")
    way = access.adapter(options, 60.0)
    with Exchange(60.0).here(), pytest.raises(OSError, match=rf"no, not you \(HTTP {status}\)") as fault:
        way.get_token()
    assert "SECRET" not in str(fault.value)
    assert found(access.adapter(options, 60.0), keystone) == found(theirs(options), keystone)


async def test_without_an_identity_nobody_is_asked(tmp_path: Path) -> None:
    async with odd_server(says(ACCEPTED)) as server:
        options = configured(tmp_path, auth_type="none", endpoint=f"{server.url}/v1")
        heads = []
        for way in (access.adapter(options, 60.0), theirs(options)):
            api = MasakariApi(way)
            assert isinstance(await api.send('{"notification": {"a": "ä"}}'), Delivered)
            api.close()
            heads.append(_head(server.asked[-1].head) | {"body": server.asked[-1].body.decode()})
        assert heads[0] == heads[1]
        assert len(server.asked) == 2


def _head(text: str) -> dict[str, str]:
    """What a request says, but who sends it."""
    first, *lines = text.strip().splitlines()
    fields = dict(line.lower().split(": ", 1) for line in lines)
    return {"": first} | {
        name: value for name, value in fields.items() if name not in ("user-agent", "connection", "accept")
    }


UNUSUAL: dict[str, dict[str, str]] = {
    "another plugin": {"auth_type": "v3totp", "auth_url": "http://k/v3"},
    "a trust": {**USUAL, "trust_id": "t"},
    "two scopes": {**USUAL, "domain_id": "d"},
    "a scope of no kind": {**PASSWORD, "system_scope": "some", "user_domain_id": "d"},
    "no password": {key: value for key, value in USUAL.items() if key != "password"},
    "no domain at all": {**PASSWORD, "project_name": "service"},
    "ciphers": {**USUAL, "tls_ciphers": "HIGH"},
    "a version of TLS": {**USUAL, "tls_min_version": "1.3"},
    "loggers": {**USUAL, "split_loggers": "true"},
    "another service": {**USUAL, "service_type": "compute"},
    "letters that are not plain": {**USUAL, "auth_url": "http://köln.example.org/v3"},
}


@pytest.mark.parametrize("options", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_what_is_unusual_is_left_to_keystoneauth1(options: dict[str, str], tmp_path: Path) -> None:
    made = access.adapter(configured(tmp_path, **{"auth_url": "http://k/v3", **options}), 60.0)
    assert isinstance(made, adapter.Adapter)


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY", "all_proxy"])
def test_a_proxy_is_left_to_keystoneauth1(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = configured(tmp_path, **USUAL, auth_url="http://k/v3")
    monkeypatch.setenv(name, "")
    assert isinstance(access.adapter(options, 60.0), KeystoneAdapter)
    monkeypatch.setenv(name, "http://proxy:3128")
    assert isinstance(access.adapter(options, 60.0), adapter.Adapter)


def test_credentials_in_a_section_of_their_own_are_left_to_keystoneauth1(tmp_path: Path) -> None:
    file = tmp_path / "monitors.conf"
    section = "".join(f"{name} = {value}\n" for name, value in USUAL.items())
    file.write_text(f"[api]\nauth_section = mine\n[mine]\nauth_url = http://k/v3\n{section}")
    options = conf.load(["--config-file", str(file)])
    assert isinstance(access.adapter(options, 60.0), adapter.Adapter)


@pytest.mark.parametrize(
    "options",
    [
        {"auth_type": "v3password", "username": "u", "password": "p"},
        {"auth_type": "v3password", "user_id": "u", "password": "p", "project_name": "service"},
        {"auth_type": "v3applicationcredential", "application_credential_secret": "s"},
    ],
)
def test_what_keystoneauth1_does_not_take_is_a_fault_in_its_words(
    options: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigFault, match=r"The \[api\] section cannot be used: .*must"):
        access.adapter(configured(tmp_path, auth_url="http://k/v3", **options), 60.0)


async def test_a_token_is_kept_renewed_before_it_ends_and_replaced_when_it_is_not_accepted(
    keystone: FakeKeystone, tmp_path: Path
) -> None:
    """One for all threads, however many ask at once."""
    keystone.catalogue = CATALOGUES["whole"]
    options = configured(tmp_path, **USUAL, auth_url=f"{keystone.url}/v3")

    def token(way: Any) -> str:
        with Exchange(60.0).here():
            return str(way.get_token())

    for way in (access.adapter(options, 60.0), theirs(options)):
        keystone.tokens = 0
        many = await asyncio.gather(*(asyncio.to_thread(token, way) for _ in range(8)))
        assert set(many) == {"TOKEN-1"}
        assert token(way) == "TOKEN-1"
        assert way.invalidate() and not way.invalidate()
        keystone.life = 110.0
        assert [token(way), token(way)] == ["TOKEN-2", "TOKEN-3"]
        keystone.life = 3600.0
        assert [token(way), token(way)] == ["TOKEN-4", "TOKEN-4"]


def test_a_catalogue_is_read_anew_by_either_and_an_address_by_hand_needs_none(
    keystone: FakeKeystone, tmp_path: Path
) -> None:
    def catalogue(url: str) -> list[Any]:
        return [OTHER, service("instance-ha", [("public", "RegionOne", url)])]

    said: dict[str, str]
    for said in ({}, {"split_loggers": "true"}):
        said |= {**USUAL, "auth_url": f"{keystone.url}/v3"}
        keystone.tokens, keystone.catalogue = 0, catalogue("http://old/v1")
        way: Any = access.adapter(configured(tmp_path, **said), 60.0)
        assert isinstance(way, KeystoneAdapter) is ("split_loggers" not in said)
        with Exchange(60.0).here():
            assert way.renew() == "" and keystone.tokens == 0
            assert way.get_endpoint() == "http://old/v1"
            keystone.catalogue = catalogue("http://new/v1")
            assert "http://new/v1 (http://old/v1 before)" in way.renew()
            assert (way.get_endpoint(), way.get_token()) == ("http://new/v1", "TOKEN-2")
            keystone.catalogue = [OTHER]
            assert (way.renew(), way.get_endpoint(), way.get_token()) == ("", "http://new/v1", "TOKEN-2")
            by_hand: Any = access.adapter(configured(tmp_path, **said, endpoint_override="http://m/v1"), 60.0)
            by_hand.get_token()
            assert by_hand.renew() == ""


def test_the_options_are_those_of_keystoneauth1() -> None:
    """Names, older names, kinds, defaults: a file means the same, whichever of the two declares them."""
    assert alike(options_of_api.identity_options()) == alike(loading.get_auth_common_conf_options())
    assert alike(options_of_api.shared_options()) == alike(
        [
            *loading.get_auth_common_conf_options(),
            *loading.get_session_conf_options(),
            *loading.get_adapter_conf_options(),
        ]
    )
    for plugin in options_of_api.KNOWN_PLUGINS:
        ours, others = options_of_api.plugin_options(plugin), loading.get_auth_plugin_conf_options(plugin)
        assert alike(ours) == alike(others)
        assert ours == others
        assert not any(one != other for one, other in zip(ours, others, strict=True))


def alike(options: list[Any]) -> list[dict[str, Any]]:
    told = []
    for option in options:
        said = {
            name: value for name, value in vars(option).items() if name not in ("help", "deprecated_reason")
        }
        said["type"] = "str" if option.type is str else repr(option.type)
        said["deprecated_opts"] = [(older.group, older.name) for older in option.deprecated_opts]
        told.append(said)
    return told


def test_what_a_catalogue_holds_may_be_large(keystone: FakeKeystone, tmp_path: Path) -> None:
    keystone.catalogue = [
        *(service(f"service-{n}", [("public", "RegionOne", "http://x/" + "y" * 200)]) for n in range(4000)),
        service("instance-ha", ENDPOINTS),
    ]
    assert len(json.dumps(keystone.catalogue)) > 1 << 20
    compare(configured(tmp_path, **USUAL, auth_url=f"{keystone.url}/v3"), keystone)
