import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { defineModels, fields, models, onRpc } from "@web/../tests/web_test_helpers";

export class CrmLead extends models.Model {
    _name = "crm.lead";

    name = fields.Char();
    user_id = fields.Many2one({ relation: "res.users", string: "Salesperson" });
    active = fields.Boolean({ default: true });

    _records = [
        { id: 1, name: "Bakery" },
        { id: 2, name: "Brewery", active: false },
        { id: 3, name: "Butcher" },
    ];
    _views = {
        funnel: `<funnel string="Funnel"/>`,
        list: `<list><field name="name"/></list>`,
        kanban: `
            <kanban>
                <templates><t t-name="card"><field name="name"/></t></templates>
            </kanban>`,
        form: `<form><field name="name"/></form>`,
        search: `
            <search>
                <filter name="bakery" string="Bakeries" domain="[('name', '=', 'Bakery')]"/>
                <filter name="salesperson" string="Salesperson" context="{'group_by': 'user_id'}"/>
                <filter name="name" string="Name" context="{'group_by': 'name'}"/>
            </search>`,
    };
}

export class CrmFunnel extends models.Model {
    _name = "crm.funnel";

    name = fields.Char();

    _records = [{ id: 1, name: "Pipeline" }];
}

export function defineFunnelModels() {
    defineMailModels();
    defineModels([CrmFunnel, CrmLead]);
}

function duration(median, n) {
    return {
        n,
        mean: median && median + 1,
        median,
        p80: median,
        p90: median && median + 5,
    };
}

/** A STEP of the report, complete. */
export function makeStep(values) {
    return {
        kind: "stage",
        amount: 0,
        skipped: 0,
        conversion_prev: null,
        conversion_first: null,
        ci: null,
        lost: 0,
        lost_amount: 0,
        open: 0,
        on_hold: 0,
        won: 0,
        days_to_next: duration(null, 0),
        days_in_step: duration(null, 0),
        lost_reasons: [],
        domain: [["id", "=", 0]],
        ...values,
    };
}

/** A SERIES of the report: 200 deals came in, 50 of them were won. */
export function makeSeries(values) {
    return {
        size: 200,
        won: 50,
        lost: 90,
        open: 50,
        on_hold: 10,
        amount: 20000,
        won_amount: 8000,
        win_rate: 0.25,
        win_rate_ci: [0.19, 0.31],
        win_rate_closed: 50 / 140,
        expected_win_rate: null,
        mature: true,
        cycle_days: duration(12, 50),
        steps: [
            makeStep({
                key: "stage:1",
                name: "New",
                count: 200,
                amount: 20000,
                conversion_first: 1,
                lost: 60,
                lost_amount: 6000,
                open: 35,
                on_hold: 5,
                lost_reasons: [
                    { id: 1, name: "Too expensive", count: 40, amount: 4000 },
                ],
                days_to_next: duration(3.5, 100),
                domain: [["id", "in", [1, 2, 3]]],
            }),
            makeStep({
                key: "stage:2",
                name: "Qualified",
                count: 100,
                amount: 16000,
                skipped: 7,
                conversion_prev: 0.5,
                conversion_first: 0.5,
                ci: [0.43, 0.57],
                lost: 30,
                lost_amount: 3000,
                open: 15,
                on_hold: 5,
                days_to_next: duration(4, 50),
                domain: [["id", "in", [1, 2]]],
            }),
            makeStep({
                key: "stage:3",
                name: "Won",
                count: 50,
                amount: 8000,
                conversion_prev: 0.5,
                conversion_first: 0.25,
                ci: [0.4, 0.6],
                won: 50,
                domain: [["id", "=", 1]],
            }),
        ],
        ...values,
    };
}

/** A report as `get_funnel_report` answers. */
export function makeReport(values) {
    return {
        options: {
            funnel_id: 1,
            lens: "cohort",
            rule: "beyond",
            date_from: "2026-01-01",
            date_to: "2026-02-01",
        },
        history_since: "2025-06-01",
        currency_id: 1,
        total: makeSeries(),
        compare: null,
        groups: [],
        warnings: [],
        ...values,
    };
}

/**
 * @param {(domain: Array, options: Object) => Object | Promise<Object>} answer
 */
export function onFunnelReport(answer) {
    onRpc("crm.lead", "get_funnel_report", ({ args, kwargs }) =>
        answer(args[0], args[1], kwargs)
    );
}
