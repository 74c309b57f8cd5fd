"""What is wrong with a configuration, in words that an operator can act on.

A `ConfigFault` ends the program: its text is printed as it is, without a traceback, and says what
was seen, where, what it means and what to do.
"""

import os
import re
import textwrap
from collections.abc import Iterable, Sequence

from oslo_config import cfg, types

from masakarimonitors.conf.files import Setting

# Characters of a value that stand in a message; a longer one is still recognised.
_SHOWN = 200

# Options that are secret by their names, whether or not the library that declares them says so.
_SECRET = re.compile(r"pass(word|wd|code|phrase)|token|secret|credential|private|otp", re.IGNORECASE)
# Which of their options there are hangs on the kind of login.
_CREDENTIALS = frozenset({"api", "callback"})
# Shorter than a password of digits alone is, one may hope.
_NUMBER = re.compile(r"[-+]?[0-9]{1,6}(\.[0-9]{1,3})?")
# Who logs in, and with which password, in the URL of a connection.
_LOGIN = re.compile(r"(?<=://)\S*@")


class ConfigFault(Exception):
    """A fault that only an operator can mend; the program prints it and exits non-zero."""


def names_of(option: cfg.Opt, section: str) -> set[tuple[str, str]]:
    """Every (section, name) that oslo.config looks up for this option, older names included."""
    names = {(section, str(option.dest))}
    for old in option.deprecated_opts:
        group = old.group or section
        names.add((group if group == "DEFAULT" else group.lower(), old.name or option.dest))
    return names


def setting_of(option: cfg.Opt, section: str, settings: Sequence[Setting]) -> Setting | None:
    """The assignment that counts: the last one of the last file."""
    names = names_of(option, section)
    for setting in reversed(settings):
        if setting.name is not None and (setting.section, setting.name) in names:
            return setting
    return None


def may_hold_secrets(section: str, options: Iterable[cfg.Opt]) -> bool:
    """Whether a secret belongs into a section: then it may stand behind another name there by a slip."""
    return section in _CREDENTIALS or any(_is_secret(option) for option in options)


def describe(option: cfg.Opt, section: str, settings: Sequence[Setting], *, hide: bool = False) -> str:
    """`[section] name = value (file, line n)`; a secret's value is never shown, nor a login in a URL.

    `hide`: the value makes no sense for this option and may be a secret that belongs to another one: it is shown only
    where it is of the option's kind.
    """
    variable = f"OS_{section}__{option.dest}".upper()
    setting = setting_of(option, section, settings)
    if variable in os.environ:
        name, value, place = option.dest, os.environ[variable], f"environment variable {variable}"
    elif setting is not None and setting.name is not None:
        name, value, place = setting.name, setting.value, setting.place
        section = setting.section
    else:
        return f"[{section}] {option.dest}"
    return f"[{section}] {name} = {_shown(option, name, value, hide)} ({place})"


def _is_secret(option: cfg.Opt) -> bool:
    return bool(option.secret or _SECRET.search(str(option.dest)))


def _shown(option: cfg.Opt, name: str, value: str, hide: bool) -> str:
    if _is_secret(option) or _SECRET.search(name):
        return "<secret>"
    if hide and not _is_of_its_kind(option, value):
        return f"<{len(value)} characters that are not shown, as they may be a secret>"
    # Masked before it is cut: half a password is one, too.
    return textwrap.shorten(_LOGIN.sub("<secret>@", value), _SHOWN, placeholder=" ...")


def _is_of_its_kind(option: cfg.Opt, value: str) -> bool:
    """Whether it says nothing but what such an option is there to say, be it out of range."""
    value = value.strip()
    if isinstance(option.type, types.Number):
        return _NUMBER.fullmatch(value) is not None
    if str(option.dest).endswith("file"):
        return value.startswith(("/", "~", "."))
    return not value


def expected(option: cfg.Opt) -> str:
    """What a valid value of this option looks like, for the end of a message."""
    if option.metavar:
        return str(option.metavar)
    kind = option.type
    if isinstance(kind, types.Number):
        noun = "a whole number" if isinstance(kind, types.Integer) else "a number"
        if kind.min is not None and kind.max is not None:
            return f"{noun} from {kind.min} to {kind.max}"
        if kind.min is not None:
            return f"{noun} of at least {kind.min}"
        return f"{noun} of at most {kind.max}" if kind.max is not None else noun
    if isinstance(kind, types.Boolean):
        return "true or false"
    if isinstance(kind, types.String) and kind.choices:
        return "one of: " + ", ".join(str(choice) for choice in kind.choices)
    if isinstance(kind, types.String) and kind.regex is not None:
        return f"text that matches {kind.regex.pattern}"
    return f"a value of type {kind!r}"
