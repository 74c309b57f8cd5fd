"""Where a monitor keeps what must outlive it.

A monitor that refuses to start protects nobody, so without any writable folder it works from memory
and shouts. A folder that was named on purpose is different: somebody relies on it, so it must work. A disk that only
has no room is neither: what waits there counts, and it is written again as soon as the disk takes it.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from oslo_config import cfg

from masakarimonitors.conf.faults import ConfigFault
from masakarimonitors.conf.loader import where
from masakarimonitors.system.files.private_files import NO_ROOM, folder_is_open_to

_LOG = logging.getLogger(__name__)

SYSTEM = Path("/var/lib/masakarimonitors")
"""The folder of a packaged service."""

SHADOW = "shadow"
"""The folder of shadows within each: what a monitor that works keeps is never theirs."""

_HELD_BACK = (
    "The outbox is in {folder}, which uid {uid} cannot use at present ({seen}). Another folder would leave behind the "
    "reports that wait there, and report again what was reported, so nothing is started. Mend it, or start again when "
    "it has passed; to begin with nothing, stop the monitors and move the files away."
)
_UNTOLD = (
    "Whether the outbox is in {folder} cannot be seen by uid {uid} ({seen}). Another folder could leave reports behind "
    "there, or work beside a monitor that uses it, so nothing is started. Start as the user that the monitors run as, "
    "or set [DEFAULT] state_path to the folder that this one is to use."
)


_HANG = (
    "Whether the outbox is in {folders} cannot be seen: their disks do not answer. To take one of them could leave "
    "reports behind in another, so nothing is started. Start again when they answer, which a service manager does by "
    "itself; or set [DEFAULT] state_path to the folder that is to be used, which needs no look at any other."
)


class Standing(Enum):
    """What a folder is good for."""

    READY = "it can be written"
    FULL = "it is there and takes nothing at present"
    OPEN = "others than root could put files there, and this is root"
    UNUSABLE = "it cannot be had"


class Untold(ConfigFault):
    """Whether the outbox is in a folder cannot be seen by this user."""


class Held(Enum):
    """Whether a folder has an outbox of the monitors that are to start, as far as can be seen."""

    YES = "it has one"
    NO = "it has none"
    UNTOLD = "nobody can tell: it may not be entered, or does not answer in order"
    HANGS = "nobody can tell: its disk does not answer at all"


@dataclass(frozen=True, slots=True)
class Found:
    """The folder that somebody who only reads would look into, and those that this user may not look into."""

    folder: Path | None
    closed: Sequence[Path] = ()
    shadow: bool = False
    """Shadows are looked for: they are nowhere else."""

    @property
    def unknown(self) -> str:
        """What this user cannot know, and what to do; or nothing."""
        if not self.closed:
            return ""
        return (
            f"uid {os.geteuid()} may not look into {', '.join(map(str, self.closed))}: what monitors keep there is not "
            "shown. Ask as root, or as the user that the monitors run as."
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that was looked at; `seen` says what is in the way."""

    folder: Path
    standing: Standing
    seen: str = ""


def held(folder: Path, names: Sequence[str]) -> tuple[Held, str]:
    """Whether one of those monitors has its outbox there; what cannot be seen is not taken for "no"."""
    for name in names:
        try:
            (folder / f"{name}.sqlite").lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as fault:
            return Held.UNTOLD, fault.strerror or str(fault)
        return Held.YES, ""
    return Held.NO, ""


LookForOutbox = Callable[[Path, Sequence[str]], tuple[Held, str]]
"""What `held` does."""


def resolve(
    conf: cfg.ConfigOpts,
    environ: Mapping[str, str] | None = None,
    system: Path = SYSTEM,
    *,
    names: Sequence[str] = (),
    held: LookForOutbox = held,
) -> Path | None:
    """The folder for state, made if need be; None (logged) means that only memory is left.

    A folder that already holds the outbox of one of the monitors `names` wins. One on a full disk is logged; it is
    written later. Raises `ConfigFault` when [DEFAULT] state_path names a folder that cannot be written, or one is due
    that is open to others, or that holds the outbox, or may hold it, and cannot be had: to go elsewhere would leave
    behind what waits there and what was reported, and a monitor that works there would have a second one beside it.
    """
    chosen, remarks = plan(conf, environ, system, names=names, look=_make, held=held)
    if chosen is None:
        _LOG.error(
            "No folder for state is writable for uid %d: %s. Reports are kept in memory only: what is not "
            "delivered when this process ends is lost, and what it has already reported may be reported again. "
            "Set [DEFAULT] state_path to a writable folder, or StateDirectory=masakarimonitors in the systemd "
            "unit.",
            os.geteuid(),
            "; ".join(remarks),
        )
        return None
    for remark in remarks:
        _LOG.warning("%s", remark)
    if chosen.standing is Standing.FULL:
        _LOG.error(
            "The disk of the folder for state takes nothing: %s (%s). Reports are kept in memory until it does: what "
            "is not delivered when this process ends before that is lost. Make room there, or mount it writable.",
            chosen.folder,
            chosen.seen,
        )
    return chosen.folder


def plan(
    conf: cfg.ConfigOpts,
    environ: Mapping[str, str] | None = None,
    system: Path = SYSTEM,
    *,
    names: Sequence[str],
    look: Callable[[Path], tuple[Standing, str]] | None = None,
    held: LookForOutbox = held,
) -> tuple[Place | None, Sequence[str]]:
    """The folder that `resolve` would take, and what is to be said of others; nothing is made unless `look` does.

    Where no folder is known to hold the outbox, the one whose disk hangs may: it is taken, and used when it answers.

    Raises `ConfigFault` as `resolve`.
    """
    look = look or _look
    if conf.state_path:
        (folder,) = folders(conf)
        chosen = Place(folder, *look(folder))
        if chosen.standing is Standing.UNUSABLE:
            raise ConfigFault(
                f"{where(conf, 'DEFAULT', 'state_path')}: uid {os.geteuid()} cannot write there "
                f"({chosen.seen}). Reports that are not yet delivered live in this folder. Make it writable "
                "for this user, or remove the option to let a usual folder be chosen."
            )
        if chosen.standing is Standing.OPEN:
            raise ConfigFault(f"{where(conf, 'DEFAULT', 'state_path')}: {chosen.seen}")
        return chosen, ()
    possible = folders(conf, environ, system)
    told = {folder: held(folder, names) for folder in possible}
    holding = [folder for folder, (there, _) in told.items() if there is Held.YES]
    hung = [folder for folder, (there, _) in told.items() if there is Held.HANGS]
    if hung and not holding:
        if len(hung) > 1:
            raise Untold(_HANG.format(folders=", ".join(map(str, hung))))
        return Place(hung[0], Standing.FULL, "its disk does not answer"), ()
    unseen = (Held.UNTOLD, Held.HANGS)
    passed = {folder: seen for folder, (there, seen) in told.items() if there in unseen and holding}
    for folder in [*holding, *(folder for folder in possible if folder not in holding)]:
        there, seen = told[folder]
        if there is Held.HANGS:
            continue
        if there is Held.UNTOLD:
            raise Untold(_UNTOLD.format(folder=folder, seen=seen, uid=os.geteuid()))
        place = Place(folder, *look(folder))
        if there is Held.YES and place.standing is Standing.OPEN:
            raise ConfigFault(f"The outbox is in {folder}: {place.seen}")
        if there is Held.YES and place.standing is Standing.UNUSABLE:
            raise ConfigFault(_HELD_BACK.format(folder=folder, seen=place.seen, uid=os.geteuid()))
        if place.standing is Standing.READY or (place.standing is Standing.FULL and os.path.isdir(folder)):
            return place, _remarks(possible, place, passed)
        passed[folder] = place.seen
    return None, _remarks(possible, None, passed)


def folders(
    conf: cfg.ConfigOpts, environ: Mapping[str, str] | None = None, system: Path = SYSTEM
) -> Sequence[Path]:
    """Every folder in which a monitor may keep its state, the likeliest first; nothing is touched."""
    if conf.state_path:
        found = [Path(conf.state_path).expanduser()]
    else:
        found = list(_candidates(os.environ if environ is None else environ, system))
    return [folder / SHADOW for folder in found] if conf.shadow else found


def find(
    conf: cfg.ConfigOpts,
    suffix: str,
    names: Sequence[str],
    environ: Mapping[str, str] | None = None,
    system: Path = SYSTEM,
) -> Path | None:
    """For whoever only reads: the first folder with a file `<name><suffix>`, else the likeliest; nothing is made."""
    return search(conf, suffix, names, environ, system).folder


def search(
    conf: cfg.ConfigOpts,
    suffix: str,
    names: Sequence[str],
    environ: Mapping[str, str] | None = None,
    system: Path = SYSTEM,
) -> Found:
    """As `find`, and which folders are closed to this user."""
    possible = folders(conf, environ, system)
    closed: tuple[Path, ...] = ()
    for folder in possible:
        try:
            for name in names:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    (folder / f"{name}{suffix}").lstat()
                    return Found(folder, closed, bool(conf.shadow))
        except PermissionError:
            closed += (folder,)
        except OSError:  # what else is the matter with it is said where it is used
            continue
    return Found(possible[0] if possible else None, closed, bool(conf.shadow))


def _remarks(possible: Sequence[Path], chosen: Place | None, passed: Mapping[Path, str]) -> Sequence[str]:
    remarks = [f"{folder} is passed over as a folder for state: {seen}" for folder, seen in passed.items()]
    for folder in possible:
        if chosen is None or folder == chosen.folder:
            break
        if folder not in passed:
            remarks.append(
                f"State is kept in {chosen.folder}, because the outbox is there already; {folder} would come first. "
                "To move: stop the monitors, move the files, start them"
            )
    return remarks


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


def _make(folder: Path) -> tuple[Standing, str]:
    """Whether files can be written here, tried for real: modes do not tell of a full disk. The folder is made."""
    seen = _look(folder)  # in words that who only looks has, too
    if seen[0] in (Standing.UNUSABLE, Standing.OPEN):
        return seen
    try:
        if folder.name == SHADOW:
            # As a monitor that works would make it, which finds it later, and would refuse one that others may write.
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = folder_is_open_to(folder)
        if others:
            return Standing.OPEN, others
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-") as probe:
            probe.write(b"1")
    except OSError as fault:
        return _standing(fault)
    return Standing.READY, ""


def _look(folder: Path) -> tuple[Standing, str]:
    """Whether files could be written here, as far as looking tells."""
    try:
        nearest = next(part for part in (folder, *folder.parents) if part.exists())
        if nearest == folder and (others := folder_is_open_to(folder)):
            return Standing.OPEN, others
        if not nearest.is_dir():
            return Standing.UNUSABLE, f"{nearest} is no folder"
        if os.statvfs(nearest).f_flag & os.ST_RDONLY:
            return Standing.FULL, "it is mounted read-only"
        if not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
            return Standing.UNUSABLE, f"uid {os.geteuid()} may not write in {nearest}"
    except OSError as fault:
        return _standing(fault)
    return Standing.READY, ""


def _standing(fault: OSError) -> tuple[Standing, str]:
    full = fault.errno in NO_ROOM
    return Standing.FULL if full else Standing.UNUSABLE, fault.strerror or str(fault)
