"""Every recorded document, and the traps that they came with."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.observation import Work
from masakarimonitors.hostmonitor.sources.pacemaker_cib import (
    Expected,
    Unreadable,
    flag,
    read_cib,
    read_crm_mon,
)

DATA = Path(__file__).parents[2] / "data" / "pacemaker"
CIBS = sorted(p for p in DATA.glob("*.cib.xml") if p.stat().st_size)


@pytest.mark.parametrize("path", CIBS, ids=lambda p: p.name)
def test_every_recorded_cib_is_read(path: Path) -> None:
    cib = read_cib(path.read_text())
    assert {n.name for n in cib.nodes} == {"n1", "n2", "n3", "r1"}
    assert [n.name for n in cib.nodes if n.remote] == ["r1"]
    assert all(n.in_ccm is not None for n in cib.nodes)
    assert all((n.controller is None) == n.remote for n in cib.nodes)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.crm_mon.xml")), ids=lambda p: p.name)
def test_every_recorded_crm_mon_is_read(path: Path) -> None:
    if path.name.startswith("own-corosync-dead"):
        with pytest.raises(Unreadable, match="lists no nodes"):
            read_crm_mon(path.read_text())
        return
    assert read_crm_mon(path.read_text()).nodes.keys() == {"n1", "n2", "n3", "r1"}


def test_an_empty_answer_is_not_a_cib() -> None:
    with pytest.raises(Unreadable, match="not well-formed"):
        read_cib((DATA / "own-corosync-dead.cib.xml").read_text())


def test_another_document_is_not_a_cib() -> None:
    with pytest.raises(Unreadable, match="<nodes>"):
        read_cib("<nodes/>")


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("true", True),
        ("online", True),
        ("1700000000", True),
        ("1", True),
        ("false", False),
        ("offline", False),
        ("0", False),
        ("", None),
        ("maybe", None),
        ("-5", None),
        (None, None),
    ],
)
def test_both_spellings_of_a_truth(word: str | None, meaning: bool | None) -> None:
    assert flag(word) is meaning


def _modern(text: str) -> str:
    """The same CIB as Pacemaker 2.1.7 and later write it."""
    for old, new in (
        ('in_ccm="true"', 'in_ccm="1795335000"'),
        ('in_ccm="false"', 'in_ccm="0"'),
        ('crmd="online"', 'crmd="1795335001"'),
        ('crmd="offline"', 'crmd="0"'),
    ):
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("path", CIBS, ids=lambda p: p.name)
def test_both_spellings_say_the_same(path: Path) -> None:
    assert read_cib(_modern(path.read_text())) == read_cib(path.read_text())


def test_fencing_erases_the_history_and_a_clean_stop_keeps_it() -> None:
    def n2(name: str) -> tuple[Expected, bool]:
        cib = read_cib((DATA / f"{name}.cib.xml").read_text())
        return next((n.expected, n.erased) for n in cib.nodes if n.name == "n2")

    assert n2("node-down-fenced") == (Expected.DOWN, True)
    assert n2("node-graceful-stop-all") == (Expected.DOWN, False)
    assert n2("node-down-unclean-fence-pending") == (Expected.MEMBER, False)


def test_planned_work_is_read_from_the_nodes_section() -> None:
    def work(name: str) -> dict[str, Work]:
        return dict(read_cib((DATA / f"{name}.cib.xml").read_text()).work)

    assert work("healthy") == {}
    assert work("node-standby") == {"n2": Work.STANDBY}
    assert work("node-maintenance") == {"n2": Work.MAINTENANCE}
    assert work("cluster-maintenance-mode") == dict.fromkeys(("n1", "n2", "n3", "r1"), Work.MAINTENANCE)


def test_quorum_is_read_from_both_documents() -> None:
    name = "isolated-node-view-no-quorum"
    assert not read_cib((DATA / f"{name}.cib.xml").read_text()).quorate
    assert read_crm_mon((DATA / f"{name}.crm_mon.xml").read_text()).quorate is False


def test_only_the_newest_finished_fencing_counts() -> None:
    mon = read_crm_mon((DATA / "remote-graceful-stop-13s.crm_mon.xml").read_text())
    assert mon.fenced["r1"].key.startswith("2026-11-22 08:19:01Z")
    assert mon.fenced["n2"].key.startswith("2026-11-22 08:16:00Z")
    assert mon.failed["r1"].key.startswith("2026-11-22 08:18:09Z")
    pending = read_crm_mon((DATA / "node-down-unclean-fence-pending.crm_mon.xml").read_text())
    assert pending.under_way == {"n2"} and not pending.fenced


def test_a_stopped_connection_resource_is_the_operators_will() -> None:
    text = (DATA / "healthy.cib.xml").read_text()
    meta = '<meta_attributes id="m"><nvpair id="t" name="target-role" value="Stopped"/></meta_attributes>'
    stopped = text.replace('type="remote">', 'type="remote">' + meta, 1)
    assert read_cib(text).wanted == {"r1": True}
    assert read_cib(stopped).wanted == {"r1": False}


@given(st.text(max_size=200))
def test_no_text_at_all_makes_the_readers_fail_otherwise(text: str) -> None:
    for read in (read_cib, read_crm_mon):
        try:
            read(text)
        except Unreadable:
            continue
