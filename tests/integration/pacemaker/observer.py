"""Runs the driver's sources on a host of the rig and writes each observation as one line of JSON.

python -m tests.integration.pacemaker.observer OUTPUT NAME [option=value ...]: what the driver sees and
nothing more: no decision, no report. Times are time.monotonic seconds, which all hosts of the rig share.
"""

import asyncio
import dataclasses
import datetime
import enum
import json
import sys
from pathlib import Path
from typing import Any

from masakarimonitors import conf as house
from masakarimonitors.decisions import Instant
from masakarimonitors.hostmonitor.sources import pacemaker
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
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


async def main(output: Path, name: str, options: list[str]) -> None:
    conf = house.load([], default_config_files=[])
    for option in options:
        key, _, text = option.partition("=")
        conf.set_override(key, text, group="host")
    driver = pacemaker.build(conf, name, SystemClock())
    with output.open("a", buffering=1) as out:

        def emit(observation: Any) -> None:
            print(json.dumps({"is": type(observation).__name__, **plain(observation)}), file=out)

        async with asyncio.TaskGroup() as tasks:
            for source in driver.sources:
                tasks.create_task(source.run(emit))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
