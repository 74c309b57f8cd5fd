"""Where the monitors' sockets are looked for, and what is known of those in a folder that is closed."""

import socket
import threading
from pathlib import Path

import pytest

from masakarimonitors.cmd import sockets
from masakarimonitors.conf.state_path import Found
from masakarimonitors.system.files import private_files, run_folder

RUN = Path("/run/somewhere")
STATE = Path("/var/lib/somewhere")


@pytest.fixture(autouse=True)
def _runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(RUN))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (Found(STATE), [STATE]),
        (Found(STATE, (STATE,)), []),
        (Found(STATE, (Path("/root"),)), [STATE]),
        (Found(RUN), []),
        (Found(None), []),
    ],
)
def test_everybody_s_folder_and_that_of_its_unit_are_looked_into_always_and_last(
    there: Found, expected: list[Path]
) -> None:
    assert sockets.places(there, "hostmonitor") == [*expected, RUN, RUN / "hostmonitor"]


def test_one_that_listens_in_a_closed_folder_runs(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "hostmonitor.sock"))
        one.listen(1)
        assert sockets.hidden("hostmonitor", [STATE, tmp_path]).startswith("hostmonitor runs, and uid")
        assert sockets.hidden("processmonitor", [STATE, tmp_path]) == ""
        assert sockets.hidden("hostmonitor", []) == ""


def test_where_the_table_does_not_tell_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not known" in sockets.hidden("hostmonitor", [STATE / ("long" * 30)])
    monkeypatch.setattr(run_folder, "listening", lambda: run_folder.Listening((), whole=False))
    assert "whether hostmonitor runs is not known" in sockets.hidden("hostmonitor", [STATE])


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (f"{STATE}/hostmonitor.sqlite", ""),
        (f"{STATE}/../somewhere/hostmonitor.sqlite", ""),
        (None, ""),
        (
            "/srv/hostmonitor.sqlite",
            "in /srv; this configuration looks into /var/lib/somewhere. Name the one",
        ),
        ("memory", "in memory: `masakari-monitors status` shows what waits there."),
    ],
)
def test_one_that_keeps_its_files_elsewhere_is_told_of(where: str | None, said: str) -> None:
    told = sockets.kept_elsewhere("hostmonitor", {"where": where}, STATE)
    assert said in told and bool(said) is bool(told)


@pytest.mark.parametrize(
    ("path", "told", "looked", "said"),
    [
        ("/inside", "ours", "ours", ""),
        ("ours", "another", "ours", "keeps its reports in {ours}, which is no such folder here"),
        ("/inside", "another", "ours", "in /inside, which is no such folder here: it runs in a container"),
        ("other", "other", "ours", "in {other}; this configuration looks into {ours}. Name the one"),
        ("other", "other", "missing", "in {other}; this configuration looks into {missing}. Name the one"),
        ("other", "other", None, "this configuration looks into no folder"),
    ],
    ids=["mounted", "same path", "other path", "other here", "ours is gone", "none"],
)
def test_a_monitor_in_a_container_is_known_by_its_folder_and_not_by_its_path(
    tmp_path: Path, path: str, told: str, looked: str | None, said: str
) -> None:
    """Its folder is mounted under another path, or what has its path here is another folder."""
    folders = {name: tmp_path / name for name in ("ours", "other", "missing")}
    which = {"another": "1:1"}
    for name in ("ours", "other"):
        folders[name].mkdir()
        which[name] = private_files.identity(folders[name])
    where = {"where": f"{folders.get(path, path)}/hostmonitor.sqlite", "folder": which[told]}
    found = sockets.kept_elsewhere("hostmonitor", where, folders[looked] if looked else None)
    assert said.format(**folders) in found and bool(said) is bool(found)


def test_one_that_hangs_costs_its_time_once_at_all_of_its_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first waits until the second was asked."""
    monkeypatch.setattr(sockets, "_AT_ONCE", 0.0)
    asked = [threading.Event(), threading.Event()]

    def ask(path: Path) -> bool:
        number = int(path.name)
        asked[number].set()
        return asked[1 - number].wait(60)

    assert sockets.ask_each([Path("0"), Path("1")], ask, lambda told: False) == [True, True]


def test_once_one_has_said_enough_no_other_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_AT_ONCE", 60.0)
    asked: list[Path] = []
    sockets.ask_each([Path("0"), Path("1")], asked.append, lambda told: True)
    assert asked == [Path("0")]


def test_one_that_hangs_is_not_waited_for_where_another_has_said_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "_AT_ONCE", 0.0)
    over = threading.Event()

    def ask(path: Path) -> str:
        if path.name == "hangs":
            over.wait(60)
        return path.name

    def enough(told: str) -> bool:
        return told == "says"

    assert sockets.ask_each([Path("hangs"), Path("says")], ask, enough) == ["says"]
    over.set()
