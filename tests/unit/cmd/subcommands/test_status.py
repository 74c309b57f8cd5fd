"""`masakari-monitors status`: what the sockets under the state folder tell, and an exit code for scripts."""

import asyncio
import contextlib
import json
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from masakarimonitors.cmd.console.tables import Writer
from masakarimonitors.cmd.subcommands import status
from masakarimonitors.core.decision import JSON, Ruling, Verdict
from masakarimonitors.status import unix_socket
from masakarimonitors.status.health import Sight, View
from masakarimonitors.status.model import (
    MonitorStatus,
    OutboxRow,
    Record,
    SubjectRow,
    WaitingRow,
)
from tests.fixtures.fake_clock import FakeClock
from tests.unit.cmd.conftest import Configure, Run


def monitor(name: str, clock: FakeClock, **troubles: str) -> MonitorStatus:
    record = Record(name, clock.now())
    record.source("the world", "running", "", clock.now())
    row = OutboxRow(
        where=f"/x/{name}.sqlite",
        pending=3,
        counts={"delivered": 2, "refused": 0},
        disk_fault=troubles.get("disk", ""),
        api_trouble=troubles.get("api", ""),
    )
    rows = [SubjectRow("process:[x]", "running", "since long")]
    return MonitorStatus(record, lambda: rows, lambda: row, views=lambda now: [View("world", Sight.PROVEN)])


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int = 80) -> None:
    monkeypatch.setattr(status, "Writer", lambda: Writer(width=width))


@contextlib.asynccontextmanager
async def shown(folder: Path, clock: FakeClock, *statuses: MonitorStatus):  # type: ignore[no-untyped-def]
    async with contextlib.AsyncExitStack() as stack:
        for one in statuses:
            path = folder / "state" / f"{one.record.monitor}.sock"
            await stack.enter_async_context(unix_socket.serve(one, clock, path))
        yield


def test_nobody_runs(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 3
    assert f"No monitor is running with its state in {tmp_path}/state, nor" in capsys.readouterr().out
    assert run("status", "--json") == 3
    told = capsys.readouterr()
    assert told.out == "" and "No monitor is running" in told.err, "a program reads JSON, or nothing"


async def test_each_monitor_that_runs_is_shown_with_what_is_in_its_way(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    first = monitor("processmonitor", clock, disk="the disk is full", api="503 [down]")
    first.record.verdict(
        Verdict("process:x", Ruling.REPORTED, "it is down", evidence="exited 1"), clock.now()
    )
    first.record.fault("a decision failed", clock.now())
    await clock.advance(90.0)
    async with shown(tmp_path, clock, first, monitor("hostmonitor", clock)):
        assert await asyncio.to_thread(run, "status") == 1
    said = capsys.readouterr().out
    for words in (
        "processmonitor\thealth\tdegraded\t",
        "\tup 90 s\n",
        "hostmonitor\thealth\tok\t",
        "processmonitor\treports\treports: 3 waiting, 2 delivered; kept in /x/processmonitor.sqlite",
        "the disk is full",
        "503 [down]",
        "a decision failed",
        "process:[x]",
        "exited 1",
    ):
        assert words in said
    assert "refused" not in said, "of what there is none nothing is said"


async def test_a_monitor_with_a_failed_source_is_blind(run: Run, tmp_path: Path) -> None:
    clock = FakeClock()
    blind = monitor("hostmonitor", clock)
    blind.record.source("consul", "failed", "OSError: gone", clock.now())
    async with shown(tmp_path, clock, monitor("processmonitor", clock), blind):
        assert await asyncio.to_thread(run, "status") == 1


async def test_the_whole_snapshot_is_one_line_of_json_for_each_monitor(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    statuses = [monitor("processmonitor", clock), monitor("hostmonitor", clock)]
    async with shown(tmp_path, clock, *statuses):
        assert await asyncio.to_thread(run, "status", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [one.snapshot(clock.now()) for one in statuses]


async def test_a_monitor_that_left_its_socket_behind_is_dead_and_shown_as_dead(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(str(tmp_path / "state" / "processmonitor.sock"))
    clock = FakeClock()
    assert await asyncio.to_thread(run, "status") == 3, "none runs"
    assert "processmonitor is dead" in capsys.readouterr().out
    async with shown(tmp_path, clock, monitor("hostmonitor", clock)):
        assert await asyncio.to_thread(run, "status") == 1, "nobody watches what it watched"
        assert "processmonitor is dead" in capsys.readouterr().out
        assert await asyncio.to_thread(run, "status", "--json") == 1
    dead, alive = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (dead["monitor"], dead["health"], dead["unanswered"]) == ("processmonitor", None, "dead")
    assert (alive["monitor"], alive["health"]) == ("hostmonitor", "ok")


async def test_a_monitor_that_ended_by_a_fault_is_dead_beside_one_that_is_well(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    async with shown(tmp_path, clock, monitor("hostmonitor", clock)):
        with pytest.raises(RuntimeError):
            async with shown(tmp_path, clock, monitor("processmonitor", clock)):
                raise RuntimeError("a fault inside")
        assert await asyncio.to_thread(run, "status") == 1, "nobody watches what it watched"
        assert "processmonitor is dead" in capsys.readouterr().out


async def test_a_monitor_that_has_left_an_outbox_and_does_not_run_is_missing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody watches what it watched. Who has stopped it for good names those that are to run."""
    clock = FakeClock()
    for name in ("processmonitor", "hostmonitor"):
        (tmp_path / "state" / f"{name}.sqlite").touch()
    assert run("status") == 3, "none runs"
    said = capsys.readouterr().out
    assert "processmonitor\tmissing\tprocessmonitor does not run, and is to run here" in said
    async with shown(tmp_path, clock, monitor("hostmonitor", clock)):
        assert await asyncio.to_thread(run, "status") == 1
        said = capsys.readouterr().out
        assert said.count("\tmissing\t") == 1 and "processmonitor\tmissing\t" in said
        assert await asyncio.to_thread(run, "status", "--json") == 1
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(line["monitor"], line.get("unanswered")) for line in lines] == [
            ("processmonitor", "missing"),
            ("hostmonitor", None),
        ]
        on_a_terminal(monkeypatch)
        assert await asyncio.to_thread(run, "status", "--monitor", "processmonitor") == 3
    assert "processmonitor does not run" in " ".join(capsys.readouterr().out.split())


async def test_only_who_is_to_run_by_the_operators_word_is_missing(
    run: Run,
    configure: Configure,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure("[web]\nmonitors = instancemonitor\n")
    (tmp_path / "state" / "processmonitor.sqlite").touch()
    assert run("status") == 3
    said = capsys.readouterr().out
    assert "instancemonitor\tmissing\t" in said and "processmonitor" not in said
    clock = FakeClock()
    async with shown(tmp_path, clock, monitor("hostmonitor", clock)):
        assert await asyncio.to_thread(run, "status") == 1, "one that is to run here does not"
        assert await asyncio.to_thread(run, "status", "--monitor", "hostmonitor") == 0, (
            "nobody asked for more"
        )
        configure("[web]\nmonitors = hostmonitor\n")
        assert await asyncio.to_thread(run, "status") == 0, "the other one was stopped for good"
        configure("")
        assert await asyncio.to_thread(run, "status") == 1
        monkeypatch.setenv("OS_WEB__MONITORS", "hostmonitor")
        assert await asyncio.to_thread(run, "status") == 0, "a container answers for its own alone"


@pytest.mark.parametrize("waiting", [0, 2], ids=["takes the question", "takes none"])
async def test_a_monitor_that_does_not_answer_is_shown_and_nobody_knows_how_it_is(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    waiting: int,
) -> None:
    clock, path = FakeClock(), tmp_path / "state" / "processmonitor.sock"
    with contextlib.ExitStack() as stack:
        hung = stack.enter_context(socket.socket(socket.AF_UNIX))
        hung.bind(str(path))
        hung.listen(1)
        for _ in range(waiting):
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
        async with shown(tmp_path, clock, monitor("hostmonitor", clock)):
            assert await asyncio.to_thread(run, "status") == 4
    said = capsys.readouterr().out
    assert "processmonitor does not answer" in said and "hostmonitor\thealth" in said


async def test_an_answer_that_makes_no_sense_is_no_health(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"[1]")
        writer.close()

    path = tmp_path / "state" / "processmonitor.sock"
    async with await asyncio.start_unix_server(answer, path):
        assert await asyncio.to_thread(run, "status") == 4
    assert "processmonitor answers what makes no sense" in capsys.readouterr().out


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "odd", [{"outbox": {}}, {"outbox": []}, {"subjects": [1]}, {"up_seconds": None}, {"verdicts": None}]
)
async def test_one_that_shows_what_cannot_be_read_hides_no_other(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], odd: dict[str, object], as_json: bool
) -> None:
    clock = FakeClock()
    words = json.dumps(monitor("hostmonitor", clock).snapshot(clock.now()) | odd).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    typed = ["--json", "--state", "running"] if as_json else []
    async with (
        await asyncio.start_unix_server(answer, tmp_path / "state" / "hostmonitor.sock"),
        shown(tmp_path, clock, monitor("processmonitor", clock)),
    ):
        code = await asyncio.to_thread(run, "status", *typed)
    said = capsys.readouterr().out
    assert "process:[x]" in said
    if not as_json or odd not in ({"outbox": {}}, {"up_seconds": None}):  # a program may read what is there
        assert code == 4 and "hostmonitor" in said and "odd" in said


async def test_a_monitor_of_an_earlier_release_does_not_tell_how_it_is(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    snapshot = monitor("processmonitor", clock).snapshot(clock.now())
    old = {key: value for key, value in snapshot.items() if key not in ("health", "views", "causes")}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(old).encode())
        writer.close()

    async with await asyncio.start_unix_server(answer, tmp_path / "state" / "processmonitor.sock"):
        assert await asyncio.to_thread(run, "status") == 4
    assert "of an earlier release" in capsys.readouterr().out


async def test_a_monitor_that_runs_and_sees_nothing_is_blind(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    blind = replace(
        monitor("hostmonitor", clock), views=lambda now: [View("link:manage", Sight.BLIND, "no leader")]
    )
    async with shown(tmp_path, clock, blind):
        assert await asyncio.to_thread(run, "status") == 1
    assert "blind: link:manage: no leader (since" in capsys.readouterr().out


async def test_what_waits_for_masakari_is_shown_with_its_reason(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    waiting = [WaitingRow(f"vm:{number:02}", "2 of this host are being recovered") for number in range(25)]
    row = OutboxRow(where="/x", pending=25, counts={}, disk_fault="", api_trouble="", waiting=waiting)
    one = MonitorStatus(Record("instancemonitor", clock.now()), tuple, lambda: row)
    async with shown(tmp_path, clock, one):
        await asyncio.to_thread(run, "status")
        assert capsys.readouterr().out.count("2 of this host are being recovered") == 25, (
            "by a program all are read"
        )
        on_a_terminal(monkeypatch)
        await asyncio.to_thread(run, "status")
    said = capsys.readouterr().out
    assert said.count("2 of this host are being recovered") == 20
    assert "vm:00" in said and "... and 5 more" in said


async def test_what_masakari_has_is_shown_with_where_it_stands_and_not_called_recovered(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    counts = {"delivered": 24, "failed at masakari": 1}
    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="", delivered=counts)
    reports = [SubjectRow(f"vm:{number:02}", "delivered") for number in range(24)]
    reports.append(SubjectRow("host:b", "failed at masakari", "see to it", True))
    one = MonitorStatus(Record("hostmonitor", clock.now()), tuple, lambda: row, lambda: reports)
    on_a_terminal(monkeypatch)
    async with shown(tmp_path, clock, one):
        await asyncio.to_thread(run, "status")
    said = capsys.readouterr().out
    words = " ".join(said.split())  # wherever a line was broken
    assert "24 delivered, 1 failed at masakari (delivered is not recovered)" in words
    assert said.index("host:b") < said.index("vm:00") and "vm:22" not in said and "... and 5 more" in said


async def test_what_a_stranger_wrote_moves_no_cursor(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, hostile = FakeClock(), "\x1b[2J\x1b]0;title\x07 :warning: [red]"
    one = monitor("processmonitor", clock, disk=hostile, api=hostile)
    one.record.source(hostile, "failed", hostile, clock.now())
    one.record.fault(hostile, clock.now())
    one.record.verdict(Verdict(f"process:{hostile}", Ruling.REPORTED, hostile, evidence=hostile), clock.now())
    async with shown(tmp_path, clock, one):
        await asyncio.to_thread(run, "status")
    said = capsys.readouterr().out
    assert said.replace("\n", "").replace("\t", "").isprintable()
    assert said.count(r"\x1b[2J\x1b]0;title\x07 :warning: [red]") >= 8


UUID = "8b0f3d1e-6c1b-4d07-9b0e-0f8a3f1f2c11"


def busy(clock: FakeClock) -> MonitorStatus:
    """With a little of everything."""
    record = Record("instancemonitor", clock.now())
    record.source("libvirt:qemu:///system", "running", "", clock.now())
    subjects = [
        SubjectRow(f"vm:{UUID}", "died", "of what nobody knows, " * 6, True),
        SubjectRow("vm:other", "runs"),
    ]
    waiting = [WaitingRow(f"vm:{UUID}", "2 of this host are being recovered")]
    row = OutboxRow(where="/x", pending=1, counts={}, disk_fault="", api_trouble="", waiting=waiting)
    for name in (UUID, "other"):
        record.verdict(
            Verdict(f"vm:{name}", Ruling.REPORTED, "it has died " * 9, evidence="crashed"), clock.now()
        )
    return MonitorStatus(
        record, lambda: subjects, lambda: row, views=lambda now: [View("world", Sight.PROVEN)]
    )


async def test_a_pipe_gets_whole_rows_that_stand_by_themselves(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    clock = FakeClock()
    async with shown(tmp_path, clock, busy(clock)):
        await asyncio.to_thread(run, "status")
    lines = capsys.readouterr().out.splitlines()
    found = [line.split("\t") for line in lines if UUID in line]
    assert [cells[:2] for cells in found] == [
        ["instancemonitor", kind] for kind in ("waiting", "subject", "verdict")
    ]
    verdict = found[-1]
    assert verdict[2].endswith("Z") and verdict[3:5] == [f"vm:{UUID}", "reported"] and verdict[6] == "crashed"


async def test_on_80_columns_no_subject_time_or_id_is_cut(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)
    clock = FakeClock()
    async with shown(tmp_path, clock, busy(clock)):
        await asyncio.to_thread(run, "status")
    lines = capsys.readouterr().out.splitlines()
    assert sum(f"vm:{UUID}" in line for line in lines) >= 3
    at = f"{clock.now().wall:%Y-%m-%d %H:%M:%S} UTC"
    assert any(at in line and f"vm:{UUID}" in line for line in lines)
    assert all(
        len(line.replace("\x1b[31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")) <= 80
        for line in lines
    )


@pytest.mark.parametrize(
    ("words", "there", "gone"),
    [
        (["--subject", UUID[:8].upper()], UUID, "vm:other"),
        (["--state", "runs"], "vm:other", UUID),
        (["--state", "reported", "--subject", "other"], "vm:other", UUID),
        (["--state", "waiting"], UUID, "vm:other"),
    ],
)
async def test_what_is_asked_for_is_shown_and_nothing_else(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    there: str,
    gone: str,
) -> None:
    clock = FakeClock()
    async with shown(tmp_path, clock, busy(clock)):
        for form in ([], ["--json"]):
            await asyncio.to_thread(run, "status", *words, *form)
            said = capsys.readouterr().out
            rows = [line for line in said.splitlines() if "\tcause\t" not in line]
            assert there in said and not any(gone in line for line in rows)


async def test_only_the_monitors_that_are_named_are_asked(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    bad = replace(monitor("hostmonitor", clock), views=lambda now: [View("world", Sight.BLIND, "no leader")])
    async with shown(tmp_path, clock, monitor("processmonitor", clock), bad):
        assert await asyncio.to_thread(run, "status") == 1
        capsys.readouterr()
        assert await asyncio.to_thread(run, "status", "--monitor", "processmonitor") == 0
    assert "hostmonitor" not in capsys.readouterr().out


async def test_it_is_looked_again_until_ctrl_c(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status, "time", SimpleNamespace(sleep=sleep))
    clock = FakeClock()
    async with shown(tmp_path, clock, monitor("processmonitor", clock)):
        assert await asyncio.to_thread(run, "status", "--json", "--watch", "5") == 0, "as at the last look"
    assert slept == [5.0] * 3
    assert len(capsys.readouterr().out.splitlines()) == 3


async def test_a_monitor_is_found_without_any_configuration(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration cannot be read, or has a slip; the folder for state is elsewhere."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    (tmp_path / "monitors.conf").write_text("[process]\ncheck_interval = soon\n")
    clock = FakeClock()
    async with unix_socket.serve(monitor("hostmonitor", clock), clock, tmp_path / "hostmonitor.sock"):
        assert await asyncio.to_thread(run, "status") == 4, "which others are to run is not known"
    said = capsys.readouterr()
    assert "hostmonitor\thealth\tok" in said.out and "check_interval = soon" in said.err
    assert "monitor) is not known: the configuration cannot be used" in said.err
    assert await asyncio.to_thread(run, "status") == 4, "where else one may run is not known"


async def test_one_that_lives_counts_before_what_another_has_left_behind(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(str(tmp_path / "state" / "hostmonitor.sock"))
    clock = FakeClock()
    async with unix_socket.serve(monitor("hostmonitor", clock), clock, tmp_path / "hostmonitor.sock"):
        assert await asyncio.to_thread(run, "status") == 0


async def test_the_monitors_of_all_hosts_are_shown_where_they_are_read(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    told: dict[str, JSON] = {
        "counts": {"as others": 2, "differs": 1},
        "version": "2",
        "read": "2026-01-01T00:00:00+00:00",
        "hosts": [{"host": "node03", "state": "differs", "version": "1", "detail": "other rules: matrix"}],
    }
    one = replace(monitor("hostmonitor", clock), fleet=lambda: told)
    async with shown(tmp_path, clock, one):
        await asyncio.to_thread(run, "status")
        lines = capsys.readouterr().out.splitlines()
        assert "hostmonitor\tpeer\tnode03\tdiffers\t1\tother rules: matrix" in lines
        assert any(
            "the monitors of all hosts: 2 as others, 1 differs; most have version 2" in line for line in lines
        )
        await asyncio.to_thread(run, "status", "--json")
        assert json.loads(capsys.readouterr().out)["fleet"] == told


async def test_that_nothing_is_as_was_asked_for_is_said_with_what_was_meant(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    async with shown(tmp_path, clock, busy(clock)):
        await asyncio.to_thread(run, "status", "--state", "repoted")
        assert "Nothing is repoted at present; did you mean reported?" in capsys.readouterr().err
        await asyncio.to_thread(run, "status", "--subject", "nobody")
        assert "show is as was asked for.\n" in capsys.readouterr().err
        await asyncio.to_thread(run, "status", "--state", "reported")
        assert "asked for" not in capsys.readouterr().err


def test_a_state_is_found_by_its_first_words() -> None:
    wanted = status.Wanted(["processmonitor"], states=["DOWN"])
    assert wanted.fits({"subject": "process:x", "state": "down, waiting for the next slow try"})
    assert not wanted.fits({"subject": "process:x", "state": "downstream, or not"})
