"""Root's half of the operator's commands: which command of the list is to be run, and nothing else.

Executed in the privileged helper. In: a process_name and the key of one of its commands, from a monitor that is not
root. Out: that command of that entry, started; or a reason. The list is read here, where root's own configuration says
that it is, and only if root alone can have written it. So whoever runs as the monitor's user can have root run what
root has written down, and nothing of its own. What the monitor has read is compared by a digest alone: where the two
differ, nothing is run. What may be mended by the next save of the list is refused for now, which is no failed try
unless it lasts.
"""

import functools
import hashlib
import shlex

from masakarimonitors.privsep import monitors_priv
from masakarimonitors.processmonitor.core.observation import CommandKey, Entry
from masakarimonitors.processmonitor.sources.process_list import LONGEST, parse_raw
from masakarimonitors.system.files.trusted_file import Untrusted, read_trusted
from masakarimonitors.system.files.yaml_file import YamlFileFault
from masakarimonitors.system.privileged.configuration import Refused, RefusedForNow, process_list_path
from masakarimonitors.system.privileged.helper import launch


def digest(command_line: str) -> str:
    """What a command line is compared by: nobody who sees it learns what stands in there."""
    return hashlib.sha256(command_line.encode()).hexdigest()


@monitors_priv.entrypoint
def start(process_name: str, key: str, seen: str, place: str, word: str) -> tuple[int, str, int]:
    """Start the command that the list gives this process under this key; as `helper.launch`.

    `seen`: the `digest` of that command as the monitor has read it.
    """
    return launch(functools.partial(_argv, process_name, key, seen), place, word)


def _argv(process_name: str, key: str, seen: str) -> list[str]:
    """The command of the list; raises Refused, in words that hold nothing of the list's nor of the request's."""
    try:
        which = CommandKey(key)
    except ValueError:
        raise Refused(f"no such command: the keys are {', '.join(CommandKey)}") from None
    path = process_list_path()
    entry = next((one for one in _entries(path) if one.process_name == process_name), None)
    if entry is None:
        raise RefusedForNow(
            f"{path}, as the privileged helper reads it now, does not name this process. Where the monitor reads"
            " another file ([process] process_list_path), name the same one in the helper's configuration"
        )
    if not entry.run_as_root:
        raise Refused(f"{path} does not let this process's commands be run as root (run_as_root: true)")
    line = which.of(entry)
    if line is None:
        raise RefusedForNow(f"{path}, as the privileged helper reads it now, gives this process no {which}")
    if digest(line) != seen:
        raise RefusedForNow(
            f"{path} has another {which} for this process by now than the monitor has read: none is run. The monitor"
            " reads the list again within seconds, and then runs the new one"
        )
    return shlex.split(line)


# Fifty processes that die at once are fifty requests, and a long list takes a fraction of a second.
_understood = functools.lru_cache(maxsize=1)(parse_raw)


def _entries(path: str) -> tuple[Entry, ...]:
    try:
        return _understood(read_trusted(path, LONGEST), path)
    except Untrusted as why:
        raise Refused(str(why)) from None
    except OSError as error:
        raise RefusedForNow(f"{path} cannot be read by the privileged helper: {error.strerror}") from None
    except YamlFileFault as fault:
        # What is wrong may show what stands there; where it is does not.
        line = fault.faults[0].line
        raise RefusedForNow(
            f"{path} cannot be used{f', because of its line {line}' if line else ''}; `masakari-monitors check` says"
            " what is wrong"
        ) from None
