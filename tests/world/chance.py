"""Chance: a schedule of faults that one seed makes, and the end at which everything but some dead hosts is well.

Whatever has gone wrong before, the end must come out right: each dead host is known to masakari, and nothing waits
that accuses a living one.
"""

from collections.abc import Callable, Sequence

from masakarimonitors.hostmonitor.core.observation import Membership
from tests.world.world import Check, World

PAUSES = (0.5, 3.0, 8.0, 20.0, 60.0, 200.0)
QUIET = 2400.0
"""Seconds after which the end must have come out right: a storm, two windows of masakari's, and all back-offs."""


async def disturb(world: World, turns: int) -> None:
    """So many things happen, one after another."""
    for _ in range(turns):
        host = world.rng.choice(world.hosts)
        await _turn(world, host, world.rng.choice(_ACTS))
        await world.wait(world.rng.choice(PAUSES))


async def _turn(world: World, host: str, act: Callable[[World, str], None] | str) -> None:
    monitor = world.rng.choice(list(world.sites))
    if callable(act):
        act(world, host)
    elif act == "restart" and world.sites[monitor].runs:
        await world.restart_monitor(monitor)
    elif act == "kill" and world.sites[monitor].runs:
        world.kill_monitor(monitor)
    elif act == "start" and world.powered[monitor]:
        world.start_monitor(monitor)


def _power(world: World, host: str) -> None:
    (world.kill if world.powered[host] else world.revive)(host)


def _cut(world: World, host: str) -> None:
    names = [link.name for link in world.links]
    world.cut(host, *world.rng.sample(names, world.rng.randint(1, len(names))))


def _heal(world: World, host: str) -> None:
    world.heal(host)


def _leader(world: World, host: str) -> None:
    link = world.rng.choice(world.links)
    link.lose_leader(world.rng.choice((3.0, 17.0, 60.0)))
    world.note(f"no leader on {link.name}")


def _agent(world: World, host: str) -> None:
    stops = world.engine != "kubernetes" and world.powered[host] and host not in world.sites
    if stops and world.rng.random() < 0.5:
        world.stop_agent(host)
    else:
        world.start_agent(host)


def _masakari(world: World, host: str) -> None:
    act = world.rng.choice(("down", "up", "up", "mute", "503", "slow", "quick"))
    world.note(f"masakari: {act}")
    match act:
        case "down":
            world.masakari.down()
        case "mute":
            world.masakari.loses_answers()
        case "503":
            world.masakari.answers(503)
        case "slow" | "quick":
            world.masakari.pause = (10.0, 20.0) if act == "slow" else (0.0, 5.0)
        case _:
            world.masakari.up()


def _engine(world: World, host: str) -> None:
    act = world.rng.choice(("killed", "started", "started", "refused by nova", "served by nova"))
    world.note(f"masakari's engine is {act}")
    match act:
        case "killed":
            world.masakari.kill_engine()
        case "started":
            world.masakari.start_engine()
        case _:
            world.masakari.nova = act == "served by nova"


def _flag(world: World, host: str) -> None:
    on = not world.masakari.hosts[host].on_maintenance
    if not on and world.masakari.is_at(host):
        return
    world.note(f"{host} is {'put on' if on else 'taken off'} maintenance")
    world.masakari.maintain(host, on)


def _way(world: World, host: str) -> None:
    monitor = world.rng.choice(list(world.sites))
    if world.rng.random() < 0.5:
        world.block(monitor)
    else:
        world.unblock(monitor)


def _election(world: World, host: str) -> None:
    if world.rng.random() < 0.5:
        world.no_election()
    else:
        world.election_again()


_ACTS: Sequence[Callable[[World, str], None] | str] = (
    *(_power, _power, _power, _cut, _cut, _heal, _heal),
    *(_leader, _agent, _masakari, _masakari, _engine, _flag, _way, _election),
    *("restart", "kill", "start", "start"),
)


async def mend(world: World) -> list[str]:
    """Everything is well again but for some dead hosts, which are told."""
    dead = world.rng.sample(world.hosts[3:], world.rng.randint(0, 2))
    world.note(f"the end: all are well but {dead}")
    world.masakari.pause = (0.0, 5.0)
    world.masakari.up()
    world.masakari.nova = True
    world.masakari.start_engine()
    world.masakari.let_a_day_pass()
    world.election.admit()
    for host in world.hosts:
        world.heal(host)
        world.unblock(host)
        world.start_agent(host)
        world.revive(host)
    await world.wait(30.0)
    world.kill(*dead)
    await world.wait(QUIET / 2)
    for host in world.hosts:
        if not world.powered[host] and host not in dead:
            world.revive(host)  # the engine has fenced it meanwhile
        world.masakari.maintain(host, False)
    await world.wait(QUIET)
    return dead


def known(host: str) -> Check:
    """Masakari has been told of the outage that the host is in."""
    return Check(
        f"masakari knows that {host} is dead",
        lambda world: any(
            (offer.host, offer.event, offer.host_status) == (host, "STOPPED", "NORMAL")
            and offer.answered >= world.invariants.outage_since(host)
            for offer in world.masakari.accepted
        ),
    )


def at_rest(host: str) -> Check:
    """The host is up, and no monitor is about to say otherwise."""

    def look(world: World) -> bool:
        up = all(link.declared[host] is Membership.UP for link in world.links)
        waits = (site.wired.outbox.deliverable(f"host:{host}") for site in world.sites.values() if site.wired)
        accused = (row for rows in waits for row in rows if "STOPPED" in row.body)
        return up and not any(accused)

    return Check(f"{host} is up and nobody accuses it", look)
