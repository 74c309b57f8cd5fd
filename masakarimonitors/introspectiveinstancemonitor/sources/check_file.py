"""Reads the file of guest checks: which command in which guests, and what its answer must be.

Text in, a tuple of `Check` out, or `YamlFileFault` with every fault found and the line and column of
each. Nothing is guessed: a check that an operator mistyped must neither be passed over nor fail every
guest it matches.
"""

import re
import uuid

import yaml

from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, Match
from masakarimonitors.introspectiveinstancemonitor.core.observation import HEARTBEAT
from masakarimonitors.introspectiveinstancemonitor.sources.output import BadExpression, Expression
from masakarimonitors.system.files.operators_file import Unreadable, in_time, read_text
from masakarimonitors.system.files.yaml_file import Fault, Faults, YamlFileFault
from masakarimonitors.system.files.yaml_file import read as read_yaml

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_KEYS = ("name", "match", "command", "exit_code", "output", "interval", "timeout", "failures")
_NEEDED = ("name", "match", "command")
_NOVA = ("name", "flavor", "project", "user")
_TEXTS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "timestamp")}


def read(path: str) -> tuple[Check, ...]:
    """The checks of the file at `path`; raises `YamlFileFault`, also when its file system does not answer in time."""
    try:
        return in_time(path, lambda: parse(read_text(path), path))
    except Unreadable as error:
        raise YamlFileFault([Fault(1, 1, f"it {error}")], before=f"{path}, ") from error


def parse(text: str, where: str) -> tuple[Check, ...]:
    """The checks of this text; `where` names it in the faults. Raises `YamlFileFault`."""
    return read_yaml(text, lambda root, faults: _Walk(faults).checks(root), before=f"{where}, ")


class _Walk:
    """One pass over the composed nodes; faults are gathered, not thrown, so that all are named at once."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def checks(self, root: yaml.Node | None) -> tuple[Check, ...]:
        parts = self._mapping(root, ("checks",), ("checks",), "the file")
        rows = parts.get("checks")
        if rows is None:
            return ()
        if not isinstance(rows, yaml.SequenceNode) or not rows.value:
            self.faults.add(rows, "checks must be a list with at least one check")
            return ()
        found: dict[str, Check] = {}
        for row in rows.value:
            check = self._check(row)
            if check is None:
                continue
            if check.name in found:
                self.faults.add(row, f"a second check named {check.name}")
            found[check.name] = check
        return tuple(found.values())

    def _check(self, row: yaml.Node) -> Check | None:
        before = len(self.faults.found)
        parts = self._mapping(row, _KEYS, _NEEDED, "a check")
        name = self._text(parts.get("name"), "name")
        if "name" in parts and name is not None and (not _NAME.match(name) or name == HEARTBEAT):
            self.faults.add(parts["name"], f"name must be 1-64 of A-Z a-z 0-9 . _ - and not {HEARTBEAT!r}")
        match = self._match(parts.get("match"))
        command = self._command(parts.get("command"))
        exit_code = self._number(parts.get("exit_code"), "exit_code", 0, 255, whole=True)
        output = self._expression(parts.get("output"))
        interval = self._number(parts.get("interval"), "interval", 1, 86400)
        timeout = self._number(parts.get("timeout"), "timeout", 1, 3600)
        failures = self._number(parts.get("failures"), "failures", 1, 1000, whole=True)
        if len(self.faults.found) > before or name is None:
            return None
        default = Check(name=name, match=match, command=command)
        return Check(
            name=name,
            match=match,
            command=command,
            exit_code=default.exit_code if exit_code is None else int(exit_code),
            output=output,
            interval=interval or default.interval,
            timeout=timeout or default.timeout,
            failures=int(failures or default.failures),
        )

    def _match(self, node: yaml.Node | None) -> Match:
        if node is None:
            return Match()
        parts = self._mapping(node, ("name", "uuid", "nova"), (), "match")
        if isinstance(node, yaml.MappingNode) and not node.value:
            self.faults.add(node, 'match names no guest; name: "*" means every one')
        uuids = []
        for part in self._texts(parts.get("uuid"), "uuid"):
            try:
                uuids.append(str(uuid.UUID(part)))
            except ValueError:
                self.faults.add(parts["uuid"], f"{part!r} is no uuid")
        nova = self._mapping(parts["nova"], _NOVA, (), "nova") if "nova" in parts else {}
        if "nova" in parts and not nova:
            self.faults.add(parts["nova"], f"nova names nothing; known are {', '.join(_NOVA)}")
        return Match(
            names=self._texts(parts.get("name"), "name"),
            uuids=tuple(uuids),
            nova=tuple((key, self._texts(value, key)) for key, value in nova.items()),
        )

    def _command(self, node: yaml.Node | None) -> tuple[str, ...]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.faults.add(
                node, "command must be a list: the program's path in the guest, then its arguments"
            )
            return ()
        words = tuple(self._text(word, "each word of a command") or "" for word in node.value)
        if not words[0]:
            self.faults.add(node.value[0], "the program's path is empty")
        return words

    def _expression(self, node: yaml.Node | None) -> str | None:
        text = self._text(node, "output")
        if node is None or text is None:
            return None
        try:
            Expression(text)
        except BadExpression as error:
            self.faults.add(node, f"output is no regular expression: {error}")
        return text

    def _number(
        self, node: yaml.Node | None, what: str, least: int, most: int, *, whole: bool = False
    ) -> float | None:
        if node is None:
            return None
        shape = r"\d+" if whole else r"\d+(\.\d+)?"
        # Digits of other scripts are numbers to Python, but not to whoever reads the file.
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(shape, node.value, re.ASCII):
            value = float(node.value)
            if least <= value <= most:
                return value
        self.faults.add(node, f"{what} must be a {'whole ' if whole else ''}number from {least} to {most}")
        return None

    def _texts(self, node: yaml.Node | None, what: str) -> tuple[str, ...]:
        """One text or a list of them."""
        if node is None:
            return ()
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not nodes:
            self.faults.add(node, f"{what} is empty")
        return tuple(text for text in (self._text(part, what) for part in nodes) if text is not None)

    def _text(self, node: yaml.Node | None, what: str) -> str | None:
        if node is None:
            return None
        if isinstance(node, yaml.ScalarNode) and node.tag in _TEXTS:
            return str(node.value)
        shown = (
            f" ({node.value!r} must be quoted)" if isinstance(node, yaml.ScalarNode) and node.value else ""
        )
        self.faults.add(node, f"{what} must be a text{shown}")
        return None

    def _mapping(
        self, node: yaml.Node | None, known: tuple[str, ...], needed: tuple[str, ...], where: str
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self.faults.add(node, f"{where} must be a mapping with {', '.join(known)}")
            return {}
        return self.faults.keys(node, known, needed, where)
