"""Matching: which entry of the list a process belongs to, by what it runs, never by text in `ps`. Pure.

In: a process's `Identity`. Out: for each entry that it runs a `Reason`, a sentence, strong or weak. Strong: it is the
process itself. Weak: one of its workers or sessions may look like this, so it counts only where none was ever seen
that is strong. In doubt: a person's, who may give it any name and run any program, or one whose name the kernel
contradicts; it does not count. The index by file name keeps the cost of a process independent of the list's length.
"""

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, replace

from masakarimonitors.core.printable import masked, printable
from masakarimonitors.processmonitor.core.recognition.identity import Identity, family
from masakarimonitors.processmonitor.core.recognition.paths import is_named, may_be, may_end
from masakarimonitors.processmonitor.core.recognition.pattern import ALL_OF_OURS, OURS, Pattern

_WORD = re.compile(r"[a-z]+")
_MASTER = frozenset({"master", "main", "parent", "listener"})
_WORKER = frozenset({"worker", "workers", "child", "pool"})
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a process is taken for one of an entry, in one sentence of which "it" is the process.

    `doubt`: why it does not count all the same, and what to do where it should; "" where it counts. `persons`: that is
    because it is a person's for certain; otherwise it may be the service. `misfit`: that is because the list has other
    words for it: once the entry was seen to run, its words fit, and this is not the service. `bundled`: it is the
    program that runs the entry's with others. `elsewhere`: in doubt only because it is in a container.
    """

    why: str
    strong: bool = True
    doubt: str = ""
    persons: bool = False
    _: KW_ONLY
    misfit: bool = False
    bundled: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A process runs `process_name`."""

    process_name: str
    reason: Reason


class Index:
    """The patterns of a list, found by the file names that a process shows."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        """Of no two is the process_name the same."""
        self.patterns = tuple(patterns)
        self._by_name: dict[str, list[Pattern]] = {}
        for pattern in self.patterns:
            for key in pattern.keys:
                self._by_name.setdefault(key, []).append(pattern)

    def candidates(self, identity: Identity) -> Sequence[Pattern]:
        """The patterns that share a name with it: only for these the rest of it must be known."""
        found = {p.process_name: p for name in identity.names for p in self._by_name.get(name, ())}
        return tuple(found.values())

    def match(self, identity: Identity) -> tuple[Match, ...]:
        """What it runs."""
        found = ((pattern, matches(pattern, identity)) for pattern in self.candidates(identity))
        return tuple(Match(pattern.process_name, reason) for pattern, reason in found if reason is not None)


def matches(entry: Pattern, identity: Identity) -> Reason | None:
    """Why this process is one of this entry; None when it is not."""
    reason = _looks_like(entry, identity) or _nearly(entry, identity)
    if reason is None:
        return None
    user = identity.person
    if user is not None and user not in {entry.user, *entry.known.users}:
        doubt = f"it is of user {user} and of no system service or container: give the entry `user: {user}` if it is"
        return replace(reason, doubt=doubt, persons=identity.certain)
    elsewhere = _is_elsewhere(entry, identity) and not _bears_its_name(entry, identity.unit)
    if not reason.doubt and (elsewhere or _is_of_a_stranger(entry, identity)):
        where = identity.unit or "no unit of the init system"
        doubt = (
            f"it is of user {identity.user} in {where}, and was seen to run as others and elsewhere: give the entry "
            f"`user: {identity.user}` if it is"
        )
        return replace(reason, doubt=doubt, elsewhere=elsewhere)
    return reason


def beside(reason: Reason) -> Reason:
    """The same of one in a container, of an entry that is first seen while the host itself runs it, too."""
    doubt = "it is in a container, and another runs outside of all: name in the list what tells them apart, if it is"
    return replace(reason, doubt=doubt, elsewhere=True)


def _is_of_a_stranger(entry: Pattern, it: Identity) -> bool:
    """Whether another service's user runs it: not root, not whom the list names, and neither user nor unit was seen.

    A unit that bears the program's own name is the service's, whoever it runs as by now: of that name there is one.
    """
    if it.user in (None, 0, entry.user) or not entry.known.units or _bears_its_name(entry, it.unit):
        return False
    return it.user not in entry.known.users and it.unit not in entry.known.units


def _is_elsewhere(entry: Pattern, it: Identity) -> bool:
    """Whether it is in a container, and the service was seen outside of all alone; not of an entry with a user.

    Users have the same ids in every container: they tell nothing there.
    """
    known = entry.known.units
    return it.contained and entry.user is None and bool(known) and it.unit not in known


def _bears_its_name(entry: Pattern, unit: str) -> bool:
    names = {entry.name, posixpath.basename(entry.script)}
    return unit.removeprefix("openstack-") in {f"{name}.service" for name in names}


def _looks_like(entry: Pattern, identity: Identity) -> Reason | None:
    if entry.user is not None and identity.user not in (None, entry.user):
        return None
    if identity.serves_a_service:
        return None
    if identity.titled:
        return _by_title(entry, identity)
    return _as_ours(entry, identity) or _by_program(entry, identity) or _by_script(entry, identity)


def _nearly(entry: Pattern, it: Identity) -> Reason | None:
    """What it is in other words than the list's, always in doubt: a second copy may not be started beside it."""
    if it.serves_a_service:
        return None
    why = f'it was run as "{brief(" ".join(it.words))}"'
    launched = entry.launched
    for at in range(len(launched)):
        if launched[at] and _looks_like(Pattern.of(" ".join(launched[at:]), user=entry.user), it) is not None:
            doubt = f"{brief(entry.words[0])} has only begun it: name in the list what that runs, if it is"
            # What is left of a service stays in its unit; in another one this is another, by the name of an argument.
            units = entry.known.units
            named = at >= entry.handed_on and not launched[at].startswith("/")
            misfit = named and bool(units and it.unit) and it.unit not in units
            return Reason(why, strong=False, doubt=doubt, misfit=misfit)
    if it.titled:
        return None
    moved = it.relative and it.script_file is None
    if moved and _looks_like(entry, _as_in_the_list(entry, it)) is not None:
        doubt = (
            f"from which folder is not known any more: name it in the list as {brief(it.relative)}, if it is"
        )
        return Reason(why, strong=False, doubt=doubt)
    loose = _from_any_folder(entry)
    if _looks_like(loose, _as_in_the_list(loose, it)) is not None:
        doubt = (
            "the list tells a path of it in another way: write there what its command line shows, if it is"
        )
        return Reason(why, strong=False, doubt=doubt, misfit=True)
    return None


def _as_in_the_list(entry: Pattern, it: Identity) -> Identity:
    """The same with its paths told as the entry tells them, where they may be the same.

    Of its script only where nobody knows where that is.
    """
    known = it.relative if it.script_file is not None else ""

    def told(word: str) -> str:
        return next((one for one in entry.words if word != known and may_be(one, word)), word)

    script = it.script
    if it.relative and not known:
        named = (entry.script, entry.target)
        script = next((o for o in named if may_end(o, it.relative) or may_end(it.relative, o)), it.script)
    return replace(
        it,
        words=(it.words[0], *map(told, it.words[1:])),
        script=script,
        arguments=tuple(map(told, it.arguments)),
    )


def _from_any_folder(entry: Pattern) -> Pattern:
    """The same with program and script by their names alone, where nothing tells to which folder they belong."""
    script = entry.script if entry.script != entry.words[0] and "/" in entry.script else ""
    words = [
        posixpath.basename(word) if word == script and not word.startswith("/") else word
        for word in entry.words
    ]
    if entry.relative and entry.file is None:
        return replace(entry, words=(entry.name, *words[1:]), target=entry.name)
    return replace(entry, words=tuple(words))


def mentions(process_name: str, line: str, whole: bool = False) -> bool:
    """Whether its text stands in this command line, as it would in the output of `ps`: this is no match.

    `whole`: it names a program of this host, not a part of a word. Where the name goes on, it is another program's
    then: corosync-qdevice is not corosync.
    """
    text = process_name.strip()
    if not whole or text not in line:
        return text in line
    before = "" if "/" in text else r"(?<![\w.-])"
    return re.search(rf"{before}{re.escape(text)}(?![\w.-])", line) is not None


def brief(text: str) -> str:
    """Text from outside as it may stand in a sentence: on one line, and not longer than a few words."""
    return printable(masked(text), _LONGEST)


def _as_ours(entry: Pattern, it: Identity) -> Reason | None:
    """`masakari-monitors run` stands for each of the monitors that it runs."""
    named = OURS.match(posixpath.basename(entry.script))
    if named is None or posixpath.basename(it.script or it.shown) != ALL_OF_OURS or "run" not in it.arguments:
        return None
    told = [b for a, b in zip(it.arguments, it.arguments[1:], strict=False) if a == "--monitor"]
    told += [word.partition("=")[2] for word in it.arguments if word.startswith("--monitor=")]
    if told and named[1] not in told:
        return None
    return Reason(f"it is masakari-monitors run, which runs the {named[1]}", bundled=True)


def _by_title(entry: Pattern, it: Identity) -> Reason | None:
    """It has given itself a title: "nginx: master process /usr/sbin/nginx", "sshd: root@pts/0".

    Only the program itself shows its path or calls itself the master; a worker or a session has a title as well.
    """
    shown = f'its title is "{brief(it.title)}"'
    executable = not it.interpreted and _is_executable(entry, it)
    if len(entry.words) == 1 and executable and not _names_it(entry, it):
        return Reason(f"{_kernel_says(it)}; {shown}", strong=False)
    if not _names_it(entry, it) or not (executable or _believed(entry, it)):
        return None
    doubt = ""
    inner = [word.strip("[]()") for word in it.said]
    start = next((at for at, word in enumerate(inner) if word in (entry.words[0], entry.script)), -1)
    if len(entry.words) > 1:
        if start < 0 or not _follows(entry.words, inner[start:]):
            return None
    elif it.program and not (executable or it.interpreted):
        if start < 0 and not entry.bare:
            return None  # of the same name, and nothing says that it is the one of this path
        shown += f", by root or its own user, and {_kernel_says(it)}"
        doubt = "" if it.loaded else _contradicted(entry, it)
    own = {part for word in it.said[: start if start >= 0 else None] for part in _WORD.findall(word.lower())}
    itself = start >= 0 or _shows_command_line(it) or own & _MASTER
    return Reason(shown, strong=bool(itself) and not own & _WORKER, doubt=doubt)


def _shows_command_line(it: Identity) -> bool:
    return any(word.startswith(("[/", "(/")) for word in it.said)


def _names_it(entry: Pattern, it: Identity) -> bool:
    return it.shown.lower() in {
        posixpath.basename(entry.script).lower(),
        posixpath.basename(entry.target).lower(),
    }


def _by_program(entry: Pattern, it: Identity) -> Reason | None:
    # A folder or a file name with a space in it.
    spaced = len(entry.words) > 1 and f"{' '.join(it.words)} ".startswith(f"{entry.process_name.strip()} ")
    if not spaced and not _follows(entry.words[1:], it.words[1:]):
        return None
    if not spaced and _is_executable(entry, it):
        since = ", deleted or replaced since" if it.replaced else ""
        # "(wsgi:keystone", as Apache's helpers call themselves.
        return Reason(f"{_kernel_says(it)}{since}", strong=not it.shown.startswith("("))
    if not spaced and not _is_shown(entry, it):
        return None
    called = f'it was run as "{brief(it.shown)}"'
    if it.loaded and not it.interpreted:
        why = f"{called} by root or its own user, and {_kernel_says(it)}"
        return Reason(why, strong=False) if _vouched(entry, it) else None
    if it.interpreted and it.user is not None and not _vouched(entry, it):
        return Reason(f"{called} by user {it.user}, and {_kernel_says(it)}", strong=False)
    if not it.program or it.interpreted or spaced or _is_variant(entry, it):
        hidden = "" if it.program else ", and its executable is hidden"
        return (
            Reason(called + hidden) if it.shown == entry.words[0] or spaced else _as_called(entry, it, called)
        )
    if (_believed(entry, it) or entry.relative) and (entry.bare or "/" in it.shown):
        by = "root or its own user" if _believed(entry, it) else f"user {it.user}"
        why = f"{called} by {by}, and {_kernel_says(it)}"
        return Reason(why, strong=False, doubt=_contradicted(entry, it))
    return None


def _as_called(entry: Pattern, it: Identity, called: str) -> Reason | None:
    """Not called exactly as written: by another case, a bare name, or a relative path."""
    if it.shown.lower() == entry.name.lower() and it.shown != entry.name:  # "uWSGI master"
        own = {part for word in it.words[1:] for part in _WORD.findall(word.lower())}
        return Reason(called, strong=not own & _WORKER)
    return Reason(called)


def _is_executable(entry: Pattern, it: Identity) -> bool:
    """Whether the kernel says that it runs the entry's program."""
    if not it.program or it.loaded:
        return False
    if entry.bare:
        return posixpath.basename(it.program) == entry.name and not it.multicall
    same = is_named(entry.words[0], it.program, entry.target) or _is_file(entry, it.file)
    # Behind a link of another name stand many programs in one file, and the name says which.
    names = {entry.name.lower(), posixpath.basename(entry.target).lower()}
    return same and (len(names) == 1 or posixpath.basename(it.shown).lower() in names)


def _is_shown(entry: Pattern, it: Identity) -> bool:
    if posixpath.basename(it.shown).lower() != entry.name.lower():
        return False
    if entry.bare:
        return "/" not in it.shown or posixpath.basename(it.shown) == entry.name
    if "/" not in it.shown or is_named(entry.words[0], it.shown, entry.target):
        return True
    # Called by a relative path, which no executable contradicts.
    hidden = not it.program or it.interpreted
    return hidden and (may_end(entry.words[0], it.shown) or may_end(entry.target, it.shown))


def _is_file(entry: Pattern, file: tuple[int, int] | None) -> bool:
    return file is not None and file == entry.file


def _is_variant(entry: Pattern, it: Identity) -> bool:
    """A bare name's program under a longer one: ovs-vswitchd-dpdk, uwsgi-core, .agent-wrapped; or busybox."""
    program = posixpath.basename(it.program).lower().lstrip(".")
    return it.multicall or (entry.bare and program.startswith(entry.name.lower()))


def _believed(entry: Pattern, it: Identity) -> bool:
    """Whether its own word is worth anything: root's, its entry's user's, or where nothing contradicts."""
    return not it.program or it.interpreted or _vouched(entry, it)


def _contradicted(entry: Pattern, it: Identity) -> str:
    """Why its own word does not count, which the kernel contradicts; "" where the list names the user who gave it."""
    if entry.user is not None and it.user == entry.user:
        return ""
    return f"what it calls itself is no proof: name that executable, or give the entry `user: {it.user}`, if it is"


def _vouched(entry: Pattern, it: Identity) -> bool:
    """Whether it is of somebody who may say what it is: root, or its entry's user."""
    return it.user == 0 or (entry.user is not None and it.user == entry.user)


def _kernel_says(it: Identity) -> str:
    """What the kernel says of it, which is nothing of what a program loader runs."""
    return "a program loader runs it" if it.loaded else f"its executable is {brief(it.program)}"


def _by_script(entry: Pattern, it: Identity) -> Reason | None:
    run = it.script or it.module
    if not run:
        return None
    how = f"it runs {'the module ' if it.module else ''}{brief(run)} with {brief(it.shown)}"
    if _is_script(entry, it) and _follows(entry.words[1:], it.arguments):
        return Reason(how)
    # "/usr/bin/python /usr/bin/x" is what /usr/bin/x run by any python of that kind is called.
    script, module, arguments = entry.runs
    if not (script or module) or not _same_family(entry.words[0], it):
        return None
    same = module == it.module if module else bool(it.script) and is_named(script, it.script)
    return Reason(how) if same and _follows(arguments, it.arguments) else None


def _is_script(entry: Pattern, it: Identity) -> bool:
    run = it.script or it.module
    if entry.bare:
        return posixpath.basename(run) == entry.words[0]
    if is_named(entry.words[0], run, entry.target):
        return True
    # Behind a link of another name may stand many, and the name says which.
    return _is_file(entry, it.script_file) and posixpath.basename(run) == entry.name


def _same_family(one: str, it: Identity) -> bool:
    return bool(family(one)) and family(one) in (family(it.shown), family(it.program))


def _follows(expected: Sequence[str], shown: Sequence[str]) -> bool:
    """Whether the command line goes on with these words; `ps` shows no difference between "a b" and "a" "b"."""
    if not expected:
        return True
    if list(shown[: len(expected)]) == list(expected):
        return True
    return " ".join(shown).split()[: len(expected)] == list(expected)
