"""All options in one list: what other libraries add to them, and what is generated from them."""

import subprocess
import sys
from pathlib import Path

import pytest

from masakarimonitors import conf
from tests.fixtures.waiting import PATIENCE

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "name",
    ["auth_url", "username", "password", "project_name", "user_domain_id", "cafile", "insecure", "timeout"],
)
def test_keystoneauth_options_stand_in_api(tmp_path: Path, name: str) -> None:
    file = tmp_path / "set.conf"
    file.write_text("[api]\nauth_type = password\nauth_url = http://192.0.2.1:5000\n")
    assert name in conf.load(["--config-file", str(file)]).api


@pytest.mark.parametrize(
    "name", ["debug", "log_file", "log_dir", "use_journal", "log_config_append", "use_syslog"]
)
def test_oslo_log_options_stand_in_default(name: str) -> None:
    assert name in conf.load([], default_config_files=[], default_config_dirs=[])


def generate(*argv: str) -> None:
    # Not from the source folder: metadata that an older build left there would be found first.
    tool = Path(sys.executable).parent / "oslo-config-generator"
    subprocess.run([tool, *argv], cwd="/", timeout=PATIENCE, check=True)


def test_the_generator_finds_the_options_under_the_deployed_name(tmp_path: Path) -> None:
    wanted = tmp_path / "sample.conf"
    generate("--namespace", "masakarimonitors.conf", "--output-file", str(wanted))
    assert "#process_list_path = /etc/masakarimonitors/process_list.yaml" in wanted.read_text()


def test_the_sample_configuration_is_current(tmp_path: Path) -> None:
    wanted = tmp_path / "sample.conf"
    generate("--config-file", str(ROOT / "tools/config-generator.conf"), "--output-file", str(wanted))
    shipped = ROOT / "etc/masakarimonitors/masakarimonitors.conf.sample"
    assert shipped.read_text() == wanted.read_text(), "the options have changed: run `make sample`"


def test_the_sample_configuration_loads_as_it_is() -> None:
    shipped = ROOT / "etc/masakarimonitors/masakarimonitors.conf.sample"
    assert conf.load(["--config-file", str(shipped)]).process.check_interval == 5


def test_loading_does_not_import_what_most_monitors_never_need() -> None:
    code = (
        "import sys; from masakarimonitors import conf; conf.load([], default_config_files=[]);"
        "print([m for m in ('oslo_privsep', 'libvirt', 'sushy', 'aiohttp', 'rich') "
        "if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ran.stdout.strip() == "[]"
