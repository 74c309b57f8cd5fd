"""Identity: what one process is, reduced from what /proc says of it. Pure.

In: a command line and the path of an executable, as the kernel shows them. Out: one frozen `Identity`, from which
`matching` tells whose process it is. What a process says of itself (its first word, its title) and what the kernel
says of it (its executable) stay apart, because anybody can say anything of himself.
"""

import itertools
import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_INTERPRETER = re.compile(
    r"(?P<family>python|pypy|platform-python|perl|ruby|nodejs|node|php|lua|tclsh|guile|java|mono|"
    r"bash|dash|ash|sh|zsh|ksh|mksh)"
    r"[0-9.]*(?:t|d|m|dm|td|-dbg|-debug)?\Z"
)
_LOADER = re.compile(
    r"ld-linux.*\.so.*|ld-[0-9.]+\.so|ld-musl-.*|ld64?\.so.*|"
    r"qemu-(?:aarch64|alpha|arm|armeb|hppa|i386|loongarch64|m68k|mips\w*|ppc\w*|riscv\w*|s390x|sh4\w*|sparc\w*|x86_64)"
    r"(?:-static)?"
)
_MULTICALL = re.compile(r"(?:busybox|toybox|coreutils)(?:[.-].*)?\Z")
# What package managers and prelink leave behind a file's name while they replace it.
_REPLACED = re.compile(r"(?:;[0-9a-f]{4,}|\.#prelink#\.\w+|\.dpkg-(?:new|tmp|old))\Z")
DELETED = " (deleted)"

UNNAMEABLE = "(a path too long to be told)"
"""Stands for an executable whose path the kernel cannot tell: it is none that a list could name."""

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
_SHELLS = frozenset({"bash", "dash", "ash", "sh", "zsh", "ksh", "mksh"})
_CODE = {"perl": "eE", "ruby": "e", "node": "ep", "nodejs": "ep", "php": "r", "lua": "e", "mono": ""}
_LONG_WITH_VALUE = frozenset({"--check-hash-based-pycs", "--require", "--import", "--rcfile", "--init-file"})
_JAVA_WITH_VALUE = frozenset({"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules"})
_LOADER_WITH_VALUE = frozenset(
    {
        "--library-path",
        "--inhibit-rpath",
        "--audit",
        "--preload",
        "--argv0",
        "-L",
        "-E",
        "-U",
        "-0",
        "-g",
        "-cpu",
    }
)
# The only argument of a script that does something to a service, and is none.
_DONE_TO_A_SERVICE = frozenset(
    {"start", "stop", "restart", "reload", "status", "force-reload", "force-restart", "try-restart"}
    | {"condrestart", "onestart", "onestop"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What one process is.

    `program`: the path of its executable, without what package managers append; "" when the kernel hides it. `file`:
    device and inode of it, None when unknown. `shown`: the name by which it was run, or that it gave itself. `words`:
    the command line as it is to be read. `script`: an interpreter's script, as written; `module`: or its module.
    `arguments`: what follows program, script or module. `title`: the whole title, if it has rewritten its command
    line, and `said` what that says beyond the name. `user`: the effective user id; `person`: the ordinary user on
    whose behalf it runs, None for one of the host's own, and `certain` that it is a person's. `unit` and
    `contained`: as `Place` has them.
    `multicall`: many programs in one file, such as busybox; only `shown` tells which. `replaced`: the file was deleted
    or replaced since.
    `loaded`: the kernel says that it runs a program loader; `program` is what its command line says of what that runs.
    """

    program: str
    shown: str
    words: tuple[str, ...]
    script: str = ""
    module: str = ""
    arguments: tuple[str, ...] = ()
    title: str = ""
    said: tuple[str, ...] = ()
    relative: str = ""
    script_file: tuple[int, int] | None = None
    file: tuple[int, int] | None = None
    user: int | None = None
    person: int | None = None
    certain: bool = False
    unit: str = ""
    contained: bool = False
    multicall: bool = False
    replaced: bool = False
    loaded: bool = False

    @property
    def titled(self) -> bool:
        """It calls itself something, as `name: words` or `name (words)`."""
        return bool(self.said)

    @property
    def interpreted(self) -> bool:
        """Its executable is an interpreter, so that this says nothing of what it runs."""
        return is_interpreter(self.program)

    @property
    def serves_a_service(self) -> bool:
        """It is an init script at work: called as the service is, and no service."""
        return (
            bool(self.script)
            and family(self.words[0].removeprefix("-")) in _SHELLS
            and len(self.arguments) == 1
            and self.arguments[0] in _DONE_TO_A_SERVICE
        )

    @property
    def names(self) -> frozenset[str]:
        """The file names under which an entry may know it, in lower case."""
        paths = (self.program, self.shown, self.script, self.module)
        return frozenset(posixpath.basename(path).lower() for path in paths if path)


def identify(
    argv: Sequence[str],
    exe: str,
    *,
    cwd: Callable[[], str] = lambda: "",
    file: tuple[int, int] | None = None,
    user: int | None = None,
) -> Identity | None:
    """What a process with this command line and this executable ("" when hidden) is; None when it shows nothing.

    `cwd` is asked only for a script that was named by a relative path.
    """
    program = exe.removesuffix(DELETED)
    plain = _REPLACED.sub("", program)
    replaced, program, loaded = plain != exe, plain, False
    words = " ".join(argv).split()
    if not argv or not words:
        return None
    if _LOADER.fullmatch(posixpath.basename(program)):
        by_loader = _loaded(argv, posixpath.basename(program))
        if by_loader:
            argv, program, file, loaded = by_loader, by_loader[0], None, True
            words = " ".join(argv).split()
    said, title = _said(argv, words), ""
    if said or len(argv) == 1 < len(words):
        title = " ".join(words)
    if said:
        argv = [words[0].removesuffix(":"), *words[1:]]
    elif len(argv) == 1:
        argv = words
    multicall = _MULTICALL.match(posixpath.basename(program)) is not None
    if multicall and len(argv) > 1 and _MULTICALL.match(posixpath.basename(argv[0])):
        argv = argv[1:]
    at, module = (0, "") if said else _script(argv)
    script, relative = argv[at] if at and not module else "", ""
    if script and not script.startswith("/"):
        relative, script = script, posixpath.normpath(posixpath.join(cwd(), script))
    return Identity(
        program=program,
        shown=argv[0].removeprefix("-"),
        words=tuple(argv),
        script=script,
        module=module,
        arguments=tuple(argv[at + 1 :]),
        title=title,
        said=said,
        relative=relative,
        file=file,
        user=user,
        multicall=multicall,
        replaced=replaced,
        loaded=loaded,
    )


def family(path: str) -> str:
    """Which interpreter this program is, without its version; "" when it is none."""
    found = _INTERPRETER.match(posixpath.basename(path))
    return found["family"] if found else ""


def is_interpreter(path: str) -> bool:
    """Whether this program runs a script that is named on its command line."""
    return bool(family(path))


def told_to_run(words: Sequence[str]) -> tuple[str, str, tuple[str, ...]]:
    """Of an interpreter's command line: the script, the module, the arguments of either; of another's, nothing."""
    at, module = _script(words)
    return words[at] if at and not module else "", module, tuple(words[at + 1 :]) if at else ()


def runs_code(words: Sequence[str]) -> bool:
    """Whether it is a shell that was given its commands as an argument: `sh -c '...'`."""
    options = itertools.takewhile(lambda word: word.startswith("-"), words[1:])
    return family(words[0]) in _SHELLS and any(re.fullmatch(r"-[a-z]*c", word) for word in options)


def _said(argv: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """What a title says beyond its name: "nginx: master process ..." or, in one piece, "agent (/usr/bin/x ...)"."""
    named = "".join(argv[0].split(maxsplit=1)[:1]).endswith(":")
    bracketed = any(word[0] in "([" for word in words[1:]) and words[-1][-1] in ")]"
    return tuple(words[1:]) if named or (len(argv) == 1 and bracketed) else ()


def _loaded(argv: Sequence[str], loader: str) -> Sequence[str]:
    """The command line of what a program loader runs; () when it shows none."""
    if posixpath.basename(argv[0]) != loader:
        return argv
    i = 1
    while i < len(argv) and argv[i].startswith("-"):
        i += 2 if argv[i] in _LOADER_WITH_VALUE else 1
    return argv[i:]


def _script(argv: Sequence[str]) -> tuple[int, str]:
    """Where an interpreter's script stands, or its module, and which that is; 0: this is none, or it has no script."""
    kind = family(argv[0].removeprefix("-"))
    if not kind:
        return 0, ""
    if kind == "java":
        return _java(argv), ""
    code = _CODE.get(kind, "c")
    i = 1
    while i < len(argv):
        word = argv[i]
        if word == "--":
            return (i + 1 if i + 1 < len(argv) else 0), ""
        if word.startswith("--"):
            i += 2 if word in _LONG_WITH_VALUE else 1
            continue
        if not word.startswith(("-", "+")) or len(word) == 1:
            return (i if len(word) > 1 or word not in "-+" else 0), ""
        for at, letter in enumerate(word[1:], 1):
            last = at == len(word) - 1
            if letter in code:
                return 0, ""
            if letter == "m" and kind in _PYTHONS:
                if not last:
                    return i, word[at + 1 :]
                return (i + 1, argv[i + 1]) if i + 1 < len(argv) else (0, "")
            if letter in _WITH_VALUE.get(kind, ""):
                i += 1 if last else 0
                break
        i += 1
    return 0, ""


def _java(argv: Sequence[str]) -> int:
    i = 1
    while i < len(argv):
        if argv[i] == "-jar":
            return i + 1 if i + 1 < len(argv) else 0
        if not argv[i].startswith("-"):
            return i
        i += 2 if argv[i] in _JAVA_WITH_VALUE else 1
    return 0
