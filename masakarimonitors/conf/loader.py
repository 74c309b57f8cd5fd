"""From command-line arguments and files to a validated configuration.

`load` returns a `ConfigOpts` of which every value has its type and stands in its range, or raises
`ConfigFault` with all that an operator must mend, each with file and line.
"""

import contextlib
import io
import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Collection, Iterator, Sequence

from oslo_config import cfg

from masakarimonitors.conf import files, log, opts
from masakarimonitors.conf.faults import ConfigFault, describe, expected, may_hold_secrets, setting_of
from masakarimonitors.conf.sections import api, default
from masakarimonitors.version import VERSION

PROJECT = files.PROJECT
"""As oslo.config's own tools are told it."""

_READABLE = (("api", "cafile"), ("api", "certfile"), ("api", "keyfile"), ("DEFAULT", "log_config_append"))
"""Options that name a file which every monitor must be able to read."""

_OF_SHADOWS = (
    # Nobody is elected: no session, no lock, no Lease, no process group.
    ("host", "reporter", "all"),
    # What a monitor that works listens to is not taken from it: Pacemaker's alerts, and the port of its probes.
    ("host", "pacemaker_alert_socket", ""),
    ("status", "listen", None),
    # Nor the port and the file of its receiver, which would hear of nothing here but questions.
    ("receiver", "embedded", False),
)
"""What stands in a shadow, whatever the files say."""


def load(
    argv: Sequence[str],
    *,
    prog: str = "masakari-monitors",
    default_config_files: Sequence[str] | None = None,
    default_config_dirs: Sequence[str] | None = None,
    cli_options: Sequence[cfg.Opt] = (),
    elsewhere: Sequence[str] = files.ELSEWHERE,
    unseen: Callable[..., Sequence[str]] = files.unseen,
) -> cfg.ConfigOpts:
    """Read and validate the configuration.

    `argv` are the arguments without the program's name; `prog` also chooses the default files, as
    oslo.config does (`masakarimonitors.conf` and `<prog>.conf`, in ~/.masakarimonitors, ~,
    /etc/masakarimonitors, /etc); where those hold nothing, the first file of `elsewhere` is read. `cli_options` are
    further options of the command line. `unseen` tells as `files.unseen` into which folders this user may not look.

    Raises `ConfigFault` for anything that an operator must mend, and `SystemExit` for --help,
    --version and malformed arguments.
    """
    conf = cfg.ConfigOpts()
    # First: what is registered already is not registered as an option of the command line any more.
    conf.register_cli_opt(default.SHADOW)
    opts.register(conf)
    log.register(conf)
    conf.register_cli_opts(cli_options)
    if default_config_files is None:
        _look_everywhere(unseen(argv, prog, default_config_dirs, elsewhere))
        default_config_files = files.found(argv, prog, default_config_dirs, elsewhere)
    read = files.read(files.chosen(argv, prog, default_config_files, default_config_dirs))
    with _quiet_libraries():
        _parse(conf, argv, prog, default_config_files, default_config_dirs, read)
        _register_plugin(conf, read)
        _validate(conf, read)
        if conf.hostname is None:
            _name_after_host(conf)
        _check_readable(conf, read)
    if conf.shadow:
        for section, name, value in _OF_SHADOWS:
            conf.set_override(name, value, group=section)
    return conf


def where(conf: cfg.ConfigOpts, section: str, name: str) -> str:
    """`[section] name = value (file, line n)`, for messages about a value of a loaded configuration."""
    for option in _known(conf).get(section, ()):
        if option.dest == name:
            return describe(option, section, files.read(files.loaded(conf)))
    return f"[{section}] {name}"


def secrets(conf: cfg.ConfigOpts) -> frozenset[str]:
    """The values of all secret options that are set: what must stand nowhere."""
    found = set()
    for section, options in _known(conf).items():
        place = conf if section == "DEFAULT" else conf[section]
        found |= {str(place[option.dest]) for option in options if option.secret and place[option.dest]}
    return frozenset(found)


def differing(conf: cfg.ConfigOpts, fresh: cfg.ConfigOpts, without: Collection[str] = ()) -> list[str]:
    """Which options have another value in a configuration that was loaded later, as `[section] name`.

    `without` are names in [DEFAULT] that do not count.
    """
    found = []
    for section, options in _known(conf).items():
        one, other = (each if section == "DEFAULT" else each[section] for each in (conf, fresh))
        for option in options:
            if section == "DEFAULT" and option.dest in without:
                continue
            if option.dest in one and option.dest in other and one[option.dest] != other[option.dest]:
                found.append(f"[{section}] {option.dest}")
    return sorted(set(found))


def _look_everywhere(unseen: Sequence[str]) -> None:
    """A file that this user cannot see may say otherwise than the defaults: other links, another matrix."""
    if unseen:
        raise ConfigFault(
            f"uid {os.geteuid()} may not look into {' and '.join(unseen)}, where the monitors find their "
            "configuration: what it says is not known, and the defaults are not taken for it. Ask as root, or as the "
            "user that the monitors run as (sudo -u masakari). If a monitor says this, give its user the folder to "
            "read, or name the file with --config-file."
        )


def _parse(
    conf: cfg.ConfigOpts,
    argv: Sequence[str],
    prog: str,
    default_files: Sequence[str] | None,
    default_dirs: Sequence[str] | None,
    read: Sequence[files.Setting],
) -> None:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            conf(
                args=list(argv),
                project=PROJECT,
                prog=prog,
                version=VERSION,
                default_config_files=None if default_files is None else list(default_files),
                default_config_dirs=None if default_dirs is None else list(default_dirs),
            )
    except SystemExit:
        # oslo.config also leaves this way for a bad value in a file, if the option is a command-line one.
        bad = re.match(r"argument --(\w+): Invalid ", printed.getvalue())
        if bad is None:
            sys.stderr.write(printed.getvalue())
            raise
        option = next(o for o in (default.SHADOW, *log.options()) if o.dest == bad[1])
        raise ConfigFault(_not_valid(option, "DEFAULT", read)) from None
    except cfg.ConfigFilesNotFoundError as fault:
        missing = ", ".join(fault.config_files)
        raise ConfigFault(
            f"Configuration file not found: {missing}. Name an existing file with --config-file."
        ) from None
    except cfg.ConfigFilesPermissionDeniedError as fault:
        denied = ", ".join(fault.config_files)
        raise ConfigFault(
            f"Configuration file not readable: {denied}. This process runs as uid {os.geteuid()}; give that "
            "user read permission, or start it as the user that the file was made for."
        ) from None
    except cfg.ConfigDirNotFoundError as fault:
        raise ConfigFault(f"{fault}. Name an existing folder with --config-dir.") from None
    except cfg.ConfigFileParseError as fault:
        # What stands in the line is not said: it may be a part of a password.
        raise ConfigFault(
            f"Configuration file {fault.config_file}{files.broken_at(fault)}. Each line is a [section], "
            "a name = value, or a comment that starts with #."
        ) from None
    except UnicodeDecodeError as fault:
        raise ConfigFault(f"A configuration file is not UTF-8 text: {fault}.") from None
    except OSError as fault:
        raise ConfigFault(
            f"Configuration file {fault.filename} cannot be read: {fault.strerror}. Name an existing file with "
            "--config-file."
        ) from None


def _known(conf: cfg.ConfigOpts) -> dict[str, list[cfg.Opt]]:
    known = {section.name: list(section.options) for section in opts.SECTIONS}
    known["DEFAULT"] += log.options()
    known["api"] += api.shared_options()
    if _plugin_in_api(conf):
        known["api"] += api.plugin_options(conf.api.auth_type)
    return known


def _plugin_in_api(conf: cfg.ConfigOpts) -> bool:
    """Whether the credentials stand in [api] itself; in a section of their own they are keystoneauth's alone."""
    return bool(conf.api.auth_type) and not conf.api.auth_section


def _register_plugin(conf: cfg.ConfigOpts, read: Sequence[files.Setting]) -> None:
    if not _plugin_in_api(conf):
        api.register_section(conf)
        return
    try:
        plugin = api.plugin_options(conf.api.auth_type)
    except ValueError as fault:
        option = next(o for o in api.shared_options() if o.dest == "auth_type")
        raise ConfigFault(f"{describe(option, 'api', read, hide=True)}: {fault}.") from None
    conf.register_opts(plugin, group="api")


def _not_valid(option: cfg.Opt, section: str, read: Sequence[files.Setting], *, hide: bool = False) -> str:
    return f"{describe(option, section, read, hide=hide)} is not valid: expected is {expected(option)}."


def _validate(conf: cfg.ConfigOpts, read: Sequence[files.Setting]) -> None:
    faults = [
        f"{one.place}: [{one.section}] {one.name} has a character that is no text (NUL), as in a file that was being "
        "written when its host went down. Write it anew."
        for one in read
        if "\0" in one.value
    ]
    if faults:
        raise ConfigFault("\n".join(faults))
    # Tools that never speak to masakari-api work without any credentials; half of them is a slip.
    credentials = _plugin_in_api(conf) and any(
        setting_of(option, "api", read)
        for option in [*api.identity_options(), *api.plugin_options(conf.api.auth_type)]
    )
    for section, options in _known(conf).items():
        values = conf if section == "DEFAULT" else conf[section]
        hide = may_hold_secrets(section, options)
        for option in options:
            try:
                if option.dest in values and values[option.dest] is None and option.required and credentials:
                    faults.append(
                        f"[{section}] {option.dest} is missing: auth_type = {conf.api.auth_type} needs it."
                    )
            except (cfg.TemplateSubstitutionError, cfg.NoSuchOptError, cfg.NoSuchGroupError):
                faults.append(
                    f"{describe(option, section, read, hide=hide)}: after a dollar sign the name of another option of "
                    "this file is expected. A dollar sign that means itself is written $$."
                )
            except ValueError:
                faults.append(_not_valid(option, section, read, hide=hide))
    if faults:
        raise ConfigFault("\n".join(faults))


def _name_after_host(conf: cfg.ConfigOpts) -> None:
    name = socket.gethostname()
    try:
        conf.set_default("hostname", name)
    except (ValueError, TypeError):
        raise ConfigFault(
            f"This host calls itself {name!r}, which masakari-api refuses as a host's name (1 to 255 "
            "letters, digits, dots, dashes, underscores). Set [DEFAULT] hostname to the name that masakari "
            "knows it by."
        ) from None


def _check_readable(conf: cfg.ConfigOpts, read: Sequence[files.Setting]) -> None:
    known = _known(conf)
    for section, name in _READABLE:
        path = (conf if section == "DEFAULT" else conf[section])[name]
        if not path:
            continue
        try:
            with open(path, "rb"):
                pass
        except OSError as fault:
            option = next(o for o in known[section] if o.dest == name)
            told = describe(option, section, read, hide=section == "api")
            raise ConfigFault(
                f"{told}: the file cannot be read by uid {os.geteuid()}: {fault.strerror}."
            ) from None


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """What libraries log before the log is set up is said better by `conf.unknown` and `ConfigFault`."""
    loggers = [
        logging.getLogger(name) for name in ("oslo_config.cfg", "stevedore.extension", "stevedore.named")
    ]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
