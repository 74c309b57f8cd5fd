"""The units, looked over by systemd itself: what it makes of them, and how far each is confined."""

import re

import pytest

from tests.integration.debian.rig import ROOT, Host

pytestmark = pytest.mark.xdist_group("debian")
CONFINED = sorted(
    path.name for path in (ROOT / "etc/systemd").glob("*.service") if "process" not in path.name
)


def test_systemd_has_nothing_to_say_against_them(taken_over: Host) -> None:
    assert len(CONFINED) >= 3
    said = taken_over.run("systemd-analyze verify --man=no /usr/lib/systemd/system/masakari-*", code=None)
    assert said == ""


@pytest.mark.parametrize("unit", CONFINED)
def test_what_needs_no_more_is_confined(taken_over: Host, unit: str) -> None:
    assert exposure(taken_over, unit) <= 3.0


def test_the_process_monitor_hands_on_nothing_that_its_services_would_miss(taken_over: Host) -> None:
    # Its commands start services that inherit what the unit takes away; the unit says so.
    unit = "masakari-process-monitor"
    assert exposure(taken_over, f"{unit}.service") <= 9.2
    for name, value in {
        "NoNewPrivileges": "no",
        "PrivateTmp": "no",
        "ProtectSystem": "no",
        "ProtectHome": "no",
        "PrivateDevices": "no",
        "RestrictNamespaces": "no",
        "SystemCallFilter": "~",
        "KillMode": "process",
    }.items():
        assert taken_over.property(unit, name) == value, name


def exposure(host: Host, unit: str) -> float:
    said = host.run(f"systemd-analyze security --offline=true --no-pager /usr/lib/systemd/system/{unit}")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found, said
    return float(found[1])


@pytest.mark.parametrize("monitor", ["host", "instance", "introspective-instance", "process"])
def test_every_unit_is_started_again_and_watched(taken_over: Host, monitor: str) -> None:
    unit = f"masakari-{monitor}-monitor"
    assert taken_over.property(unit, "Restart") == "always"
    assert taken_over.property(unit, "WatchdogUSec") == "1min"
    assert taken_over.property(unit, "StartLimitIntervalUSec") == "0"
    assert "masakari-monitors.target" in taken_over.property(unit, "PartOf")


def test_the_target_restarts_them_all(taken_over: Host) -> None:
    unit = "masakari-process-monitor"
    taken_over.becomes(unit, "active")
    pid = taken_over.property(unit, "MainPID")
    taken_over.run("systemctl start masakari-monitors.target; systemctl restart masakari-monitors.target")
    taken_over.becomes(unit, "active")
    assert taken_over.property(unit, "MainPID") not in (pid, "0")
