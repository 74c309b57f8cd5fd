"""Matching: which entry of the list a process belongs to, by what it runs, never by text in `ps`.

In: a process's command line and executable. Out: the process_names that it runs, each strong (its own
command line says so) or weak (only its executable does, because it has rewritten its title). It reads
nothing itself; the index by file name keeps the cost of a process independent of the list's length.
"""

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_INTERPRETER = re.compile(
    r"(?:python|pypy|platform-python|perl|ruby|node|nodejs|php|lua|tclsh|guile|java|bash|dash|ash|sh|zsh|ksh|mksh)"
    r"[0-9.]*\Z"
)
_FAMILY = re.compile(r"[0-9.]*\Z")

# Options whose value is the next word, and options after which there is no script at all, by family.
_WITH_VALUE = {
    "python": "WXQ",
    "pypy": "WXQ",
    "platform-python": "WXQ",
    "perl": "I",
    "node": "r",
    "nodejs": "r",
    "ruby": "IrEC",
    "bash": "oO",
    "sh": "o",
    "dash": "o",
    "ash": "o",
    "ksh": "o",
    "mksh": "o",
    "zsh": "o",
}
_PYTHONS = frozenset({"python", "pypy", "platform-python"})
_CODE = {"perl": "eE", "ruby": "e", "node": "ep", "nodejs": "ep", "php": "r", "lua": "e"}
_LONG_WITH_VALUE = frozenset({"--check-hash-based-pycs", "--require", "--import", "--rcfile", "--init-file"})
_JAVA_WITH_VALUE = frozenset({"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules"})

DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One process_name, split into words; `target` is where its first word leads, links followed."""

    process_name: str
    words: tuple[str, ...]
    target: str

    @property
    def bare(self) -> bool:
        """A program's name without a folder: it may be run from any."""
        return "/" not in self.words[0]


@dataclass(frozen=True, slots=True)
class Match:
    """A process runs `process_name`; weak when only its executable says so."""

    process_name: str
    strong: bool


class Index:
    """The patterns of a list, found by the file names that a process shows."""

    def __init__(
        self, process_names: Sequence[str], follow: Callable[[str], str] = posixpath.normpath
    ) -> None:
        """`follow` resolves links of a path (os.path.realpath)."""
        self._by_name: dict[str, list[Pattern]] = {}
        for name in process_names:
            words = tuple(name.split())
            target = follow(words[0]) if words[0].startswith("/") else words[0]
            pattern = Pattern(name, words, target)
            keys = {
                posixpath.basename(words[0]),
                posixpath.basename(target),
                posixpath.basename(name.strip()),
            }
            if is_interpreter(words[0]) and len(words) > 1:
                keys |= {posixpath.basename(word) for word in words[1:] if not word.startswith("-")}
            for key in keys:
                self._by_name.setdefault(key, []).append(pattern)

    def match(self, argv: Sequence[str], exe: str, cwd: Callable[[], str]) -> tuple[Match, ...]:
        """What a process with this command line and executable ("" when hidden) runs.

        `cwd` is asked only for a script that was named by a relative path.
        """
        exe = exe.removesuffix(DELETED)
        argv, titled = _untitled(argv)
        if not argv:
            return ()
        script = script_index(argv, exe)
        names = {posixpath.basename(argv[0]), posixpath.basename(exe)}
        if script:
            names.add(posixpath.basename(argv[script]))
        found: dict[str, bool] = {}
        for name in names:
            for pattern in self._by_name.get(name, ()):
                strong = _strong(pattern, argv, script, exe, cwd, titled)
                if strong or _weak(pattern, exe, titled):
                    found[pattern.process_name] = strong or found.get(pattern.process_name, False)
        return tuple(Match(name, strong) for name, strong in found.items())


def is_interpreter(path: str) -> bool:
    """Whether this program runs a script that is named on its command line."""
    return _INTERPRETER.match(posixpath.basename(path)) is not None


def script_index(argv: Sequence[str], exe: str) -> int:
    """Where in `argv` an interpreter's script (or module) stands; 0: this is none, or it has no script."""
    program = posixpath.basename(argv[0]).removeprefix("-")
    if not _INTERPRETER.match(program):
        return 0
    family = _FAMILY.sub("", program)
    if family == "java":
        return _java_index(argv)
    code = _CODE.get(family, "c")
    i = 1
    while i < len(argv):
        word = argv[i]
        if word == "--":
            return i + 1 if i + 1 < len(argv) else 0
        if word.startswith("--"):
            i += 2 if word in _LONG_WITH_VALUE else 1
            continue
        if not word.startswith(("-", "+")) or len(word) == 1:
            return i if len(word) > 1 or word not in "-+" else 0
        for at, letter in enumerate(word[1:], 1):
            last = at == len(word) - 1
            if letter in code:
                return 0
            if letter == "m" and family in _PYTHONS:
                return i + 1 if last and i + 1 < len(argv) else 0
            if letter in _WITH_VALUE.get(family, ""):
                i += 1 if last else 0
                break
        i += 1
    return 0


def _java_index(argv: Sequence[str]) -> int:
    i = 1
    while i < len(argv):
        if argv[i] == "-jar":
            return i + 1 if i + 1 < len(argv) else 0
        if not argv[i].startswith("-"):
            return i
        i += 2 if argv[i] in _JAVA_WITH_VALUE else 1
    return 0


def _untitled(argv: Sequence[str]) -> tuple[Sequence[str], bool]:
    """The words of a rewritten title, the original command line if it shows one, else `argv` as it is.

    "nova-api: worker [/usr/bin/python3 /usr/bin/nova-api --x]" shows it in brackets; "nginx: master
    process /usr/sbin/nginx -g x" after the title's own words. A colon ends the title's name.
    """
    words = " ".join(argv).split()
    if not words:
        return [], False
    named = "".join(argv[0].split(maxsplit=1)[:1]).endswith(":")
    if named or (len(argv) == 1 and _bracketed(words)):
        return [words[0].removesuffix(":"), *words[1:]], len(words) > 1
    return (words if len(argv) == 1 else argv), False


def _bracketed(words: Sequence[str]) -> bool:
    return any(word[0] in "([" for word in words[1:]) and words[-1][-1] in ")]"


def _strong(
    pattern: Pattern, argv: Sequence[str], script: int, exe: str, cwd: Callable[[], str], titled: bool
) -> bool:
    if titled:
        return _title_says(pattern, argv, exe)
    # A folder or file name with a space in it.
    if len(pattern.words) > 1 and f"{' '.join(argv)} ".startswith(f"{pattern.process_name.strip()} "):
        return True
    if _program_is(pattern, argv[0].removeprefix("-"), exe, cwd) and _follows(pattern.words[1:], argv[1:]):
        return True
    if not script:
        return False
    if _path_is(pattern, argv[script], cwd) and _follows(pattern.words[1:], argv[script + 1 :]):
        return True
    # "/usr/bin/python /usr/bin/x" is what /usr/bin/x run by any python of that kind is called.
    return (
        len(pattern.words) > 1
        and _same_family(pattern.words[0], argv[0], exe)
        and (_follows(pattern.words[1:], argv[1:]) or _follows(pattern.words[1:], argv[script:]))
    )


def _weak(pattern: Pattern, exe: str, titled: bool) -> bool:
    """Only the executable tells: the process calls itself something else."""
    return (
        titled and len(pattern.words) == 1 and not pattern.bare and exe in (pattern.words[0], pattern.target)
    )


def _program_is(pattern: Pattern, shown: str, exe: str, cwd: Callable[[], str]) -> bool:
    if pattern.bare:
        return pattern.words[0] in (posixpath.basename(shown), posixpath.basename(exe))
    if exe and exe in (pattern.words[0], pattern.target):
        return True
    if "/" in shown:
        return _path_is(pattern, shown, cwd)
    # A bare name shown by an interpreter, or with the executable hidden: its title is all there is.
    return shown == posixpath.basename(pattern.words[0]) and (not exe or is_interpreter(exe))


def _path_is(pattern: Pattern, shown: str, cwd: Callable[[], str]) -> bool:
    if pattern.bare:
        return posixpath.basename(shown) == pattern.words[0]
    if shown == pattern.words[0]:
        return True
    if posixpath.basename(shown) != posixpath.basename(pattern.words[0]):
        return False
    absolute = shown if shown.startswith("/") else posixpath.join(cwd(), shown)
    return posixpath.normpath(absolute) in (pattern.words[0], pattern.target)


def _title_says(pattern: Pattern, words: Sequence[str], exe: str) -> bool:
    name = words[0]
    inner = [word.strip("[]()") for word in words[1:]]
    shown = posixpath.basename(pattern.words[0])
    script = (
        pattern.words[-1] if is_interpreter(pattern.words[0]) and len(pattern.words) > 1 else pattern.words[0]
    )
    if pattern.bare and len(pattern.words) == 1:
        return name == shown
    if posixpath.basename(script) != name:
        return False
    if script in inner:
        start = inner.index(pattern.words[0]) if pattern.words[0] in inner else -1
        return len(pattern.words) == 1 or (start >= 0 and _follows(pattern.words, inner[start:]))
    # A script's executable is the interpreter, so beyond its title there is nothing to ask.
    return len(pattern.words) == 1 and is_interpreter(exe)


def _follows(expected: Sequence[str], shown: Sequence[str]) -> bool:
    """Whether the command line goes on with these words; `ps` shows no difference between "a b" and "a" "b"."""
    if not expected:
        return True
    if list(shown[: len(expected)]) == list(expected):
        return True
    return " ".join(shown).split()[: len(expected)] == list(expected)


def _same_family(one: str, shown: str, exe: str) -> bool:
    def family(path: str) -> str:
        return _FAMILY.sub("", posixpath.basename(path))

    return is_interpreter(one) and family(one) in (family(shown), family(exe))
