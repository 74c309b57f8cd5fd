"""Options of a monitor that have changed while it runs, as observations.

In: the configuration that was read anew, told by whoever has read it. Out: `RulesChanged`, if any of them differs.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Generic, TypeVar

from masakarimonitors.core.changed_rules import Rules, RulesChanged

R = TypeVar("R", bound=Rules)


class ChangedOptions(Generic[R]):
    """The source; `take` may be called before it runs."""

    name = "changed options"

    def __init__(
        self,
        conf: Any,
        section: str,
        names: Sequence[str],
        rules_of: Callable[[Any], R],
    ) -> None:
        """`conf`: the configuration (ConfigOpts) of the start; `names`: the options of this section that `rules_of`
        looks at."""
        self._section, self._names, self._rules_of = section, names, rules_of
        self._said = self._values(conf)
        self._news: asyncio.Queue[RulesChanged[R]] = asyncio.Queue()

    def take(self, fresh: Any) -> Collection[str]:
        """Put them in force, soon; which need no restart. On the loop's thread."""
        says = self._values(fresh)
        changed = [name for name in self._names if says[name] != self._said[name]]
        if changed:
            self._said = says
            where = ", ".join(f"[{self._section}] {name}" for name in changed)
            self._news.put_nowait(RulesChanged(self._rules_of(fresh), where))
        return [f"[{self._section}] {name}" for name in self._names]

    async def run(self, emit: Callable[[RulesChanged[R]], None]) -> None:
        """Until cancelled."""
        while True:
            emit(await self._news.get())

    def _values(self, conf: Any) -> dict[str, Any]:
        return {name: conf[self._section][name] for name in self._names}
