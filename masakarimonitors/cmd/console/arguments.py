"""What a person has typed, in whichever order: the command, its own words, and those that every program takes.

In: the arguments. Out: the command's name, its words for argparse, and what oslo.config reads (`--config-file`,
`--debug` ...), which may stand before the command, as with OpenStack's own tools, or anywhere behind it. What is
misspelt is answered with what was probably meant.
"""

import argparse
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

VALUED = frozenset(
    {
        *("--config-file", "--config-dir", "--log-config-append", "--log-config", "--log_config"),
        "--shell_completion",  # of newer releases of oslo.config
        *("--log-date-format", "--log-file", "--logfile", "--log-dir", "--logdir", "--syslog-log-facility"),
    }
)
"""oslo.config's options with a value."""

FLAGS = frozenset(
    {
        "-d",
        *(
            f"--{no}{name}"
            for no in ("", "no")
            for name in ("debug", "use-syslog", "use-journal", "use-json", "shadow")
        ),
        # Of older releases of oslo.log.
        *("--watch-log-file", "--nowatch-log-file"),
    }
)
"""Those without one."""

_HELP = frozenset({"-h", "--help", "--version"})


class Typed:
    """The arguments of the umbrella command, taken apart."""

    def __init__(self, argv: Sequence[str]) -> None:
        """`argv`: without the program's name."""
        self.words: list[str] = []
        """What argparse is to read, the command first."""
        self.shared: list[str] = []
        """What oslo.config is to read."""
        early: list[str] = []
        words = iter(argv)
        for word in words:
            if word == "--":
                self.words += [word, *words]
            elif word in FLAGS:
                self.shared.append(word)
            elif word.partition("=")[0] in VALUED:
                self.shared.append(word)
                if "=" not in word:
                    # Without its value oslo.config complains, in its own words.
                    self.shared += [value for value in [next(words, None)] if value is not None]
            elif not self.words and word.startswith("-") and word not in _HELP:
                early.append(word)  # an option of the command's own that stands before it
            else:
                self.words.append(word)
        self.words[1:1] = early

    @property
    def command(self) -> str:
        """What was typed as the command; empty where none was, or help is asked for."""
        first = self.words[0] if self.words else ""
        return "" if first.startswith("-") else first


class Parser(argparse.ArgumentParser):
    """Says what was probably meant."""

    def __init__(self, **more: Any) -> None:
        """No option may be cut short: scripts that do so break with the next option that is added."""
        super().__init__(**more, allow_abbrev=False)
        self.otherwise = ""
        """Which of its own words is meant where none is said."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """With its own word in front, wherever that stands."""
        words = list(args or ())
        if self.otherwise and not {"-h", "--help"} & set(words[:1]):
            own = {name for action in self._actions for name in _names(action)}
            said = next((word for word in words if word in own), "")
            if not words or words[0] not in own:
                if said:
                    words.remove(said)
                words.insert(0, said or self._otherwise_or(words))
        return super().parse_known_args(words if args is not None or words else None, namespace)

    def _otherwise_or(self, words: list[str]) -> str:
        """What stands in the place of a word is taken for a misspelt one, and not for an argument."""
        if words and not words[0].startswith("-"):
            return words.pop(0)
        return self.otherwise

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(one) for one in action.choices]
            what = "command" if isinstance(action, argparse._SubParsersAction) else "choice"
            raise argparse.ArgumentError(
                action,
                f"there is no {what} {value!r}{meant(str(value), known)} (there is: {', '.join(known)})",
            )


def number(text: str, least: float, most: float, *, whole: bool = False) -> float:
    """What was typed as a number; raises argparse.ArgumentTypeError in words that say what is expected."""
    try:
        found = float(text) if not whole else int(text)
    except ValueError:
        found = float("nan")
    if not least <= found <= most:
        what = "whole number" if whole else "number"
        bounds = f"from {least:g} to {most:g}" if most < float("inf") else f"of at least {least:g}"
        raise argparse.ArgumentTypeError(f"{text!r} is no {what} {bounds}")
    return found


def _names(action: argparse.Action) -> Collection[str]:
    return action.choices if isinstance(action, argparse._SubParsersAction) else ()


def refuse(parser: argparse.ArgumentParser, chosen: Sequence[str], unknown: Sequence[str]) -> NoReturn:
    """Name the arguments that nobody knows, with what was probably meant, and end with exit code 2.

    `chosen`: the command, and its own word if it has several.
    """
    word = next((one for one in unknown if one.startswith("-")), unknown[0]).partition("=")[0]
    for name in chosen:
        parser = _subparser(parser, name)
    if word in FLAGS:
        parser.error(f"{word} takes no value")
    known = {option for action in parser._actions for option in action.option_strings} | VALUED | FLAGS
    hint = meant(word, known) if word.startswith("-") else ""
    what = "option" if word.startswith("-") else "argument"
    parser.error(f"{' '.join(chosen)} has no {what} {word}{hint}")


def meant(word: str, known: Collection[str]) -> str:
    """`; did you mean ...?`, or nothing where nothing is near."""
    import difflib  # nobody needs it before something is wrong

    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    begun = [one for one in sorted(known) if len(word.strip("-")) > 1 and one.startswith(word)]
    found = near or begun[:1]
    return f"; did you mean {found[0]}?" if found else ""


def _subparser(parser: argparse.ArgumentParser, command: str) -> argparse.ArgumentParser:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and command in action.choices:
            found: argparse.ArgumentParser = action.choices[command]
            return found
    return parser
