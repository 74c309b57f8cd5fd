"""What is typed in any order is understood, and what is misspelt is answered with what was meant."""

import argparse
import contextlib
from collections.abc import Iterator

import pytest

from masakarimonitors.cmd.console.arguments import FLAGS, VALUED, Parser, Typed, meant
from masakarimonitors.cmd.masakari_monitors import COMMANDS, parse, parser
from masakarimonitors.conf import loader


@pytest.mark.parametrize(
    ("typed", "words", "shared"),
    [
        ("status", "status", ""),
        ("--config-file /x status", "status", "--config-file /x"),
        ("--config-file=/x status --json", "status --json", "--config-file=/x"),
        ("status --config-file /x --json", "status --json", "--config-file /x"),
        ("-d --config-dir /x --nouse-json status", "status", "-d --config-dir /x --nouse-json"),
        ("--json status", "status --json", ""),
        ("outbox --config-file /x show 5 --log-file /y", "outbox show 5", "--config-file /x --log-file /y"),
        ("run --shadow --monitor x", "run --monitor x", "--shadow"),
        ("--help", "--help", ""),
        ("--config-file /x --help", "--help", "--config-file /x"),
        ("status -- --config-file", "status -- --config-file", ""),
    ],
)
def test_what_oslo_config_reads_may_stand_anywhere(typed: str, words: str, shared: str) -> None:
    taken = Typed(typed.split())
    assert (taken.words, taken.shared) == (words.split(), shared.split())
    assert taken.command == ("" if words.startswith("-") else words.split()[0])


def test_an_option_without_its_value_is_oslo_config_s_to_refuse() -> None:
    assert Typed(["status", "--config-file"]).shared == ["--config-file"]


def test_each_option_of_oslo_config_s_is_known() -> None:
    parser = loader.load([], default_config_files=[], default_config_dirs=[])._oparser
    assert isinstance(parser, argparse.ArgumentParser)
    valued = {name for action in parser._actions if action.nargs != 0 for name in action.option_strings}
    flags = {name for action in parser._actions if action.nargs == 0 for name in action.option_strings}
    assert valued | {"--shell_completion"} == VALUED
    older = {"--watch-log-file", "--nowatch-log-file"}
    assert (flags - {"-h", "--help", "--version"}) | older == FLAGS


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("stauts", "there is no command 'stauts'; did you mean status?"),
        ("--config-file /x outbx", "there is no command 'outbx'; did you mean outbox?"),
        ("xyzzy", "there is no command 'xyzzy' (there is: run,"),
        ("", "it takes a command (there is: run, demo,"),
        ("--config-file /x", "it takes a command (there is: run, demo,"),
        ("run --shaddow", "run has no option --shaddow; did you mean --shadow?"),
        ("run --shadow=true", "--shadow takes no value"),
        ("run --shado", "run has no option --shado; did you mean --shadow?"),
        ("status --jsn", "status has no option --jsn; did you mean --json?"),
        ("status --confg-file /x", "status has no option --confg-file; did you mean --config-file?"),
        ("status --xyzzy", "status has no option --xyzzy\n"),
        ("status now", "status has no argument now\n"),
        ("status --monitor hostmoniter", "there is no choice 'hostmoniter'; did you mean hostmonitor?"),
        ("outbox shwo hostmonitor/1", "there is no command 'shwo'; did you mean show?"),
        ("outbox --limt 3", "outbox list has no option --limt; did you mean --limit?"),
        ("run --monitor", "expected one argument"),
        ("outbox --limit 0", "argument --limit: '0' is no whole number of at least 1"),
        ("status --watch 0", "argument --watch: '0' is no number from 0.1 to 86400"),
        ("outbox --limit 1.5", "'1.5' is no whole number of at least 1"),
        ("status --watch x", "'x' is no number from 0.1 to 86400"),
        ("outbox drop", "the following arguments are required: id"),
    ],
)
def test_a_slip_is_exit_code_2_and_what_was_meant(
    typed: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        parse(typed.split())
    assert left.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "act"),
    [
        ("outbox", "list"),
        ("outbox --limit 3", "list"),
        ("outbox --file /x", "list"),
        ("outbox list --json", "list"),
        ("outbox --json list", "list"),
        ("outbox show 5", "show"),
        ("outbox --json show hostmonitor/5", "show"),
        ("outbox --yes drop 5", "drop"),
        ("--config-file /x outbox retry 5", "retry"),
    ],
)
def test_a_command_of_several_words_has_one_that_is_meant_where_none_is_said(typed: str, act: str) -> None:
    assert parse(typed.split())[0].act == act


def test_no_option_is_guessed_from_its_beginning() -> None:
    parser = Parser()
    parser.add_argument("--offline")
    assert parser.parse_known_args(["--off", "x"])[1] == ["--off", "x"]


def test_what_was_meant_is_near_or_begins_so() -> None:
    assert meant("stat", COMMANDS) == "; did you mean status?"
    assert meant("qqq", COMMANDS) == ""


def _takers(of: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from _takers(one)
        elif action.type is not None:
            yield action


@pytest.mark.parametrize("typed", ["", "x", "1e999", "nan", "-7"])
def test_no_value_is_refused_in_the_words_of_this_program_s_own_text(typed: str) -> None:
    """argparse names the function that has raised ValueError."""
    found = [one for name in COMMANDS for one in _takers(parser(name))]
    assert found
    for action in found:
        convert = action.type
        assert callable(convert)
        with contextlib.suppress(argparse.ArgumentTypeError):
            convert(typed)
