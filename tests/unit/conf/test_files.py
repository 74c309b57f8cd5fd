"""Which file and line sets what, by oslo.config's own rules; and which files the arguments choose."""

import os
from pathlib import Path

import pytest

from masakarimonitors import conf
from masakarimonitors.conf import files

TEXT = """\
debug = true
# check_interval = 1
[process]
check_interval: 3

long = one
    two
[Receiver]
port=0
"""


def test_each_assignment_has_the_line_on_which_it_begins(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text(TEXT)
    assert [(s.line, s.section, s.name, s.value) for s in files.read([str(file)])] == [
        (1, "DEFAULT", "debug", "true"),
        (3, "process", None, ""),
        (4, "process", "check_interval", "3"),
        (6, "process", "long", "one\ntwo"),
        (8, "receiver", None, ""),
        (9, "receiver", "port", "0"),
    ]


def test_a_place_is_a_file_and_a_line(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text("\n[host]\n")
    (setting,) = files.read([str(file)])
    assert setting.place == f"{file}, line 2"


@pytest.mark.parametrize("content", [None, b"[process]\nnonsense\n", b"[process]\nname = \xff\n"])
def test_what_cannot_be_read_is_left_out_and_the_rest_keeps_its_order(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "b.conf").write_bytes(content)
    for name in ("a", "c"):
        (tmp_path / f"{name}.conf").write_text(f"{name} = 1\n")
    read = files.read([str(tmp_path / f"{name}.conf") for name in "abc"])
    assert [setting.name for setting in read] == ["a", "c"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two files for oslo.config, and one that it passes over."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    for name in ("b.conf", "a.conf", "notes.txt"):
        (folder / name).write_text("")
    return folder


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        ([], ["/default.conf", "a.conf", "b.conf"]),
        (["--config-file", "/x.conf"], ["a.conf", "b.conf", "/x.conf"]),
        (
            ["--config-file=/x.conf", "--debug", "--config-file", "/y.conf"],
            ["a.conf", "b.conf", "/x.conf", "/y.conf"],
        ),
        (["--config-dir", "{folder}"], ["/default.conf", "a.conf", "b.conf"]),
        (["--config-dir", "{folder}", "--config-file", "/x.conf"], ["a.conf", "b.conf", "/x.conf"]),
        (["--config-dir", "/nowhere"], ["/default.conf"]),
    ],
)
def test_the_files_that_arguments_choose_stand_in_the_order_in_which_they_are_applied(
    folder: Path, argv: list[str], names: list[str]
) -> None:
    given = [word.format(folder=folder) for word in argv]
    found = files.chosen(given, "masakari-monitors", ["/default.conf"], [str(folder)])
    assert found == [name if name.startswith("/") else str(folder / name) for name in names]


def test_a_path_is_made_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    argv = ["--config-file", "here.conf", "--config-file", "~/there.conf"]
    assert files.chosen(argv, "masakari-monitors", [], []) == [
        f"{tmp_path}/here.conf",
        "/home/someone/there.conf",
    ]


def test_a_loaded_configuration_names_the_files_that_it_came_from(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text("")
    argv = ["--config-file", str(file), "--config-dir", str(folder)]
    whole = [str(file), str(folder / "a.conf"), str(folder / "b.conf")]
    assert files.loaded(conf.load(argv, default_config_dirs=[])) == whole
    defaults = conf.load([], default_config_files=[str(file)], default_config_dirs=[str(folder)])
    assert files.loaded(defaults) == whole


@pytest.mark.parametrize("argv", [[], ["--debug"]])
def test_where_the_usual_places_hold_nothing_the_file_of_a_deployment_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    absent, there, later = (tmp_path / name for name in ("absent.conf", "there.conf", "later.conf"))
    for path, name in ((there, "node-1"), (later, "node-2")):
        path.write_text(f"[DEFAULT]\nhostname = {name}\n")
    elsewhere = [str(absent), str(there), str(later)]
    loaded = conf.load(argv, elsewhere=elsewhere, default_config_dirs=[])
    assert files.loaded(loaded) == loaded.config_file == [str(there)]
    assert loaded.hostname == "node-1"


def test_the_file_of_a_deployment_is_not_read_beside_another(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    other, named = tmp_path / "other.conf", tmp_path / "named.conf"
    for path in (other, named):
        path.write_text("")
    for argv in (["--config-file", str(named)], ["--config-dir", str(folder)]):
        assert files.found(argv, "masakari-monitors", [], [str(other)]) == []
    assert files.found([], "masakari-monitors", [str(folder)], [str(other)]) == []
    (tmp_path / "masakarimonitors.conf").write_text("")
    assert files.found([], "masakari-monitors", [], [str(other)]) == [str(tmp_path / "masakarimonitors.conf")]


SHUT = "shut"


@pytest.mark.parametrize(
    ("argv", "unseen"),
    [
        ([], ["etc/shut", "else/shut", "dirs/shut"]),
        (["--debug"], ["etc/shut", "else/shut", "dirs/shut"]),
        (["--config-file", "/x.conf"], ["dirs/shut"]),
        (["--config-dir", "named/shut"], ["etc/shut", "named/shut"]),
        (["--config-dir", "named/open", "--config-file", "/x.conf"], []),
    ],
)
def test_a_folder_that_is_searched_and_closed_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], unseen: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for place in ("etc", "else", "dirs", "named"):
        for name in ("open", SHUT):
            (tmp_path / place / name).mkdir(parents=True)

    def of(place: str) -> list[str]:
        return [str(tmp_path / place / name) for name in ("open", SHUT, "absent")]

    argv = [str(tmp_path / word) if word.startswith("named") else word for word in argv]
    elsewhere = [f"{folder}/x.conf" for folder in of("else")]
    found = files.unseen(
        argv,
        "masakari-monitors",
        of("dirs"),
        elsewhere,
        of("etc"),
        lambda folder, how: not folder.endswith(SHUT),
    )
    assert found == [str(tmp_path / place) for place in unseen]


def test_where_a_deployment_keeps_its_file_does_not_matter_beside_one_of_the_usual_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """masakari-api's own folder is closed to others, beside an /etc/masakarimonitors that is in order."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / SHUT).mkdir()
    (tmp_path / "masakarimonitors.conf").write_text("")
    elsewhere = [str(tmp_path / SHUT / "x.conf")]
    assert files.unseen([], "masakari-monitors", [], elsewhere, [], lambda folder, how: False) == []


def test_a_folder_of_files_is_closed_unless_it_can_be_listed(tmp_path: Path) -> None:
    asked: dict[str, int] = {}

    def may(folder: str, how: int) -> bool:
        asked[folder] = how
        return True

    listed, searched = tmp_path / "conf.d", tmp_path / "etc"
    listed.mkdir()
    searched.mkdir()
    assert files.unseen([], "masakari-monitors", [str(listed)], [], [str(searched)], may) == []
    assert asked == {str(searched): os.X_OK, str(listed): os.R_OK | os.X_OK}
