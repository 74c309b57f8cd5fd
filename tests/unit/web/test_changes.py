"""What has changed since somebody last looked."""

import json
import random

from masakarimonitors.web import changes
from masakarimonitors.web.changes import LARGEST, Changes, Piece


def piece(name: str, html: str = "x", *, urgent: bool = False, box: str = "b") -> Piece:
    return Piece(id=name, box=box, key=name, html=html, urgent=urgent)


def test_only_what_has_changed_is_told_and_what_is_urgent_comes_first() -> None:
    known = Changes()
    assert known.put([piece("a"), piece("b"), piece("c")])
    assert not known.put([piece("a"), piece("b"), piece("c")])
    seen = known.number
    assert known.put([piece("a", "new"), piece("c"), piece("d", urgent=True)])
    told = known.since(seen)
    assert told is not None and not told.more and told.number == known.number
    assert told.entries == [["b"], ["d", "b", "d", "x"], ["a", "b", "a", "new"]]
    now = known.since(known.number)
    assert now is not None and now.entries == []


def test_whoever_has_seen_what_we_never_told_is_to_load_it_anew() -> None:
    known = Changes()
    known.put([piece("a")])
    assert known.since(-1) is None and known.since(known.number + 1) is None


def test_so_many_that_are_gone_are_known(monkeypatch: object) -> None:
    known = Changes()
    names = [f"{number}" for number in range(changes.GONE + 10)]
    known.put([piece(name) for name in names])
    first = known.number
    known.put([])
    assert known.since(first) is None
    assert known.since(first + 10) is not None


def test_much_at_once_is_told_in_instalments_of_bounded_size() -> None:
    known = Changes()
    known.put([])
    known.put(
        [piece(f"{number}", '<i class="up">✓</i>' * 20, urgent=number % 7 == 0) for number in range(1000)]
    )
    since, entries = 0, []
    while True:
        told = known.since(since)
        assert told is not None
        assert len(json.dumps(told.entries)) <= LARGEST
        entries += told.entries
        since = told.number
        if not told.more:
            break
    assert len(entries) == 1000
    assert [int(entry[0]) % 7 == 0 for entry in entries[:143]] == [True] * 143


def test_whatever_happens_each_reader_ends_with_what_there_is() -> None:
    rng = random.Random(7)
    known = Changes()
    readers: list[tuple[int, dict[str, list[str]]]] = []
    for _ in range(200):
        names = rng.sample("abcdefgh", rng.randrange(9))
        known.put([piece(name, str(rng.randrange(3)), urgent=rng.random() < 0.3) for name in names])
        if rng.random() < 0.1:
            shown = {one.id: [one.id, one.box, one.key, one.html] for one in known.pieces.values()}
            readers.append((known.number, shown))
        for index, (since, shown) in enumerate(readers):
            if rng.random() < 0.5:
                continue
            told = known.since(since)
            assert told is not None
            for entry in told.entries:
                if len(entry) == 1:
                    shown.pop(entry[0], None)
                else:
                    shown[entry[0]] = entry
            readers[index] = (told.number, shown)
            assert shown == {one.id: [one.id, one.box, one.key, one.html] for one in known.pieces.values()}
