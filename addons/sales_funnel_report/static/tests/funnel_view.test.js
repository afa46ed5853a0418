import { describe, expect, test } from "@odoo/hoot";
import { press, queryAll, queryAllTexts, queryFirst, queryOne } from "@odoo/hoot-dom";
import { animationFrame, Deferred, mockDate } from "@odoo/hoot-mock";
import {
    contains,
    getService,
    makeServerError,
    mockService,
    mountView,
    mountWithCleanup,
    onRpc,
    removeFacet,
    toggleMenuItem,
    toggleSaveFavorite,
    toggleSearchBarMenu,
} from "@web/../tests/web_test_helpers";
import { WebClient } from "@web/webclient/webclient";

import {
    CrmFunnel,
    defineFunnelModels,
    makeReport,
    makeSeries,
    makeStep,
    onFunnelReport,
} from "./funnel_test_helpers";

describe.current.tags("desktop");

defineFunnelModels();

const FUNNEL = { type: "funnel", resModel: "crm.lead" };

async function choosePeriod(period) {
    await contains(".o_funnel_choose_period").click();
    await contains(`.dropdown-item[data-period=${period}]`).click();
}

/** The widths of the bars as parts of the drawing's width. */
function barWidths(root = document) {
    return [...root.querySelectorAll(".o_funnel_bar_shape")].map((path) => {
        const [, left, right] = path.getAttribute("d").match(/^M([\d.]+) 0H([\d.]+)/);
        return Number(right) - Number(left);
    });
}

test("draws each step with its figures", async () => {
    onFunnelReport(() => makeReport());
    await mountView(FUNNEL);

    expect(queryAllTexts(".o_funnel_step")).toEqual(["New", "Qualified", "Won"]);
    expect(queryAllTexts(".o_funnel_value")).toEqual(["200", "100", "50"]);
    expect(
        queryAllTexts(".o_funnel_note").map((text) => text.replace(/\s/g, ""))
    ).toEqual(["$20,000", "$16,000", "$8,000"]);
    expect(barWidths()).toEqual([100, 50, 25]);
    expect(queryAllTexts(".o_funnel_conversion")).toEqual(["50%", "50%"]);
    expect(queryAllTexts(".o_funnel_of_first")).toEqual([
        "",
        "50% of New",
        "25% of New",
    ]);
    expect(queryAllTexts(".o_funnel_chip")).toEqual([
        "60 lost",
        "35 open",
        "5 on hold",
        "30 lost",
        "15 open",
        "5 on hold",
    ]);
    expect(queryAllTexts(".o_funnel_skipped")).toEqual(["7 skipped it"]);
    expect(queryAllTexts(".o_funnel_days_to_next")).toEqual([
        "3.5 days to the next step",
        "4 days to the next step",
    ]);
});

test("shows the numbers behind a rate, and why deals were lost", async () => {
    onFunnelReport(() => makeReport());
    await mountView(FUNNEL);

    expect(".o_funnel_conversion:first").toHaveAttribute(
        "data-tooltip",
        "100 of 200 deals went on from New to Qualified or further: 50%. " +
            "95% interval: 43% to 57%."
    );
    expect(queryFirst(".o_funnel_chip_lost").dataset.tooltip).toMatch(
        /6,000 · Too expensive: 40$/
    );
});

test("shows the figures of all deals, the period and the rule in words", async () => {
    onFunnelReport(() => makeReport({ warnings: ["The history begins later."] }));
    await mountView(FUNNEL);

    expect(queryAllTexts(".o_funnel_figure_value")).toEqual([
        "200",
        "50",
        "90",
        "50",
        "10",
        "25%",
        "12",
    ]);
    expect(".o_funnel_figure_win_rate .o_funnel_figure_note").toHaveText(
        "35.7% of closed"
    );
    expect(".o_funnel_rule").toHaveText(
        "Deals that came in from 01/01/2026 to 01/31/2026. " +
            "A deal counts in a step when it reached this stage or a later one."
    );
    expect(".o_funnel_warning").toHaveText("The history begins later.");
});

test("a rate over nothing is no rate, and a step nobody reached has no bar", async () => {
    onFunnelReport(() =>
        makeReport({
            total: makeSeries({
                won: 0,
                lost: 0,
                win_rate: 0,
                win_rate_closed: null,
                steps: [
                    makeStep({ key: "stage:1", name: "New", count: 3, amount: 30 }),
                    makeStep({ key: "stage:2", name: "Won", count: 0 }),
                ],
            }),
        })
    );
    await mountView(FUNNEL);

    expect(".o_funnel_figure_win_rate .o_funnel_figure_value").toHaveText("0%");
    expect(".o_funnel_figure_win_rate .o_funnel_figure_note").toHaveText("– of closed");
    expect(".o_funnel_row").toHaveCount(2);
    expect(".o_funnel_bar_shape").toHaveCount(1);
    expect(".o_funnel_conversion").toHaveCount(0);
});

test("asks with the domain and the first group-by of the search bar", async () => {
    onFunnelReport((domain, options) => {
        expect.step([domain, options.groupby]);
        return makeReport();
    });
    await mountView({ ...FUNNEL, domain: [["user_id", "=", 7]] });
    await toggleSearchBarMenu();
    await toggleMenuItem("Bakeries");
    await toggleMenuItem("Name");
    await toggleMenuItem("Salesperson");
    await removeFacet("Bakeries");

    const mine = ["user_id", "=", 7];
    const both = ["&", mine, ["name", "=", "Bakery"]];
    expect.verifySteps([
        [[mine], undefined],
        [both, undefined],
        [both, "name"],
        [both, "name"],
        [[mine], "name"],
    ]);
});

test("asks for the chosen period", async () => {
    mockDate("2026-05-17 10:00:00");
    onFunnelReport((domain, { date_from, date_to }) => {
        expect.step([date_from, date_to]);
        return makeReport();
    });
    await mountView(FUNNEL);
    expect(".o_funnel_choose_period").toHaveText("Last 12 Months");
    expect.verifySteps([[undefined, undefined]]);

    await choosePeriod("last_month");
    expect(".o_funnel_choose_period").toHaveText("Last Month");
    expect.verifySteps([["2026-04-01", "2026-05-01"]]);

    await choosePeriod("custom");
    expect(queryAll(".o_funnel_days input").map((input) => input.value)).toEqual([
        "01/01/2026",
        "01/31/2026",
    ]);
    expect.verifySteps([["2026-01-01", "2026-02-01"]]);

    await contains(".o_funnel_days input:last").edit("01/20/2026");
    expect.verifySteps([["2026-01-01", "2026-01-21"]]);
});

test("shows money instead of deals without asking again", async () => {
    onFunnelReport(() => {
        expect.step("get_funnel_report");
        return makeReport();
    });
    await mountView(FUNNEL);
    expect.verifySteps(["get_funnel_report"]);

    await contains("[data-measure=amount]").click();
    expect("[data-measure=amount]").toHaveAttribute("aria-pressed", "true");
    expect(barWidths()).toEqual([100, 80, 40]);
    expect(queryAllTexts(".o_funnel_note")).toEqual([
        "200 deals",
        "100 deals",
        "50 deals",
    ]);
    expect.verifySteps([]);
});

test("one funnel is no choice", async () => {
    onFunnelReport(() => makeReport());
    await mountView(FUNNEL);
    expect(".o_funnel_choose_funnel").toHaveCount(0);
});

test("asks for the chosen funnel", async () => {
    CrmFunnel._records.push({ id: 2, name: "Partners" });
    onFunnelReport((domain, { funnel_id }) => {
        expect.step(funnel_id);
        return makeReport({
            options: { ...makeReport().options, funnel_id: funnel_id || 1 },
        });
    });
    await mountView(FUNNEL);
    expect(".o_funnel_choose_funnel").toHaveText("Pipeline");

    await contains(".o_funnel_choose_funnel").click();
    await contains(".dropdown-item:contains(Partners)").click();
    expect(".o_funnel_choose_funnel").toHaveText("Partners");
    expect.verifySteps([undefined, 2]);
});

test("the arch says what is shown at first", async () => {
    onFunnelReport((domain, { date_from }) => {
        expect.step(date_from);
        return makeReport();
    });
    mockDate("2026-05-17 10:00:00");
    await mountView({
        ...FUNNEL,
        arch: `<funnel measure="amount" period="this_year"/>`,
    });
    expect.verifySteps(["2026-01-01"]);
    expect(".o_funnel_choose_period").toHaveText("This Year");
    expect(".o_funnel_choose_measure.active").toHaveText("Amount");
});

test("a step opens exactly its deals, lost and archived ones too", async () => {
    mockService("action", {
        doAction(action) {
            expect.step([action.name, action.domain]);
            expect(action.context).toMatchObject({
                default_type: "opportunity",
                active_test: false,
            });
            expect(action.context).not.toInclude("search_default_salesperson");
            expect(action.views.map(([, type]) => type)).toEqual([
                "list",
                "kanban",
                "form",
            ]);
        },
    });
    onFunnelReport(() => makeReport());
    await mountView({
        ...FUNNEL,
        context: { default_type: "opportunity", search_default_salesperson: 1 },
    });

    await contains(".o_funnel_step:contains(Qualified)").click();
    await contains(".o_funnel_row:last .o_funnel_band").click();
    queryOne(".o_funnel_step:contains(New)").focus();
    await press("Enter");
    expect.verifySteps([
        ["Qualified: 100 deals", [["id", "in", [1, 2]]]],
        ["Won: 50 deals", [["id", "=", 1]]],
        ["New: 200 deals", [["id", "in", [1, 2, 3]]]],
    ]);
});

test("groups are small funnels on one scale", async () => {
    mockService("action", {
        doAction({ name, domain }) {
            expect.step([name, domain]);
        },
    });
    const group = (label, counts) => ({
        value: label,
        label,
        domain: [],
        series: makeSeries({
            size: counts[0],
            steps: counts.map((count, index) =>
                makeStep({
                    key: `stage:${index}`,
                    name: `Step ${index + 1}`,
                    count,
                    domain: [["name", "=", label + index]],
                })
            ),
        }),
    });
    onFunnelReport((domain, { groupby }) =>
        makeReport({
            groups: groupby ? [group("Ada", [100, 50]), group("Ben", [40, 10])] : [],
        })
    );
    await mountView({ ...FUNNEL, groupBy: ["user_id"] });

    expect(queryAllTexts(".o_funnel_group h2")).toEqual(["Ada", "Ben"]);
    const [ada, ben] = queryAll(".o_funnel_group");
    expect(barWidths(ada)).toEqual([100, 50]);
    expect(barWidths(ben)).toEqual([40, 10]);
    expect(".o_funnel_figure_size .o_funnel_figure_value").toHaveText("200");
    expect(queryAllTexts(".o_funnel_table tbody th")).toEqual(["Ada", "Ben", "Total"]);

    await contains(".o_funnel_group:last .o_funnel_step:last").click();
    expect.verifySteps([["Ben – Step 2: 10 deals", [["name", "=", "Ben1"]]]]);
});

test("a table with the same numbers is always there, one key away", async () => {
    onFunnelReport(() => makeReport());
    await mountView(FUNNEL);

    expect(".o_funnel_table").toHaveClass("visually-hidden");
    expect(".o_funnel_table tbody tr").toHaveCount(3);
    expect(queryAllTexts(".o_funnel_table tbody tr:eq(1) > *")).toEqual([
        "Qualified",
        "100",
        "$ 16,000.00",
        "50%",
        "43% to 57%",
        "50%",
        "7",
        "30",
        "$ 3,000.00",
        "15",
        "5",
        "0",
        "4",
    ]);

    await contains(".o_funnel_toggle_table").click();
    expect(".o_funnel_table").not.toHaveClass("visually-hidden");
    await press("t");
    await animationFrame();
    expect(".o_funnel_table").toHaveClass("visually-hidden");
});

test("says so when no deals came in", async () => {
    onFunnelReport(() => makeReport({ total: makeSeries({ size: 0, steps: [] }) }));
    await mountView(FUNNEL);

    expect(".o_nocontent_help").toHaveText(/^No deals came in during this period/);
    expect(".o_funnel_sample .o_funnel_row").toHaveCount(4);
    expect(".o_funnel_sample").toHaveAttribute("inert");
    expect(".o_funnel_figures, .o_funnel_table").toHaveCount(0);
});

test("an error is shown in words, and the next answer takes its place", async () => {
    onFunnelReport((domain, { date_from }) => {
        if (date_from) {
            throw makeServerError({ message: "The period is empty." });
        }
        return makeReport();
    });
    await mountView(FUNNEL);
    await choosePeriod("this_month");
    expect(".o_funnel_error_message").toHaveText("The period is empty.");
    expect(".o_funnel_drawing").toHaveCount(0);

    await choosePeriod("last_12_months");
    expect(".o_funnel_error").toHaveCount(0);
    expect(".o_funnel_row").toHaveCount(3);
});

test("a skeleton stands in while the first answer is under way", async () => {
    const answer = new Deferred();
    onFunnelReport(() => answer);
    await mountView(FUNNEL);
    expect(".o_funnel_skeleton").toHaveCount(1);
    expect(".o_funnel_renderer").toHaveAttribute("aria-busy", "true");

    answer.resolve(makeReport());
    await animationFrame();
    expect(".o_funnel_skeleton").toHaveCount(0);
    expect(".o_funnel_renderer").toHaveAttribute("aria-busy", "false");
    expect(".o_funnel_row").toHaveCount(3);
});

test("only the last answer is shown, whichever comes first", async () => {
    mockDate("2026-05-17 10:00:00");
    const answers = { "2026-05-01": new Deferred(), "2026-01-01": new Deferred() };
    onFunnelReport((domain, { date_from }) => answers[date_from] || makeReport());
    await mountView(FUNNEL);
    await choosePeriod("this_month");
    expect(".o_funnel_renderer").toHaveClass("o_funnel_loading");
    await choosePeriod("this_year");

    answers["2026-01-01"].resolve(makeReport({ total: makeSeries({ size: 222 }) }));
    await animationFrame();
    answers["2026-05-01"].resolve(makeReport({ total: makeSeries({ size: 111 }) }));
    await animationFrame();
    expect(".o_funnel_figure_size .o_funnel_figure_value").toHaveText("222");
    expect(".o_funnel_renderer").not.toHaveClass("o_funnel_loading");
});

test("a favorite keeps the choices and brings them back", async () => {
    mockDate("2026-05-17 10:00:00");
    onRpc("ir.filters", "create_filter", ({ args }) => {
        expect.step(args[0].context.funnel_choices);
        return [1];
    });
    onFunnelReport(() => makeReport());
    await mountView({ ...FUNNEL, loadIrFilters: true });
    await contains("[data-measure=amount]").click();
    await choosePeriod("this_year");
    await toggleSearchBarMenu();
    await toggleSaveFavorite();
    await contains(".o_add_favorite + .o_accordion_values input").edit("Money");
    await contains(".o_add_favorite + .o_accordion_values button").click();
    expect.verifySteps([{ measure: "amount", period: "this_year" }]);
});

test("a favorite counts when it is applied, not after that", async () => {
    onFunnelReport(() => makeReport());
    await mountView({
        ...FUNNEL,
        loadIrFilters: true,
        irFilters: [
            {
                id: 5,
                name: "Money",
                user_ids: [2],
                is_default: true,
                context: `{"funnel_choices": {"measure": "amount", "period": "this_year"}}`,
                domain: "[]",
                sort: "[]",
            },
        ],
    });
    expect(".o_funnel_choose_measure.active").toHaveText("Amount");
    expect(".o_funnel_choose_period").toHaveText("This Year");

    await choosePeriod("this_month");
    await toggleSearchBarMenu();
    await toggleMenuItem("Bakeries");
    expect(".o_funnel_choose_period").toHaveText("This Month");
});

test("back from the deals brings back what was chosen", async () => {
    onFunnelReport((domain, options) => {
        expect.step(options.date_from || "default");
        return makeReport();
    });
    onRpc("crm.lead", "web_search_read", ({ kwargs }) => {
        expect.step([kwargs.domain, kwargs.context.active_test]);
    });
    mockDate("2026-05-17 10:00:00");
    await mountWithCleanup(WebClient);
    await getService("action").doAction({
        type: "ir.actions.act_window",
        name: "Sales Funnel",
        res_model: "crm.lead",
        views: [
            [false, "funnel"],
            [false, "list"],
        ],
    });
    await choosePeriod("this_year");
    await contains("[data-measure=amount]").click();
    await contains(".o_funnel_toggle_table").click();
    expect.verifySteps(["default", "2026-01-01"]);

    await contains(".o_funnel_step:contains(Qualified)").click();
    expect(".o_list_view").toHaveCount(1);
    expect(".o_breadcrumb").toHaveText("Sales Funnel\nQualified: 100 deals");
    expect.verifySteps([[[["id", "in", [1, 2]]], false]]);

    await contains(".o_back_button, .breadcrumb-item a").click();
    expect(".o_funnel_choose_period").toHaveText("This Year");
    expect(".o_funnel_choose_measure.active").toHaveText("Amount");
    expect(".o_funnel_table").not.toHaveClass("visually-hidden");
    expect.verifySteps(["2026-01-01"]);
});
