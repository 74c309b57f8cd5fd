"""What the receiver is asked for and answers, in masakari-api's shapes, without HTTP around it."""

import datetime
import json
from typing import Any

import pytest

from masakarimonitors.receiver import views
from masakarimonitors.receiver.schema import Invalid
from masakarimonitors.receiver.store import SEGMENT, Accepted, Host, Query

T0 = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
EVERYTHING = Query(limit=1000)


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        ({}, EVERYTHING),
        ({"status": "new"}, EVERYTHING),  # whether it is so is looked at afterwards
        ({"type": "VM", "hostname": "compute-1"}, Query(type="VM", hostname="compute-1", limit=1000)),
        ({"source_host_uuid": "h-1"}, Query(host_uuid="h-1", limit=1000)),
        ({"generated-since": "2026-11-22T08:00:00"}, Query(generated_since=T0, limit=1000)),
        ({"marker": "17", "limit": "5"}, Query(before=17, limit=5)),
        ({"limit": "5000"}, EVERYTHING),
        ({"limit": "+1"}, Query(limit=1)),
        ({"limit": "9" * 30}, EVERYTHING),
        ({"limit": "0"}, Query(limit=0)),
        ({"hostname": "\ud800"}, Query(hostname="\\ud800", limit=1000)),
    ],
)
def test_a_query_string_is_a_query(asked: dict[str, str], query: Query) -> None:
    assert views.wanted(asked) == query


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-1", "limit must be >= 0"),
        *((text, "limit must be an integer") for text in ("", "x", "1.5", " 1", "١", "1" * 5000)),
    ],
)
def test_a_limit_is_an_integer_from_nothing_on(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        views.wanted({"limit": text})


@pytest.mark.parametrize("text", ["", "-1", "1.5", "١", "1" * 19, SEGMENT])
def test_a_marker_is_the_integer_id_of_an_item(text: str) -> None:
    for refuse in (lambda: views.wanted({"marker": text}), lambda: views.page(ITEMS, {"marker": text})):
        with pytest.raises(Invalid, match=f"Marker {text} could not be found."):
            refuse()


ITEMS: list[dict[str, Any]] = [{"id": number} for number in (5, 4, 2, 1)]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({}, [5, 4, 2]),
        ({"limit": "2"}, [5, 4]),
        ({"limit": "1", "marker": "5"}, [4]),
        ({"marker": "4"}, [2, 1]),
        ({"marker": "1"}, []),
        ({"limit": "0", "marker": "3"}, []),
    ],
)
def test_a_list_is_cut_at_the_marker_the_limit_and_what_the_api_gives_at_most(
    asked: dict[str, str], ids: list[int]
) -> None:
    assert [item["id"] for item in views.page(ITEMS, asked, longest=3)] == ids


def test_a_marker_that_is_gone_is_refused() -> None:
    with pytest.raises(Invalid, match=r"Marker 3 could not be found\."):
        views.page(ITEMS, {"marker": "3"})


@pytest.mark.parametrize(
    ("asked", "version", "status"),
    [
        ("", "1.0", None),
        ("compute 2.1", "1.0", None),
        ("instance-ha 1.2", "1.2", None),
        ("compute 2.1, instance-ha 1.3", "1.3", None),
        ("instance-ha latest", "1.3", None),
        ("instance-ha 1.4", "", 406),
        ("instance-ha 2.0", "", 406),
        ("instance-ha x", "", 400),
        ("instance-ha 1", "", 400),
    ],
)
def test_a_microversion_is_spoken_or_refused(asked: str, version: str, status: int | None) -> None:
    spoken, refusal = views.version_asked({views.VERSION_HEADER: asked} if asked else {})
    assert spoken == version
    assert (refusal.status if refusal is not None else None) == status


def test_a_notification_is_new_for_ever_and_its_times_say_no_zone() -> None:
    row = Accepted(
        id=3,
        uuid="n-3",
        type="VM",
        hostname="compute-1",
        host_uuid="h-1",
        generated_time=T0,
        payload={"event": "LIFECYCLE"},
        created_at=T0 + datetime.timedelta(microseconds=1),
    )
    assert views.notification(row) == {
        "id": 3,
        "notification_uuid": "n-3",
        "generated_time": "2026-11-22T08:00:00.000000",
        "source_host_uuid": "h-1",
        "type": "VM",
        "payload": {"event": "LIFECYCLE"},
        "status": "new",
        "failover_segment_uuid": SEGMENT,
        "message": None,
        "created_at": "2026-11-22T08:00:00.000001",
        "updated_at": None,
        "deleted_at": None,
        "deleted": False,
    }


@pytest.mark.parametrize("on_maintenance", [True, False])
def test_a_host_stands_in_the_one_segment(on_maintenance: bool) -> None:
    shown = views.host(Host(id=1, uuid="h-1", name="compute-1", on_maintenance=on_maintenance, created_at=T0))
    assert (shown["name"], shown["uuid"], shown["on_maintenance"]) == ("compute-1", "h-1", on_maintenance)
    assert shown["failover_segment_id"] == shown["failover_segment"]["uuid"] == SEGMENT
    assert shown["created_at"] == "2026-11-22T08:00:00.000000"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "badRequest"), (404, "itemNotFound"), (409, "conflictingRequest"), (418, "masakariFault")],
)
def test_a_fault_is_named_by_its_one_key(status: int, kind: str) -> None:
    answer = views.fault(status, "no")
    assert answer.status == status
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {kind: {"code": status, "message": "no"}}


def test_the_version_leads_to_where_it_was_asked_for() -> None:
    shown = views.version("http://127.0.0.1:15868")
    assert (shown["id"], shown["status"]) == ("v1.0", "CURRENT")
    assert shown["links"] == [{"rel": "self", "href": "http://127.0.0.1:15868/v1/"}]
