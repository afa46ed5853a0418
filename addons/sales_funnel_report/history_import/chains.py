"""The chain of stays of a deal, from the stays that are known and a file.

Both are turned into events: the deal enters a stage, or it ends. The chain is what
follows from all of them in the order of time, so it does not matter which was told
first. Within one second the file goes first, unless both tell of the same move;
the file's own order there is that of its exact times.

- A stage that the deal stands in already, or an ending that has happened already,
  is no news. So a file that tells the start of a known stay moves it to the front,
  and a file that was imported before changes nothing.
- Putting a won deal on hold changes nothing: a won deal stays won.
- A deal that was made in Odoo already lost or on hold has one stay of no length.
  If the file tells that ending, at its own date, this stay goes.
"""

import datetime
from dataclasses import dataclass
from itertools import pairwise

ENDINGS = ("lost", "on_hold", "merged")


class LostWhileWonError(Exception):
    """The file says that a deal was lost while it was won.

    :ivar Event event: that says so
    """

    def __init__(self, event):
        super().__init__(event)
        self.event = event


class NoStageError(Exception):
    """The file says that a deal ended before it stood anywhere.

    :ivar Event event: that says so
    """

    def __init__(self, event):
        super().__init__(event)
        self.event = event


@dataclass
class Stay:
    """One stay of a deal.

    :ivar int stage: id of the stage; below zero for one that has to be made
    :ivar datetime.datetime exited: None while the deal is there
    :ivar str exit_kind: None where the stay goes on or the next stage decides it
    :ivar int stay_id: of a known stay, which keeps all that is not said here
    :ivar reason, user, team, amount: ids and money; None where nobody knows
    """

    stage: int
    entered: datetime.datetime
    exited: datetime.datetime | None = None
    exit_kind: str | None = None
    next_stage: int | None = None
    reason: int | None = None
    user: int | None = None
    team: int | None = None
    amount: float | None = None
    stay_id: int | None = None


@dataclass
class Event:
    """A deal enters a stage or ends.

    :ivar datetime.datetime moment: in whole seconds
    :ivar state: id of the stage entered, or one of :data:`ENDINGS`
    :ivar int line: of the file; None when a known stay says so
    :ivar int index: of the known stay in its chain; None when the file says so
    :ivar bool user_told: whether the file names a salesperson, ``user`` may still
        be None when it is one that Odoo does not know
    """

    moment: datetime.datetime
    state: int | str
    line: int | None = None
    index: int | None = None
    reason: int | None = None
    user: int | None = None
    user_told: bool = False
    amount: float | None = None

    @property
    def is_ending(self):
        return self.state in ENDINGS


def continue_chain(known, told, won_stages, defaults):
    """The chain of a deal after the file.

    >>> day = [datetime.datetime(2025, 1, number) for number in range(1, 9)]
    >>> told = [Event(day[0], 1, line=2), Event(day[2], 2, line=3)]
    >>> chain = continue_chain([], told, {9}, Stay(0, day[0]))
    >>> [(stay.stage, stay.entered.day) for stay in chain]
    [(1, 1), (2, 3)]
    >>> known = [Stay(1, day[0], day[2], "advanced", stay_id=1), Stay(2, day[2])]
    >>> continue_chain(known, told, {9}, Stay(0, day[0]))

    :param list known: of :class:`Stay`, the chain before, in its order
    :param list told: of :class:`Event`, what the file says, in order
    :param set won_stages: ids of the stages that are won
    :param Stay defaults: salesperson, team and amount of the deal today, for what
        was before anybody said something
    :return: list of :class:`Stay`, None when the file says nothing new
    :raises LostWhileWonError:
    :raises NoStageError:
    """
    events = _merge(known, told, won_stages)
    if all(event.line is None for event in events):
        return None
    return _build(known, events, defaults)


def _known_events(known):
    events = []
    for index, stay in enumerate(known):
        events.append(Event(stay.entered, stay.stage, index=index))
        if stay.exit_kind in ENDINGS:
            events.append(
                Event(stay.exited, stay.exit_kind, index=index, reason=stay.reason)
            )
    return events


def _merge(known, told, won_stages):
    """All events that change the state of the deal, in order."""
    known_events = _known_events(known)
    born_ended = bool(known) and known[0].exited == known[0].entered
    merged = []
    state = stage = None
    moments = sorted({event.moment for event in [*known_events, *told]})
    known_at = _by_moment(known_events)
    told_at = _by_moment(told)
    for moment in moments:
        group = known_at.get(moment, [])
        news = _without_repetitions(told_at.get(moment, []))
        if not _is_told([state, *(event.state for event in group)], news):
            group = _weave(group, news)
        for event in group:
            if event.state == state:
                continue
            if event.line is not None and event.is_ending:
                if stage is None:
                    raise NoStageError(event)
                if state in won_stages:
                    if event.state == "lost":
                        raise LostWhileWonError(event)
                    continue
            merged.append(event)
            state = event.state
            stage = stage if event.is_ending else state
        if born_ended and not news:
            merged = _without_birth(merged)
            state = merged[-1].state
    return merged


def _by_moment(events):
    groups = {}
    for event in events:
        groups.setdefault(event.moment, []).append(event)
    return groups


def _without_repetitions(events):
    return [
        event
        for before, event in pairwise([None, *events])
        if before is None or before.state != event.state
    ]


def _is_told(states, news):
    """Whether ``states`` pass through all states of ``news``, in their order."""
    states = iter(states)
    return all(event.state in states for event in news)


def _weave(group, news):
    """The events of one second, those that both tell only once."""
    woven, rest = [], list(group)
    for event in news:
        states = [other.state for other in rest]
        if event.state in states:
            position = states.index(event.state) + 1
            woven += rest[:position]
            rest = rest[position:]
        else:
            woven.append(event)
    return woven + rest


def _without_birth(events):
    """Without the stay of no length that a deal made as ended began with, where
    the same ending in the same stage has been told before."""
    if len(events) < 4:
        return events
    *before, entry, ending = events
    told_stage, told_ending = before[-2:]
    same = (
        entry.index == 0
        and ending.index == 0
        and told_ending.state == ending.state
        and told_stage.state == entry.state
    )
    return before if same else events


def _build(known, events, defaults):
    """The stays between the events."""
    chain = []
    last = None
    user, team, amount = defaults.user, defaults.team, defaults.amount
    for event in events:
        stay = chain[-1] if chain else None
        is_open = stay is not None and stay.exited is None
        if event.line is not None:
            user = event.user if event.user_told else user
            amount = amount if event.amount is None else event.amount
        if is_open:
            _close(stay, event, known, last)
        if not event.is_ending and event.index is not None:
            source = known[event.index]
            chain.append(Stay(event.state, event.moment, stay_id=source.stay_id))
            user, team, amount = source.user, source.team, source.amount
        elif not event.is_ending or not is_open:
            # an ending of a deal that had ended is a stay of no length
            stage = stay.stage if event.is_ending else event.state
            chain.append(Stay(stage, event.moment, user=user, team=team, amount=amount))
            if event.is_ending:
                _close(chain[-1], event, known, None)
        last = event
    return chain


def _close(stay, event, known, last):
    stay.exited = event.moment
    if event.is_ending:
        stay.exit_kind = event.state
        stay.reason = event.reason
    elif last.index is not None and event.index == last.index + 1:
        # between two known stays nothing has changed
        before = known[last.index]
        stay.exited = before.exited
        stay.exit_kind = before.exit_kind
        stay.next_stage = before.next_stage
