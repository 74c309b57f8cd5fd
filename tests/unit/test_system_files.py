"""The files for the operating system name the same user, folders and programs, and reach whoever installs them."""

import re
import tomllib
from pathlib import Path

import pytest

from masakarimonitors.conf import state_path

ROOT = Path(__file__).parents[2]
ETC = ROOT / "etc"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
UNITS = sorted((ETC / "systemd").glob("*.service"))
BUILD = (ROOT / "tools/build-deb.sh").read_text()
SYSTEM = ("systemd", "sysusers.d", "tmpfiles.d", "sudoers.d", "logrotate.d", "corosync/uidgid.d")
"""The folders of `etc` of which each file belongs onto a host as it is."""


def values(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


def the_line(path: str) -> list[str]:
    (line,) = (
        line for line in (ETC / path).read_text().splitlines() if line and not line.startswith(("#", " "))
    )
    return line.split()


def test_all_name_one_user() -> None:
    _, user, *_ = the_line("sysusers.d/masakari-monitors.conf")
    for unit in UNITS:
        assert values(unit, "User") == [user], unit.name
    rules = (ETC / "sudoers.d/masakari-monitors").read_text()
    assert {line.split()[0] for line in rules.splitlines() if line and not line.startswith("#")} == {user}
    assert f"su {user} {user}\n" in (ETC / "logrotate.d/masakari-monitors").read_text()
    assert re.search(rf"^ *uid: {user}$", (ETC / "corosync/uidgid.d/masakari").read_text(), re.MULTILINE)


def test_all_name_the_same_folders() -> None:
    home = the_line("sysusers.d/masakari-monitors.conf")[-1]
    assert home == str(state_path.SYSTEM)
    runtime = the_line("tmpfiles.d/masakari-monitors.conf")[1]
    logs = "/var/log/masakarimonitors"
    assert f"{logs}/*.log {{\n" in (ETC / "logrotate.d/masakari-monitors").read_text()
    for unit in UNITS:
        assert values(unit, "StateDirectory") == [home.removeprefix("/var/lib/")], unit.name
        assert values(unit, "LogsDirectory") == [logs.removeprefix("/var/log/")], unit.name
        for folder in values(unit, "RuntimeDirectory"):
            program = values(unit, "ExecStart")[0].rpartition("/")[2]
            assert f"/run/{folder}" == f"{runtime}/{program.removeprefix('masakari-')}", unit.name
    removed = (ROOT / "packaging/debian/masakari-monitors.postrm").read_text()
    (line,) = (line for line in removed.splitlines() if "rm -rf" in line)
    assert {home, logs, runtime} <= set(line.split())


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_program_of_ours_and_belongs_to_the_target(unit: Path) -> None:
    (command,) = values(unit, "ExecStart")
    program = command.split()[0].removeprefix("/usr/bin/")
    assert program in PROJECT["project"]["scripts"]
    assert values(unit, "PartOf") == ["masakari-monitors.target"]
    assert values(unit, "WantedBy") == ["multi-user.target masakari-monitors.target"]
    assert "network-online.target" in values(unit, "After")[0].split()
    if program != "masakari-monitors":
        assert re.search(rf"^monitor {unit.stem} ", BUILD, re.MULTILINE), "a package of its own"
        control = (ROOT / "packaging/debian/masakari-monitors.control").read_text()
        assert f"{unit.stem} (<< 1:0)" in control, "in place of Debian's"


@pytest.mark.parametrize("folder", SYSTEM)
def test_each_file_reaches_whoever_installs(folder: str) -> None:
    """In the wheel, in the packages, and by hand."""
    assert any((ETC / folder).iterdir())
    brought = PROJECT["tool"]["setuptools"]["data-files"]
    assert brought[f"share/masakari-monitors/etc/{folder}"] == [f"etc/{folder}/*"]
    assert re.search(rf"etc/{folder}/", BUILD)
    by_hand = (ROOT / "docs/deploying/debian.rst").read_text().partition("\nBy hand\n")[2]
    assert f"{folder}/" in by_hand


def test_no_folder_is_of_a_kind_that_nobody_installs() -> None:
    folders = {str(path.parent.relative_to(ETC)) for path in ETC.rglob("*") if path.is_file()}
    assert folders == {*SYSTEM, ".", "masakarimonitors", "prometheus", "grafana", "quickstart"}
