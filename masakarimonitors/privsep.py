"""The privileged context of oslo.privsep, under the name that deployed sudoers rules contain.

Importing this module imports oslo.privsep; do it only when a privileged command is first needed.
"""

from collections.abc import Sequence

from oslo_config import cfg
from oslo_privsep import priv_context

monitors_priv = priv_context.PrivContext(
    "masakarimonitors",
    cfg_section="masakarimonitors_privileged",
    pypath=__name__ + ".monitors_priv",
    capabilities=[],
)


def configure(config_files: Sequence[str], config_dirs: Sequence[str]) -> None:
    """Let the helper be started with exactly these files, as our own configuration was read.

    oslo.privsep knows only oslo.config's global configuration; sudoers rules compare every argument.
    """
    arguments = [part for path in config_files for part in ("--config-file", path)]
    arguments += [part for path in config_dirs for part in ("--config-dir", path)]
    cfg.CONF(args=arguments, project="masakarimonitors", default_config_files=[], default_config_dirs=[])
