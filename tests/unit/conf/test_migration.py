"""What each line of a file means that was written for OpenStack's own monitors."""

from pathlib import Path

import pytest

from masakarimonitors import conf
from masakarimonitors.conf.migration import Fate, Meaning, meanings

DATA = Path(__file__).parents[2] / "data" / "conf" / "deployments"


def told(tmp_path: Path, text: str) -> list[Meaning]:
    file = tmp_path / "monitors.conf"
    file.write_text(text)
    return meanings(conf.load(["--config-file", str(file)], default_config_dirs=[]))


@pytest.mark.parametrize(
    ("section", "line", "fate", "text"),
    [
        ("api", "region = RegionOne", Fate.KEPT, ""),
        ("DEFAULT", "host = a", Fate.RENAMED, "its name is now hostname"),
        ("DEFAULT", "monkey_patch = true", Fate.NO_EFFECT, "nothing is patched"),
        ("DEFAULT", "hostmonitor_manager = x.Y", Fate.NO_EFFECT, "runs its own monitor"),
        ("process", "process_list_path = /etc/list.yaml", Fate.OTHERWISE, "part of a name matches nothing"),
        ("host", "monitoring_driver = kubernetes", Fate.RIGHTS, "watch nodes"),
        ("host", "monitoring_driver = simple", Fate.RIGHTS, "uidgid.d"),
        ("host", "monitoring_driver = consul", Fate.RIGHTS, "sessions"),
        ("host", "monitoring_driver = icmp", Fate.KEPT, "entry point"),
        ("host", "pacemaker_node_type = cluster", Fate.RIGHTS, "libcpg"),
        ("host", "pacemaker_node_type = remote", Fate.KEPT, ""),
        ("host", "corosync_multicast_ports = 5405", Fate.KEPT, "is not heeded"),
        ("host", "disable_ipmi_checks = true", Fate.IGNORED, "did you mean disable_ipmi_check?"),
        ("proces", "check_interval = 3", Fate.IGNORED, "did you mean process?"),
        ("oslo_concurrency", "lock_path = /x", Fate.FOREIGN, ""),
        ("DEFAULT", "rpc_response_timeout = 60", Fate.FOREIGN, ""),
        ("api", "password = secret-word", Fate.KEPT, ""),
    ],
)
def test_a_line_has_its_meaning(tmp_path: Path, section: str, line: str, fate: Fate, text: str) -> None:
    more = "\nusername = u\nauth_url = http://k\nproject_name = p\n" if "password" in line else ""
    (one, *rest) = told(tmp_path, f"[{section}]\n{line}\n{more}")
    assert (one.fate, one.section, one.option) == (fate, section, line.partition(" ")[0])
    assert (text in one.text) if text else (one.text == "")
    assert one.file == str(tmp_path / "monitors.conf") and one.line == 2
    assert "secret-word" not in str([one, *rest])


def test_what_no_line_says_is_told_where_it_deserves_a_thought(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    assert [(one.option, one.line) for one in told(tmp_path, "")] == [
        ("state_path", 0),
        ("monitoring_driver", 0),
    ]
    said = f"[DEFAULT]\nstate_path = {tmp_path}/state\n[host]\npacemaker_node_type = remote\n"
    assert [one.line for one in told(tmp_path, said)] == [2, 4]


@pytest.mark.parametrize("name", ["charm", "genestack", "openstack-helm", "kolla-hostmonitor-remote"])
def test_a_file_of_a_deployment_has_a_meaning_for_each_line(tmp_path: Path, name: str) -> None:
    (file,) = (path for path in (DATA / name).glob("masakari*.conf"))
    text = "".join(line for line in file.read_text().splitlines(keepends=True) if "cafile" not in line)
    assignments = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    assert [one.line > 0 for one in told(tmp_path, text)].count(True) == len(assignments)
