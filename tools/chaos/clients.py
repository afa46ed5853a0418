"""Clients of a running Odoo, over JSON-RPC: what they ask for, and what they were promised."""

import http.client
import json
import threading
import time

TIMEOUT_SECONDS = 60
# Before a server that is down is asked again.
PAUSE_SECONDS = 0.5
# Odoo tells people something by these.
SENTENCES = (
    *("UserError", "ValidationError", "AccessError", "MissingError", "AccessDenied"),
    *("RedirectWarning", "LockError"),
)


class RefusedError(Exception):
    """The server answered with a sentence."""


class ServerError(Exception):
    """The server answered with an error of its own."""


class NoAnswerError(Exception):
    """The server did not answer: what was asked for may have been done."""


class Client:
    """One person's session."""

    def __init__(self, server, database, login):
        """
        :param server: where it is, which may change: an object with ``port``
        :param str login: and password
        """
        self.server = server
        self.cookie = ""
        self._post(
            "/web/session/authenticate",
            {"db": database, "login": login, "password": login},
        )

    def call(self, model, method, *args, **kwargs):
        """Call a method of a model.

        :raises RefusedError, ServerError, NoAnswerError: there is no result
        """
        return self._post(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": args, "kwargs": kwargs},
        )

    def _post(self, path, params):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.server.port, timeout=TIMEOUT_SECONDS
        )
        try:
            connection.request(
                "POST",
                path,
                json.dumps({"jsonrpc": "2.0", "params": params}),
                {"Content-Type": "application/json", "Cookie": self.cookie},
            )
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(str(error)) from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise ServerError(f"status {response.status}")
        if cookie := response.getheader("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]
        answer = json.loads(body)
        if "error" in answer:
            data = answer["error"]["data"]
            is_sentence = data["name"].rpartition(".")[2] in SENTENCES
            raise (RefusedError if is_sentence else ServerError)(
                f"{data['name']}: {data['message']}"
            )
        # that of None is left out
        return answer.get("result")


class Seller:
    """Lives with deals, at random, and remembers what was promised of each."""

    def __init__(self, client, random, name, stages, deals=None):
        """
        :param str name: what the names of new deals begin with
        :param list stages: ids of stages
        :param list deals: ids of deals that others work on too; without it, the seller has
            deals of his own
        """
        self.client = client
        self.random = random
        self.name = name
        self.stages = stages
        self.shared = deals
        # by name, of his own: the states a deal may be in
        self.states = {}
        self.ids = {}
        # lists of two names, of which one is left
        self.merged = []
        self.created = 0
        self.counts = dict.fromkeys(("done", "refused", "unanswered", "errors"), 0)

    def act(self):
        """Do one thing, and count how it went."""
        actions = [self._move, self._move, self._lose, self._hold, self._restore]
        actions += [self._quote, self._call]
        # deals that others work on are not to be gone at once
        if self.shared is None or self.random.random() < 0.1:
            actions.append(self._merge)
        if self.shared is None and (len(self.ids) < 3 or self.random.random() < 0.3):
            actions = [self._create]
        try:
            self.random.choice(actions)()
        except RefusedError:
            self.counts["refused"] += 1
        except NoAnswerError:
            self.counts["unanswered"] += 1
            time.sleep(PAUSE_SECONDS)
        except ServerError:
            self.counts["errors"] += 1
            time.sleep(PAUSE_SECONDS)
        else:
            self.counts["done"] += 1

    def _choose(self):
        """:return: the id and the name of a deal"""
        if self.shared is not None:
            return self.random.choice(self.shared), None
        name = self.random.choice(sorted(self.ids))
        return self.ids[name], name

    def _change(self, name, state, model, method, *args, **kwargs):
        """Make a call after which the deal is in a state, or is not, if it fails."""
        states = self.states.setdefault(name, set())
        try:
            result = self.client.call(model, method, *args, **kwargs)
        except (NoAnswerError, ServerError):
            states.add(state)
            raise
        self.states[name] = {state}
        return result

    def _create(self):
        self.created += 1
        name = f"{self.name} {self.created}"
        self.states[name] = {None}
        values = {"name": name, "type": "opportunity", "stage_id": self.stages[0]}
        self.ids[name] = self._change(
            name, self.stages[0], "crm.lead", "create", values
        )

    def _move(self):
        deal, name = self._choose()
        if name and not all(isinstance(state, int) for state in self.states[name]):
            # what is archived stays so, wherever it is moved
            return
        stage = self.random.choice(self.stages)
        self._change(name, stage, "crm.lead", "write", [deal], {"stage_id": stage})

    def _lose(self):
        deal, name = self._choose()
        self._change(name, "lost", "crm.lead", "action_set_lost", [deal])

    def _hold(self):
        deal, name = self._choose()
        if name and "lost" in self.states[name]:
            # what is lost stays so
            return
        self._change(name, "on_hold", "crm.lead", "action_archive", [deal])

    def _restore(self):
        deal, name = self._choose()
        stage = self.random.choice(self.stages)
        # in one call, so that the state is known
        self._change(
            name,
            stage,
            "crm.lead",
            "write",
            [deal],
            {"active": True, "stage_id": stage},
        )

    def _merge(self):
        (deal, name), (other, other_name) = self._choose(), self._choose()
        if deal == other:
            return
        wizard = self.client.call(
            "crm.merge.opportunity",
            "create",
            {"opportunity_ids": [[6, 0, [deal, other]]]},
        )
        # which of them survives, and in which stage, is Odoo's choice
        for gone in filter(None, (name, other_name)):
            self.ids.pop(gone, None)
            self.states.pop(gone, None)
        self.client.call("crm.merge.opportunity", "action_merge", [wizard])
        if name:
            self.merged.append([name, other_name])

    def _quote(self):
        deal, _name = self._choose()
        found = self.client.call("crm.lead", "read", [deal], ["partner_id"])
        if not found:
            # another one has merged it
            return
        order = self.client.call(
            "sale.order",
            "create",
            {
                "opportunity_id": deal,
                "partner_id": (found[0]["partner_id"] or [1])[0],
            },
        )
        self.client.call("sale.order", "action_quotation_sent", [order])

    def _call(self):
        deal, _name = self._choose()
        call = self.client.call("crm.phonecall", "create", {"lead_id": deal})
        action = self.random.choice(("action_cancel", "action_reopen"))
        self.client.call("crm.phonecall", action, [call])


class Crowd:
    """Does things with several threads until it is told to stop."""

    def __init__(self, functions):
        """:param functions: of each thread, what it does again and again"""
        self.stopped = threading.Event()
        self.errors = []
        self.threads = [
            threading.Thread(target=self._repeat, args=[function], daemon=True)
            for function in functions
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_exception):
        self.stopped.set()
        for thread in self.threads:
            thread.join(2 * TIMEOUT_SECONDS)

    def _repeat(self, function):
        while not self.stopped.is_set():
            try:
                function()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                self.errors.append(repr(error))
                return
