"""Completion for bash, made from the table of commands, so that it knows what the programs know and nothing else.

In: the umbrella command's parser. Out: a script for bash, which the packages install. Pure text: values of options are
left to bash (files), but for the names that a parser lists as choices.
"""

import argparse
from collections.abc import Iterator, Sequence

from masakarimonitors.cmd.console.arguments import FLAGS, VALUED

_SCRIPT = """\
# bash completion for masakari-monitors and the programs of the monitors. Made from the table of commands: do not edit.
_masakari_monitors()
{{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command='' known='' one
    case $before in
        {files})
            COMPREPLY=($(compgen -f -- "$word"))
            return
            ;;
    esac
    if [ "${{COMP_WORDS[0]##*/}}" = {program} ]; then
        for one in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
            case "$command $one" in
{begun}
            esac
        done
        case "$command $before" in
{choices}
        esac
        case $command in
{words}
        esac
    elif [ "${{COMP_WORDS[0]##*/}}" = {program}-status ]; then
        known="upgrade check --json"
    fi
    COMPREPLY=($(compgen -W "$known {shared}" -- "$word"))
}}
complete -F _masakari_monitors {programs}
"""

PROGRAMS = ("hostmonitor", "instancemonitor", "introspectiveinstancemonitor", "processmonitor")


def script(parser: argparse.ArgumentParser) -> str:
    """For this parser and all commands below it."""
    begun, choices, words = [], [], []
    for name, command in _commands("", parser):
        own = [option for action in command._actions for option in action.option_strings]
        below = [word for action in _subparsers(command) for word in action.choices]
        for word in below:
            begun.append(f'                "{name} {word}") command="{f"{name} {word}".strip()}" ;;')
        for action in command._actions:
            if action.choices is not None and action.option_strings:
                values = " ".join(str(choice) for choice in action.choices)
                pattern = " | ".join(f'"{name} {option}"' for option in action.option_strings)
                choices.append(
                    f'            {pattern}) COMPREPLY=($(compgen -W "{values}" -- "$word")); return ;;'
                )
        words.append(f'            "{name}") known="{" ".join([*below, *own])}" ;;')
    programs = [parser.prog, f"{parser.prog}-status", *(f"masakari-{name}" for name in PROGRAMS)]
    return _SCRIPT.format(
        program=parser.prog,
        files=" | ".join(sorted(VALUED)),
        begun="\n".join(begun),
        choices="\n".join(choices),
        words="\n".join(words),
        shared=" ".join(sorted({*FLAGS, *VALUED, "--help", "--version"})),
        programs=" ".join(programs),
    )


def _commands(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The parser itself, with an empty name, and every command below it by the words that are typed."""
    yield name, parser
    for action in _subparsers(parser):
        for word, command in action.choices.items():
            yield from _commands(f"{name} {word}".strip(), command)


def _subparsers(
    parser: argparse.ArgumentParser,
) -> Sequence["argparse._SubParsersAction[argparse.ArgumentParser]"]:
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
