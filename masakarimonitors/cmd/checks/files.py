"""Which configuration was read, and what of it nobody reads."""

from oslo_config import cfg

from masakarimonitors.conf import files, unknown, variables
from masakarimonitors.core.finding import Finding, ok, warning


def read(conf: cfg.ConfigOpts) -> list[Finding]:
    """The files; none at all is seldom meant."""
    found = [str(path) for path in files.loaded(conf)]
    if found:
        return [ok(f"the configuration is that of {', '.join(found)}")]
    return [
        warning(
            "no configuration file was found, so every option has its default. Searched were masakarimonitors.conf in "
            f"~/.masakarimonitors, ~, /etc/masakarimonitors and /etc, and {' and '.join(files.ELSEWHERE)}: name "
            "another with --config-file"
        )
    ]


def remarks(conf: cfg.ConfigOpts) -> list[Finding]:
    """Each line and each variable of the environment that does not do what its author meant.

    A third-party host driver must be loaded by now.
    """
    said = [*map(str, unknown.remarks(conf, driver_loaded=True)), *variables.remarks(conf)]
    return [warning(remark) for remark in said]
