"""The privileged helper's command line, argument by argument: deployed sudoers rules compare all of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors import privsep

CONTEXT = ["--privsep_context", "masakarimonitors.privsep.monitors_priv", "--privsep_sock_path", "/s"]


@pytest.fixture(autouse=True)
def global_configuration() -> Iterator[None]:
    """oslo.privsep reads oslo.config's global one; it is left as if nobody had read any file."""
    yield
    cfg.CONF.clear()


def test_the_helper_is_started_with_exactly_the_files_of_the_monitor(tmp_path: Path) -> None:
    for name in ("a.conf", "b.conf"):
        (tmp_path / name).write_text("")
    (tmp_path / "conf.d").mkdir()
    privsep.configure([f"{tmp_path}/a.conf", f"{tmp_path}/b.conf"], [f"{tmp_path}/conf.d"])
    assert privsep.monitors_priv.helper_command("/s") == [
        *("sudo", "privsep-helper"),
        *("--config-file", f"{tmp_path}/a.conf"),
        *("--config-file", f"{tmp_path}/b.conf"),
        *("--config-dir", f"{tmp_path}/conf.d"),
        *CONTEXT,
    ]


def test_the_operators_own_command_stands_in_the_section_that_is_documented(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text(
        "[masakarimonitors_privileged]\nhelper_command = sudo rootwrap /etc/r.conf privsep-helper\n"
    )
    privsep.configure([str(file)], [])
    assert privsep.monitors_priv.helper_command("/s") == [
        *("sudo", "rootwrap", "/etc/r.conf", "privsep-helper"),
        *CONTEXT,
    ]
    assert privsep.monitors_priv.conf.capabilities == []
