"""Options that were read anew, as observations."""

import asyncio
from pathlib import Path

from oslo_config import cfg

from masakarimonitors import conf
from masakarimonitors.core.changed_rules import RulesChanged
from masakarimonitors.instancemonitor import monitor as instances
from masakarimonitors.instancemonitor.core.observation import InstanceRules
from masakarimonitors.introspectiveinstancemonitor import monitor as guests
from masakarimonitors.introspectiveinstancemonitor.core.observation import GuestRules
from masakarimonitors.libvirt.changed_options import ChangedOptions


def options(tmp_path: Path, text: str = "") -> cfg.ConfigOpts:
    file = tmp_path / "monitors.conf"
    file.write_text(text)
    return conf.load(["--config-file", str(file)], default_config_dirs=[])


async def test_only_what_has_changed_is_told_and_all_that_is_looked_at_needs_no_restart(
    tmp_path: Path,
) -> None:
    source = ChangedOptions(options(tmp_path), "libvirt", instances.RENEWED, instances.rules_of)
    heard: asyncio.Queue[RulesChanged[InstanceRules]] = asyncio.Queue()
    running = asyncio.get_running_loop().create_task(source.run(heard.put_nowait))
    names = {f"[libvirt] {name}" for name in ("report", "settle_time", "storm_threshold", "storm_hold")}
    assert set(source.take(options(tmp_path))) == names
    fresh = options(tmp_path, "[libvirt]\nreport = actionable\nstorm_hold = 60\n")
    assert set(source.take(fresh)) == names == set(source.take(fresh))
    changed = await heard.get()
    assert changed.where == "[libvirt] report, [libvirt] storm_hold"
    assert changed.rules.actionable_only and changed.rules.guard.hold == 60.0
    source.take(options(tmp_path))
    back = await heard.get()
    assert back.rules == instances.rules_of(options(tmp_path)) and heard.empty()
    running.cancel()


async def test_those_of_guests(tmp_path: Path) -> None:
    section = "introspectiveinstancemonitor"
    source = ChangedOptions(options(tmp_path), section, guests.RENEWED, guests.rules_of)
    heard: asyncio.Queue[RulesChanged[GuestRules]] = asyncio.Queue()
    running = asyncio.get_running_loop().create_task(source.run(heard.put_nowait))
    taken = source.take(options(tmp_path, f"[{section}]\nmax_reports_per_hour = 9\nstorm_threshold = 20\n"))
    assert f"[{section}] storm_hold" in taken
    changed = await heard.get()
    assert (changed.rules.reports_per_hour, changed.rules.guard.domain_threshold) == (9, 20.0)
    running.cancel()
