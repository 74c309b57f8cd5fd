"""process_list.yaml: the manual's format, and every fault by line and column (R13)."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from masakarimonitors.processmonitor.core.observation import Entry, ListBroken, ListRead, Observation
from masakarimonitors.processmonitor.sources.process_list import ProcessList, parse, read
from masakarimonitors.system.files.operators_file import Unreadable
from masakarimonitors.system.files.yaml_file import YamlFileFault
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.waiting import PATIENCE, eventually

MANUAL = """\
# Define the monitoring processes as follows:
-
    # libvirt-bin
    process_name: /usr/sbin/libvirtd
    start_command: systemctl start libvirt-bin
    pre_start_command:
    post_start_command:
    restart_command: systemctl restart libvirt-bin
    pre_restart_command:
    post_restart_command:
    run_as_root: True
-
    process_name: /usr/bin/python /usr/local/bin/masakari-hostmonitor
    start_command: sh -c "a 'b c'"
"""


def test_the_format_of_the_manual() -> None:
    assert parse(MANUAL, "list") == (
        Entry(
            process_name="/usr/sbin/libvirtd",
            start_command="systemctl start libvirt-bin",
            restart_command="systemctl restart libvirt-bin",
            run_as_root=True,
        ),
        Entry(
            process_name="/usr/bin/python /usr/local/bin/masakari-hostmonitor",
            start_command="sh -c \"a 'b c'\"",
        ),
    )


@pytest.mark.parametrize("written", ["True", "true", "yes", "on"])
def test_yaml_booleans(written: str) -> None:
    assert parse(f"- process_name: p\n  run_as_root: {written}", "list")[0].run_as_root


@pytest.mark.parametrize(
    ("written", "user"), [("nova", "nova"), ("42436", "42436"), ("'42436'", "42436"), ("", None)]
)
def test_a_user_by_name_or_number(written: str, user: str | None) -> None:
    assert parse(f"- process_name: p\n  user: {written}", "list")[0].user == user


def test_anchors_and_merges() -> None:
    text = "- &a\n  process_name: a\n  run_as_root: true\n- <<: *a\n  process_name: b\n"
    assert parse(text, "list") == (
        Entry(process_name="a", run_as_root=True),
        Entry(process_name="b", run_as_root=True),
    )


def test_an_explicit_empty_list_watches_nothing() -> None:
    assert parse("[]", "list") == ()


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("- process_name: p\n  start_comand: x", 2, 3, "did you mean start_command?"),
        ("- process_name: p\n  colour: x", 2, 3, "is no key of a process"),
        ("- start_command: x", 1, 3, "has no process_name"),
        ("- process_name:\n", 1, 16, "process_name is empty"),
        ('- process_name: "/usr/bin/\\uD800"\n', 1, 17, "process_name contains a surrogate"),
        ('- process_name: p\n  user: "\\uDFFF"\n', 2, 9, "user contains a surrogate"),
        ('- process_name: p\n  start_command: "a \\uD800"\n', 2, 18, "start_command contains a surrogate"),
        ("- process_name: p\n- process_name: q\n- process_name: p", 3, 3, "already, at line 1"),
        ("- process_name: p\n  process_name: q", 2, 3, "given twice"),
        ("- process_name: 7", 1, 17, "must be text, not the int '7'"),
        ("- process_name: p\n  start_command: [a, b]", 2, 18, "must be text, not a list"),
        ("- process_name: p\n  start_command: yes", 2, 18, "not the bool 'yes'"),
        ("- process_name: p\n  run_as_root: 'True'", 2, 16, "without quotes"),
        ("- process_name: p\n  start_command: echo 'a", 2, 18, "no closing quotation"),
        ("- process_name: /usr/bin/", 1, 17, "ends with a slash"),
        ("- process_name: p\n  user: yes", 2, 9, "user must be text, not the bool 'yes'"),
        ("- just words", 1, 3, "group of 'key: value' lines"),
        ("process_name: p", 1, 1, "must be a list"),
        ("- process_name: p\n   start_command: x", 2, 17, "this is not YAML"),
        ("- process_name: p\n  start_command: 'x", 2, 20, "this is not YAML"),
        ("- process_name: *nobody", 1, 17, "this is not YAML"),
        ("- process_name: p\x01", 1, 18, "this is not YAML"),
        ("", 0, 0, "the list is empty"),
        ("# nothing but a comment\n", 0, 0, "the list is empty"),
    ],
)
def test_r13_each_fault_is_named_by_line_and_column(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(YamlFileFault) as fault:
        parse(text, "/etc/list.yaml")
    (first, *_) = fault.value.faults
    assert (first.line, first.column) == (line, column)
    assert says in first.what
    assert str(fault.value).startswith("/etc/list.yaml")


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(YamlFileFault) as fault:
        parse("- process_nam: p\n- process_name: 1\n- process_name: ok\n  run_as_root: maybe\n", "list")
    assert [f.line for f in fault.value.faults] == [1, 1, 2, 3 + 1]


def test_a_file_that_is_not_text_is_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"- process_name: p\n  start_command: \xff\n")
    with pytest.raises(YamlFileFault) as fault:
        read(str(path))
    assert (fault.value.faults[0].line, fault.value.faults[0].column) == (2, 18)


T = TypeVar("T")


class Answering:
    """Calls at once, unless nothing answers."""

    def __init__(self) -> None:
        self.answers = True

    async def call(self, read: Callable[[], T]) -> T:
        if not self.answers:
            raise Unreadable("cannot be read: nothing answers")
        return read()

    def close(self) -> None:
        pass


class Reading:
    """The source at work on a real file, with time in the test's hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.disk = Answering()
        self.source = ProcessList(str(path), self.clock, self.disk)
        self.seen: list[Observation] = []

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator["Reading"]:
        task = asyncio.get_running_loop().create_task(self.source.run(self.seen.append))
        await self.clock.advance(0)
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def after(self, seconds: float = 3.0) -> list[Observation]:
        self.seen.clear()
        await self.clock.advance(seconds)
        return list(self.seen)

    def names(self, observations: list[Observation]) -> list[str]:
        (read,) = observations
        assert isinstance(read, ListRead)
        return [entry.process_name for entry in read.entries]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    path = tmp_path / "process_list.yaml"
    path.write_text("- process_name: a\n")
    return Reading(path)


async def test_the_list_is_read_at_start(reading: Reading) -> None:
    async with reading.at_work():
        assert reading.names(reading.seen) == ["a"]
        assert await reading.after(60) == []


async def test_a_change_in_place_is_read(reading: Reading) -> None:
    async with reading.at_work():
        reading.path.write_text("- process_name: b\n")
        assert reading.names(await reading.after()) == ["b"]


async def test_a_file_replaced_by_an_editor_is_read(reading: Reading) -> None:
    async with reading.at_work():
        new = reading.path.with_suffix(".new")
        new.write_text("- process_name: c\n")
        new.rename(reading.path)
        assert reading.names(await reading.after()) == ["c"]


async def test_a_switched_link_is_read(reading: Reading, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    real.mkdir()
    (real / "list").write_text("- process_name: d\n")
    async with reading.at_work():
        reading.path.unlink()
        reading.path.symlink_to(real / "list")
        assert reading.names(await reading.after()) == ["d"]
        new = real / "list.new"
        new.write_text("- process_name: e\n")
        new.rename(real / "list")
        assert reading.names(await reading.after()) == ["e"]


async def test_r13_a_broken_list_is_shouted_about_once_and_mended_by_itself(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    async with reading.at_work():
        reading.path.write_text("- process_name: a\n  start_comand: x\n")
        (broken,) = await reading.after(60)
        assert isinstance(broken, ListBroken)
        assert f"{reading.path}, line 2, column 3" in broken.why
        errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(errors) == 1 and "line 2, column 3" in errors[0]
        reading.path.write_text("- process_name: a\n")
        assert reading.names(await reading.after()) == ["a"]


@pytest.mark.parametrize("how", ["vanished", "unreadable", "folder", "empty", "pipe", "too long"])
async def test_r13_a_list_that_cannot_be_read_keeps_the_last_good_one(reading: Reading, how: str) -> None:
    async with reading.at_work():
        if how == "unreadable":
            reading.path.write_bytes(b"\xff\xfe\xfa")
        elif how == "empty":
            reading.path.write_text("")
        elif how == "too long":
            reading.path.write_text("# nothing\n" * 200_000)
        else:
            reading.path.unlink()
            if how == "folder":
                reading.path.mkdir()
            elif how == "pipe":
                os.mkfifo(reading.path)
        (broken,) = await reading.after(60)
        assert isinstance(broken, ListBroken)


async def test_a_half_written_list_is_not_shouted_about(reading: Reading) -> None:
    async with reading.at_work():
        reading.path.write_text("- process_name: 'b")
        assert await reading.after(1.5) == []
        reading.path.write_text("- process_name: 'b'\n")
        assert reading.names(await reading.after()) == ["b"]


async def test_a_change_that_leaves_the_stamp_as_it_was_is_read_on_sighup(reading: Reading) -> None:
    async with reading.at_work():
        await reading.after(60)
        stamp = reading.path.stat()
        reading.path.write_text("- process_name: z\n")
        os.utime(reading.path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        reading.source.reload()
        await asyncio.sleep(0)
        assert reading.names(await reading.after(0)) == ["z"]


async def test_sighup_reads_an_unchanged_list_again_and_shouts_about_a_broken_one_again(
    reading: Reading,
) -> None:
    async with reading.at_work():
        reading.source.reload()
        assert reading.names(await reading.after(0)) == ["a"]
        reading.path.write_text("{")
        assert len(await reading.after()) == 1
        reading.source.reload()
        assert isinstance((await reading.after(0))[0], ListBroken)


async def test_a_file_that_does_not_answer_is_a_broken_list_told_once_until_it_answers(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    async with reading.at_work():
        reading.disk.answers = False
        (broken,) = await reading.after(60)
        assert isinstance(broken, ListBroken) and str(reading.path) in broken.why
        errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(errors) == 1 and f"{reading.path}: cannot be read: nothing answers" in errors[0]
        reading.disk.answers = True
        assert reading.names(await reading.after()) == ["a"]


async def test_the_loop_goes_on_and_ends_while_the_file_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at the file on the loop never comes back here."""
    path, reached, answers = tmp_path / "list", threading.Event(), threading.Event()
    plain = os.stat

    def hang(place: str, **more: object) -> os.stat_result:
        if place == str(path):
            reached.set()
            assert answers.wait(PATIENCE)
        return plain(place, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", hang)
    source = ProcessList(str(path), FakeClock())
    task = asyncio.get_running_loop().create_task(source.run(lambda seen: None))
    try:
        await eventually(reached.is_set, "the look at the file")
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() and not answers.is_set()
    finally:
        answers.set()
