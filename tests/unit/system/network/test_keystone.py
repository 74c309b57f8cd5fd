"""What is made of keystone's answers. What is asked of it is compared with keystoneauth1's in test_access.py."""

import contextlib
import dataclasses
import http.client
import itertools
import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.system.network.http_exchange import LARGEST, Exchange
from masakarimonitors.system.network.http_session import HttpSession, Response, Tls, Unsent
from masakarimonitors.system.network.keystone import (
    Identity,
    Keystone,
    KeystoneAdapter,
    KeystoneFault,
    Service,
    endpoint_of,
    version_3,
)

SERVICE = Service(names=("instance-ha", "ha"), interfaces=("public",), region="RegionOne", name=None)
WHO = Identity(auth_url="http://k/v3", method="password", proof={"user": {"password": "SECRET"}}, scope=None)


class Played(HttpSession):
    """Answers as it is told, with nobody asked."""

    def __init__(self, *answers: Response) -> None:
        super().__init__(Tls())
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def request(self, method: str, url: str, headers: Any, *_: Any, **__: Any) -> Response:
        self.asked.append((method, url, dict(headers)))
        return self.answers.pop(0)


def token(**token: Any) -> Response:
    return Response(201, {"X-Subject-Token": "t"}, json.dumps({"token": token}))


@pytest.mark.parametrize(
    "answer",
    [
        Response(201, {"X-Subject-Token": "t"}, "no JSON"),
        Response(201, {"X-Subject-Token": "t"}, "[" * 100_000),
        Response(201, {"X-Subject-Token": "t"}, "[]"),
        Response(201, {"X-Subject-Token": "t"}, '{"token": null}'),
        Response(201, {}, '{"token": {}}'),
        Response(200, {"X-Subject-Token": "t"}, "<html>Welcome to nginx!</html>"),
        token(expires_at="soon"),
        token(expires_at=5),
    ],
    ids=lambda answer: answer.text[:20],
)
def test_an_answer_without_a_token_is_told(answer: Response) -> None:
    with pytest.raises(KeystoneFault, match=r"http://k/v3/auth/tokens answers 20\d without a token"):
        Keystone(Played(answer), WHO).token()


@pytest.mark.parametrize("said", [None, ""])
def test_an_answer_without_its_head_holds_no_token(said: str | None) -> None:
    """An empty one would be refused by masakari-api, which would be taken for wrong credentials."""
    head = http.client.HTTPMessage()
    if said is not None:
        head["X-Subject-Token"] = said
    answer = Response(201, cast("Mapping[str, str]", head), '{"token": {}}')
    with pytest.raises(KeystoneFault, match="answers 201 without a token: its head has no X-Subject-Token"):
        Keystone(Played(answer), WHO).token()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"error": {"message": "no\\nnot you"}}', "no not you (HTTP 401)"),
        ('{"error": "no"}', '{"error": "no"} (HTTP 401)'),
        ("<html>\x1b[31m", "<html>"),
        ("", " (HTTP 401)"),
        ("x" * 100_000, "xxx"),
    ],
)
def test_a_refusal_is_told_in_one_bounded_line(text: str, said: str) -> None:
    with pytest.raises(KeystoneFault) as fault:
        Keystone(Played(Response(401, {}, text)), WHO).token()
    assert said in str(fault.value) and len(str(fault.value)) < 400
    assert "\n" not in str(fault.value) and "\x1b" not in str(fault.value)


@pytest.mark.parametrize("answer", [Response(200, {}, "{}"), Response(201, {}, "{}")])
@pytest.mark.parametrize("discovers", [True, False])
def test_credentials_in_auth_url_are_shown_to_nobody(answer: Response, discovers: bool) -> None:
    who = dataclasses.replace(WHO, auth_url="http://u:SECRET@k/identity", discovers=discovers)
    with pytest.raises(KeystoneFault, match="http://k/identity") as fault:
        Keystone(Played(answer), who).token()
    assert "SECRET" not in str(fault.value)


def test_a_token_that_never_ends_is_kept() -> None:
    played = Played(token())
    keystone = Keystone(played, WHO)
    assert [keystone.token(), keystone.token()] == ["t", "t"]


@pytest.mark.parametrize("answer", [Response(404, {}, ""), Response(200, {}, "<html>")])
def test_where_no_keystone_answers_any_more_it_is_looked_for_anew(answer: Response) -> None:
    def versions(path: str) -> Response:
        link = {"rel": "self", "href": f"http://k{path}"}
        listed = {"values": [{"id": "v3.14", "status": "stable", "links": [link]}]}
        return Response(300, {}, json.dumps({"versions": listed}))

    played = Played(versions("/old/v3"), answer, versions("/new/v3"), token())
    keystone = Keystone(played, dataclasses.replace(WHO, auth_url="http://k/", discovers=True))
    with pytest.raises(KeystoneFault):
        keystone.token()
    assert keystone.token() == "t"
    assert [url for _, url, _ in played.asked] == [
        "http://k/",
        "http://k/old/v3/auth/tokens",
        "http://k/",
        "http://k/new/v3/auth/tokens",
    ]


def test_an_empty_catalogue_and_a_service_that_is_not_there_are_told_apart() -> None:
    with pytest.raises(KeystoneFault, match="catalogue of keystone is empty"):
        Keystone(Played(token()), WHO).endpoint(SERVICE)
    nova = {"type": "compute", "endpoints": []}
    with pytest.raises(
        KeystoneFault, match=r"^public endpoint of service instance-ha in region RegionOne is not in keystone"
    ):
        Keystone(Played(token(catalog=[nova])), WHO).endpoint(SERVICE)


def test_a_question_is_asked_again_with_another_token_once_and_a_report_is_not() -> None:
    refused, fine = Response(401, {}, ""), Response(200, {}, "{}")
    played = Played(token(), refused, token(), fine, refused, token(), refused, token(), refused)
    adapter = KeystoneAdapter(played, Keystone(played, WHO), SERVICE, "http://m/v1")
    with Exchange(60.0).here():
        assert adapter.get("http://m/v1/a", headers={}, timeout=(1.0, 1.0)).status_code == 200
        assert adapter.post("http://m/v1/b", json={}, timeout=(1.0, 1.0)).status_code == 401
        assert adapter.invalidate()
        assert adapter.get("http://m/v1/a", headers={}, timeout=(1.0, 1.0)).status_code == 401
    assert played.answers == []


def test_of_many_requests_whose_token_is_not_accepted_each_is_made_once_more() -> None:
    """The first to hear of it gets another token; those that hear of it later use that one, and leave it to others."""
    many = 8
    all_refused, numbers = threading.Barrier(many), itertools.count(1)

    class Refusing(HttpSession):
        def request(self, method: str, url: str, headers: Any, *_: Any, **__: Any) -> Response:
            if url.endswith("/auth/tokens"):
                return Response(201, {"X-Subject-Token": str(next(numbers))}, '{"token": {}}')
            if headers["X-Auth-Token"] == "1":
                all_refused.wait(60.0)
                return Response(401, {}, "")
            return Response(200, {}, "")

    session = Refusing(Tls())
    adapter = KeystoneAdapter(session, Keystone(session, WHO), SERVICE, "http://m/v1")

    def ask() -> int:
        with Exchange(60.0).here():
            return adapter.get("http://m/v1/a", timeout=(1.0, 1.0)).status_code

    with ThreadPoolExecutor(many) as pool:
        answers = [pool.submit(ask) for _ in range(many)]
    assert [answer.result() for answer in answers] == [200] * many
    assert next(numbers) == 3, "one token was refused, and one was asked for instead"


def test_without_a_token_there_is_no_other() -> None:
    assert not KeystoneAdapter(Played(), None, SERVICE, "http://m/v1").invalidate()
    assert not KeystoneAdapter(Played(), Keystone(Played(), WHO), SERVICE, "http://m/v1").invalidate()


def test_whether_a_report_may_leave_is_not_asked_for_its_token() -> None:
    asked: list[str] = []

    class Asking(Played):
        def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Response:
            exchange.may_send()
            asked.append(url)
            return super().request(method, url, *arguments, **options)

    exchange = Exchange(60.0)
    wanted: list[int] = []

    def may_send() -> bool:
        wanted.append(len(asked))
        return True

    played = Asking(token(), Response(202, {}, ""))
    with exchange.here(), exchange.within(LARGEST, may_send):
        KeystoneAdapter(played, Keystone(played, WHO), SERVICE, "http://m").post(
            "http://m/n", json={}, timeout=(1.0, 1.0)
        )
    assert asked == ["http://k/v3/auth/tokens", "http://m/n"]
    assert wanted == [1]


def test_a_token_for_a_report_may_come_with_a_catalogue_that_is_larger_than_the_answer_to_it() -> None:
    """It ran out, or was refused elsewhere, after the report was found fit to leave."""
    bounds: list[int] = []

    class Bounded(Played):
        def request(self, *arguments: Any, **options: Any) -> Response:
            bounds.append(exchange.largest)
            return super().request(*arguments, **options)

    exchange = Exchange(60.0, 1 << 16)
    played = Bounded(token(), Response(202, {}, ""))
    with exchange.here():
        KeystoneAdapter(played, Keystone(played, WHO), SERVICE, "http://m").post(
            "http://m/n", json={}, timeout=(1.0, 1.0)
        )
    assert (bounds, exchange.largest) == ([LARGEST, 1 << 16], 1 << 16)


@pytest.mark.parametrize("auth_url", ["http://k/v3", "no address"])
def test_without_a_token_nothing_of_a_report_has_left(auth_url: str) -> None:
    class Answering(HttpSession):
        def request(self, method: str, url: str, *_: Any, **__: Any) -> Response:
            if not url.startswith("http"):
                raise ValueError("no address of HTTP")
            return Response(503, {}, "away")

    session, exchange = Answering(Tls()), Exchange(60.0, 1 << 16)
    keystone = Keystone(session, dataclasses.replace(WHO, auth_url=auth_url))
    with (
        exchange.here(),
        pytest.raises(Unsent, match=r"no token from keystone: (away \(HTTP 503\)|no address)"),
    ):
        KeystoneAdapter(session, keystone, SERVICE, "http://m").post(
            "http://m/n", json={}, timeout=(1.0, 1.0)
        )
    assert exchange.largest == 1 << 16


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["v3", "stable", "self"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "name",
                    "endpoints",
                    "url",
                    "interface",
                    "region",
                    "id",
                    "status",
                    "links",
                    "rel",
                    "href",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(st.lists(ANYTHING, max_size=4))
def test_whatever_a_catalogue_or_a_document_of_versions_holds_is_read_or_is_none(said: list[Any]) -> None:
    endpoint_of(said, SERVICE)
    with contextlib.suppress(ValueError):  # an address that is none, which is told
        version_3("http://k/identity", said)
