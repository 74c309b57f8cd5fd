"""What Consul answers, and what whoever may write to its key-value store can put there."""

import base64
import datetime
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.silences import silence
from masakarimonitors.core.silences.book import Book
from masakarimonitors.hostmonitor.core.election.candidate import (
    Candidate,
    fitter,
    read_candidate,
    shown,
    write_candidate,
)
from masakarimonitors.hostmonitor.core.ledger import read_ledger, write_ledger
from masakarimonitors.hostmonitor.core.observation import Membership
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import read_record
from masakarimonitors.hostmonitor.drivers.consul.parse import (
    Checks,
    HealthReader,
    Known,
    Listing,
    changes,
    read_catalog,
    read_checks,
    read_health,
    read_members,
    reportable,
    whole,
)
from tests.fuzz.driver import fuzzed, read_or_refused
from tests.fuzz.shapes import DEEP, any_json, bent_json, bent_text, json_bytes, nested

DATA = Path(__file__).parents[1] / "data" / "consul"


def sample(name: str, most: int = 3) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())[:most]


HEALTH = sample("baseline_health_state_any_m")
CATALOG = sample("baseline_catalog_nodes_m")
MEMBERS = sample("baseline_agent_members_from_client_node04_m")
HEALTH.append({**HEALTH[0], "CheckID": "_node_maintenance", "Status": "critical"})
LEADER = {"node": "node01", "sees": ["manage", "tenant"], "delivers": True, "beat": 7}
LEDGER = {
    "node07": {"host_status": "NORMAL", "reported_at": "2026-11-22T08:00:00+00:00", "delivered": True},
    "node08": {"host_status": "UNKNOWN", "reported_at": "2026-11-22T08:00:00+00:00", "delivered": False},
}


def key(name: str, value: Any) -> dict[str, Any]:
    encoded = base64.b64encode(json.dumps(value).encode()).decode()
    return {
        "LockIndex": 1,
        "Key": f"m/{name}",
        "Flags": 0,
        "Value": encoded,
        "Session": "s1",
        "ModifyIndex": 4,
    }


def named(checks: Checks) -> Checks:
    """Without what is said of a node without a name, which is shown nowhere."""
    return replace(checks, health={node: up for node, up in checks.health.items() if node})


SILENCES = [
    {
        "id": "s1",
        "target": "host:node0*",
        "made": "2026-11-22T08:00:00+00:00",
        "until": "2026-11-22T09:00:00+00:00",
        "author": "alice",
        "reason": "new firmware",
        "ended": "2026-11-22T08:30:00+00:00",
        "ended_by": "bob",
    }
]
NOW = Instant(1000.0, datetime.datetime(2026, 11, 22, 8, 10, tzinfo=datetime.UTC))
RECORD = [
    key("reporter", LEADER),
    key("ledger", LEDGER),
    key("challenge", LEADER),
    key("silences", SILENCES),
]


@fuzzed()
@given(health=bent_json([HEALTH]), catalog=bent_json([CATALOG]), members=bent_json([MEMBERS]))
def test_a_listing_is_read_or_refused(health: Any, catalog: Any, members: Any) -> None:
    checks = read_or_refused(lambda: read_checks(json_bytes(health)), ValueError)
    nodes = read_or_refused(lambda: read_catalog(json_bytes(catalog)), ValueError)
    heard = read_or_refused(lambda: read_members(json_bytes(members)), ValueError)
    if checks is None or nodes is None or heard is None:
        return
    listing = Listing(checks.health, nodes, checks.work)
    seen = whole(listing, heard, lambda _node: Known.UNSEEN)
    assert all(reportable(node) and isinstance(one.value, Membership) for node, one in seen.items())
    before = Listing(read_health(json_bytes(HEALTH)), read_catalog(json_bytes(CATALOG)))
    assert all(reportable(node) for node, _ in changes(before, listing))


@fuzzed()
@given(bodies=st.lists(bent_json([HEALTH, sample("baseline_health_state_any_m", 30)], most=2), max_size=4))
def test_reading_what_is_new_says_what_reading_it_whole_says(bodies: list[Any]) -> None:
    reader = HealthReader()
    for body in map(json_bytes, bodies):
        body = body.replace(b"}, {", b"},{")
        expected = read_or_refused(lambda body=body: named(read_checks(body)), ValueError)  # type: ignore[misc]
        found = read_or_refused(lambda body=body: named(reader.read(body)), ValueError)  # type: ignore[misc]
        assert found == expected


TOKENS = (
    "},{",
    "}",
    "{",
    '"',
    "]",
    "[",
    "\\",
    '"Node":',
    '"Status":"critical"',
    '"CheckID":"serfHealth"',
    "null",
    ",",
)


@fuzzed()
@given(text=bent_text((json.dumps(HEALTH, separators=(",", ":")),), TOKENS))
def test_text_that_is_cut_or_put_together_wrongly(text: str) -> None:
    body = text.encode("utf-8", "surrogatepass")
    reader = HealthReader()
    reader.read(json.dumps(HEALTH, separators=(",", ":")).encode())
    expected = read_or_refused(lambda: named(read_checks(body)), ValueError)
    assert read_or_refused(lambda: named(reader.read(body)), ValueError) == expected


@fuzzed()
@given(rows=bent_json([RECORD]))
def test_a_record_is_read_or_refused(rows: Any) -> None:
    record = read_or_refused(lambda: read_record(json_bytes(rows), "m/"), ValueError)
    if record is None:
        return
    assert isinstance(record.session, str)
    for candidate in (record.leader, record.challenge):
        assert isinstance(shown(candidate), str)
        if candidate is not None:
            write_candidate(candidate)
            fitter(candidate, Candidate("node02"), frozenset({"manage"}))


@fuzzed()
@given(value=bent_json([LEADER, LEDGER, SILENCES]))
def test_what_others_wrote_there_is_ours_or_nothing(value: Any) -> None:
    candidate = read_or_refused(lambda: read_candidate(json_bytes(value)))
    if candidate is not None:
        again = read_candidate(write_candidate(candidate))
        assert again is not None and (again.sees, again.beat) == (candidate.sees, candidate.beat)
    ledger = read_or_refused(lambda: read_ledger(json_bytes(value)))
    if ledger is not None:
        assert all(entry.reported_at.tzinfo for entry in ledger.values())
        assert read_ledger(write_ledger(ledger)) == ledger
    silences = read_or_refused(lambda: silence.read(json_bytes(value)))
    if silences is not None:
        assert silence.read(silence.write(silences)) == silences
        Book().hear(silences, NOW)


@fuzzed()
@given(value=st.one_of(any_json.map(json_bytes), st.binary(max_size=60)))
def test_any_value(value: bytes) -> None:
    read_or_refused(lambda: (read_candidate(value), read_ledger(value), silence.read(value)))
    encoded = base64.b64encode(value).decode()
    body = json_bytes(
        [{"Key": f"m/{name}", "Value": encoded} for name in ("reporter", "ledger", "challenge", "silences")]
    )
    read_or_refused(lambda: read_record(body, "m/"))


@pytest.mark.parametrize("depth", DEEP)
def test_nesting(depth: int) -> None:
    for text in (
        nested("[", "", "]", depth),
        nested('{"a":', "1", "}", depth),
        "[{" + nested('"a":{', "", "}", depth),
    ):
        for read in (read_health, read_catalog, read_members, lambda body: read_record(body, "m/")):
            read_or_refused(lambda read=read, text=text: read(text.encode()), ValueError)  # type: ignore[misc]
        for read_ours in (lambda body: read_candidate(body.encode()), read_ledger, silence.read):
            read_or_refused(lambda read=read_ours, text=text: read(text))  # type: ignore[misc]
