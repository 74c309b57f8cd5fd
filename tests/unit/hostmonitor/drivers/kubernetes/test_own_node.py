"""Which Node this host is: by what it is told, by its names, by its boot."""

from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Api, Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.own_node import OwnNames, find_own, own_names, who
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import read_node
from tests.fixtures.kubernetes_replay import Replay
from tests.unit.hostmonitor.drivers.kubernetes.hearing import node


def named(option: str | None = None, variable: str = "", *hosts: str) -> OwnNames:
    return own_names(
        option, {"NODE_NAME": variable} if variable else {}, hosts or ("N1.rack.example", "n1"), "boot"
    )


def test_whose_word_counts() -> None:
    assert named("n7", "n8") == OwnNames(names=("n7",), sure=True)
    assert named(None, "n8") == OwnNames(names=("n8",), sure=True)
    assert named() == OwnNames(names=("n1.rack.example", "n1"), boot_id="boot")
    assert named("None") == OwnNames(names=(), nowhere=True)
    assert named(None, "none") == OwnNames(names=("none",), sure=True)


async def found(tmp_path: Path, own: OwnNames, *nodes: dict[str, Any]) -> str | None:
    async with (
        Replay(list(nodes)).serve() as server,
        Api(Credentials(str(server.kubeconfig(tmp_path)))) as api,
    ):
        one = await find_own(api, own, [read_node(each) for each in nodes], 5.0)
        return None if one is None else one.name


N1, N2 = node("n1", "True"), node("n2", "True")


@pytest.mark.parametrize(
    ("own", "nodes", "name"),
    [
        (named(None, "n2"), (N1, N2), "n2"),
        (named(None, "n3", "n1"), (N1, N2), None),
        (named(), (N1, N2), "n1"),
        (named(None, "", "pod-x"), (N1, N2), None),
        (named(None, "", "n1"), (node("n1.rack.example", "True"), N2), "n1.rack.example"),
        (named(None, "", "n1"), (node("n1.rack1", "True"), node("n1.rack2", "True")), None),
        (named(None, "", "n1.rack3"), (node("n1.rack1", "True"), N2), None),
        (named(None, "", "h1"), (node("n1", "True", labels={"kubernetes.io/hostname": "h1"}), N2), "n1"),
        (named(None, "", "h1"), (node("n1", "True", hostname="h1"), N2), "n1"),
        (named(None, "", "pod-x"), (node("n1", "True", boot_id="boot"), N2), "n1"),
        (
            named(None, "", "pod-x"),
            (node("n1", "True", boot_id="boot"), node("n2", "True", boot_id="boot")),
            None,
        ),
        (own_names(None, {}, ("pod-x",), ""), (node("n1", "True", boot_id=""), N2), None),
    ],
)
async def test_which_node_is_found(
    tmp_path: Path, own: OwnNames, nodes: tuple[dict[str, Any], ...], name: str | None
) -> None:
    assert await found(tmp_path, own, *nodes) == name


def test_what_to_do_is_said() -> None:
    assert "looked for n1.rack.example or n1" in who(named()) and "spec.nodeName" in who(named())
    assert "there is no Node n8" in who(named(None, "n8"))
