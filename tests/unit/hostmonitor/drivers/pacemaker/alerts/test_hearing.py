"""What a datagram says, and when alerts may be relied on."""

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.agent import datagram
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.hearing import (
    AlertsHeard,
    goodbye_in,
    goodbye_message,
    goodbye_of,
    goodbyes_message,
    goodbyes_of,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Cib, CrmMon, Expected, NodeState


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("kind=attribute node=r1 attribute_name=shutdown attribute_value=1795335541", "r1"),
        ("kind=attribute node=r1 attribute_name=shutdown attribute_value=0", ""),
        ("kind=attribute node=r1 attribute_name=shutdown", ""),  # it is wiped
        ("kind=attribute node=r1 attribute_name=standby attribute_value=1", ""),
        ("kind=node node=r1 desc=lost", ""),
        ("attribute_name=shutdown attribute_value=1", ""),
        ("kind=attribute attribute_name=shutdown attribute_value=1", ""),
        ("", ""),
        ("= == \0 kind", ""),
    ],
)
def test_who_says_goodbye(text: str, host: str) -> None:
    assert goodbye_in(text) == host


def test_the_agents_own_datagram_is_understood() -> None:
    environment = {
        "CRM_alert_kind": "attribute",
        "CRM_alert_node": "r1",
        "CRM_alert_attribute_name": "shutdown",
        "CRM_alert_attribute_value": "1795335541",
    }
    assert goodbye_in(datagram(environment).decode()) == "r1"  # type: ignore[arg-type]


@pytest.mark.parametrize("message", [b"look", b"beat", b"7 null", b"", b"way yes"])
def test_what_other_messages_of_the_group_say_is_no_goodbye(message: bytes) -> None:
    assert goodbye_of(message) == ""
    assert goodbye_of(goodbye_message("r1")) == "r1"


def node(name: str, remote: bool) -> NodeState:
    return NodeState(
        id=name,
        name=name,
        remote=remote,
        in_ccm=True,
        controller=None if remote else True,
        expected=Expected.MEMBER,
        erased=False,
        fenced_at=0,
        goodbye=False,
    )


def test_alerts_work_once_one_came_from_this_controller_and_monitors_stand_everywhere() -> None:
    cib = Cib(quorate=True, nodes=(node("1", False), node("2", False), node("r1", True)))
    first, second = (CrmMon(quorate=True, nodes={}, dc=name) for name in ("n1", "n2"))
    heard = AlertsHeard()
    both = {1, 2}
    heard = heard.after(cib, first, True, both, -1.0)
    assert not heard.work
    heard = heard.after(cib, first, True, both, 10.0)
    assert heard.work
    assert not heard.after(cib, first, False, both, 10.0).work  # the CIB names another socket
    assert not heard.after(cib, first, True, {1}, 10.0).work  # nobody listens on the second member
    only_members = Cib(quorate=True, nodes=cib.nodes[:2])
    assert heard.after(only_members, first, True, {1}, 10.0).work
    heard = heard.after(cib, second, True, both, 10.0)
    assert not heard.work  # another controller: its agent has to show itself
    assert heard.after(cib, second, True, both, 11.0).work


def test_goodbyes_are_told_by_how_long_ago_they_were() -> None:
    """Each monitor counts its own seconds."""
    told = goodbyes_message({"r1": 100.0, "r2": 159.5, "long past": 20.0, "to come": 161.0}, 160.0)
    assert goodbyes_of(told, 1000.0) == {"r1": 940.0, "r2": 999.5}
    assert goodbyes_message({}, 160.0) == goodbyes_message({"long past": 20.0}, 160.0) == b""
    assert goodbye_of(told) == "" and goodbyes_of(goodbye_message("r1"), 1000.0) == {}


@pytest.mark.parametrize(
    "form",
    ["", "no JSON", "[]", "3", '{"r1": null}', '{"r1": true}', '{"r1": -1}', '{"r1": 1e9}', "[" * 100_000],
)
def test_goodbyes_that_cannot_be_understood_are_none(form: str) -> None:
    assert goodbyes_of(b"goodbyes " + form.encode(), 1000.0) == {}
