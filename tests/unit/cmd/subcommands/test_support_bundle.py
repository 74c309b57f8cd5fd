"""`support-bundle`: the archive, what it says of what is missing, and its exit codes."""

import asyncio
import json
import logging
import tarfile
from pathlib import Path

import pytest

from masakarimonitors.cmd import bundle
from tests.fixtures.waiting import eventually
from tests.unit.cmd.conftest import Configure, Run
from tests.unit.cmd.test_runner import Serving


@pytest.fixture(autouse=True)
def nobody_waits_for_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "TOLD_WITHIN", 0)


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None and member.mode == 0o600
            found[member.name.partition("/")[2]] = file.read().decode()
    return found


async def test_a_running_monitor_is_in_it_with_all_that_it_knows(
    configure: Configure, run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "log").write_text("a line of a log\n")
    async with Serving().at_work(configure()) as serving:
        (one,) = serving.running
        await eventually(lambda: one.status.subjects(), "its subjects")
        code = await asyncio.to_thread(run, "support-bundle", "--output", str(tmp_path / "b.tar.gz"))
        await eventually(lambda: "end of the report" in caplog.messages, "what it was asked to write")
    found = contents(tmp_path / "b.tar.gz")
    assert code == 0, found["README.txt"]
    assert "Secrets of the configuration are blacked out" in found["README.txt"]
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o777 == 0o600
    assert '"monitor": "processmonitor"' in found["status/processmonitor.json"]
    assert "asked to write what it is doing" in found["process/processmonitor.txt"]
    assert "processmonitor" in found["journal/processmonitor.jsonl"]
    assert "outbox/processmonitor.jsonl" in found and found["log/log"] == "a line of a log\n"
    assert "not on this host: status/hostmonitor.json: " in found["README.txt"]


def test_a_broken_configuration_costs_only_what_needs_one(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "monitors.conf").write_text("[DEFAULT]\nstate_path\n")
    assert run("support-bundle", "--no-report", "--output", str(tmp_path / "b.tar.gz")) == 1
    found = contents(tmp_path / "b.tar.gz")
    assert "not in it: options.txt: the configuration cannot be used" in found["README.txt"]
    assert "its secrets are not known and NOT blacked out" in found["README.txt"]
    assert found["versions.txt"].startswith("masakari-monitors ") and "/proc/mounts" in found["host.txt"]
    assert "not in it: options.txt: " in capsys.readouterr().err


def test_what_is_there_is_never_written_over(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b.tar.gz").write_text("somebody's")
    assert run("support-bundle", "--output", str(tmp_path / "b.tar.gz")) == 4
    assert (tmp_path / "b.tar.gz").read_text() == "somebody's"
    assert "name another file by --output" in capsys.readouterr().err
    assert run("support-bundle", "--output", str(tmp_path / "b.tar.gz"), "--json") == 4
    told = json.loads(capsys.readouterr().out)
    assert told["file"] is None and "name another file by --output" in told["why"]


def test_what_hangs_or_breaks_is_named_and_the_rest_is_gathered(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> str:
        raise RuntimeError("bent")

    def closed() -> str:
        raise PermissionError(13, "no", "/x")

    parts = [
        bundle.Part("one.txt", lambda: "one"),
        bundle.Part("two.txt", broken),
        bundle.Part("three.txt", closed),
    ]
    monkeypatch.setattr(bundle, "parts", lambda conf, ask: iter(parts))
    assert run("support-bundle", "--output", str(tmp_path / "b.tar.gz")) == 1
    assert contents(tmp_path / "b.tar.gz")["one.txt"] == "one"
    said = capsys.readouterr().err
    assert (
        "two.txt: RuntimeError: bent" in said
        and "three.txt: this user may not read /x; run this as root" in said
    )
    assert run("support-bundle", "--output", str(tmp_path / "c.tar.gz"), "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(tmp_path / "c.tar.gz") and set(told["missing"]) == {"two.txt", "three.txt"}
    assert told["parts"] == ["README.txt", "one.txt"] and told["not_here"] == {}
