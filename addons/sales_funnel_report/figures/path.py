import re
from dataclasses import dataclass

# What `crm.lead.stage.summary` writes: one stay, and how it ended if it did.
_STAY = re.compile(
    r"(?P<begin>[,;])(?P<stage>\d+)(?P<won>w?)(?P<ending>[lhm]?)",
)
_ENDINGS = {"l": "lost", "h": "on_hold", "m": "merged"}


@dataclass(frozen=True)
class Way:
    """How far the deals of one path got, by one rule. A *place* is an index into the
    offsets of a deal, which the path has in common with its neighbours, so that the
    times of all deals of a path are the same differences.

    :ivar str outcome: ``open``, ``won``, ``lost``, ``on_hold`` or ``merged``
    :ivar list reached: by step, the place where it was reached, or None
    :ivar list visited: by step, whether the deals were in it themselves
    :ivar list stays: by step, the places at which those of its stays began that are
        over; each ended one place further
    :ivar int furthest: the furthest step they count in, or None
    :ivar int end: the place where they were won or lost, or None
    """

    outcome: str
    reached: list
    visited: list
    stays: list
    furthest: int | None
    end: int | None


def read_path(path, ranks, size, rule):
    """Find out how far the deals of a path got.

    :param str path: see ``crm.lead.stage.summary``
    :param dict ranks: position of the step by the number of the stage
    :param int size: number of steps
    :param str rule: ``beyond``, ``visited`` or ``strict``
    :rtype: Way

    >>> ranks = {1: 0, 2: 1, 3: 2, 4: 3}
    >>> way = read_path(",1,3,4w", ranks, 4, "beyond")
    >>> way.outcome, way.reached, way.visited, way.end
    ('won', [0, 1, 1, 2], [True, False, True, True], 2)
    >>> way.stays
    [[0], [], [1], []]

    The same deals, where only the stages that they were in count:

    >>> read_path(",1,3,4w", ranks, 4, "visited").reached
    [0, None, 1, 2]
    >>> read_path(",1,3,4w", ranks, 4, "strict").reached
    [0, None, None, None]

    Who was in two stages in the same second was in both in any order:

    >>> read_path(",2,1", ranks, 4, "strict").reached
    [1, None, None, None]
    >>> read_path(",2;1", ranks, 4, "strict").reached
    [1, 0, None, None]

    Put on hold, taken up again and lost:

    >>> way = read_path(",1h,2l", ranks, 4, "beyond")
    >>> way.outcome, way.stays, way.furthest, way.end
    ('lost', [[0], [2], [], []], 1, 3)
    """
    entries = [[] for _step in range(size)]
    stays = [[] for _step in range(size)]
    place = second = 0
    found = list(_STAY.finditer(path))
    for index, stay in enumerate(found):
        second += stay["begin"] == ","
        rank = ranks.get(int(stay["stage"]))
        is_over = bool(stay["ending"]) or index + 1 < len(found)
        if rank is not None:
            entries[rank].append((second, place))
            if is_over:
                stays[rank].append(place)
        begin, place = place, place + 1 + bool(stay["ending"])
    last = found[-1]
    outcome = _ENDINGS.get(last["ending"]) or ("won" if last["won"] else "open")
    reached = _REACHED[rule](entries)
    counted = [rank for rank, entered in enumerate(reached) if entered is not None]
    return Way(
        outcome=outcome,
        reached=reached,
        visited=[
            entered is not None if rule == "strict" else bool(entries[rank])
            for rank, entered in enumerate(reached)
        ],
        stays=stays,
        furthest=counted[-1] if counted else None,
        end={"won": begin, "lost": begin + 1}.get(outcome),
    )


def _reached_beyond(entries):
    reached = []
    for rank in range(len(entries)):
        places = [entered[0][1] for entered in entries[rank:] if entered]
        reached.append(min(places, default=None))
    return reached


def _reached_visited(entries):
    return [entered[0][1] if entered else None for entered in entries]


def _reached_strict(entries):
    reached, since = [], 0
    for entered in entries:
        second, place = next(
            (entry for entry in entered if since is not None and entry[0] >= since),
            (None, None),
        )
        reached.append(place)
        since = second
    return reached


_REACHED = {
    "beyond": _reached_beyond,
    "visited": _reached_visited,
    "strict": _reached_strict,
}
