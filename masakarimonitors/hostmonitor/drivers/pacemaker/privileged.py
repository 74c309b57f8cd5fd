"""Root's half of the driver's commands: which of the closed table is to be run, and nothing else.

Executed in the privileged helper. In: the name of an operation and its arguments, from a monitor that is not root. Out:
that command, started; or a reason. Whoever runs as the monitor's user can have root look at the cluster in these ways.
"""

from collections.abc import Sequence

from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import (
    KEEP,
    Asked,
    NoSuchOperationError,
    Operation,
)
from masakarimonitors.privsep import monitors_priv
from masakarimonitors.system.privileged.configuration import Refused
from masakarimonitors.system.privileged.helper import launch


@monitors_priv.entrypoint
def start(operation: str, arguments: Sequence[str], place: str, word: str) -> tuple[int, str, int]:
    """Start the command of this operation; as `helper.launch`."""

    def argv() -> list[str]:
        try:
            return Asked(Operation(operation), tuple(arguments)).argv
        except NoSuchOperationError as fault:
            raise Refused(str(fault)) from None
        except (ValueError, TypeError):
            raise Refused("there is no such operation; monitor and helper may be of two releases") from None

    return launch(argv, place, word, KEEP)
