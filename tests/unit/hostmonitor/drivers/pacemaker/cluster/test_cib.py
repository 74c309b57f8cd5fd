"""Every recorded CIB, and the traps that they came with."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.cib import read_cib
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import (
    Cib,
    Connection,
    Expected,
    Unreadable,
)

DATA = Path(__file__).parents[5] / "data" / "pacemaker"
CIBS = sorted(p for p in DATA.glob("*.cib.xml") if p.stat().st_size)


@pytest.mark.parametrize("path", CIBS, ids=lambda p: p.name)
def test_every_recorded_cib_is_read(path: Path) -> None:
    cib = read_cib(path.read_text())
    assert {n.name for n in cib.nodes} == {"n1", "n2", "n3", "r1"}
    assert [n.name for n in cib.nodes if n.remote] == ["r1"]
    assert all(n.in_ccm is not None for n in cib.nodes)
    assert all((n.controller is None) == n.remote for n in cib.nodes)


def test_an_empty_answer_is_not_a_cib() -> None:
    with pytest.raises(Unreadable, match="not well-formed"):
        read_cib((DATA / "own-corosync-dead.cib.xml").read_text())


def test_another_document_is_not_a_cib() -> None:
    with pytest.raises(Unreadable, match="<nodes>"):
        read_cib("<nodes/>")


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
    modern = read_cib(_modern(path.read_text()))
    # That a zero says nothing of a remote stands beside it.
    assert {node.zeroed for node in modern.nodes if node.remote} <= {
        node.in_ccm is False for node in modern.nodes
    }
    nodes = tuple(replace(node, zeroed=False) for node in modern.nodes)
    assert replace(modern, nodes=nodes, unconnected={}) == read_cib(path.read_text())


def test_fencing_erases_the_history_and_a_clean_stop_keeps_it() -> None:
    def n2(name: str) -> tuple[Expected, bool]:
        cib = read_cib((DATA / f"{name}.cib.xml").read_text())
        return next((n.expected, n.erased) for n in cib.nodes if n.name == "n2")

    assert n2("node-down-fenced") == (Expected.DOWN, True)
    assert n2("node-graceful-stop-all") == (Expected.DOWN, False)
    assert n2("node-down-unclean-fence-pending") == (Expected.MEMBER, False)


def test_quorum_is_read() -> None:
    assert not read_cib((DATA / "isolated-node-view-no-quorum.cib.xml").read_text()).quorate
    assert read_cib((DATA / "healthy.cib.xml").read_text()).quorate


@pytest.mark.parametrize(
    ("value", "share"),
    [
        ("80%", 0.8),
        (" 200% ", 2.0),
        ("0%", 0.0),
        ("50", 0.8),
        ("much", 0.8),
        ("-5%", 0.8),
        ("", 0.8),
        (None, 0.8),
    ],
)
def test_how_much_load_slows_pacemaker_down_is_read(value: str | None, share: float) -> None:
    pair = "" if value is None else f'<nvpair name="load-threshold" value="{value}"/>'
    cib = read_cib(f"<cib><configuration><crm_config><s>{pair}</s></crm_config></configuration></cib>")
    assert cib.load_threshold == share


def test_fencing_is_read_by_its_old_and_its_new_names() -> None:
    def cib(**properties: str) -> Cib:
        pairs = "".join(
            f'<nvpair name="{name.replace("_", "-")}" value="{value}"/>' for name, value in properties.items()
        )
        return read_cib(f"<cib><configuration><crm_config><s>{pairs}</s></crm_config></configuration></cib>")

    assert (cib().stonith, cib().stonith_action) == (True, "reboot")
    assert not cib(stonith_enabled="false").stonith
    assert not cib(stonith_enabled="true", fencing_enabled="false").stonith
    assert cib(stonith_action="off").stonith_action == "off"
    assert cib(fencing_action="off").stonith_action == "off"
    assert cib(stonith_action="poweroff").stonith_action == "off"
    # What Pacemaker refuses, it replaces by its default.
    assert cib(stonith_action="cycle").stonith_action == "reboot"
    assert cib(stonith_action="off", fencing_action="reboot").stonith_action == "reboot"


def resources(text: str) -> dict[str, Connection]:
    return dict(
        read_cib(f"<cib><configuration><resources>{text}</resources></configuration></cib>").connections
    )


REMOTE = 'class="ocf" provider="pacemaker" type="remote"'


def pairs(**values: str) -> str:
    inside = "".join(f'<nvpair name="{name}" value="{value}"/>' for name, value in values.items())
    return f"<instance_attributes>{inside}</instance_attributes>"


def test_where_a_remotes_daemon_listens() -> None:
    assert resources(f'<primitive id="r1" {REMOTE}/>') == {"r1": Connection("r1", 3121)}
    here = pairs(server="10.0.0.1", port="3131")
    assert resources(f'<primitive id="r1" {REMOTE}>{here}</primitive>') == {
        "r1": Connection("10.0.0.1", 3131)
    }
    odd = pairs(server="10.0.0.1", port="²")
    assert resources(f'<primitive id="r1" {REMOTE}>{odd}</primitive>') == {"r1": Connection("10.0.0.1", 3121)}
    made = f'<template id="t" {REMOTE}>{pairs(port="3131")}</template><group id="g"><primitive id="r1" template="t">'
    assert resources(made + pairs(server="a") + "</primitive></group>") == {"r1": Connection("a", 3131)}
    assert resources('<primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2"/>') == {}
    assert resources("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "<cib><configuration/><status><lrm/></status></cib>",
        '<cib><status><transient_attributes><nvpair name="shutdown" value="1"/></transient_attributes></status></cib>',
        '<cib><status><node_state uname="r" remote_node="1" node_fenced="²"/></status></cib>',
        f'<cib><status><node_state uname="r" remote_node="1" node_fenced="{"9" * 5000}"/></status></cib>',
        "Call cib_query failed (-13): Permission denied",
        "<!DOCTYPE cib [<!ENTITY a 'b'>]><cib/>",
        "<cib>\ud800</cib>",
        pytest.param("<cib>" + "<a>" * 9000 + "</a>" * 9000 + "</cib>", id="deep"),
        "<cib><lrm><lrm/></lrm></cib>",
        "<cib><status><node_state><lrm><lrm/></lrm></node_state></status></cib>",
    ],
)
def test_an_odd_cib_is_unreadable_and_breaks_nothing(text: str) -> None:
    with pytest.raises(Unreadable):
        read_cib(text)


@pytest.mark.parametrize(
    "text",
    [
        "<cib><node/></cib>",
        "<cib><nvpair/></cib>",
        "<cib>" + "<a>" * 100 + "</a>" * 100 + "</cib>",
        '<cib><status><node_state uname="r" in_ccm="²"/></status></cib>',
        "<cib><lrm_x/><primitive/></cib>",
    ],
)
def test_an_odd_cib_that_says_nothing_is_read_as_nothing(text: str) -> None:
    cib = read_cib(text)
    assert not cib.quorate and all(node.in_ccm is None for node in cib.nodes)


def element(tag: str, attributes: dict[str, str], inside: list[str]) -> str:
    written = " ".join(f"{name}='{value}'" for name, value in attributes.items())
    return f"<{tag} {written}>{''.join(inside)}</{tag}>"


ELEMENTS = st.recursive(
    st.just(""),
    lambda inner: st.builds(
        element,
        st.sampled_from(
            [
                "configuration",
                "status",
                "node_state",
                "lrm",
                "nvpair",
                "node",
                "nodes",
                "resources",
                "primitive",
                "template",
                "transient_attributes",
                "crm_config",
                "instance_attributes",
                "recipient",
                "group",
            ]
        ),
        st.dictionaries(
            st.sampled_from(
                ["id", "name", "value", "uname", "in_ccm", "node_fenced", "template", "type", "class"]
            ),
            st.sampled_from(["", "0", "1", "²", "shutdown", "remote", "ocf", "r1", "true", "9" * 30]),
        ),
        st.lists(inner, max_size=4),
    ),
    max_leaves=25,
)


@given(ELEMENTS)
def test_no_tree_of_known_elements_breaks_the_reader(inside: str) -> None:
    try:
        read = read_cib(f"<cib>{inside}</cib>")
    except Unreadable:
        return
    assert isinstance(read, Cib)


def _done(name: str, number: int, code: int, *, kept_as: str = "last") -> str:
    """An operation of a member with r1's connection; with code 193 it is not over."""
    number, status = (-1, -1) if code == 193 else (number, 0)
    return (
        f'<lrm_rsc_op id="r1_{kept_as}_0" operation_key="r1_{name}_0" operation="{name}" on_node="n1" '
        f'call-id="{number}" rc-code="{code}" op-status="{status}"/>'
    )


_ARRIVED = _done("migrate_from", 9, 0, kept_as="migrate_from")


@pytest.mark.parametrize(
    ("operations", "connected"),
    [
        (_done("start", 3, 0), True),
        (_done("start", 3, 193), False),
        (_done("start", 3, 1), False),
        (_done("stop", 5, 0), False),
        (_done("stop", 5, 193), True),
        (_done("monitor", 1, 0), True),
        (_done("start", 6, 1, kept_as="last_failure") + _done("start", 9, 0), True),
        (_done("stop", 7, 0) + _ARRIVED, True),
        (_ARRIVED + _done("stop", 12, 0), False),
        (_done("start", 13, 193) + _ARRIVED, False),
    ],
)
def test_whether_a_member_has_a_remote_s_connection_is_its_last_operation_s_word(
    operations: str, connected: bool
) -> None:
    """Asked for of remotes of which node_state says zero, connected or not."""
    remote = '<node_state id="r1" uname="r1" remote_node="true" in_ccm="{}"/>'
    text = (
        '<cib have-quorum="1"><configuration/><status><node_state id="1" uname="n1" in_ccm="1795335000"><lrm>'
        f"<lrm_resources>{operations}</lrm_resources></lrm></node_state>{remote}</status></cib>"
    )
    assert read_cib(text.format("0")).unconnected == ({} if connected else {"r1": {"n1"}})
    assert read_cib(text.format("1795335000")).unconnected == {}
