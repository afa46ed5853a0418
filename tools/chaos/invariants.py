"""For Odoo's shell: what must hold whatever happened."""

from collections import Counter

from odoo.addons.sales_funnel_report.tests.common import FunnelCase

# Of what every check finds, so much is told.
SHOWN = 5


def find(env, promised=(), deals_once=()):
    """
    :param env: environment of the superuser
    :param promised: ``[name of a deal, states]``, any of which it may be in; a state is the
        id of its stage, ``"lost"`` or ``"on_hold"``, or None if it may be gone
    :param deals_once: lists of names, of each of which there is one deal in all
    :return: ``{"lost": [...], "doubled": [...], "violations": [...]}``, in words
    """
    leads = env["crm.lead"].with_context(active_test=False).search([])
    counts = Counter(leads.mapped("name"))
    states = {lead.name: _get_state(lead) for lead in leads}
    return {
        "lost": [
            f"{name} is {states.get(name)}, not one of {possible}"
            for name, possible in promised
            if states.get(name) not in possible
        ]
        + [
            f"none of {names}"
            for names in deals_once
            if not sum(counts[name] for name in names)
        ],
        "doubled": [
            f"{count} of {names}"
            for names in (*([name] for name, _states in promised), *deals_once)
            if (count := sum(counts[name] for name in names)) > 1
        ],
        "violations": [
            *_check_chains(env, leads),
            *_check_computed(env),
            *_check_calls(env),
            *_check_mails(env),
        ],
    }


def _get_state(lead):
    if lead.active:
        return lead.stage_id.id
    return "lost" if lead.won_status == "lost" else "on_hold"


def _check_chains(env, leads):
    """Invariant 1 of the history, as the tests of the addon check it."""
    case = FunnelCase("_assert_one_chain")
    case.env, case.History = env, env["crm.lead.stage.history"]
    chains = case._stays(leads).grouped("lead_id")
    for lead in leads:
        try:
            case._assert_one_chain(lead, list(chains.get(lead, ())))
        except AssertionError as error:
            yield f"history of {lead.name}: {error}"


def _check_computed(env):
    """What is kept of the history and of documents, against what it is computed from."""
    found = env["crm.lead.stage.summary"]._check()
    if any(found.values()):
        yield f"summary: {found}"
    wrong = [
        *env["sale.order"]._check_and_repair_milestones(),
        *env["crm.lead"]._check_and_repair_milestones(),
    ]
    if wrong:
        yield f"milestones: {wrong[:SHOWN]}"


def _check_calls(env):
    """A planned call is in the calendar of its salesperson once, another one is not."""
    calls = env["crm.phonecall"].search([])
    planned = calls.filtered(lambda call: call.state == "planned" and call.user_id)
    for call in planned.filtered(lambda call: not call.event_id) | (
        calls - planned
    ).filtered("event_id"):
        yield f"call {call.id} is {call.state}, its event is {call.event_id.id}"
    if len(planned.event_id) < len(planned.filtered("event_id")):
        yield "several calls have the same event"


def _check_mails(env):
    """Nobody is reminded twice on a day, or gets the mail of a subscription twice."""
    for [customer, company, day, count] in env["sales.receivable.reminder"]._read_group(
        [("is_repeated", "=", False), ("state", "!=", "failed")],
        ["partner_id", "company_id", "date:day"],
        ["__count"],
    ):
        if count > 1:
            yield f"{customer.name} was reminded {count} times by {company.name} on {day}"
