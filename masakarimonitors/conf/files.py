"""Configuration files as they are written: which file and line sets what.

oslo.config knows values but not lines; an operator needs lines. Reads the same syntax by the same
rules (values may go on in indented lines, `=` or `:`, whole-line comments), keeps file order, and
promises nothing about meaning.
"""

import argparse
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from oslo_config import cfg, iniparser

PROJECT = "masakarimonitors"
"""The name by which oslo.config looks for files: /etc/masakarimonitors/masakarimonitors.conf and so on."""

ELSEWHERE = ("/etc/masakari-monitors/masakari-monitors.conf", "/etc/masakari/masakarimonitors.conf")
"""Where Kolla and OpenStack-Helm keep the file, which they name to each monitor but to no tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One assignment: `name` is None for the line that opens a section."""

    file: str
    line: int
    section: str
    name: str | None
    value: str

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.file}, line {self.line}"


class _Parser(iniparser.BaseParser):
    """oslo.config's own parser, remembering where each assignment began."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file
        self.section = "DEFAULT"
        self.settings: list[Setting] = []
        self._began = 0

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        self._began = self.lineno
        split: tuple[str, list[str]] = super()._split_key_value(line)
        return split

    def assignment(self, key: str, value: list[str]) -> None:
        """Called at the end of each assignment."""
        text = "\n".join(value).strip()
        self.settings.append(
            Setting(file=self.file, line=self._began, section=self.section, name=key, value=text)
        )

    def new_section(self, section: str) -> None:
        """Called at each section line; section names are compared in lower case, as oslo.config does."""
        self.section = section if section == "DEFAULT" else section.lower()
        self.settings.append(
            Setting(file=self.file, line=self.lineno, section=self.section, name=None, value="")
        )


def read(paths: Sequence[str]) -> list[Setting]:
    """Every setting of these files, in their order; files that cannot be read or parsed are left out."""
    settings: list[Setting] = []
    for path in paths:
        parser = _Parser(path)
        try:
            with open(path, encoding="utf-8") as lines:
                parser.parse(lines)
        except (OSError, UnicodeDecodeError, iniparser.ParseError):
            continue
        settings.extend(parser.settings)
    return settings


def broken_at(fault: BaseException) -> str:
    """The end of a sentence on a file that cannot be parsed: the line and why, and nothing of what stands in it."""
    cause = fault.__cause__ or fault.__context__
    if isinstance(cause, iniparser.ParseError):
        return f", line {cause.lineno}, is broken: {cause.msg}"
    return " is broken"


def chosen(
    argv: Sequence[str],
    prog: str,
    default_files: Sequence[str] | None,
    default_dirs: Sequence[str] | None,
) -> list[str]:
    """The files that these arguments choose, in the order in which they are applied."""
    named = _named(argv)
    defaults: list[tuple[str, str]] = []
    if not any(kind == "file" for kind, _ in named):
        found = cfg.find_config_files(PROJECT, prog) if default_files is None else default_files
        defaults += [("file", f) for f in found]
    if not any(kind == "dir" for kind, _ in named):
        defaults += [("dir", d) for d in _dirs(prog, default_dirs)]
    return list(_expand(defaults + named))


def found(
    argv: Sequence[str], prog: str, default_dirs: Sequence[str] | None, elsewhere: Sequence[str]
) -> list[str]:
    """The files to read where the arguments name none.

    One of `elsewhere`, the first that is there, where neither a file nor a folder was named, and the places that
    oslo.config searches hold nothing.
    """
    files: list[str] = cfg.find_config_files(PROJECT, prog)
    if files or _named(argv) or list(_expand([("dir", d) for d in _dirs(prog, default_dirs)])):
        return files
    return [path for path in elsewhere if os.path.isfile(path)][:1]


def unseen(
    argv: Sequence[str],
    prog: str,
    default_dirs: Sequence[str] | None,
    elsewhere: Sequence[str] = ELSEWHERE,
    usual: Sequence[str] = (f"/etc/{PROJECT}",),
    may: Callable[[str, int], bool] = lambda folder, how: os.access(folder, how, effective_ids=True),
) -> list[str]:
    """The folders that are searched with these arguments, and into which this user may not look.

    What stands there is unknown, and must not be taken for nothing. `usual`: where oslo.config searches, first of all.
    `may`: whether a folder may be used in a way of os.access.
    """
    named = _named(argv)
    searched = [] if any(kind == "file" for kind, _ in named) else list(usual)
    if not named and not found(argv, prog, default_dirs, elsewhere):
        searched += map(os.path.dirname, elsewhere)
    listed = [path for kind, path in named if kind == "dir"] or list(_dirs(prog, default_dirs))
    asked = [(folder, os.X_OK) for folder in searched] + [(folder, os.R_OK | os.X_OK) for folder in listed]
    return [folder for folder, how in asked if os.path.isdir(folder) and not may(folder, how)]


def _named(argv: Sequence[str]) -> list[tuple[str, str]]:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        "--config-file", dest="chosen", action="append", type=lambda v: ("file", v), default=[]
    )
    parser.add_argument("--config-dir", dest="chosen", action="append", type=lambda v: ("dir", v))
    named: list[tuple[str, str]] = parser.parse_known_args(list(argv))[0].chosen
    return named


def _dirs(prog: str, default_dirs: Sequence[str] | None) -> Sequence[str]:
    dirs: Sequence[str] = cfg.find_config_dirs(PROJECT, prog) if default_dirs is None else default_dirs
    return dirs


def loaded(conf: cfg.ConfigOpts) -> list[str]:
    """The files that a loaded configuration came from."""
    dirs = conf.config_dirs or conf.default_config_dirs
    return list(_expand([("file", f) for f in conf.config_file or ()] + [("dir", d) for d in dirs]))


def _expand(named: Sequence[tuple[str, str]]) -> Iterator[str]:
    for kind, path in named:
        whole = os.path.abspath(os.path.expanduser(path))
        if kind == "file":
            yield whole
        else:
            yield from sorted(glob.glob(os.path.join(whole, "*.conf")))
