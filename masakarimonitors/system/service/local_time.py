"""This computer's time zone, under the name that dateutil has it by, without its database of zones."""

import datetime


class _LocalTime(datetime.tzinfo):
    """As the C library knows it, at each moment."""

    def utcoffset(self, moment: datetime.datetime | None) -> datetime.timedelta | None:
        """What is to be added to UTC at that local time; of one that comes twice its `fold` says which."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime.datetime | None) -> datetime.timedelta | None:
        """Not told: nobody here asks."""
        return None

    def tzname(self, moment: datetime.datetime | None) -> str | None:
        """Its name at that moment."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()


def tzlocal() -> datetime.tzinfo:
    """As dateutil.tz.tzlocal."""
    return _LocalTime()
