"""Some months of a small wholesale company: what its three salespeople do with their
leads and deals, up to the money.

:func:`live` tells it as a list of events, oldest first, the last one before today. It
is plain Python; the same day tells the same months. Records are called by their
external ids. ``sales.flow.demo`` makes the events happen.
"""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from random import Random

# Days until an invoice is due, and a quotation expires.
DUE_DAYS = 30
VALID_DAYS = 14

# How many working days each of them takes from one thing to the next: one answers at
# once, one calls back late, one sells much to few and takes the time it needs.
PACES = {"anna": 1, "boris": 3, "chloe": 5}
# Minutes on the telephone.
MINUTES = {"anna": 6, "boris": 3, "chloe": 25}
# The most boxes or pieces of one product in an order.
PIECES = {"anna": 60, "boris": 40, "chloe": 400}
# Who has to try twice before somebody answers.
TRIES_TWICE = "boris"
# These only send something in; the others are known when they come.
LEAD_SOURCES = ("website", "catalogue")

PRODUCTS = {
    "tableware": ("plates", "glasses", "cutlery"),
    "consumables": ("napkins", "packaging", "cleaning"),
    "equipment": ("trays", "oven", "cooler"),
}
# A kitchen needs few of these.
LARGE_PRODUCTS = {"oven": 20, "cooler": 40}

# What happens, one after the other, until a deal is where its line below says.
LEAD = ("begin",)
CALLED = (*LEAD, "call", "qualify")
QUOTED = (*CALLED, "quote")
SENT = (*QUOTED, "send", "ask")
ORDERED = (*SENT, "order")
DELIVERED = (*ORDERED, "deliver")
INVOICED = (*DELIVERED, "invoice")
PATHS = {
    "lead": LEAD,
    "dead": (*LEAD, "no_answer", "wrong_number", "dead"),
    "closed": (*LEAD, "call", "closed"),
    "called": CALLED,
    "on_hold": (*CALLED, "hold"),
    "lost": (*SENT, "cancel", "lose"),
    "replaced": (*QUOTED, "send", "cancel", "quote", "send"),
    "draft": QUOTED,
    "sent": SENT,
    "expired": SENT,
    "given up": (*SENT, "expire"),
    "ordered": ORDERED,
    "delivered": DELIVERED,
    "invoiced": INVOICED,
    "paid in part": (*INVOICED, "pay_part"),
    "paid": (*INVOICED, "pay"),
}

# Of each of them: (number of the customer, where it comes from, what kind, what about,
# where it is today, days since it is there, why it ended)
DEALS = {
    "anna": (
        (1, "referral", "tableware", "Glasses for the bar", "paid", 9, ""),
        (3, "website", "tableware", "Plates for spring", "paid", 34, ""),
        (6, "catalogue", "consumables", "Cleaning supplies", "paid in part", 12, ""),
        (7, "referral", "equipment", "Canteen, north gate", "invoiced", 6, ""),
        (12, "referral", "tableware", "Cups and saucers", "invoiced", 35, ""),
        (15, "referral", "consumables", "School year supplies", "delivered", 1, ""),
        (16, "fair", "tableware", "Tasting menu plates", "ordered", 2, ""),
        (21, "catalogue", "equipment", "Second oven", "draft", 1, ""),
        (22, "referral", "tableware", "Unbreakable plates", "replaced", 3, "replaced"),
        (23, "catalogue", "equipment", "Display cooler", "lost", 20, "price"),
        (24, "fair", "tableware", "Beer glasses", "on_hold", 8, ""),
        (10, "website", "consumables", "Bags for beans", "called", 1, ""),
        (11, "website", "tableware", "Wants to hire plates", "closed", 15, "no_need"),
        (5, "website", "consumables", "Straws", "lead", 1, ""),
    ),
    "boris": (
        (25, "cold_call", "equipment", "Grill trays", "paid", 16, ""),
        (27, "catalogue", "consumables", "Lunch boxes", "invoiced", 41, ""),
        (28, "website", "tableware", "Dinner plates", "invoiced", 72, ""),
        (29, "cold_call", "equipment", "Pie trays", "invoiced", 103, ""),
        (30, "fair", "tableware", "Wine glasses", "invoiced", 140, ""),
        (32, "website", "tableware", "Lodge tableware", "ordered", 7, ""),
        (33, "cold_call", "consumables", "Beach bar supplies", "sent", 4, ""),
        (35, "catalogue", "consumables", "Taco trays of paper", "expired", 26, ""),
        (36, "cold_call", "tableware", "Shell plates", "expired", 33, ""),
        (37, "website", "equipment", "Burger line", "given up", 12, "silence"),
        (38, "cold_call", "tableware", "Diner mugs", "lost", 25, "competitor"),
        (40, "website", "consumables", "Derby day", "on_hold", 30, ""),
        (41, "website", "tableware", "Noodle bowls", "dead", 14, "wrong_contact"),
        (42, "catalogue", "consumables", "Syrup bottles", "dead", 22, "out_of_reach"),
        (44, "catalogue", "tableware", "Price list", "closed", 18, "silence"),
        (45, "website", "equipment", "Used equipment", "closed", 37, "price"),
        (46, "website", "consumables", "Campus summer", "lead", 3, ""),
    ),
    "chloe": (
        (49, "referral", "tableware", "Three hotels", "paid", 28, ""),
        (52, "fair", "equipment", "Resort kitchens", "invoiced", 14, ""),
        (53, "referral", "consumables", "Season at the stadium", "invoiced", 58, ""),
        (54, "fair", "equipment", "Dining hall", "ordered", 3, ""),
        (55, "referral", "consumables", "Yearly contract", "sent", 6, ""),
        (57, "cold_call", "tableware", "Two ships", "draft", 2, ""),
        (59, "fair", "tableware", "New openings", "given up", 20, "terms"),
        (60, "referral", "equipment", "Lounge coolers", "lost", 44, "competitor"),
        (58, "referral", "consumables", "Cups with our name", "on_hold", 21, ""),
    ),
}
LINES = [(name, *line) for name, lines in DEALS.items() for line in lines]


@dataclass(frozen=True, eq=False)
class Event:
    """What happens to a deal at one moment (UTC, no zone); ``action`` is one of
    those in ``PATHS``."""

    moment: datetime
    deal: int
    action: str
    values: dict = field(default_factory=dict)


class Life:
    """The life of one deal, told from its line in ``LINES`` backwards.

    :param int number: of the deal, 1 for the first
    :param tuple line: of ``LINES``
    :param today: ``date`` of today
    """

    def __init__(self, number, line, today):
        (
            self.salesperson,
            self.customer,
            self.source,
            self.kind,
            self.name,
            self.state,
            self.ago,
            self.reason,
        ) = line
        self.random = Random(self.name)
        self.number = number
        self.today = today

    def events(self):
        """:return: list of :class:`Event`, oldest first"""
        path = [*self.begin_as(), *PATHS[self.state][1:]]
        if self.salesperson == TRIES_TWICE and "call" in path:
            path.insert(path.index("call"), "no_answer")
        if self.source not in LEAD_SOURCES and "qualify" in path:
            path[path.index("qualify")] = "move"
        day = self.today - timedelta(days=self.ago)
        days = []
        for action in reversed(path):
            days.append(self.working_day(day))
            day -= timedelta(days=self.days_before(action))
        return [
            Event(
                self.moment(day, place),
                self.number,
                action,
                getattr(self, f"values_of_{action}", dict)(),
            )
            for place, (day, action) in enumerate(
                zip(reversed(days), path, strict=True)
            )
        ]

    def begin_as(self):
        """:return: what it begins with"""
        knows_nobody = self.state in ("lead", "dead", "closed")
        return ["begin_lead" if knows_nobody or self.is_lead() else "begin"]

    def is_lead(self):
        return self.source in LEAD_SOURCES

    def days_before(self, action):
        """:return: how many days it takes until this happens"""
        if action in ("pay", "pay_part"):
            return self.random.randint(18, DUE_DAYS)
        if action == "expire":
            return VALID_DAYS
        if action in ("send", "cancel", "invoice"):
            return 1 if self.salesperson == TRIES_TWICE else 0
        return self.random.randint(1, 1 + PACES[self.salesperson])

    def working_day(self, day):
        """:return: the day, or the Friday before it"""
        return day - timedelta(days=max(0, day.weekday() - 4))

    def moment(self, day, place):
        """:return: when on that day; what comes later in the life comes later"""
        minutes = 13 * 60 + 25 * place + self.number % 23
        return datetime.combine(day, time(minutes // 60, minutes % 60))

    # values

    def values_of_begin(self):
        return {
            "name": self.name,
            "salesperson": self.salesperson,
            # who is nobody has not been a customer
            "customer": None if self.state == "dead" else self.customer,
            "source": self.source,
            "tag": self.kind,
        }

    values_of_begin_lead = values_of_begin

    def values_of_call(self):
        minutes = self.random.randint(2, 2 * MINUTES[self.salesperson])
        return {
            "direction": self.random.choice(("in", "out")),
            "duration": minutes + self.random.choice((0, 0.5)),
            "outcome": "not_interested" if self.state == "closed" else "interested",
        }

    def values_of_ask(self):
        return {
            "direction": "out",
            "duration": self.random.randint(1, MINUTES[self.salesperson]),
            "outcome": {"lost": "not_interested", "sent": "call_back"}.get(
                self.state, "information"
            ),
        }

    def values_of_quote(self):
        products = self.random.sample(PRODUCTS[self.kind], 2)
        most = PIECES[self.salesperson]
        return {
            "valid_days": VALID_DAYS,
            "lines": [
                (
                    name,
                    self.random.randint(2, max(4, most // LARGE_PRODUCTS.get(name, 1))),
                )
                for name in products
            ],
        }

    def values_of_order(self):
        # what is made to measure is paid for as it is ordered
        return {"invoice_on": "order" if self.kind == "equipment" else "delivery"}

    def values_of_hold(self):
        return {
            "until": self.today + timedelta(days=self.random.randint(10, 60)),
            "note": "No budget before the next season. Call then.",
        }

    def values_of_reason(self):
        return {"reason": self.reason}

    values_of_dead = values_of_reason
    values_of_closed = values_of_reason
    values_of_cancel = values_of_reason
    values_of_expire = values_of_reason
    values_of_lose = values_of_reason


def live(today):
    """Tell the months that end on the day before ``today``.

    :param today: ``date``
    :return: list of :class:`Event` in the order of time
    """
    events = []
    for number, line in enumerate(LINES, start=1):
        events += Life(number, line, today).events()
    return sorted(events, key=lambda event: event.moment)
