"""Other monitors for the same service, on a folder made like /proc."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from masakarimonitors.cmd.checks import twins
from masakarimonitors.core.finding import Finding, Weight

OURS = "from masakarimonitors.cmd.monitors import hostmonitor\n"
UPSTREAM = "from masakarimonitors.cmd.hostmonitor import main\n"
PYTHON = "/usr/bin/python3"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    (folder / "self/ns").mkdir(parents=True)
    (folder / "self/ns/net").symlink_to("net:[1]")
    (folder / "uptime").write_text("1 1\n")
    return folder


def process(proc: Path, pid: int, *words: str, program: str = "", network: str = "net:[1]") -> None:
    entry = proc / str(pid)
    (entry / "ns").mkdir(parents=True)
    (entry / "ns/net").symlink_to(network)
    (entry / "cmdline").write_bytes("\0".join([*words, ""]).encode())
    path = next(word for word in words if "masakari" in word)
    file = Path(f"{entry}/root{path}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(program)


def look(proc: Path, holders: Mapping[str, Sequence[int]] | None = None) -> list[Finding]:
    return twins.look(["processmonitor", "hostmonitor"], holders or {}, proc)


def test_where_none_runs_nothing_is_said(proc: Path) -> None:
    process(proc, 5, "/usr/bin/vim", "/etc/masakari-hostmonitor.conf")
    process(proc, 6, "/usr/bin/masakari-engine")
    assert look(proc) == []


def test_our_own_with_this_state_is_in_order(proc: Path) -> None:
    process(proc, 5, PYTHON, "/usr/bin/masakari-hostmonitor", "--config-file", "x", program=OURS)
    (found,) = look(proc, {"hostmonitor": [5]})
    assert (found.weight, found.text) == (Weight.OK, "hostmonitor: it runs, pid 5")


@pytest.mark.parametrize(("state", "weight"), [("S", Weight.OK), ("T", Weight.FAULT), ("t", Weight.FAULT)])
def test_our_own_that_is_stopped_does_not_run(proc: Path, state: str, weight: Weight) -> None:
    process(proc, 5, PYTHON, "/usr/bin/masakari-hostmonitor", program=OURS)
    (proc / "5/stat").write_text(f"5 (masakari) T (host) {state} 1 5 5 0 -1\n")
    (found,) = look(proc, {"hostmonitor": [5]})
    assert found.weight is weight and ("kill -CONT 5" in found.text) is (weight is Weight.FAULT)


def test_our_own_with_another_state_is_a_warning(proc: Path) -> None:
    process(proc, 5, PYTHON, "/usr/bin/masakari-hostmonitor", program=OURS)
    (found,) = look(proc)
    assert found.weight is Weight.WARNING and "with its state elsewhere" in found.text


def test_upstreams_is_to_be_stopped_before(proc: Path) -> None:
    process(proc, 5, PYTHON, "/usr/bin/masakari-hostmonitor", program=UPSTREAM)
    (found,) = look(proc)
    assert (
        found.weight is Weight.WARNING
        and "OpenStack's own masakari-hostmonitor runs here, pid 5" in found.text
    )


def test_two_for_one_service_are_a_fault(proc: Path) -> None:
    process(proc, 5, PYTHON, "/usr/bin/masakari-hostmonitor", program=UPSTREAM)
    process(proc, 7, "/opt/masakari-monitors", "run", "--monitor", "hostmonitor", program=OURS)
    process(proc, 8, "/opt/masakari-monitors", "status", program=OURS)
    (found,) = look(proc, {"hostmonitor": [7]})
    assert found.weight is Weight.FAULT
    assert "pid 5 (OpenStack's own), pid 7 (of this project)" in found.text


def test_an_umbrella_is_known_by_its_locks(proc: Path) -> None:
    process(proc, 7, "/opt/masakari-monitors", "run", program=OURS)
    assert [one.text for one in look(proc, {"hostmonitor": [7], "processmonitor": [7]})] == [
        "processmonitor: it runs, pid 7",
        "hostmonitor: it runs, pid 7",
    ]


def test_what_has_a_network_of_its_own_is_another_host(proc: Path) -> None:
    process(proc, 5, PYTHON, "/usr/bin/masakari-hostmonitor", program=UPSTREAM, network="net:[2]")
    assert look(proc) == []


def test_a_program_that_cannot_be_read_is_of_unknown_origin(proc: Path) -> None:
    process(proc, 5, PYTHON, "masakari-hostmonitor")
    (found,) = look(proc)
    assert found.weight is Weight.WARNING and "pid 5 (of unknown origin)" in found.text
