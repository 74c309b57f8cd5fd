"""What `masakari-monitors-status upgrade check` looks at, what it says of it, and its exit codes."""

import json
import sqlite3
import sys
from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors.cmd.subcommands import upgrade
from masakarimonitors.conf import loader
from masakarimonitors.core.finding import Weight, fault, ok, warning
from masakarimonitors.outbox.storage.sqlite import VERSION, SqliteStore
from tests.unit.cmd.conftest import Configure


def loaded(configure: Configure, more: str = "") -> cfg.ConfigOpts:
    return loader.load(["--config-file", str(configure(more))], default_config_dirs=[])


def test_an_option_that_is_no_more_is_a_warning(configure: Configure) -> None:
    read, found = upgrade.options(loaded(configure, "[process]\nrestart_retrys = 1\n"))
    assert read.weight is Weight.OK
    assert found.weight is Weight.WARNING and "restart_retrys" in found.text
    assert [one.weight for one in upgrade.options(loaded(configure))] == [Weight.OK]


def test_what_would_end_a_monitor_is_a_fault(configure: Configure) -> None:
    found = upgrade.files(loaded(configure, "[host]\nmonitoring_driver = consul\n"))
    assert [one.text for one in found if one.weight is Weight.FAULT and "names no agent" in one.text]


def test_an_entry_that_matches_nothing_is_a_warning(configure: Configure, tmp_path: Path) -> None:
    found = upgrade.processes(loaded(configure))
    assert [one.weight for one in found] == [Weight.WARNING] and f"{tmp_path}/never" in found[0].text
    conf = loaded(configure)
    (tmp_path / "list.yaml").write_text("- [\n")
    assert upgrade.processes(conf) == []


def test_an_outbox_of_this_release_and_one_of_a_newer(configure: Configure, tmp_path: Path) -> None:
    conf = loaded(configure)
    path = tmp_path / "state" / "hostmonitor.sqlite"
    store = SqliteStore(path)
    store.load()
    store.close()
    assert {one.weight for one in upgrade.stored(conf)} <= {Weight.OK, Weight.WARNING}
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    (bad,) = [one for one in upgrade.stored(conf) if one.weight is Weight.FAULT]
    assert f"format {VERSION + 1}" in bad.text and "not deliver what waits in it" in bad.text
    path.write_bytes(b"no database" * 100)
    (bad,) = [one for one in upgrade.stored(conf) if one.weight is Weight.FAULT]
    assert "cannot be read as an outbox" in bad.text


def test_the_worst_counts_and_comes_first() -> None:
    assert upgrade.summary([ok("a")]) == (Weight.OK, "")
    assert upgrade.summary([ok("a"), warning("b")]) == (Weight.WARNING, "b")
    assert upgrade.summary([warning("b"), ok("a"), fault("c")]) == (Weight.FAULT, "c\nb")


def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "oslo_upgradecheck", None)
    assert upgrade.status(["upgrade", "check"]) == 255
    assert "oslo.upgradecheck is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ("", 1, "matches nothing|nothing that runs matches it"),
        ("[host]\nmonitoring_driver = consul\n", 2, "names no agent"),
        ("[process]\ncheck_interval = soon\n", 2, "check_interval = soon"),
    ],
)
def test_it_answers_as_openstacks_tools_do(
    configure: Configure, capsys: pytest.CaptureFixture[str], more: str, code: int, words: str
) -> None:
    pytest.importorskip("oslo_upgradecheck", reason="oslo.upgradecheck is not installed")
    file = str(configure(more))
    assert upgrade.status(["--config-file", file, "upgrade", "check"]) == code
    said = " ".join(capsys.readouterr().out.replace("|", " ").split())
    assert "Folder for state" in said
    assert upgrade.status(["--config-file", file, "upgrade", "check", "--json"]) == code
    text = json.dumps(json.loads(capsys.readouterr().out))
    assert [word for word in words.split("|") if word in text]
