"""Which configurations an operator is warned of."""

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.documents import Cib, CrmMon
from masakarimonitors.hostmonitor.drivers.pacemaker.remarks import remarks


def said(
    *, stonith: bool | None = True, action: str = "off", alerted: bool = True, asks_bmc: bool = True
) -> str:
    cib = Cib(quorate=True, nodes=(), stonith_action=action)
    mon = CrmMon(quorate=True, nodes={}, stonith=stonith)
    return " ".join(remarks(cib, mon, alerted, asks_bmc=asks_bmc, poll=10))


def test_a_cluster_that_switches_off_and_alerts_is_as_it_should_be() -> None:
    assert said() == said(stonith=None) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action": "reboot"}, "stonith-action = off"),
        ({"stonith": False}, "proven dead by its BMC alone"),
        ({"stonith": False, "asks_bmc": False}, "taken as off unchecked"),
        ({"asks_bmc": False}, "only proof here"),
        ({"alerted": False}, "pacemaker-alert"),
    ],
)
def test_what_is_dangerous_is_named(changes: dict[str, bool], words: str) -> None:
    assert words in said(**changes)  # type: ignore[arg-type]


def test_without_fencing_nothing_is_said_of_how_it_fences() -> None:
    assert "reboot" not in said(stonith=False, action="reboot")
