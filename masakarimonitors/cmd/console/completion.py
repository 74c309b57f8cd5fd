"""Completion for bash, zsh and fish, made from the table of commands, so that it knows what the programs know.

In: the umbrella command's parser. Out: a script for each shell, which the packages install. Pure text: values of
options are left to the shell (files), but for the names that a parser lists as choices. zsh and fish show the help of
each word.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence

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


_ZSH = """\
#compdef {programs}
# zsh completion for masakari-monitors and the programs of the monitors. Made from the table of commands: do not edit.
local before=${{words[CURRENT-1]}} command='' one
local -a known
case $before in
    ({files}) _files; return ;;
esac
known=(
{shared}
)
if [[ ${{words[1]:t}} == {program} ]]; then
    for one in "${{(@)words[2,CURRENT-1]}}"; do
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
elif [[ ${{words[1]:t}} == {program}-status ]]; then
    known+=('upgrade' 'check' '--json')
fi
_describe 'word' known
"""

_FISH = """\
# fish completion for masakari-monitors and the programs of the monitors. Made from the table of commands: do not edit.
function __masakari_monitors_at
    set -l command ''
    for one in (commandline -opc)[2..-1]
        switch "$command $one"
{begun}
        end
    end
    test "$command" = "$argv[1]"
end
{lines}
"""


def script(parser: argparse.ArgumentParser) -> str:
    """For bash: this parser and all commands below it."""
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
    programs = programs_of(parser)
    return _SCRIPT.format(
        program=parser.prog,
        files=" | ".join(sorted(VALUED)),
        begun="\n".join(begun),
        choices="\n".join(choices),
        words="\n".join(words),
        shared=" ".join(_SHARED),
        programs=" ".join(programs),
    )


def zsh_script(parser: argparse.ArgumentParser) -> str:
    """The same for zsh, as a file of its `fpath`."""
    begun, choices, words = [], [], []
    for name, command in _commands("", parser):
        known = []
        for below in _subparsers(command):
            for word, said in _helps(below).items():
                begun.append(f'            ("{name} {word}") command="{f"{name} {word}".strip()}" ;;')
                known.append(_described(word, said))
        for action in command._actions:
            known += [_described(option, action.help) for option in action.option_strings]
            if action.choices is not None and action.option_strings:
                values = " ".join(str(choice) for choice in action.choices)
                pattern = "|".join(f'"{name} {option}"' for option in action.option_strings)
                choices.append(f"        ({pattern}) compadd -- {values}; return ;;")
        words.append(f'        ("{name}") known+=(' + " ".join(known) + ") ;;")
    return _ZSH.format(
        program=parser.prog,
        programs=" ".join(programs_of(parser)),
        files="|".join(sorted(VALUED)),
        shared="\n".join(f"    {_described(option, None)}" for option in _SHARED),
        begun="\n".join(begun),
        choices="\n".join(choices),
        words="\n".join(words),
    )


def fish_script(parser: argparse.ArgumentParser) -> str:
    """The same for fish, as a file of its folders of completions."""
    begun = []
    umbrella = f"complete -c {parser.prog} -n"
    lines = [
        f"complete -c {program} {_fish_option(option)}{' -r -F' if option in VALUED else ''}"
        for program in programs_of(parser)
        for option in _SHARED
    ]
    lines += [
        f"complete -c {parser.prog}-status -f -a 'upgrade check'",
        f"complete -c {parser.prog}-status -l json",
    ]
    for name, command in _commands("", parser):
        at = f"{umbrella} {_quoted(f'__masakari_monitors_at {_quoted(name)}', fish=True)}"
        for below in _subparsers(command):
            for word, said in _helps(below).items():
                begun.append(f'            case "{name} {word}"')
                begun.append(f'                set command "{f"{name} {word}".strip()}"')
                lines.append(f"{at} -f -a {word}{_fish_help(said)}")
        for action in command._actions:
            values = " ".join(str(choice) for choice in action.choices or ())
            takes = f" -x -a {_quoted(values)}" if values else " -r" * (action.nargs != 0)
            for option in action.option_strings:
                lines.append(f"{at} {_fish_option(option)}{takes}{_fish_help(action.help)}")
    return _FISH.format(begun="\n".join(begun), lines="\n".join(lines))


def programs_of(parser: argparse.ArgumentParser) -> Sequence[str]:
    """The umbrella command, and every other program that is installed with it."""
    return [parser.prog, f"{parser.prog}-status", *(f"masakari-{name}" for name in PROGRAMS)]


_SHARED = tuple(sorted({*FLAGS, *VALUED, "--help", "--version"}))


def _helps(action: "argparse._SubParsersAction[argparse.ArgumentParser]") -> Mapping[str, str | None]:
    """The words that begin a command, each with what it is for."""
    said = {one.dest: one.help for one in action._choices_actions}
    return {word: said.get(word) for word in action.choices}


def _described(word: str, said: str | None) -> str:
    """For zsh: the word, and its help behind a colon."""
    return _quoted(f"{word}:{_plain(said)}" if said else word)


def _fish_option(option: str) -> str:
    if option.startswith("--"):
        return f"-l {option[2:]}"
    return f"{'-s' if len(option) == 2 else '-o'} {option[1:]}"


def _fish_help(said: str | None) -> str:
    return f" -d {_quoted(_plain(said), fish=True)}" if said else ""


def _plain(said: str | None) -> str:
    """One line, as argparse would show it."""
    return " ".join((said or "").replace("%%", "%").split())


def _quoted(text: str, *, fish: bool = False) -> str:
    """One word for the shell."""
    if fish:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "'" + text.replace("'", "'\\''") + "'"


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
