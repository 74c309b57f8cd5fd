"""The ledger of open outages: what one leader writes down is what the next one reads."""

import datetime
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HOSTNAME, HostStatus
from masakarimonitors.hostmonitor.core.ledger import (
    FOLLOWED,
    LedgerEntry,
    are_followed,
    outages,
    owed_in,
    read_ledger,
    with_bmcs,
    with_followed,
    with_owed,
    without_bmcs,
    without_followed,
    write_ledger,
    wrong_bmcs,
)
from masakarimonitors.hostmonitor.core.outages.handover import adopt
from masakarimonitors.hostmonitor.core.outages.host import new_host
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from tests.fixtures import earlier_release

WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC)
ENTRY = LedgerEntry(HostStatus.NORMAL, WHEN, delivered=True)


def one(**changes: object) -> str:
    entry = {"host_status": "NORMAL", "reported_at": WHEN.isoformat(), "delivered": True}
    return json.dumps({"node05": entry | changes})


def test_the_form_in_the_store_stays_what_other_releases_read() -> None:
    assert write_ledger({"node05": ENTRY}) == (
        b'{"node05":{"host_status":"NORMAL","reported_at":"2026-01-02T03:04:05.000006+00:00","delivered":true}}'
    )


@given(
    st.dictionaries(
        st.text(min_size=1),
        st.builds(
            LedgerEntry,
            st.sampled_from(HostStatus),
            st.datetimes(
                datetime.datetime(2, 1, 1), datetime.datetime(8999, 12, 31), timezones=st.just(datetime.UTC)
            ),
            st.booleans(),
        ),
    )
)
def test_what_is_written_is_read_back(entries: dict[str, LedgerEntry]) -> None:
    assert read_ledger(write_ledger(entries)) == entries


OWING = {"node07": {"owed": "OUT", "at": WHEN.isoformat()}}
WRONG = {"node05": {"ipmi 10.0.0.2:623": 4100.0}, "node06": {"https 10.0.0.3:443 /a": 0.0}}


def test_what_is_known_of_bmcs_is_read_back_and_is_no_outage() -> None:
    entries = read_ledger(write_ledger(with_bmcs({"node05": ENTRY}, WRONG)))
    assert entries is not None and outages(entries) == {"node05": ENTRY}
    assert wrong_bmcs(entries) == {
        "node05": {"ipmi 10.0.0.2:623": 3600.0},  # each change is a write to the store
        "node06": {"https 10.0.0.3:443 /a": 0.0},
    }


@pytest.mark.parametrize("wrong", [WRONG, {}], ids=["some", "none"])
def test_after_an_earlier_release_which_bmcs_are_wrong_is_unknown_and_the_outages_are_as_they_were(
    wrong: Mapping[str, Mapping[str, float]],
) -> None:
    """It knows nothing of BMCs, takes such an entry for a host of that name, and writes it without them. So it does
    with what is owed after an outage."""
    ledger = write_ledger(with_followed(with_bmcs(with_owed({"node05": ENTRY}, OWING), wrong), "n9"))
    read = read_ledger(ledger) or {}
    assert wrong_bmcs(read) is not None and owed_in(read) == OWING and are_followed(read, "n9")
    entries = read_ledger(earlier_release.run("leads-and-reports", ledger))
    assert entries is not None and wrong_bmcs(entries) is None and owed_in(entries) is None
    assert not are_followed(entries, "n9")
    assert outages(entries).keys() == {"node05", "node06"} and outages(entries)["node05"] == ENTRY


def test_an_earlier_release_reads_it_and_passes_over_what_no_host_can_be_called() -> None:
    """It made an entry of these three fields alone, and heeds none whose name masakari would refuse."""
    told = json.loads(
        write_ledger(with_followed(with_bmcs(with_owed({"node05": ENTRY}, OWING), WRONG), "n9"))
    )
    for name, entry in told.items():
        HostStatus(entry["host_status"])
        assert datetime.datetime.fromisoformat(entry["reported_at"]).tzinfo and entry["delivered"] is True
        assert (HOSTNAME.match(name) is None) is name.startswith(("bmc:", "owed:", FOLLOWED))
    entries = read_ledger(json.dumps(told))
    assert (
        entries is not None
        and {"bmc:", "bmc:node05", "owed:", "owed:node07", FOLLOWED + "n9"} < entries.keys()
    )
    for name in entries.keys() - {"node05"}:
        odd = Judgement(name=name, sequence=("storage",), host=new_host(1))
        assert adopt(odd, entries[name], Instant(1.0, WHEN)) == odd


def test_what_is_owed_is_read_back_is_no_outage_and_is_nothing_where_nobody_says_so() -> None:
    entries = read_ledger(write_ledger(with_bmcs(with_owed({"node05": ENTRY}, OWING), WRONG)))
    assert entries is not None and outages(entries) == {"node05": ENTRY} and owed_in(entries) == OWING
    assert without_bmcs(entries) == with_owed({"node05": ENTRY}, OWING)
    followed = read_ledger(write_ledger(with_followed(with_followed(entries, "n8"), "N9")))
    assert followed is not None and outages(followed) == {"node05": ENTRY} and owed_in(followed) == OWING
    assert (
        are_followed(followed, "n9")
        and not are_followed(followed, "n8")
        and without_followed(followed) == entries
        and not are_followed(entries, "n9")
    )
    assert owed_in(with_owed({}, {})) == {} and owed_in(with_bmcs({}, WRONG)) is None


@pytest.mark.parametrize("told", ["all", None, [], 7])
def test_what_cannot_be_understood_of_what_is_owed_makes_no_ledger_unreadable(told: object) -> None:
    assert read_ledger(one(owed=told)) == {"node05": ENTRY}
    assert owed_in(read_ledger(one(owed={"at": None})) or {}) is None


@pytest.mark.parametrize(
    ("told", "bmcs"),
    [
        ("all", None),
        (["ipmi b:623"], None),
        ({}, ()),
        ({"ipmi b:623": "long"}, (("ipmi b:623", 0.0),)),
        ({"ipmi b:623": -5}, (("ipmi b:623", 0.0),)),
        ({"ipmi b:623": 10**400}, (("ipmi b:623", 0.0),)),
        ({"ipmi b:623": 7, "x": None}, (("ipmi b:623", 7.0), ("x", 0.0))),
    ],
)
def test_what_cannot_be_understood_of_bmcs_makes_no_ledger_unreadable(
    told: object, bmcs: tuple[tuple[str, float], ...] | None
) -> None:
    found = read_ledger(one(bmcs=told))
    assert found == {"node05": LedgerEntry(HostStatus.NORMAL, WHEN, delivered=True, bmcs=bmcs)}


def test_bytes_and_text_are_read_alike() -> None:
    assert read_ledger(one()) == read_ledger(one().encode()) == {"node05": ENTRY}


def test_a_time_of_another_zone_is_the_same_moment_in_utc() -> None:
    found = read_ledger(one(reported_at="2026-01-02T05:04:05.000006+02:00"))
    assert found == {"node05": ENTRY}
    assert found is not None and found["node05"].reported_at.utcoffset() == datetime.timedelta(0)


def test_an_unreadable_ledger_is_not_an_empty_one() -> None:
    assert read_ledger(b'{"node05": {}}') is None
    assert read_ledger(b"{}") == {}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "null",
        "[]",
        '"node05"',
        '{"node05": null}',
        '{"node05": ["NORMAL"]}',
        one(host_status="DEAD"),
        one(host_status=None),
        one(reported_at="yesterday"),
        one(reported_at=1767323045),
        one().replace("delivered", "sent"),
        b"\xff\xfe{}x",
        one(reported_at="0001-01-01T00:00:00+14:00"),  # before the calendar begins, once it is in UTC
        one(reported_at="9999-12-31T23:59:59-14:00"),
        '{"node05":' + "[" * 100_000,
    ],
)
def test_one_wrong_entry_makes_all_of_it_unreadable(value: str | bytes) -> None:
    assert read_ledger(value) is None


@given(body=st.binary(max_size=30))
def test_foreign_bytes_raise_nothing(body: bytes) -> None:
    read_ledger(body)


def test_a_large_ledger_fits_into_the_store() -> None:
    """Consul refuses a value above 512 KiB; a storm of 4,000 hosts with long names must still be written."""
    assert len(write_ledger({f"compute-{i:04d}.example.org": ENTRY for i in range(4000)})) < 512 * 1024
