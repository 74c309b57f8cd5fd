"""`masakari-monitors config migrate`: a line for each line, and an exit code that says whether one is ignored."""

import json
from pathlib import Path

import pytest

from masakarimonitors.cmd.masakari_monitors import parse
from tests.unit.cmd.conftest import Configure


def migrate(*words: str) -> int:
    arguments, rest = parse(["config", "migrate", *words])
    code: int = arguments.run(arguments, rest)
    return code


def test_each_line_is_told_and_one_that_is_ignored_is_told_by_the_exit_code(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(configure("[host]\npacemaker_node_type = remote\n"))
    assert migrate(file) == 0
    assert f"kept       {file}, line 2: [DEFAULT] hostname" in capsys.readouterr().out.splitlines()
    file = str(configure("[host]\nmonitoring_sample = 3\n"))
    assert migrate(file) == 1
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("IGNORED")]
    assert len(said) == 1 and said[0].endswith("did you mean monitoring_samples?")


def test_as_json(configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(configure("[process]\ncheck_intervall = 3\n"))
    assert migrate("--json", "--config-file", file) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["fine"] is False
    assert document["lines"][0] == {
        "fate": "kept",
        "file": file,
        "line": 2,
        "section": "DEFAULT",
        "option": "hostname",
        "text": "",
    }


def test_a_file_that_cannot_be_loaded_is_told_first(
    configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(str(configure("[host]\nmonitoring_interval = soon\n"))) == 1
    assert "monitoring_interval = soon" in capsys.readouterr().err
    assert migrate("--json", str(tmp_path / "absent.conf")) == 1
    assert "absent.conf" in json.loads(capsys.readouterr().out)["fault"]


def test_what_is_said_in_two_lines_is_shown_in_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(str(tmp_path / "nowhere.conf")) == 1
    said = capsys.readouterr().err
    assert said.endswith("\nMend this first: then what each line means can be told.\n") and "\\n" not in said
