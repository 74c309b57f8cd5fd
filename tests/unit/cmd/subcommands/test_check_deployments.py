"""The files that deployment tools write are read as they are: nothing must be mended, and what is misspelt is named."""

import json
import re
import shutil
from pathlib import Path

import pytest

from masakarimonitors.cmd.checks import twins
from masakarimonitors.cmd.masakari_monitors import parse

DATA = Path(__file__).parents[3] / "data" / "conf" / "deployments"

_PATH = re.compile(
    r"^(log_dir|lock_path|cafile|process_list_path|matrix_config_file)( *= *)(/.*)$", re.MULTILINE
)
_MISSPELT = (
    "unknown option [host] disable_ipmi_checks is ignored; did you mean disable_ipmi_check?",
    "unknown option [introspectiveinstancemonitor] guest_monitor_interval is ignored; "
    "did you mean guest_monitoring_interval?",
    "unknown option [introspectiveinstancemonitor] guest_monitor_timeout is ignored; "
    "did you mean guest_monitoring_timeout?",
)

# What is said of each line that does not do what its author meant.
REMARKS: dict[str, tuple[str, ...]] = {
    "charm": (),
    "charm-stein": (
        "unknown option [DEFAULT] verbose is ignored",
        "[DEFAULT] host is an older name and still works; its name is now hostname",
    ),
    "consul-ipv6": (),
    "debian": (),
    "genestack": _MISSPELT,
    "kolla-hostmonitor": (),
    "kolla-hostmonitor-remote": (),
    "kolla-instancemonitor": (),
    "mirantis": (),
    "openstack-ansible": ("unknown option [api] www_authenticate_uri is ignored",),
    "openstack-helm": _MISSPELT,
}


LOGS_IN_NOWHERE = ("debian",)
"""Debian's own file is a sample: whoever installs it is asked for the rest."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for / in the paths of the files; nothing else of this computer is looked at."""
    monkeypatch.setattr(twins, "_running", lambda proc: iter(()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OS_DEFAULT__STATE_PATH", str(tmp_path / "state"))
    for folder in (
        "state",
        "var/log/kolla/masakari",
        "etc/ssl/certs",
        "etc/masakari",
        "etc/masakarimonitors",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/ssl/certs/ca-certificates.crt").write_text("")
    return tmp_path


def laid_out(root: Path, name: str) -> list[str]:
    """Puts the files of that deployment where they belong below `root`; the arguments that name them."""
    here = root / "deployment"
    shutil.copytree(DATA / name, here)
    for kept in here.glob("*.yaml"):
        for folder in ("etc/masakari", "etc/masakarimonitors"):
            shutil.copy(kept, root / folder)
    for file in here.rglob("*.conf"):
        file.write_text(_PATH.sub(rf"\1\2{root}\3", file.read_text()))
    files = sorted(path for path in here.iterdir() if path.suffix == ".conf")
    named = [word for file in files for word in ("--config-file", str(file))]
    folders = (word for folder in here.glob("*.conf.d") for word in ("--config-dir", str(folder)))
    return [*named, *folders]


def test_each_deployment_has_its_remarks() -> None:
    assert {path.name for path in DATA.iterdir()} == set(REMARKS)


@pytest.mark.parametrize("name", REMARKS)
def test_nothing_has_to_be_mended_in_the_files_of_a_deployment(
    root: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, rest = parse(["check", "--offline", "--json", *laid_out(root, name)])
    arguments.run(arguments, rest)
    found = json.loads(capsys.readouterr().out)["findings"]
    faults = [one["about"] for one in found if one["weight"] == "fault"]
    assert faults == (["masakari-api"] if name in LOGS_IN_NOWHERE else [])
    told = [one["text"] for one in found if one["about"] == "configuration" and one["weight"] == "warning"]
    assert [re.sub(r"^.*, line \d+: ", "", text) for text in told] == list(REMARKS[name])


def test_the_page_on_the_chart_names_what_is_misspelt_in_it() -> None:
    page = (DATA.parents[3] / "docs" / "deploying" / "openstack-helm.rst").read_text()
    for remark in _MISSPELT:
        section, wrong, right = re.findall(r"\[(\w+)\] (\w+) .*mean (\w+)", remark)[0]
        assert f"``{section}.{wrong}``\n     - ``{section}.{right}``" in page
