"""The receiver's rules on hosts, maintenance and duplicates, against a plain model of masakari's."""

import datetime
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.receiver.schema import Report
from masakarimonitors.receiver.store import Duplicate, HostUnknown, OnMaintenance, Query, Store

T0 = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)


def stopped(at: float = 0.0, host: str = "compute-1", name: str = "nova-compute") -> Report:
    moment = T0 + datetime.timedelta(seconds=at)
    return Report("PROCESS", host, moment, {"event": "STOPPED", "process_name": name})


def fresh(**options: object) -> Store:
    return Store(":memory:", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("later", "accepted"), [(0.0, False), (180.0, False), (180.000001, True), (-500.0, False)]
)
def test_a_duplicate_is_an_equal_report_not_older_than_the_window_and_newer_ones_count_too(
    later: float, accepted: bool
) -> None:
    store = fresh()
    store.accept(stopped(), T0)
    if accepted:
        store.accept(stopped(later), T0)
    else:
        with pytest.raises(Duplicate):
            store.accept(stopped(later), T0)


def test_another_host_type_or_payload_is_no_duplicate() -> None:
    store = fresh()
    store.accept(stopped(), T0)
    store.accept(stopped(host="compute-2"), T0)
    store.accept(stopped(name="libvirtd"), T0)
    store.accept(Report("COMPUTE_HOST", "compute-1", T0, {"event": "STOPPED"}), T0)
    assert len(store.notifications(Query())) == 4


def test_a_host_on_maintenance_is_refused_before_a_duplicate_is_seen() -> None:
    store = fresh()
    store.accept(stopped(), T0)
    (host,) = store.hosts()
    assert store.set_maintenance(host.uuid, True)
    with pytest.raises(OnMaintenance):
        store.accept(stopped(), T0)
    assert store.set_maintenance(host.uuid, False)
    with pytest.raises(Duplicate):
        store.accept(stopped(), T0)
    assert not store.set_maintenance("nobody", True)


def test_unknown_hosts_are_registered_unless_the_names_are_given() -> None:
    store = fresh(known_hosts={"compute-1"})
    store.accept(stopped(), T0)
    for name in ("compute-2", "Compute-1"):
        with pytest.raises(HostUnknown):
            store.accept(stopped(host=name), T0)
    assert [host.name for host in store.hosts()] == ["compute-1"]


def test_what_was_accepted_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Store(tmp_path / "receiver.sqlite", window=60.0)
    row = first.accept(stopped(), T0)
    first.close()
    again = Store(tmp_path / "receiver.sqlite", window=60.0)
    assert again.notification(row.uuid) == row
    with pytest.raises(Duplicate):
        again.accept(stopped(60.0), T0)


def test_the_history_is_bounded() -> None:
    store = fresh(keep=3)
    for number in range(10):
        store.accept(stopped(name=str(number)), T0)
    assert [row.payload["process_name"] for row in store.notifications(Query())] == ["9", "8", "7"]


def test_a_reader_narrows_by_type_host_time_and_count() -> None:
    store = fresh()
    rows = [store.accept(stopped(at, host, f"p{at}"), T0) for at, host in ((0, "a"), (10, "b"), (20, "a"))]
    newest_first = list(reversed(rows))
    assert store.notifications(Query()) == newest_first
    assert store.notifications(Query(type="VM")) == []
    assert store.notifications(Query(hostname="a")) == [rows[2], rows[0]]
    assert store.notifications(Query(host_uuid=rows[1].host_uuid)) == [rows[1]]
    assert store.notifications(Query(generated_since=T0 + datetime.timedelta(seconds=10))) == newest_first[:2]
    assert store.notifications(Query(limit=1)) == [rows[2]]
    assert store.notifications(Query(before=rows[2].id)) == [rows[1], rows[0]]


@given(st.lists(st.tuples(st.integers(0, 600), st.sampled_from("ab"), st.sampled_from("xy")), max_size=30))
def test_any_run_of_reports_is_settled_as_the_rule_says(offers: list[tuple[int, str, str]]) -> None:
    store = fresh()
    kept: list[tuple[int, str, str]] = []
    for at, host, name in offers:
        swallowed = any((host, name) == (h, n) and t >= at - 180 for t, h, n in kept)
        try:
            store.accept(stopped(at, host, name), T0)
        except Duplicate:
            assert swallowed
        else:
            assert not swallowed
            kept.append((at, host, name))
    stored = [
        (int((r.generated_time - T0).total_seconds()), r.hostname, r.payload["process_name"])
        for r in reversed(store.notifications(Query()))
    ]
    assert stored == kept


def test_its_file_is_private_and_no_link_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "receiver.sqlite"
    before = os.umask(0)
    try:
        store = Store(path)
        store.accept(stopped(), T0)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys([f"receiver.sqlite{part}" for part in ("", "-wal", "-shm")], 0o600)
    (tmp_path / "link.sqlite").symlink_to(path)
    with pytest.raises(sqlite3.OperationalError, match="is not used: it is a symbolic link"):
        Store(tmp_path / "link.sqlite")
