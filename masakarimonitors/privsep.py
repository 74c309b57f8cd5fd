"""The privileged context of oslo.privsep, under the name that deployed sudoers rules contain.

Importing this module imports oslo.privsep; do it only when a privileged command is first needed. It is the first of
ours that the helper imports, so what the helper must never do is kept from it here: to log what it was asked and
answers.
"""

import logging
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

# Each request to the helper has one: it is not to be held back until the first, which may come when its disk is away.
from uuid import uuid4 as _named  # noqa: F401

from oslo_config import cfg
from oslo_privsep import priv_context

monitors_priv = priv_context.PrivContext(
    "masakarimonitors",
    cfg_section="masakarimonitors_privileged",
    pypath=__name__ + ".monitors_priv",
    capabilities=[],
)

OPTIONS: dict[str, cfg.Opt] = {
    "process": cfg.StrOpt("process_list_path", default="/etc/masakarimonitors/process_list.yaml"),
    "host": cfg.StrOpt("monitoring_driver", default="default"),
}
"""The options of ours that the helper heeds, by section; a test compares them with those of the monitors."""


class _Silence(logging.Filter):
    """At DEBUG oslo.privsep logs each answer, and each exception with its values: passwords may be among them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


# Both names that oslo.privsep has given its logger. No level that an operator sets for them overrules a filter.
for _name in ("oslo.privsep.daemon", "oslo_privsep.daemon"):
    logging.getLogger(_name).addFilter(_Silence())


_SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where sudo looks for a program by its name, whatever the caller's PATH is: `secure_path`, as distributions set it."""


def helper(scripts: Path, searched: str = _SEARCHED) -> str:
    """How sudo is to be told of the helper that was installed into `scripts` with us: by its name, or its path.

    Its path where sudo would find none by that name, or one of other packages, which knows nothing of ours.
    """
    ours = scripts / "privsep-helper"
    found = shutil.which("privsep-helper", path=searched)
    if not ours.is_file() or (found is not None and Path(found).resolve() == ours.resolve()):
        return "privsep-helper"
    return str(ours)


def configure(config_files: Sequence[str], config_dirs: Sequence[str], program: str = "") -> None:
    """Let the helper be started with exactly these files, as our own configuration was read.

    oslo.privsep knows only oslo.config's global configuration; sudoers rules compare every argument. `program` is the
    helper, if no `helper_command` is set; empty: the one beside this Python.
    """
    arguments = [part for path in config_files for part in ("--config-file", path)]
    arguments += [part for path in config_dirs for part in ("--config-dir", path)]
    cfg.CONF(args=arguments, project="masakarimonitors", default_config_files=[], default_config_dirs=[])
    section = monitors_priv.cfg_section
    cfg.CONF.clear_default("helper_command", group=section)
    program = program or helper(Path(sys.executable).parent)
    if not monitors_priv.conf.helper_command and program != "privsep-helper":
        # oslo.privsep's own default, but for the name.
        command = shlex.join(["sudo", program, *arguments])
        cfg.CONF.set_default("helper_command", command, group=section)


def started_with() -> tuple[list[str], list[str]]:
    """The configuration files and folders that this process was started with."""
    return list(cfg.CONF.config_file or ()), list(cfg.CONF.config_dir or ())


def read_option(section: str) -> str:
    """The option of `OPTIONS`, as those files have it. Nothing else counts, no variable of the environment either.

    Raises ValueError when they cannot be read.
    """
    files, folders = started_with()
    conf = cfg.ConfigOpts()
    conf.register_opt(OPTIONS[section], group=section)
    arguments = [part for path in files for part in ("--config-file", path)]
    arguments += [part for path in folders for part in ("--config-dir", path)]
    try:
        conf(
            args=arguments,
            project="masakarimonitors",
            default_config_files=[],
            default_config_dirs=[],
            use_env=False,
        )
        return str(conf[section][OPTIONS[section].dest])
    except cfg.Error as fault:
        raise ValueError(f"{type(fault).__name__} in the configuration") from None


def main() -> None:
    """oslo.privsep's helper, as our packages install it: its log goes to its monitor, whatever the configuration says.

    With `use_journal` oslo.log wants systemd's binding before the helper has begun, and no package of ours needs it.
    """
    from oslo_privsep import daemon

    sys.argv.append("--nouse-journal")  # behind the files: the last word counts
    daemon.helper_main()
