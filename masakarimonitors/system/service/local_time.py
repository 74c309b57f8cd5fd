"""This computer's time zone, under the name that dateutil has it by, without its database of zones.

Whoever else in this process asks dateutil for it gets this one, so it does all that a zone does.
"""

import datetime
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class LocalTime(datetime.tzinfo):
    """As the C library knows it, at each moment; any two are equal."""

    def utcoffset(self, moment: datetime.datetime | None) -> datetime.timedelta | None:
        """What is to be added to UTC at that local time; of one that comes twice its `fold` says which."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime.datetime | None) -> datetime.timedelta | None:
        """How much of that summer time has added."""
        if moment is None:
            return None
        is_summer = time.localtime(moment.replace(tzinfo=None).timestamp()).tm_isdst > 0
        return datetime.timedelta(seconds=time.timezone - time.altzone if is_summer else 0)

    def tzname(self, moment: datetime.datetime | None) -> str | None:
        """Its name at that moment."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime.datetime) -> datetime.datetime:
        """The local time of a moment that is given in UTC, under this zone's name."""
        known = moment.replace(tzinfo=datetime.UTC).astimezone()
        first = known.replace(tzinfo=self, fold=0)
        return first if first.utcoffset() == known.utcoffset() else first.replace(fold=1)


tzlocal = LocalTime
"""As dateutil.tz.tzlocal, which is a class as well."""
