"""What the helper heeds of the configuration that it was started with: where the process list is, and one thing more.

Read in root's process alone, and at each request anew. Whoever asks has no say in it: the files are those of the
helper's own command line, which sudoers rules pin.
"""

from masakarimonitors import privsep
from masakarimonitors.system.files.trusted_file import others_could_write

OWN_DRIVERS = ("simple", "default", "consul", "kubernetes")
"""Host drivers of this project, which need no command of their own making run as root; a test compares the names."""


class Refused(Exception):
    """The helper does not do what it was asked; the message says why and what to do, and nothing that may be secret.

    Root has not allowed it, and asking again is of no use before root does.
    """


class RefusedForNow(Refused):
    """What root has written cannot be used at this moment, or the monitor has read another version of it.

    That says nothing about what was asked for: an edit that is not finished, a disk that does not answer.
    """


def process_list_path() -> str:
    """Where the list of processes is; raises Refused when others than root could have written that down."""
    if why := others_could_write(*privsep.started_with()):
        raise Refused(f"the configuration says where the process list is, but {why}")
    return _option("process")


def third_party_driver() -> bool:
    """Whether the configuration names a host driver that is not this project's; raises Refused.

    Where it can be read, not whether others can write it: it names a file that oslo.log executes, so those are root.
    """
    return _option("host") not in OWN_DRIVERS


def _option(section: str) -> str:
    try:
        return privsep.read_option(section)
    except (ValueError, OSError):
        raise RefusedForNow(
            "the privileged helper cannot read its configuration; `masakari-monitors check` says what is wrong"
        ) from None
