"""The table is libvirt's own: each number is compared with the binding, where that is installed."""

from enum import IntEnum

import pytest

from masakarimonitors.libvirt import domain_state

PREFIX: dict[type[IntEnum], str] = {
    domain_state.DomainState: "VIR_DOMAIN_",
    domain_state.ShutoffReason: "VIR_DOMAIN_SHUTOFF_",
    domain_state.ControlState: "VIR_DOMAIN_CONTROL_",
    domain_state.EventId: "VIR_DOMAIN_EVENT_ID_",
    domain_state.Lifecycle: "VIR_DOMAIN_EVENT_",
    domain_state.Started: "VIR_DOMAIN_EVENT_STARTED_",
    domain_state.Suspended: "VIR_DOMAIN_EVENT_SUSPENDED_",
    domain_state.Resumed: "VIR_DOMAIN_EVENT_RESUMED_",
    domain_state.Stopped: "VIR_DOMAIN_EVENT_STOPPED_",
    domain_state.Shutdown: "VIR_DOMAIN_EVENT_SHUTDOWN_",
    domain_state.Crashed: "VIR_DOMAIN_EVENT_CRASHED_",
    domain_state.WatchdogAction: "VIR_DOMAIN_EVENT_WATCHDOG_",
    domain_state.IoErrorAction: "VIR_DOMAIN_EVENT_IO_ERROR_",
    domain_state.AgentState: "VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_",
}


def test_every_list_of_the_table_is_compared() -> None:
    lists = {
        value
        for value in vars(domain_state).values()
        if isinstance(value, type) and issubclass(value, IntEnum) and value is not IntEnum
    }
    assert lists == set(PREFIX)


@pytest.mark.parametrize("numbers", PREFIX)
def test_the_numbers_are_libvirts(numbers: type[IntEnum]) -> None:
    libvirt = pytest.importorskip("libvirt", reason="libvirt's Python binding is not installed")
    theirs = {member.name: getattr(libvirt, PREFIX[numbers] + member.name) for member in numbers}
    assert {member.name: member.value for member in numbers} == theirs


def test_the_single_numbers_are_libvirts() -> None:
    libvirt = pytest.importorskip("libvirt", reason="libvirt's Python binding is not installed")
    assert domain_state.PAUSED_CRASHED == libvirt.VIR_DOMAIN_PAUSED_CRASHED
    assert domain_state.RUNNING_POSTCOPY_FAILED == libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED
    assert domain_state.LIST_ACTIVE == libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
