"""The adapter for a third-party driver, unchanged: a class with `monitor_hosts()`, on its own thread.

In: the events that it sends through `masakarimonitors.ha.masakari`. Out: the same notifications,
through our outbox. Such a driver judges for itself, so nothing of `core/decision.py` applies to it: no
samples, no settling, no storm guard, no election. The start says so. What is kept is that a failure which masakari
has not heard of is not told once the driver takes it back, or has been silent for longer than it wanted it tried
(`LIFE` seconds at least). What else such drivers import (`host_handler`, `ha`, `objects`, `i18n`, `conf.CONF`) stands
for them alone.
"""

import asyncio
import datetime
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from oslo_config import cfg
from oslo_config.cfg import ConfigOpts

from masakarimonitors import conf as options
from masakarimonitors.conf import opts
from masakarimonitors.conf.sections import api, privileged
from masakarimonitors.conf.sections.host import OWN_DRIVERS
from masakarimonitors.core.decision import (
    Decision,
    Instant,
    Notify,
    Ruling,
    Verdict,
    WakeAt,
    Withdraw,
    Woken,
)
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    Leave,
    Notification,
    Settled,
)
from masakarimonitors.core.unconfirmed import Unconfirmed, Word, forget, withdraw
from masakarimonitors.ha.masakari import open_door
from masakarimonitors.monitor import Monitor
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)


def offer_options(conf: ConfigOpts) -> None:
    """Make the options `masakarimonitors.conf.CONF`, before such a driver is loaded: it reads them at import.

    And, where such a driver is configured, oslo.config's own `cfg.CONF` too, which was the same object once.
    """
    vars(options)["CONF"] = conf
    if conf.host.monitoring_driver not in OWN_DRIVERS:
        _offer_globally(conf)


def _offer_globally(conf: ConfigOpts) -> None:
    from masakarimonitors import privsep

    privsep.configure(conf.config_file or (), conf.config_dir or ())
    for section in opts.SECTIONS:
        if section.group is not privileged.GROUP:  # oslo.privsep has declared these itself
            cfg.CONF.register_opts(section.options, group=None if section.name == "DEFAULT" else section.name)
    api.register(cfg.CONF)
    cfg.CONF.set_default("hostname", conf.hostname)
    for option in () if conf.api.auth_section else api.plugin_options(conf.api.auth_type):
        cfg.CONF.register_opt(option, group="api")
        if option.required:
            # What is missing has been said by our own loader; here it would end every further reading of the files.
            cfg.CONF.set_default(option.dest, conf.api[option.dest], group="api")


class Foreign(Protocol):
    """What is asked of such a driver."""

    def monitor_hosts(self) -> None:
        """Watch and send until stopped."""


@dataclass(frozen=True, slots=True)
class Said:
    """The driver has sent this, `at` that moment, and wants it tried for `patience` seconds."""

    notification: HostNotification
    at: Instant
    patience: float = 0.0


class EventFault(ValueError):
    """An event that is not the host notification of masakari's API."""


def read(event: Mapping[str, Any], now: Instant) -> HostNotification:
    """The driver's event dictionary as a notification; raises EventFault."""
    try:
        body = event["notification"]
        if body["type"] != HostNotification.type:
            raise EventFault(f"a host driver can send {HostNotification.type} only, not {body['type']!r}")
        payload = body["payload"]
        return HostNotification(
            str(body["hostname"]),
            _time(body.get("generated_time"), now),
            event=HostEvent(payload["event"]),
            cluster_status=ClusterStatus(payload["cluster_status"]),
            host_status=HostStatus(payload["host_status"]),
        )
    except EventFault:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EventFault(f"{type(error).__name__}: {error} in {event!r}") from error


def _time(value: object, now: Instant) -> datetime.datetime:
    if value is None:
        return now.wall
    when = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(str(value))
    return when if when.tzinfo is not None else when.replace(tzinfo=datetime.UTC)


class ForeignSource:
    """Runs the driver on a daemon thread; its end, or a fault, ends the source, which is then restarted."""

    def __init__(self, name: str, make: Callable[[], Foreign], clock: Clock) -> None:
        """`make` constructs the driver; it is called on the thread, because it may block."""
        self.name = name
        self._make = make
        self._clock = clock

    async def run(self, emit: Callable[[Said], None]) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        drivers: list[Foreign] = []
        leaving = threading.Event()

        def deliver(event: Mapping[str, Any], patience: float) -> None:
            now = self._clock.now()
            try:
                said = Said(read(event, now), now, patience)
            except EventFault as fault:
                LOG.error(
                    "The driver %s sent what masakari would refuse; it is dropped: %s", self.name, fault
                )
                return
            loop.call_soon_threadsafe(emit, said)

        def settle(fault: BaseException | None) -> None:
            if over.done():
                return
            if fault is None:
                over.set_result(None)
            else:
                over.set_exception(RuntimeError(f"{type(fault).__name__}: {fault}"))

        def work() -> None:
            fault: BaseException | None = None
            try:
                drivers.append(self._make())
                if not leaving.is_set():
                    drivers[0].monitor_hosts()
            except BaseException as error:  # noqa: BLE001 - a thread's edge: the fault goes to the supervisor
                fault = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, fault)

        close = open_door(deliver)
        thread = threading.Thread(target=work, name=f"driver-{self.name}", daemon=True)
        thread.start()
        try:
            await over
        finally:
            close()
            leaving.set()
            if drivers and thread.is_alive():
                threading.Thread(target=self._stop, args=(drivers[0],), daemon=True).start()

    def _stop(self, driver: Foreign) -> None:
        stop = getattr(driver, "stop", None)
        try:
            if stop is not None:
                stop()
        except Exception as error:  # noqa: BLE001 - somebody else's code, on its way out
            LOG.warning("The driver %s failed to stop: %r", self.name, error)


LIFE = 300.0
"""Seconds for which a failure waits for masakari after the driver has said it last, unless the driver wants it tried
for longer. Longer than masakari takes reports for duplicates (180 s), or the next failure of the host would be lost;
and no longer: most drivers say a failure once, and many never say that a host is back."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Failures of one host that the driver has said in this life and masakari does not have yet.

    `said`: their times of generation. `until`: the monotonic second from which they are too old to be true.
    """

    said: frozenset[datetime.datetime]
    until: float


State = Mapping[str, Waiting]
"""By subject."""


def decide(state: State, observation: Said | Settled | Woken, now: Instant) -> tuple[State, Decision]:
    """What the driver says is sent; a return, or too long a silence, takes back what masakari does not have yet."""
    if isinstance(observation, Woken):
        return _grown_old(state, observation.key, now)
    if isinstance(observation, Settled):
        return _ended(state, observation), Decision()
    notification = observation.notification
    subject = notification.subject
    why = f"the driver reported {notification.event.value} ({notification.host_status.value})"
    if notification.event is HostEvent.STARTED:
        verdict = Verdict(subject, Ruling.RECOVERED, why)
        return _without(state, subject), Decision(
            (Withdraw(subject, why), Notify(notification, why)), (verdict,)
        )
    before = state.get(subject)
    said = (before.said if before else frozenset()) | {notification.generated_time}
    # From when the driver has said it, however late this is decided; another word takes no time from the one before.
    until = observation.at.monotonic + max(LIFE, observation.patience)
    waiting = Waiting(said, max(until, before.until) if before else until)
    verdict = Verdict(subject, Ruling.REPORTED, why, alarm=True)
    commands = (Notify(notification, why), WakeAt(subject, waiting.until))
    return {**state, subject: waiting}, Decision(commands, (verdict,))


def _grown_old(state: State, subject: str, now: Instant) -> tuple[State, Decision]:
    waiting = state.get(subject)
    if waiting is None or now.monotonic < waiting.until:
        return state, Decision()
    why = (
        "masakari-api has not taken the report for as long as it may wait, and the driver has not said since whether "
        "the host is still down: it is given up. Look at the host; if it needs recovery, recover it by hand"
    )
    verdict = Verdict(subject, Ruling.WITHDRAWN, why, alarm=True)
    return _without(state, subject), Decision((Withdraw(subject, why),), (verdict,))


def _ended(state: State, report: Settled) -> State:
    waiting = state.get(report.subject)
    if waiting is None:
        return state
    said = waiting.said - {report.made_at or report.notification.generated_time}
    return {**state, report.subject: replace(waiting, said=said)} if said else _without(state, report.subject)


def _without(state: State, subject: str) -> State:
    return {other: waiting for other, waiting in state.items() if other != subject}


def may_offer(state: State, notification: Notification, now: Instant) -> Leave:
    """Whether it may leave: a failure only if the driver has said it in this life, lately, and no return since."""
    if not isinstance(notification, HostNotification) or notification.event is HostEvent.STARTED:
        return Leave.NOW
    waiting = state.get(notification.subject)
    if waiting is None or notification.generated_time not in waiting.said:
        return Leave.NEVER
    return Leave.NOW if now.monotonic < waiting.until else Leave.LATER


def judge_unconfirmed(state: State, report: Unconfirmed, now: Instant) -> Word:
    """A report of the last life: nobody but the driver could say whether it holds, and what it says is sent anew."""
    if isinstance(report.told, HostNotification) and report.told.event is HostEvent.STARTED:
        return withdraw("whether the host is still up the driver says anew")
    return forget(
        "only a third-party driver judges for the host, and it cannot be asked whether it still fails"
    )


def _settled(report: Settled, now: Instant) -> Settled:
    return report


def monitor(name: str, make: Callable[[], Foreign], clock: Clock) -> Monitor[State, Said | Settled]:
    """A host monitor around a third-party driver."""
    return Monitor(
        name="hostmonitor",
        state={},
        decide=decide,
        judge_unconfirmed=judge_unconfirmed,
        sources=(ForeignSource(name, make, clock),),
        may_offer=may_offer,
        settled=_settled,
        watching=(f"hosts, by the third-party driver {name}, which judges and elects by its own rules",),
    )
