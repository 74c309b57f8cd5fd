"""Which configuration was read, and what of it nobody reads."""

import os
from collections.abc import Sequence

from oslo_config import cfg

from masakarimonitors.conf import files, unknown
from masakarimonitors.core.finding import Finding, ok, warning

ELSEWHERE = ("/etc/masakari-monitors/masakari-monitors.conf", "/etc/masakari/masakarimonitors.conf")
"""Where Kolla and OpenStack-Helm keep the file, and name it to each monitor: it is not searched for there."""


def read(conf: cfg.ConfigOpts, elsewhere: Sequence[str] = ELSEWHERE) -> list[Finding]:
    """The files; none at all is seldom meant."""
    found = [str(path) for path in files.loaded(conf)]
    if found:
        return [ok(f"the configuration is that of {', '.join(found)}")]
    there = [path for path in elsewhere if os.path.exists(path)]
    hint = f". Is it {' or '.join(there)}? Name it with --config-file" if there else ""
    return [warning(f"no configuration file was found, so every option has its default{hint}")]


def remarks(conf: cfg.ConfigOpts) -> list[Finding]:
    """Each line that does not do what its author meant; a third-party host driver must be loaded by now."""
    return [warning(str(remark)) for remark in unknown.remarks(conf, driver_loaded=True)]
