"""What bash is told is what the programs know, word for word: the script is played by bash itself."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from masakarimonitors.cmd.console.completion import script
from masakarimonitors.cmd.masakari_monitors import COMMANDS, parser

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")

ASK = """
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_masakari_monitors
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def text() -> str:
    return script(parser())


def completed(text: str, *words: str) -> set[str]:
    """What is offered for the last of these words."""
    ran = subprocess.run(
        ["bash", "--norc", "-eu", "-c", text + ASK, "bash", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stderr == ""
    return set(ran.stdout.split())


def test_every_command_is_offered(text: str) -> None:
    assert completed(text, "masakari-monitors", "") >= set(COMMANDS)
    assert completed(text, "/usr/bin/masakari-monitors", "expl") == {"explain"}


def test_the_options_of_a_command_and_of_every_program(text: str) -> None:
    assert completed(text, "masakari-monitors", "status", "--w") == {"--watch"}
    assert "--watch" not in completed(text, "masakari-monitors", "check", "--")
    assert "--config-file" in completed(text, "masakari-monitors", "--debug", "check", "--c")
    assert "--config-file" in completed(text, "masakari-hostmonitor", "--c")
    assert completed(text, "masakari-monitors-status", "up") == {"upgrade"}


def test_the_words_of_a_command_and_the_names_that_an_option_takes(text: str) -> None:
    assert completed(text, "masakari-monitors", "outbox", "") >= {"list", "show", "retry", "drop"}
    assert "--yes" in completed(text, "masakari-monitors", "outbox", "drop", "--")
    assert "hostmonitor" in completed(text, "masakari-monitors", "status", "--monitor", "")


def test_files_where_a_file_is_wanted(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.conf").write_text("")
    assert completed(text, "masakari-monitors", "--config-file", f"{tmp_path}/m") == {f"{tmp_path}/mine.conf"}


def test_each_program_of_the_package_is_completed(text: str) -> None:
    root = Path(__file__).parents[4]
    programs = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(text.splitlines()[-1].split()[3:]) == set(programs)
