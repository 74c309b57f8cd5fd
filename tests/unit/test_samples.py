"""The files that we ship as examples are good examples: each is read by the part that it is for."""

import shlex
import subprocess
from pathlib import Path

import pytest

from masakarimonitors import conf
from masakarimonitors.conf import unknown
from masakarimonitors.hostmonitor import input_files
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.processmonitor.sources import process_list

ETC = Path(__file__).parents[2] / "etc"


def test_the_list_of_processes_is_read() -> None:
    entries = process_list.read(str(ETC / "masakarimonitors/process_list.yaml.sample"))
    assert [entry.process_name for entry in entries] == [
        "/usr/local/bin/nova-compute",
        "/usr/bin/python /usr/local/bin/masakari-instancemonitor",
    ]


def test_the_matrix_is_the_default_one() -> None:
    reading = input_files.parse_matrix((ETC / "masakarimonitors/matrix.yaml.sample").read_text())
    assert reading.warnings == ()
    assert reading.matrix == matrix.default(), "the sample calls itself the default"


def test_the_quickstart_means_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = conf.load(["--config-file", str(ETC / "quickstart.conf")], default_config_dirs=[])
    assert unknown.remarks(loaded) == []
    monkeypatch.chdir(ETC.parent)
    for entry in process_list.read(loaded.process.process_list_path):
        assert Path(entry.process_name).is_file()
        assert entry.start_command
        assert Path(shlex.split(entry.start_command)[0]).is_file()


@pytest.mark.parametrize("service", ["fragile-service", "sturdy-service"])
def test_a_service_of_the_quickstart_ends_with_its_monitor(service: str) -> None:
    monitor = subprocess.Popen(["sleep", "600"])
    running = subprocess.Popen([ETC / "quickstart" / service, str(monitor.pid)])
    try:
        monitor.kill()
        monitor.wait(60)
        assert running.wait(60) == 0
    finally:
        running.kill()
        running.wait(60)
