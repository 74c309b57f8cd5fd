"""Checks that are read again: the decision hears of them before anybody asks by them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, Match, questions
from masakarimonitors.introspectiveinstancemonitor.core.observation import ChecksChanged
from masakarimonitors.introspectiveinstancemonitor.sources.changed_checks import ChangedChecks, expressions
from masakarimonitors.introspectiveinstancemonitor.sources.checks import Checks
from masakarimonitors.introspectiveinstancemonitor.sources.inventory import Inventory

WEB = Check(name="web", match=Match(names=("*",)), command=("/x",))
DB = Check(name="db", match=Match(names=("*",)), command=("/x",), output="ok", failures=5)


async def test_the_decision_hears_first_and_each_change_is_one_to_the_last() -> None:
    seen: list[Any] = []
    both_heard = asyncio.Event()

    class Asking:
        def renew(
            self, checks: Sequence[Check], by_name: Mapping[str, object], begun_anew: Collection[str]
        ) -> None:
            seen.append(([check.name for check in checks], set(by_name), set(begun_anew)))
            if len(seen) == 6:
                both_heard.set()

    class Listing:
        def renew(self, checks: Sequence[Check]) -> None:
            seen.append([check.name for check in checks])

    changed = ChangedChecks("checks.yaml", [WEB], [cast(Checks, Asking())], [cast(Inventory, Listing())])
    other = replace(WEB, command=("/y",))
    changed.take([WEB, DB])
    changed.take([other, DB])
    running = asyncio.get_running_loop().create_task(changed.run(seen.append))
    await both_heard.wait()
    running.cancel()
    assert seen == [
        ["web", "db"],
        ChecksChanged({"web": 3, "db": 5}, frozenset(), "checks.yaml", questions([WEB, DB])),
        (["web", "db"], {"db"}, set()),
        ["web", "db"],
        ChecksChanged({"web": 3, "db": 5}, frozenset({"web"}), "checks.yaml", questions([other, DB])),
        (["web", "db"], {"db"}, {"web"}),
    ]


def test_the_expressions_by_their_checks() -> None:
    assert {name: one.pattern for name, one in expressions([WEB, DB]).items()} == {"db": "ok"}
