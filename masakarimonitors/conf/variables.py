"""Environment variables that were meant for options, and that nobody reads.

oslo.config looks for exactly `OS_<SECTION>__<OPTION>`; one that is mistyped does nothing and says nothing, and a
monitor that was to be a shadow by it would act. In: the names of the environment. Out: a sentence for each that looks
like one of ours. Those of openrc files (`OS_AUTH_URL`) and of other libraries' sections are left alone, and no value
is ever shown.
"""

import difflib
import logging
import os
from collections.abc import Iterable, Sequence

from oslo_config import cfg

from masakarimonitors.conf import unknown
from masakarimonitors.conf.sections import default

_LOG = logging.getLogger(__name__)

_LIKE = 0.9
"""How alike (0 to 1) a name without the two underscores must be to one of ours: openrc files have many of that kind."""


def remarks(conf: cfg.ConfigOpts, environ: Iterable[str] | None = None) -> Sequence[str]:
    """One sentence for each variable that names no option, by the names in `environ` (this process's)."""
    known, older = unknown.names(conf)
    read = {
        _variable(section, name): section
        for section, options in known.items()
        for name in options
        if (section, name) not in older
    }
    found = []
    for name in sorted(os.environ if environ is None else environ):
        if name.upper().startswith("OS_") and name not in read:
            why = _why(name.upper(), read, conf)
            if why is not None:
                found.append(f"environment variable {name} is ignored{why}")
    return found


def warn(conf: cfg.ConfigOpts) -> None:
    """Log each as a warning; called once, after the log is set up."""
    for remark in remarks(conf):
        _LOG.warning("Configuration: %s", remark)


def _variable(section: str, name: str) -> str:
    return f"OS_{section}__{name}".upper()


def _why(name: str, read: dict[str, str], conf: cfg.ConfigOpts) -> str | None:
    """What is wrong with it, as the end of the sentence; None for one that is not ours."""
    if name in read:
        return f": it is read in capitals alone, as {name}"
    section, between, option = name.removeprefix("OS_").partition("__")
    if not between:
        # OS_DEFAULT_SHADOW, OS_SHADOW.
        squeezed = {one.replace("__", "_", 1): one for one in read}
        squeezed |= {f"OS_{one.dest}".upper(): _variable("DEFAULT", one.dest) for one in default.OPTIONS}
        # What is only like an option that says how to log in is of an openrc file.
        other = sorted(one for one, meant in squeezed.items() if read[meant] not in ("api", "callback"))
        near = [name] if name in squeezed else difflib.get_close_matches(name, other, n=1, cutoff=_LIKE)
        return f"; did you mean {squeezed[near[0]]}?" if near else None
    ours = section if section == "DEFAULT" else section.lower()
    if ours in set(read.values()):
        if unknown.is_read_elsewhere(conf, ours, option.lower()):
            return None
        near = difflib.get_close_matches(name, [one for one in read if read[one] == ours], n=1, cutoff=0.7)
        hint = unknown.unfit(ours, option.lower()) or (f"; did you mean {near[0]}?" if near else "")
        return f": [{ours}] has no option of this name{hint}" if not hint.startswith(":") else hint
    if unknown.is_others(conf, ours):
        return None
    near = difflib.get_close_matches(name, sorted(read), n=1, cutoff=_LIKE)
    return f"; did you mean {near[0]}?" if near else None
