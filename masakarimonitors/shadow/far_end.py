"""The far end of a shadow: nothing can be posted, because nothing here can post.

In: what would be sent, and questions for masakari-api. Out: "would be sent", and answers. Three things, each of which
would be enough: the delivery gets `WouldSend`, which knows no client; whoever asks masakari gets a client around
`ReadOnly`, which has no way to post; and the monitors ask through `AsIfUntold`, for which nobody has told anything.
"""

import datetime
import logging
from collections.abc import Callable
from typing import Any, NoReturn

from masakarimonitors.core.agreement import told
from masakarimonitors.core.agreement.told import Statement
from masakarimonitors.core.notification import from_wire
from masakarimonitors.core.outside import read_json
from masakarimonitors.masakari_answers import NotSent, Outcome, WouldBeSent
from masakarimonitors.masakari_api import Adapter, LookupFailed
from masakarimonitors.masakari_lists import Reader
from masakarimonitors.system.network.http_exchange import always

LOG = logging.getLogger(__name__)

WORDS = "a shadow: this would have been sent, and nothing was"
"""The answer to each report."""

_LISTS = "/notifications"


class NothingIsPosted(RuntimeError):
    """A shadow was to post something: a fault of this program, which is not passed over."""


class ReadOnly:
    """An adapter without a way to post: what it is asked to is refused before anything is opened."""

    def __init__(self, adapter: Adapter) -> None:
        """Questions go by `adapter`."""
        self.get_endpoint, self.get_token = adapter.get_endpoint, adapter.get_token
        self.invalidate, self.renew, self.get = adapter.invalidate, adapter.renew, adapter.get

    def post(self, url: str, **options: Any) -> NoReturn:
        """Raises NothingIsPosted."""
        raise NothingIsPosted("[DEFAULT] shadow = true: nothing is posted to masakari-api by this program.")


class WouldSend:
    """Where reports end that nobody sends."""

    def __init__(self, on_told: Callable[[Statement], None]) -> None:
        """`on_told` is told what would have been sent at this moment."""
        self._on_told = on_told

    async def send(self, body: str, may_send: Callable[[], bool] = always) -> Outcome:
        """What would have been sent, if it may leave still."""
        if not may_send():
            return NotSent()
        try:
            report = told.of(from_wire(read_json(body)))
        except ValueError as error:
            LOG.warning("Shadow: a report that says nothing known is compared with nothing (%s)", error)
        else:
            LOG.info(
                "Shadow: %s %s would have been sent to masakari, and was not", report.subject, report.says
            )
            self._on_told(report)
        return WouldBeSent(WORDS)


class AsIfUntold:
    """masakari-api for the monitors of a shadow: whatever others have told it, nobody has told.

    Without it a shadow would hold what it was to tell because the monitors beside it have told it already.
    """

    def __init__(self, api: Reader) -> None:
        """All but notifications is read from `api`."""
        self._api = api

    @property
    def date(self) -> datetime.datetime | None:
        """masakari's own time, as its last answer tells it."""
        date: datetime.datetime | None = getattr(self._api, "date", None)
        return date

    async def get(self, path: str) -> Any:
        """What masakari-api answers; raises LookupFailed."""
        if path.startswith(f"{_LISTS}/"):
            raise LookupFailed(f"GET {path}: a shadow has told nothing", unknown=True)
        if path.partition("?")[0] == _LISTS:
            return {"notifications": []}
        return await self._api.get(path)
