import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import {
    contains,
    defineModels,
    fields,
    models,
    onRpc,
} from "@web/../tests/web_test_helpers";

export class CrmLead extends models.Model {
    _name = "crm.lead";

    name = fields.Char();
    user_id = fields.Many2one({ relation: "res.users", string: "Salesperson" });
    date_open = fields.Date({ string: "Assigned on" });
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
                <field name="name"/>
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

const DEALS = ["won", "lost", "open", "on_hold"];
const FLOW = ["advanced", "moved_back", "handed_off", "lost", "on_hold", "still_here"];

/** A domain for each figure that can be opened, as telling as can be. */
function makeDomains(key, figures) {
    return Object.fromEntries(
        figures.map((figure) => [figure, [["name", "=", `${key} ${figure}`]]])
    );
}

/** A STEP of the lenses cohort and closed, complete. */
export function makeStep(values) {
    return {
        kind: "stage",
        color: 0,
        count: 0,
        amount: 0,
        skipped: 0,
        not_needed: 0,
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
        domains: makeDomains(values.name, [...DEALS, "skipped", "not_needed"]),
        ...values,
    };
}

/** A SERIES of the lenses cohort and closed: 200 deals, 50 of them were won. */
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
        domains: makeDomains("all", ["size", ...DEALS]),
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
                    {
                        id: 1,
                        name: "Too expensive",
                        count: 40,
                        amount: 4000,
                        domain: [["name", "=", "New too expensive"]],
                    },
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

/** A SERIES of the lens flow: Qualified was entered 8 times. */
export function makeFlowSeries() {
    return {
        size: 10,
        entered: 18,
        amount: 1800,
        domains: makeDomains("all", ["size"]),
        steps: [
            {
                key: "stage:1",
                name: "New",
                kind: "stage",
                color: 0,
                entered: 10,
                amount: 1000,
                advanced: 7,
                moved_back: 0,
                handed_off: 0,
                lost: 2,
                on_hold: 0,
                still_here: 1,
                days_in_stay: duration(2, 9),
                domain: [["id", "in", [1, 2, 3]]],
                domains: makeDomains("New", FLOW),
            },
            {
                key: "stage:2",
                name: "Qualified",
                kind: "stage",
                color: 0,
                entered: 8,
                amount: 800,
                advanced: 2,
                moved_back: 1,
                handed_off: 1,
                lost: 1,
                on_hold: 1,
                still_here: 2,
                days_in_stay: duration(5, 6),
                domain: [["id", "in", [1, 2]]],
                domains: makeDomains("Qualified", FLOW),
            },
        ],
    };
}

/** A SERIES of the lens snapshot: 30 open deals, 4 of them stuck. */
export function makeSnapshotSeries() {
    return {
        size: 30,
        amount: 3000,
        weighted_amount: 900,
        stuck: 4,
        domains: makeDomains("all", ["size", "stuck"]),
        steps: [
            {
                key: "stage:1",
                name: "New",
                kind: "stage",
                color: 0,
                count: 20,
                amount: 1000,
                win_probability: 0.2,
                weighted_amount: 200,
                age_days: duration(3, 20),
                stuck: 4,
                domain: [["id", "in", [1, 2, 3]]],
                domains: makeDomains("New", ["stuck"]),
            },
            {
                key: "stage:2",
                name: "Qualified",
                kind: "stage",
                color: 0,
                count: 10,
                amount: 2000,
                win_probability: 0.35,
                weighted_amount: 700,
                age_days: duration(6, 10),
                stuck: 0,
                domain: [["id", "in", [1, 2]]],
                domains: makeDomains("Qualified", ["stuck"]),
            },
        ],
    };
}

const SERIES = {
    cohort: makeSeries,
    closed: makeSeries,
    flow: makeFlowSeries,
    snapshot: makeSnapshotSeries,
};

/** A report as `get_funnel_report` answers, of the lens that was asked for. */
export function makeReport(values, { lens = "cohort", rule = "beyond" } = {}) {
    return {
        options: {
            funnel_id: 1,
            lens,
            rule,
            date_from: "2026-01-01",
            date_to: "2026-02-01",
            as_of: "2026-02-10 22:59:59",
            compare: null,
            horizon_days: 90,
        },
        history_since: "2025-06-01",
        currency_id: 1,
        total: SERIES[lens](),
        compare: null,
        groups: [],
        warnings: [],
        ...values,
    };
}

const MEASURES = ["count", "entered", "amount", "weighted_amount"];

/** Bands by measure, on one scale, in the manner of the server. */
function draw(several) {
    return several.map(({ steps }) =>
        Object.fromEntries(
            MEASURES.map((measure) => [
                measure,
                steps.map((step) => {
                    const scale = Math.max(
                        ...several.flatMap((series) =>
                            series.steps.map((other) => other[measure])
                        )
                    );
                    const width = (100 * step[measure]) / scale;
                    const [left, right] = [50 - width / 2, 50 + width / 2];
                    return {
                        width,
                        bar: width ? `M${left} 0H${right}V60H${left}Z` : "",
                        flow: "",
                    };
                }),
            ])
        )
    );
}

/** What `get_funnel_view` answers around a report. */
function makeAnswer(report) {
    const [total, compare = null] = draw(
        [report.total, report.compare].filter((series) => series)
    );
    const sample = SERIES[report.options.lens]();
    const { groups } = report;
    const drawn = draw([
        ...groups.map(({ series }) => series),
        ...groups.flatMap((group) => group.compare || []),
    ]);
    return {
        report,
        drawing: {
            total,
            compare,
            groups: drawn.splice(0, groups.length),
            group_compares: groups.map((group) =>
                group.compare ? drawn.shift() : null
            ),
            colors: report.total.steps.map(({ color }, index) =>
                color ? `chosen-${color}` : `step-${index + 1}`
            ),
        },
        sample: report.total.size
            ? null
            : { series: sample, drawing: draw([sample])[0] },
    };
}

/**
 * @param {(domain: Array, options: Object) => Object | Promise<Object>} answer the
 *  report for a question
 */
export function onFunnelReport(answer) {
    onRpc("crm.lead", "get_funnel_view", async ({ args, kwargs }) =>
        makeAnswer(await answer(args[0], args[1], kwargs))
    );
}

/** What `get_funnel_days` answers: nobody was won from Qualified. */
export function makeDays(options) {
    const cell = (key, name, median, n) => ({
        key,
        name,
        ...duration(median, n),
        domain: [["name", "=", `${name} after ${median}`]],
    });
    const step = { kind: "stage", color: 0 };
    return {
        options,
        rows: [
            {
                ...step,
                key: "stage:1",
                name: "New",
                days: [
                    cell("stage:2", "Qualified", 3.5, 100),
                    cell("stage:3", "Won", 14, 1),
                ],
            },
            {
                ...step,
                key: "stage:2",
                name: "Qualified",
                days: [cell("stage:3", "Won", null, 0)],
            },
        ],
    };
}

/**
 * @param {(domain: Array, options: Object) => Object | Promise<Object>} answer the
 *  days between steps for a question
 */
export function onFunnelDays(answer) {
    onRpc("crm.lead", "get_funnel_days", ({ args }) => answer(args[0], args[1]));
}

/**
 * @param {string} choice a menu of the bar
 * @param {string} value the item of the menu
 * @param {string} [attribute] by which the item is known
 */
export async function chooseInBar(choice, value, attribute = choice) {
    await contains(`.o_funnel_choose_${choice}`).click();
    await contains(`.dropdown-item[data-${attribute}=${value}]`).click();
}
