"""Runs the driver's sources on a host of the rig and writes each observation as one line of JSON.

python -m tests.integration.pacemaker.observer OUTPUT NAME [option=value ...]: what the driver sees and
nothing more: no decision, no report. `only_group=haclient` makes it an ordinary user of that group first.
Times are time.monotonic seconds, which all hosts of the rig share.
"""

import asyncio
import dataclasses
import datetime
import enum
import grp
import importlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from oslo_config.cfg import ConfigOpts

from masakarimonitors.conf import loader
from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.pacemaker import driver as pacemaker
from masakarimonitors.system.clock import SystemClock


def plain(value: Any) -> Any:
    """An observation as JSON knows it."""
    match value:
        case Instant():
            return value.monotonic
        case enum.Enum():
            return value.value
        case datetime.datetime():
            return value.isoformat()
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(plain(item) for item in value)
        case list() | tuple():
            return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


async def main(output: Path, name: str, options: list[str]) -> None:
    conf = loader.load([], default_config_files=[])
    with output.open("a", buffering=1) as out:
        await observe(out, name, options, conf)


def become_ordinary(group: str) -> None:
    """Nobody in particular, and a member of `group`; what is open stays open."""
    # The interpreter and the checkout may belong to root alone: what is imported only later must be here before.
    for module in (
        "oslo_privsep.daemon",
        "masakarimonitors.privsep",
        "masakarimonitors.hostmonitor.drivers.pacemaker.privileged",
    ):
        importlib.import_module(module)
    os.setgroups([grp.getgrnam(group).gr_gid])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)


async def observe(out: TextIO, name: str, options: list[str], conf: ConfigOpts) -> None:
    for option in options:
        key, _, text = option.partition("=")
        if key == "only_group":
            become_ordinary(text)
        else:
            conf.set_override(key, text, group="host")
    logging.basicConfig(level=logging.INFO)
    driver = pacemaker.build(conf, name, SystemClock())

    def emit(observation: Any) -> None:
        print(json.dumps({"is": type(observation).__name__, **plain(observation)}), file=out)

    async with asyncio.TaskGroup() as tasks:
        for source in driver.sources:
            tasks.create_task(source.run(emit))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
