"""What must hold when servers are killed, when eight clients want the same, and when they
ask for what no screen asks for. Bounded in count and time, and reachable from this machine
alone.

- *Kill*: Odoo and PostgreSQL are killed in turns while clients write. What a client got an
  answer for is there once, and nothing is half there.
- *Race*: eight clients work on the same few deals, customers and files.
- *Fuzz*: odd calls; each is answered with a result or a sentence.
"""

import base64
import contextlib
import dataclasses
import json
import os
import random
import signal
import threading
import time

from tools import databases, instance, paths, postgres, python_env, testing
from tools import odoo as odoo_calls
from tools.chaos import odd_calls
from tools.chaos.clients import (
    Client,
    Crowd,
    NoAnswerError,
    RefusedError,
    Seller,
    ServerError,
)
from tools.console import StepError, say, step

POSTGRES = paths.TESTS / "chaos"
LOG = paths.LOGS / "chaos-odoo.log"
DATABASE = "funnel_chaos"
CLIENTS = 8
KILLS, KILL_SECONDS = 16, 100
# What a server does before it is killed.
WORK_SECONDS = (2, 5)
RACE_SECONDS, RACES = 45, 4_000
FUZZ_SECONDS, FUZZ_CALLS = 60, 1_000
SHOWN, LENGTH = 10, 500
FOUND = paths.LOGS / "chaos-found.log"

# Nobody listens there: mails go nowhere.
OPTIONS = ("--max-cron-threads=0", "--smtp=127.0.0.1", "--smtp-port=1")
# More processes are more to kill. With a few of them alone, all wait for each other when each
# makes a PDF and asks for its style sheets: those who race are served by threads.
PROCESSES = ("--workers=3", "--gevent-port=0")

# So many deals are made by each of several imports of it, or by one of them.
IMPORTED = [f"Imported {number}" for number in range(3)]
FILE = "\n".join(
    [
        "deal,stage,date_entered",
        *(f"{name},New,2026-01-0{day}" for day, name in enumerate(IMPORTED, 1)),
    ]
)

PREPARE = """\
import json
from tools.chaos import odd_calls, world

answer = world.make(env, deals=40)
env.cr.commit()
answer["described"] = odd_calls.describe(env)
print("ANSWER", json.dumps(answer))
"""
CHECK = """\
import json
from tools.chaos import invariants

print("ANSWER", json.dumps(invariants.find(env, *json.loads({promised!r}))))
"""


@dataclasses.dataclass
class Server:
    """The server as clients know it."""

    port: int = 0


def chaos():
    """Do all of it and print a table.

    :return: the exit code, 1 when something does not hold
    :raises StepError: a step fails
    """
    if postgres.is_external():
        raise StepError(
            "The database server is killed here, and the one you named is left alone.",
            f"Unset {', '.join(postgres.EXTERNAL_VARIABLES)}.",
        )
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    source = odoo_calls.ensure()
    python_env.ensure_test_tools()
    with postgres.server(POSTGRES, safe=True) as connection:
        odoo = odoo_calls.Odoo(source, testing.FILES, connection)
        with databases.locked(POSTGRES):
            known = _prepare(odoo)
            say(f"  CHAOS_SEED={seed}")
            figures = _Run(odoo, known, random.Random(seed)).do()
            databases.drop(odoo, DATABASE)
    return _report(figures)


def _prepare(odoo):
    """Make the database: the template of the tests, on a server that may be killed."""
    with postgres.server(testing.POSTGRES, safe=False) as connection:
        tests = dataclasses.replace(odoo, connection=connection)
        template = testing.ensure_templates(tests).with_addons
        with step("A database to break"):
            databases.bring(tests, template, DATABASE, odoo.connection)
            return odoo.run_script(DATABASE, PREPARE, "chaos-prepare.log")


class _Run:
    def __init__(self, odoo, known, dice):
        self.odoo = odoo
        self.known = known
        self.dice = dice
        self.server = Server()
        self.figures = {}
        self.found = []

    def do(self):
        """:return: figures by name, and what was found, a list of sentences"""
        for name, part in (
            ("kill", self._kill),
            ("race", self._race),
            ("fuzz", self._fuzz),
        ):
            with step(name.capitalize()) as current:
                part(current)
        return self.figures, self.found

    @contextlib.contextmanager
    def _served(self, *options):
        options = (*OPTIONS, *options)
        with instance.served(self.odoo, DATABASE, *options, log=LOG) as (port, process):
            self.server.port = port
            yield process

    def _log_in(self, *names):
        return [Client(self.server, DATABASE, f"chaos_{name}") for name in names]

    def _check(self, promised=(), deals_once=()):
        text = json.dumps([promised, deals_once])
        script = CHECK.format(promised=text)
        found = self.odoo.run_script(DATABASE, script, "chaos-check.log")
        for kind, sentences in found.items():
            self._count(kind, len(sentences))
            self.found += [f"{kind}: {sentence}" for sentence in sentences]

    def _count(self, name, number):
        self.figures[name] = self.figures.get(name, 0) + number

    def _count_acts(self, part, crowd, sellers):
        for how in ("done", "refused", "unanswered", "errors"):
            self._count(f"{part}: {how}", sum(one.counts[how] for one in sellers))
        self.found += [f"{part}: a client fell: {error}" for error in crowd.errors]

    # ------------------------------------------------------------
    # KILL
    # ------------------------------------------------------------

    def _kill(self, current):
        """Kill Odoo and PostgreSQL in turns while clients work on deals of their own."""
        sellers, crowd = [], None
        deadline = time.monotonic() + KILL_SECONDS
        kills = 0
        with contextlib.ExitStack() as stack:
            while kills < KILLS and time.monotonic() < deadline:
                with self._served(*PROCESSES) as process:
                    if not sellers:
                        sellers = self._hire("kill")
                        crowd = stack.enter_context(Crowd([one.act for one in sellers]))
                    time.sleep(self.dice.uniform(*WORK_SECONDS))
                    postgres.kill(POSTGRES)
                    time.sleep(self.dice.uniform(*WORK_SECONDS))
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                kills += 2
                current.update(f"{kills} of {KILLS}")
            # what they ask for now is not answered: it ends here
            crowd.stopped.set()
        self._count("kill: kills", kills)
        self._count_acts("kill", crowd, sellers)
        promised = [
            (name, list(states))
            for seller in sellers
            for name, states in seller.states.items()
        ]
        sure = [name for name, states in promised if None not in states]
        self._count("kill: deals promised", len(sure))
        self._check(promised, [names for one in sellers for names in one.merged])

    def _hire(self, name, deals=None):
        logins = ["olga", "colin"] * (CLIENTS // 2)
        stages = self.known["stages"] if deals else self.known["stages"][:-1]
        return [
            Seller(
                client, random.Random(self.dice.random()), f"{name} {n}", stages, deals
            )
            for n, client in enumerate(self._log_in(*logins))
        ]

    # ------------------------------------------------------------
    # RACE
    # ------------------------------------------------------------

    def _race(self, _current):
        """Let all clients work on the same deals, remind the same customers, import the same
        file and send the same subscription."""
        deals = self.known["deals"]
        with self._served():
            sellers = self._hire("race", deals)
            managers = self._log_in(*["mara"] * CLIENTS)
            turns = iter(range(RACES))
            with Crowd([self._take_turns(one.act, turns) for one in sellers]) as crowd:
                for question in (self._remind, self._import, self._send):
                    self._at_once(managers, question)
                crowd.stopped.wait(RACE_SECONDS)
        self._count_acts("race", crowd, sellers)
        self._check((), [[name] for name in IMPORTED])

    @staticmethod
    def _take_turns(act, turns):
        def take_turn():
            if next(turns, None) is None:
                time.sleep(1)
            else:
                act()

        return take_turn

    def _at_once(self, clients, question):
        barrier = threading.Barrier(len(clients))

        def ask(client):
            barrier.wait()
            try:
                question(client)
                outcomes.append("done")
            except RefusedError:
                outcomes.append("refused")
            except (NoAnswerError, ServerError) as error:
                outcomes.append("errors")
                self.found.append(f"race: {question.__name__}: {error}")

        outcomes = []
        threads = [threading.Thread(target=ask, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for outcome in outcomes:
            self._count(f"race: {outcome}", 1)

    def _remind(self, client):
        values = {"partner_ids": [[6, 0, self.known["customers"]]]}
        wizard = client.call("sales.receivable.remind", "create", values)
        client.call("sales.receivable.remind", "action_remind", [wizard])

    def _import(self, client):
        file = base64.b64encode(FILE.encode()).decode()
        values = {"file": file, "filename": "deals.csv", "create_deals": True}
        wizard = client.call("crm.lead.stage.history.import", "create", values)
        client.call("crm.lead.stage.history.import", "action_import", [wizard])

    def _send(self, client):
        [subscription] = client.call(
            "crm.funnel.subscription", "search", [["user_id.login", "=", "chaos_mara"]]
        )
        client.call("crm.funnel.subscription", "action_send_now", [subscription])

    # ------------------------------------------------------------
    # FUZZ
    # ------------------------------------------------------------

    def _fuzz(self, current):
        """Make odd calls, each answered with a result or a sentence."""
        drawing = odd_calls.Drawing(self.dice, self.known["described"])
        deadline = time.monotonic() + FUZZ_SECONDS
        calls = 0
        with self._served():
            clients = self._log_in(
                "olga", "olga", "colin", "mara", "irma", "noah", "pia"
            )
            while calls < FUZZ_CALLS and time.monotonic() < deadline:
                calls += 1
                current.update(f"{calls} of {FUZZ_CALLS}")
                client, call = self.dice.choice(clients), drawing.draw()
                with contextlib.suppress(RefusedError):
                    try:
                        self._call_odd(client, *call)
                    except (NoAnswerError, ServerError) as error:
                        self._count("fuzz: failures", 1)
                        self.found.append(f"fuzz {calls}: {call}: {error}")
            # it still answers, and its sessions go on
            for client in clients[:1]:
                client.call("crm.lead", "search_count", [])
        self._count("fuzz: calls", calls)
        self._count("fuzz: failures", 0)
        self._check()

    def _call_odd(self, client, model, method, args, kwargs, values):
        if values is not None:
            names = sorted(self.known["described"][model]["fields"])
            values = {**client.call(model, "default_get", names), **values}
            args = [client.call(model, "create", values), *args]
        client.call(model, method, *args, **kwargs)


def _report(result):
    figures, found = result
    say()
    for name, number in figures.items():
        say(f"  {name:24} {number:7,}")
    for sentence in found[:SHOWN]:
        say(f"  ✗ {sentence[:LENGTH]}")
    if len(found) > SHOWN:
        say(f"  ✗ … and {len(found) - SHOWN} more, all of them in {FOUND}")
        FOUND.write_text("\n".join(found), encoding="utf-8")
    return int(bool(found))
