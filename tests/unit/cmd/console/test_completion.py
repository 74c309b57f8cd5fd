"""What a shell is told is what the programs know, word for word: each script is played by the shell itself."""

import os
import shlex
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from masakarimonitors.cmd.console.completion import fish_script, script, zsh_script
from masakarimonitors.cmd.masakari_monitors import COMMANDS, parser
from tests.fixtures.cache import cache

ASK = """
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_masakari_monitors
printf '%s\\n' "${COMPREPLY[@]}"
"""


ASK_ZSH = """
emulate -R zsh
_files() { printf '%s\n' files; }
compadd() { shift; printf '%s\n' "$@"; }
_describe() { printf '%s\n' "${(@P)2}"; }
offered() { local CURRENT=$#; local -a words=("$@"); . /dev/stdin; }
offered "$@"
"""
"""What zsh's own functions are asked for is printed: what is offered, and not yet what begins as the last word does."""


@dataclass(frozen=True)
class Shell:
    """`__call__`: what is offered for the last of these words; zsh and fish say behind it what it is for."""

    name: str
    text: str

    def __call__(self, *words: str) -> dict[str, str]:
        program = shutil.which(self.name, path=f"{os.environ['PATH']}:{cache('shells') / 'bin'}")
        if program is None:
            pytest.skip(f"{self.name} is not here: tools/setup-shells.sh")
        given = ""
        match self.name:
            case "bash":
                argv, between = ["--norc", "-eu", "-c", self.text + ASK, "bash", *words], " "
            case "zsh":
                argv, between, given = ["-f", "-c", ASK_ZSH, "zsh", *words], ":", self.text
            case _:
                asked = self.text + "complete -C $argv[1]"
                argv, between = ["--no-config", "-c", asked, shlex.join(words[:-1]) + f" {words[-1]}"], "\t"
        ran = subprocess.run(
            [program, *argv], input=given, capture_output=True, text=True, timeout=60, check=True
        )
        assert ran.stderr == ""
        found = dict(line.partition(between)[::2] for line in ran.stdout.splitlines() if line)
        # What zsh's functions were told, it chooses from afterwards; fish 4 offers what merely has these letters, too.
        return {word: said for word, said in found.items() if word.startswith(words[-1])}


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest) -> Shell:
    make = {"bash": script, "zsh": zsh_script, "fish": fish_script}[request.param]
    return Shell(request.param, make(parser()))


def test_every_command_is_offered_with_what_it_is_for(shell: Shell) -> None:
    assert shell("masakari-monitors", "").keys() >= set(COMMANDS)
    ((word, said),) = shell("masakari-monitors", "expl").items()
    assert word == "explain" and (said.startswith("tell why") or shell.name == "bash")


def test_the_options_of_a_command_and_of_every_program(shell: Shell) -> None:
    assert shell("masakari-monitors", "status", "--w").keys() - {"--watch-log-file"} == {"--watch"}
    assert "--watch" not in shell("masakari-monitors", "check", "--")
    assert "--config-file" in shell("masakari-monitors", "--debug", "check", "--c")
    assert "--config-file" in shell("masakari-hostmonitor", "--c")
    assert shell("masakari-monitors-status", "up").keys() == {"upgrade"}


def test_the_words_of_a_command_and_the_names_that_an_option_takes(shell: Shell) -> None:
    assert shell("masakari-monitors", "outbox", "").keys() >= {"list", "show", "retry", "drop"}
    assert "--yes" in shell("masakari-monitors", "outbox", "drop", "--")
    assert "hostmonitor" in shell("masakari-monitors", "status", "--monitor", "")


def test_files_where_a_file_is_wanted(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "mine.conf"
    file.write_text("")
    begun = "" if shell.name == "zsh" else f"{tmp_path}/m"
    found = shell("masakari-monitors", "--config-file", begun)
    assert found.keys() == {"files" if shell.name == "zsh" else str(file)}


def test_each_program_of_the_package_is_completed() -> None:
    root = Path(__file__).parents[4]
    programs = set(tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"])
    assert set(script(parser()).splitlines()[-1].split()[3:]) == programs
    assert set(zsh_script(parser()).splitlines()[0].split()[1:]) == programs
    lines = (line.split() for line in fish_script(parser()).splitlines())
    assert {words[2] for words in lines if words[:2] == ["complete", "-c"]} == programs
