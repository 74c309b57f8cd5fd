"""Where a monitor keeps what must outlive it.

A monitor that refuses to start protects nobody, so without any writable folder it works from memory
and shouts. A folder that was named on purpose is different: somebody relies on it, so it must work.
"""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from oslo_config import cfg

from masakarimonitors.conf.faults import ConfigFault
from masakarimonitors.conf.loader import where

_LOG = logging.getLogger(__name__)

SYSTEM = Path("/var/lib/masakarimonitors")
"""The folder of a packaged service."""


def resolve(
    conf: cfg.ConfigOpts, environ: Mapping[str, str] | None = None, system: Path = SYSTEM
) -> Path | None:
    """The folder for state, made if need be and writable; None (logged) means that only memory is left.

    Raises `ConfigFault` when [DEFAULT] state_path names a folder that cannot be written.
    """
    if conf.state_path:
        chosen = Path(conf.state_path).expanduser()
        obstacle = _obstacle(chosen)
        if obstacle:
            raise ConfigFault(
                f"{where(conf, 'DEFAULT', 'state_path')}: uid {os.geteuid()} cannot write there "
                f"({obstacle}). Reports that are not yet delivered live in this folder. Make it writable "
                "for this user, or remove the option to let a usual folder be chosen."
            )
        return chosen
    tried = []
    for candidate in _candidates(os.environ if environ is None else environ, system):
        obstacle = _obstacle(candidate)
        if not obstacle:
            return candidate
        tried.append(f"{candidate} ({obstacle})")
    _LOG.error(
        "No folder for state is writable for uid %d: tried %s. Reports are kept in memory only: what is not "
        "delivered when this process ends is lost, and what it has already reported may be reported again. "
        "Set [DEFAULT] state_path to a writable folder, or StateDirectory=masakarimonitors in the systemd "
        "unit.",
        os.geteuid(),
        "; ".join(tried),
    )
    return None


def _candidates(environ: Mapping[str, str], system: Path) -> Iterator[Path]:
    # systemd lists several folders with colons; the first is the one that the unit names first.
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        yield Path(given)
    yield system
    user = environ.get("XDG_STATE_HOME", "")
    home = environ.get("HOME", "")
    if user.startswith("/"):
        yield Path(user) / "masakarimonitors"
    elif home:
        yield Path(home) / ".local/state/masakarimonitors"


def _obstacle(folder: Path) -> str:
    """Why no file can be written here, or nothing. Tried for real: modes do not tell of a full disk."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-") as probe:
            probe.write(b"1")
    except OSError as fault:
        return fault.strerror or str(fault)
    return ""
