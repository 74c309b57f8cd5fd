"""What may happen in a moment of the model, and what must come of each moment when everything ends well.

`moves` lists what may happen next; `check` lets a moment run out in two ways: with everything well again, when each
failure must reach masakari once, and as it stands, when whatever does not reach it must be shown to people.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix
from masakarimonitors.hostmonitor.core.observation import (
    Leader,
    Membership,
    NoElection,
    Outcome,
    Power,
    PowerSeen,
    ProofKind,
    Sample,
    View,
)
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.status import describe
from tests.explore.model import (
    GOOD_FOR,
    NONE,
    RECOVERY,
    SEEN,
    STEPS,
    TWIN,
    Fault,
    Model,
    Row,
    Rules,
    announce,
    reborn,
    registry,
    sound,
)
from tests.explore.search import Violation
from tests.explore.shape import BEGIN

Move = tuple[str, Callable[[], Model | None]]
Act = Callable[[Model], bool | None]

SPELL = 2500.0
"""Seconds after which whatever is to come of a moment has come."""
RUN = SPELL + 500.0
"""Seconds for which a moment is let be: longer, so that those before it that come by there later know enough."""
UNCOMPARED = 6
"""Steps after which it is worth looking whether others have come by: most ways have ended by then."""
RETURN = 2.0
"""Seconds after which a host is seen again at the earliest: nothing boots, and no engine counts, faster than that."""
READINGS, READ_EACH = 5, 100.0
"""How often masakari's segments are read at the end of a mended moment, and seconds between."""
SILENT = 300.0
"""Seconds for which somebody silences a host."""
# Values that one link may take by itself.
_VALUES = {
    "links": (Membership.UP, Membership.DOWN),
    "left": (Membership.LEFT,),
    "unlisted": (Membership.UNKNOWN,),
}


def moves(model: Model) -> Iterator[Move]:
    """Everything that may happen next, each with the moment after it; None when it is nothing."""
    for happens, turns in _KINDS:
        if model.turns is None or model.turns >= turns:
            for name, act in happens(model):
                yield name, _after(model, act, turns)


def _after(model: Model, act: Act, turns: int) -> Callable[[], Model | None]:
    def perform() -> Model | None:
        after = model.copy()
        if after.turns is not None and turns:
            after.turns, after.steps = after.turns - turns, STEPS
        return None if act(after) is False else after

    return perform


def _time(model: Model) -> Iterator[tuple[str, Act]]:
    alarms, free = model.alarms(), model.rules.turns is None
    if alarms and (free or model.steps):
        wait = max(0.0, min(alarms) - model.seconds)
        yield f"{wait:g} s pass, until an alarm", partial(_step, wait=wait)
    if free:
        yield "0.5 s pass", lambda m: m.wait(0.5)
    yield "400 s pass", lambda m: m.wait(400.0)


def _step(model: Model, wait: float) -> None:
    model.steps = max(0, model.steps - 1)
    model.wait(wait)


def _unlike(model: Model, names: Iterable[str]) -> Iterator[str]:
    """Those of `names`, in order, to whom something has happened, and one of all the others, who are alike.

    What happens to any of these would be the same story with other names.
    """
    for name in names:
        yield name
        if name not in model.touched:
            return


def _fragile(model: Model) -> tuple[str, ...]:
    return tuple(_unlike(model, model.rules.fragile))


def _monitors(model: Model) -> Iterator[int]:
    """Where all report each has a turn of its own, and no two are alike."""
    everybody = range(len(model.minds))
    if model.rules.elected and model.who != NONE:
        alike = set(_unlike(model, (f"m{number}" for number in everybody if number != model.who)))
        return (number for number in everybody if number == model.who or f"m{number}" in alike)
    return iter(everybody)


def _touch(model: Model, name: str | int) -> None:
    model.touched |= {name if isinstance(name, str) else f"m{name}"}


def _hosts(model: Model) -> Iterator[tuple[str, Act]]:
    fragile = _fragile(model)
    for kind, values in _VALUES.items():
        if kind in model.rules.moves:
            for (host, link), before in model.raw.items():
                for value in values if host in fragile else ():
                    if value is not before:
                        yield f"{host} is {value.value} on {link}", _hear(host, link, value)


def _hear(host: str, link: str, value: Membership) -> Act:
    def act(model: Model) -> bool | None:
        if model.sees[link] == "no":
            return False  # the source says nothing while it is blind
        _touch(model, host)
        if value is Membership.UP:
            model.wait(RETURN)
        model.says(host, link, value)
        if value is Membership.UNKNOWN:
            model.tell(lambda number: model.listing(link))
        else:
            model.tell(lambda number: Sample(link, {host: SEEN[value]}, model.now))
        return None

    return act


def _views(model: Model) -> Iterator[tuple[str, Act]]:
    for link, how in model.sees.items():
        if how == "no":
            if "view" in model.rules.moves or "lapse" in model.rules.moves:
                yield f"{link} is seen", partial(Model.see, link=link)
                yield from _changed_meanwhile(model, link)
            continue
        if "view" in model.rules.moves:
            yield f"{link} is lost", partial(_lose, link=link)
        if "lapse" in model.rules.moves:
            yield (
                f"the source of {link} falls silent until its proof lapses",
                partial(_lapse, link=link),
            )


def _changed_meanwhile(model: Model, link: str) -> Iterator[tuple[str, Act]]:
    for host in _fragile(model):
        for value in (Membership.UP, Membership.DOWN):
            if model.raw[host, link] is not value:

                def act(after: Model, host: str = host, value: Membership = value) -> None:
                    _touch(after, host)
                    after.says(host, link, value)
                    after.see(link)

                yield f"{link} is seen, with {host} {value.value}", act


def _lose(model: Model, link: str) -> None:
    model.sees[link] = "no"
    model.tell(lambda number: View(link=link, proven=False, why="no leader", at=model.now))


def _lapse(model: Model, link: str) -> None:
    model.tell(lambda number: View(link=link, proven=True, why="read", at=model.now, good_for=GOOD_FOR))
    model.wait(GOOD_FOR)
    model.sees[link] = "no"


def _api(model: Model) -> Iterator[tuple[str, Act]]:
    if "api" in model.rules.moves:
        other = "down" if model.api == "up" else "up"
        yield f"masakari is {other}", partial(_switch, api=other)


def _flags(model: Model) -> Iterator[tuple[str, Act]]:
    if "registry" in model.rules.moves:
        for host in _fragile(model):
            yield f"the flag of {host} changes and is read", partial(_flag, host=host, read=True)
            yield f"the flag of {host} changes", partial(_flag, host=host, read=False)
    if "engine" in model.rules.moves:
        other = "away" if model.engine == "up" else "up"
        yield f"masakari's engine is {other}", partial(_start_engine, engine=other)
        yield "masakari's segments are read", lambda m: m.tell(lambda number: registry(m))


def _start_engine(model: Model, engine: str) -> None:
    model.engine = engine
    model.begin()


def _switch(model: Model, api: str) -> None:
    model.api = api
    if "twins" in model.rules.moves:
        model.wait(
            2 * TWIN
        )  # until then no worker saw the other's, and no masakari comes and goes in no time


def _rows(model: Model) -> Iterator[tuple[str, Act]]:
    """What becomes of each report that waits."""
    for number, row in model.heads():
        told = f"{row.status.value} of {row.host} by m{number}"
        if row.flying:
            yield f"the answer to {told} arrives", partial(Model.answer, number=number, row=row)
        elif model.api == "up" and 0 <= row.due <= model.seconds:
            yield f"{told} is offered and answered", partial(_deliver, number=number, row=row)
            if "slow" in model.rules.moves:
                yield f"{told} is offered", partial(_offer, number=number, row=row)


def _losses(model: Model) -> Iterator[tuple[str, Act]]:
    """What a report does not get, or not in time."""
    for number, row in model.heads():
        told = f"{row.status.value} of {row.host} by m{number}"
        if row.flying:
            yield f"the answer to {told} is lost", partial(_lose_answer, number=number, row=row)
        elif model.api == "down" and "expire" in model.rules.moves:
            yield f"{told} expires", partial(_expire, number=number, row=row)


def _lose_answer(model: Model, number: int, row: Row) -> None:
    _touch(model, number)
    model.swap(number, row, None if row.due < 0 else replace(row, flying=""))


def _offer(model: Model, number: int, row: Row) -> None:
    _touch(model, number)
    model.offer(number, row)


def _deliver(model: Model, number: int, row: Row) -> None:
    _touch(model, number)
    offered = model.offer(number, row)
    if offered is not None:
        model.answer(number, offered)


def _expire(model: Model, number: int, row: Row) -> None:
    _touch(model, number)
    model.swap(number, row, None)
    model.feed(number, model.answered(row, Outcome.EXPIRED))


def _flag(model: Model, host: str, *, read: bool) -> bool | None:
    _touch(model, host)
    if host not in model.flagged:
        model.flagged |= {host}
    elif not model.put_back(host):
        return False
    if read:
        model.tell(lambda number: registry(model))
    return None


def _restarts(model: Model) -> Iterator[tuple[str, Act]]:
    if "restart" in model.rules.moves:
        for number in _monitors(model):
            yield f"m{number} restarts", partial(_restart, number=number)


def _restart(model: Model, number: int) -> None:
    _touch(model, number)
    reborn(model, number)


def _election(model: Model) -> Iterator[tuple[str, Act]]:
    if not model.rules.elected:
        return
    for number in _monitors(model):
        if model.who != number:
            yield f"m{number} leads", partial(_lead, number=number)
            yield (
                f"m{number} leads, and cannot read the ledger",
                partial(_lead, number=number, legible=False),
            )
        else:
            yield f"the lease of m{number} lapses unnoticed", partial(_lapse_lead, number=number)
    if model.who != NONE:
        yield "nobody can be elected", _nobody
        if model.ledger:
            yield "the ledger is lost", lambda m: setattr(m, "ledger", None)


def _lead(model: Model, number: int, *, legible: bool = True) -> None:
    _touch(model, number)
    if "twins" in model.rules.moves:
        model.wait(2 * TWIN)  # no place changes hands before masakari's workers see what is told
    model.who = number
    for one in range(len(model.minds)):
        if one != number:
            announce(model, one)
    ledger = model.ledger if legible else None
    model.feed(number, Leader(why="lock", at=model.now, ledger=ledger))


def _lapse_lead(model: Model, number: int) -> None:
    model.feed(number, Leader(why="lock", at=model.now, ledger=model.ledger, good_for=10.0))
    model.nobody_since = model.seconds
    model.who, model.nobody_said = NONE, False
    model.wait(10.0)


def _nobody(model: Model) -> None:
    model.who, model.nobody_said = NONE, False
    model.nobody_since = model.seconds
    model.tell(lambda number: NoElection(why="no leader", since=BEGIN + model.seconds, at=model.now))


def _silences(model: Model) -> Iterator[tuple[str, Act]]:
    if "silence" not in model.rules.moves:
        return
    host = model.rules.fragile[0]
    if model.silence is None:
        yield f"{host} is silenced", lambda m: m.silenced(host, SILENT)
    elif model.is_silenced(host):
        yield "the silence is ended", Model.unsilenced


def _power(model: Model) -> Iterator[tuple[str, Act]]:
    if "power" not in model.rules.moves:
        return
    for host in model.rules.hosts:
        if model.fails(host):
            yield f"{host} is fenced", partial(_fence, host=host)
    for number, mind in enumerate(model.minds):
        for request in mind.asked:
            for power in Power:
                told = f"m{number} hears that the power of {request.host} is {power.value}"
                yield told, partial(Model.reply, number=number, request=request, power=power)
            told = f"m{number} hears that {request.host} is off, for it was fenced"
            fenced = partial(
                Model.reply, number=number, request=request, power=Power.OFF, kind=ProofKind.FENCED
            )
            yield told, fenced


def _fence(model: Model, host: str) -> None:
    model.tell(
        lambda number: PowerSeen(
            host=host, power=Power.OFF, evidence="fenced", at=model.now, kind=ProofKind.FENCED
        )
    )


_KINDS: tuple[tuple[Callable[[Model], Iterator[tuple[str, Act]]], int], ...] = (
    (_time, 0),
    (_hosts, 1),
    (_views, 1),
    (_api, 1),
    (_rows, 0),
    (_losses, 1),
    (_flags, 1),
    (_restarts, 1),
    (_election, 1),
    (_power, 1),
    (_silences, 1),
)
"""Everything that may happen, and how many turns of a story it takes."""


# -- what must come of it ---------------------------------------------------------------------------


def check(model: Model) -> None:
    """Raises Violation when this moment, left alone or mended, does not come to what it must."""
    for number, row in model.heads():
        if row.flying or row.due < 0 or model.rules.proof:
            continue
        if model.up_where_seen(row.host):
            raise Violation(f"a failure of {row.host} waits at m{number}; it is up wherever it is seen")
    _left_alone(model.copy())
    _mended(model.copy())


def _let_be(model: Model, how: str, ends_well: Callable[[Model], None]) -> None:
    """Let time pass as it does where everything answers at once, for at least `SPELL`; `ends_well` looks at the end.

    Where another moment that was let be so has come by here before, and ended well, so does this one: but no
    moment is taken for well that was not seen to be for `SPELL`.
    """
    began, passed = model.seconds, dict[tuple[str, int], float]()
    steps = 0
    model.deliver_all()
    while model.seconds < began + RUN:
        steps += 1
        if steps > UNCOMPARED:
            moment = (how, hash(model.key()))
            well_until = model.seconds + model.settled.get(moment, -math.inf)
            if well_until >= began + SPELL:
                break
            if moment in passed:
                # From here on it goes round for ever.
                ends_well(model)
                well_until = math.inf
                break
            passed[moment] = model.seconds
        due = [row.due for mind in model.minds for row in mind.rows if row.due > model.seconds]
        first = min([*model.alarms(), *due, began + RUN])
        model.wait(max(0.01, min(first, began + RUN) - model.seconds))
        model.answer_power()
        model.deliver_all()
    else:
        ends_well(model)
        well_until = model.seconds
    for moment, at in passed.items():
        model.settled[moment] = max(well_until - at, model.settled.get(moment, 0.0))


def _left_alone(model: Model) -> None:
    """As it stands: what masakari does not have is shown as such."""
    _let_be(model, "left alone", _is_shown)


def _is_shown(model: Model) -> None:
    for host in model.rules.hosts:
        if not model.fails(host) or model.has(host, HostStatus.NORMAL):
            continue
        shown = [
            row
            for mind, decider in zip(model.minds, model.deciders, strict=True)
            for row in describe(mind.state, decider.policy)
            if row.alarm and (row.subject == f"host:{host}" or row.subject.startswith(("link:", "storm:")))
        ]
        if not shown:
            raise Violation(f"{host} is lost, masakari was not told, and nothing is shown")
    _is_owed(model)


def _is_owed(model: Model) -> None:
    """Whoever masakari was told of, and is back, is to be put back into service, and a person is told so."""
    for host in model.rules.hosts:
        if not (model.is_back(host) and model.to_put_back(host)):
            continue
        if not any(
            row.alarm and (row.subject == f"host:{host}" or row.subject.startswith("link:"))
            for mind, decider in zip(model.minds, model.deciders, strict=True)
            for row in describe(mind.state, decider.policy)
        ):
            raise Violation(f"{host} is back, masakari has a report of it, and nobody is told to look")


def _mended(model: Model) -> None:
    """Everything is well again: what has failed is with masakari, once; what is up is not accused."""
    model.api = "up"
    _start_engine(model, "up")
    for link, how in model.sees.items():
        if how == "no":
            model.see(link)
    if model.flagged:
        model.wait(RECOVERY)
        for host in sorted(model.flagged):
            model.put_back(host)
    if "registry" in model.rules.moves:
        model.tell(lambda number: registry(model))
    if model.rules.elected and not isinstance(model.who, int):
        _lead(model, 0)
    if "registry" in model.rules.moves and any(
        model.fails(one.host) and one.outage != model.outage[one.host] for one in model.kept
    ):
        # It has failed again, and what was read so soon after its first report says nothing of that.
        model.wait(RECOVERY)
        model.tell(lambda number: registry(model))
    _let_be(model, "mended", _is_told)


def _is_told(model: Model) -> None:
    for host in model.rules.hosts:
        held = "lives" in model.rules.moves and any(mind.state.cluster.storms for mind in model.minds)
        # Without a look at the segments nobody can say whether it was put back between two failures: an alarm.
        held |= "registry" not in model.rules.moves and Reason.EARLIER in _alarms(model, host)
        if model.fails(host) and not model.has(host, HostStatus.NORMAL) and not held:
            last = [str(mind.last.get(f"host:{host}")) for mind in model.minds]
            raise Violation(f"{host} is lost for {SPELL:g} s and everything else is well: not told; {last}")
        if model.up_where_seen(host):
            for number, mind in enumerate(model.minds):
                if any(row.host == host for row in mind.rows):
                    raise Violation(f"a failure of {host} waits at m{number} for ever; it is up")
    if "registry" in model.rules.moves:
        _is_put_back(model)


def _is_put_back(model: Model) -> None:
    """Once masakari has ended with all and its segments are read, no alarm stands about one that is in service."""
    if not any(host.aftermath for mind in model.minds for host in mind.state.hosts.values()):
        return
    model = model.copy()
    for _ in range(READINGS):
        model.tell(lambda number: registry(model))
        model.wait(READ_EACH)
    for host in model.rules.hosts:
        if {Reason.OUT_OF_SERVICE, Reason.NEVER_LOST} & _alarms(model, host):
            raise Violation(f"{host} was put back, and a person is told to do it for ever")


def _alarms(model: Model, host: str) -> set[Reason]:
    """For which reasons some monitor has a person look at the host."""
    known = [mind.state.hosts[host].told for mind in model.minds if host in mind.state.hosts]
    return {told.reason for told in known if told is not None and told.alarm}


# -- who plays --------------------------------------------------------------------------------------

TWO_LINKS = Matrix(("manage", "storage"), frozenset({(True, False), (False, False)}))
ONE_LINK = Matrix(("cluster",), frozenset({(False,)}))

ONE_MONITOR = Rules(
    name="one monitor, two hosts on two links",
    matrix=TWO_LINKS,
    moves=frozenset({"links", "left", "view", "lapse", "api", "slow", "expire", "restart", "registry"}),
)
THREE_MONITORS = Rules(
    name="three monitors and their election, two hosts on one link",
    matrix=ONE_LINK,
    monitors=3,
    elected=True,
    moves=frozenset({"links", "api", "slow", "restart"}),
)
EVERYTHING = Rules(
    name="three monitors, two hosts on two links, everything",
    matrix=TWO_LINKS,
    monitors=3,
    elected=True,
    moves=frozenset(
        {"links", "left", "unlisted", "view", "lapse", "api", "slow", "expire", "restart", "registry"}
    ),
)
PROOF = Rules(
    name="one monitor that needs proof, one host on one link",
    matrix=ONE_LINK,
    hosts=("a",),
    proof=True,
    moves=frozenset({"links", "view", "lapse", "api", "slow", "expire", "restart", "power"}),
)
LIVES = Rules(
    name="one monitor, one host that lives on two links",
    matrix=TWO_LINKS,
    hosts=("a",),
    moves=frozenset({"links", "left", "view", "api", "slow", "lives"}),
)
LIVES_AND_PROOF = Rules(
    name="one monitor that needs proof, one host that lives on two links",
    matrix=TWO_LINKS,
    hosts=("a",),
    proof=True,
    moves=frozenset({"links", "api", "slow", "power", "lives"}),
)
STORM = Rules(
    name="one monitor, three hosts that live on two links",
    matrix=TWO_LINKS,
    hosts=("a", "b", "c"),
    moves=frozenset({"links", "api", "lives"}),
)
PROOF_AND_ELECTION = Rules(
    name="two monitors that need proof and their election, one host on one link",
    matrix=ONE_LINK,
    hosts=("a",),
    monitors=2,
    elected=True,
    proof=True,
    moves=frozenset({"links", "api", "slow", "expire", "restart", "power"}),
)
TWINS = Rules(
    name="three monitors of whom all report, masakari's workers see nothing of each other",
    matrix=ONE_LINK,
    hosts=("a", "m0", "m1", "m2"),
    monitors=3,
    moves=frozenset({"links", "api", "slow", "twins", "restart"}),
    elected=True,
)
ONE_TURN = replace(EVERYTHING, name=f"{EVERYTHING.name}, stories of one turn", turns=1)
"""Comes to an end, and soon; what masakari answers is in flight for as long as it likes."""
TWO_TURNS = replace(
    EVERYTHING, name=f"{EVERYTHING.name}, stories of two turns", turns=2, moves=EVERYTHING.moves - {"slow"}
)
"""Has an end, which takes longer than anybody has waited."""

ENGINE = Rules(
    name="one monitor, one host on one link, masakari's engine comes and goes",
    matrix=ONE_LINK,
    hosts=("a",),
    moves=frozenset({"links", "api", "slow", "restart", "registry", "engine"}),
)
SILENCED = Rules(
    name="two monitors and their election, one host on one link, which is silenced",
    matrix=ONE_LINK,
    hosts=("a",),
    monitors=2,
    elected=True,
    moves=frozenset({"links", "api", "slow", "restart", "silence"}),
)
PLAYS = (
    ONE_MONITOR,
    THREE_MONITORS,
    PROOF,
    PROOF_AND_ELECTION,
    TWINS,
    LIVES,
    LIVES_AND_PROOF,
    STORM,
    SILENCED,
    EVERYTHING,
    ENGINE,
    ONE_TURN,
    TWO_TURNS,
)


def first(rules: Rules, fault: Fault = sound) -> Model:
    """Every host is up and seen, and the first monitor leads."""
    model = Model(rules, fault)
    if "registry" in rules.moves:
        model.tell(lambda number: registry(model))
    for host in rules.hosts:
        for link in rules.matrix.sequence:
            model.says(host, link, Membership.UP)
    for link in rules.matrix.sequence:
        model.see(link)
    if rules.elected:
        _lead(model, 0)
    model.wait(60.0)
    return model


REPORTED = "until a failure waits to be told"
"""For `played`: time passes, alarm by alarm, until some outbox holds a report."""


def played(model: Model, *names: str) -> Model:
    """The moment after these moves; each is named, or by how its name begins, or is `REPORTED`."""
    for name in names:
        model = _until_reported(model) if name == REPORTED else _named(model, name)
    return model


def _named(model: Model, name: str) -> Model:
    possible = dict(moves(model))
    found = possible.get(name) or next(
        (move for known, move in possible.items() if known.startswith(name)), None
    )
    after = found() if found is not None else None
    if after is None:
        raise LookupError(f"{name!r} cannot happen now: {sorted(known for known, _ in moves(model))}")
    return after


def _until_reported(model: Model) -> Model:
    model = model.copy()
    for _ in range(20):
        if any(mind.rows for mind in model.minds):
            return model
        model.wait(max(0.0, min(model.alarms()) - model.seconds))
    raise LookupError("no failure is told")
