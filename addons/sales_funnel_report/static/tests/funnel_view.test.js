import { describe, expect, test } from "@odoo/hoot";
import { press, queryAll, queryAllTexts, queryFirst, queryOne } from "@odoo/hoot-dom";
import { animationFrame, Deferred, mockDate } from "@odoo/hoot-mock";
import {
    contains,
    makeServerError,
    mockService,
    mountView,
} from "@web/../tests/web_test_helpers";

import {
    chooseInBar,
    defineFunnelModels,
    makeReport,
    makeSeries,
    makeStep,
    onFunnelReport,
} from "./funnel_test_helpers";

describe.current.tags("desktop");

defineFunnelModels();

const FUNNEL = { type: "funnel", resModel: "crm.lead" };

/** Note which deals are opened. */
function stepOnOpen() {
    mockService("action", {
        doAction({ name, domain }) {
            expect.step([name, domain]);
        },
    });
}

/** The widths of the bars as parts of the drawing's width. */
function barWidths(root = document, shape = ".o_funnel_bar_shape") {
    return [...root.querySelectorAll(shape)].map((path) => {
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
    expect(queryAllTexts(".o_funnel_conversion strong")).toEqual(["50%", "50%"]);
    expect(queryAllTexts(".o_funnel_interval")).toEqual(["43% – 57%", "40% – 60%"]);
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
    expect(queryAllTexts(".o_funnel_reason")).toEqual(["Too expensive: 40"]);
    expect(queryAllTexts(".o_funnel_aside_skipped")).toEqual(["7 skipped it"]);
    expect(queryAllTexts(".o_funnel_remark")).toEqual([
        "Median days to next: 3.5",
        "Median days to next: 4",
    ]);
});

test("shows the numbers behind a rate and a reason", async () => {
    onFunnelReport(() => makeReport());
    await mountView(FUNNEL);

    expect(".o_funnel_conversion:first").toHaveAttribute(
        "data-tooltip",
        "100 of 200 deals went on from New to Qualified: 50%. " +
            "95% interval: 43% to 57%."
    );
    expect(queryFirst(".o_funnel_chip_lost").dataset.tooltip).toMatch(/6,000$/);
    expect(queryFirst(".o_funnel_reason").dataset.tooltip).toMatch(
        /^40 of 60 lost deals, worth .*4,000$/
    );
});

test("shows the figures of all deals, the question and the rule in words", async () => {
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
    expect(".o_funnel_question").toHaveText(
        "How far did the deals get that came in during the period?"
    );
    expect(".o_funnel_sentences").toHaveText(
        "Deals that came in from 01/01/2026 to 01/31/2026. " +
            "A deal counts in a step when it reached this stage or a later one."
    );
    expect(".o_funnel_remarks").toHaveText("The history begins later.");
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

test("a step has the color of its stage, or one of the palette", async () => {
    const [first, second] = makeSeries().steps;
    onFunnelReport(() =>
        makeReport({
            total: makeSeries({ steps: [{ ...first, color: 4 }, second] }),
        })
    );
    await mountView(FUNNEL);
    expect(queryAll(".o_funnel_row").map((row) => row.getAttribute("style"))).toEqual([
        "--o-funnel-color: var(--o-funnel-chosen-4)",
        "--o-funnel-color: var(--o-funnel-step-2)",
    ]);
    const { color } = getComputedStyle(queryOne(".o_funnel_content"));
    for (const row of queryAll(".o_funnel_row")) {
        row.style.color = "var(--o-funnel-color)";
        expect(getComputedStyle(row).color).not.toBe(color);
    }
});

test("each figure of the whole opens its deals", async () => {
    stepOnOpen();
    onFunnelReport(() => makeReport());
    await mountView(FUNNEL);
    for (const figure of ["size", "won", "lost", "open", "on_hold"]) {
        await contains(`.o_funnel_figure_${figure} button`).click();
    }
    expect(".o_funnel_figure_win_rate button").toHaveCount(0);
    expect.verifySteps([
        ["Deals: 200", [["name", "=", "all size"]]],
        ["Won: 50", [["name", "=", "all won"]]],
        ["Lost: 90", [["name", "=", "all lost"]]],
        ["Open: 50", [["name", "=", "all open"]]],
        ["On hold: 10", [["name", "=", "all on_hold"]]],
    ]);
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

test("what fell out opens its deals, and so does why", async () => {
    stepOnOpen();
    onFunnelReport(() => makeReport());
    await mountView(FUNNEL);
    await contains(".o_funnel_row:first .o_funnel_chip_lost").click();
    await contains(".o_funnel_row:first .o_funnel_chip_open").click();
    await contains(".o_funnel_row:eq(1) .o_funnel_chip_on_hold").click();
    await contains(".o_funnel_row:eq(1) .o_funnel_aside_skipped").click();
    queryOne(".o_funnel_reason").focus();
    await press("Enter");
    expect.verifySteps([
        ["New: 60 lost", [["name", "=", "New lost"]]],
        ["New: 35 open", [["name", "=", "New open"]]],
        ["Qualified: 5 on hold", [["name", "=", "Qualified on_hold"]]],
        ["Qualified: 7 skipped it", [["name", "=", "Qualified skipped"]]],
        ["New: 40 lost, Too expensive", [["name", "=", "New too expensive"]]],
    ]);
});

test("a cell of the table opens its deals", async () => {
    stepOnOpen();
    onFunnelReport(() => makeReport());
    await mountView(FUNNEL);
    await press("t");
    await animationFrame();
    const row = ".o_funnel_table tbody tr:eq(1)";
    await contains(`${row} button:contains(/^100$/)`).click();
    await contains(`${row} button:contains(/^30$/)`).click();
    expect(queryAllTexts(`${row} button`)).toEqual(["100", "7", "30", "15", "5", "0"]);
    expect.verifySteps([
        ["Qualified, Deals: 100", [["id", "in", [1, 2]]]],
        ["Qualified, Lost: 30", [["name", "=", "Qualified lost"]]],
    ]);
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

// ------------------------------------------------------------
// Groups
// ------------------------------------------------------------

function makeGroup(label, counts, values = {}) {
    return {
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
                    conversion_prev: index ? count / counts[index - 1] : null,
                    domain: [["name", "=", label + index]],
                    below_others: null,
                    ...(index ? values : {}),
                })
            ),
        }),
    };
}

const DECEMBER = { date_from: "2025-12-01", date_to: "2026-01-01" };
const BELOW = { rate: 0.2, others_rate: 0.5, p_value: 0.012 };

function makeGroups() {
    return makeReport({
        total: makeGroup("", [140, 60]).series,
        groups: [
            makeGroup("Ada", [100, 50]),
            makeGroup("Ben", [40, 8], { below_others: BELOW }),
        ],
    });
}

test("groups are small funnels on one scale", async () => {
    stepOnOpen();
    onFunnelReport((domain, { groupby }) => {
        expect(groupby).toBe("user_id");
        return makeGroups();
    });
    await mountView({ ...FUNNEL, groupBy: ["user_id"] });

    expect(queryAllTexts(".o_funnel_group h2")).toEqual(["Ada", "Ben"]);
    expect(queryAllTexts(".o_funnel_group header span")).toEqual([
        "100 deals, 25% won",
        "40 deals, 25% won",
    ]);
    const [ada, ben] = queryAll(".o_funnel_group");
    expect(barWidths(ada)).toEqual([100, 50]);
    expect(barWidths(ben)).toEqual([40, 8]);

    await contains(".o_funnel_group:last .o_funnel_step:last").click();
    expect.verifySteps([["Ben – Step 2: 8 deals", [["name", "=", "Ben1"]]]]);
});

test("the table of groups has a cell for each step, and each opens its deals", async () => {
    stepOnOpen();
    onFunnelReport(() => makeGroups());
    await mountView({ ...FUNNEL, groupBy: ["user_id"] });
    await contains(".o_funnel_toggle_table").click();

    expect(queryAllTexts(".o_funnel_table tbody th")).toEqual(["Ada", "Ben", "Total"]);
    expect(queryAllTexts(".o_funnel_table thead th:nth-child(-n+3)")).toEqual([
        "Group",
        "Step 1",
        "Step 2",
    ]);
    expect(
        queryAllTexts(".o_funnel_table tbody tr:first td:nth-child(-n+3) button")
    ).toEqual(["100", "50"]);
    await contains(".o_funnel_table tr:contains(Ben) button:contains(/^8$/)").click();
    await contains(".o_funnel_table tr:contains(Ben) button:contains(/^90$/)").click();
    expect.verifySteps([
        ["Ben – Step 2: 8 deals", [["name", "=", "Ben1"]]],
        ["Ben, Lost: 90", [["name", "=", "all lost"]]],
    ]);
});

test("groups have the outline of what they are compared with, and the difference", async () => {
    const [ada, ben] = makeGroups().groups;
    onFunnelReport(() =>
        makeReport({
            options: { ...makeReport().options, compare: DECEMBER },
            total: makeGroup("", [140, 60]).series,
            compare: makeGroup("", [160, 30]).series,
            groups: [
                { ...ada, compare: makeGroup("Ada", [80, 20]).series },
                { ...ben, compare: makeGroup("Ben", [80, 10]).series },
            ],
        })
    );
    await mountView({ ...FUNNEL, groupBy: ["user_id"] });
    await contains(".o_funnel_toggle_table").click();

    const groups = queryAll(".o_funnel_group");
    expect(groups.map((group) => barWidths(group))).toEqual([
        [100, 50],
        [40, 8],
    ]);
    expect(groups.map((group) => barWidths(group, ".o_funnel_compare_shape"))).toEqual([
        [80, 20],
        [80, 10],
    ]);
    expect(queryAllTexts(".o_funnel_group_before")).toEqual([
        "+20\n80 deals, 25% won before",
        "−40\n80 deals, 25% won before",
    ]);
    expect(queryAllTexts(".o_funnel_group:last .o_funnel_change")).toEqual([
        "−40\n80 before",
        "−2\n10 before",
    ]);

    const ben2 = ".o_funnel_table tr:contains(Ben) td:eq(1)";
    const changes = `${ben2} .o_funnel_cell_change`;
    expect(queryAllTexts(`${changes} [aria-hidden]`)).toEqual(["−2", "+7.5 pp"]);
    expect(queryAllTexts(`${changes} .visually-hidden`)).toEqual([
        "2 less than before: 10",
        "7.5 pp more than before: 12.5%",
    ]);
    expect(queryAllTexts(".o_funnel_total td:eq(0) .o_funnel_cell_change")).toEqual([
        "−20\n20 less than before: 160",
    ]);
    expect(
        queryAllTexts(".o_funnel_table tr:contains(Ben) td:eq(2) .visually-hidden")
    ).toEqual(["as before: 90"]);
});

test("where one reads from the right, the sign still comes before its number", async () => {
    const [ada] = makeGroups().groups;
    const compared = {
        options: { ...makeReport().options, compare: DECEMBER },
        compare: makeSeries({ size: 100 }),
    };
    let groups = [];
    onFunnelReport(() => makeReport({ ...compared, groups }));
    await mountView({ ...FUNNEL, groupBy: ["user_id"] });
    const getSigned = () =>
        queryAll("span, small").filter(({ children, textContent }) => {
            return !children.length && /^[+−±]\S*\d/.test(textContent);
        });
    const directionsOf = (elements) => [
        ...new Set(elements.map((element) => getComputedStyle(element).direction)),
    ];
    document.querySelector(".o_funnel_renderer").dir = "rtl";
    expect(getSigned().length).toBeGreaterThan(10);
    expect(directionsOf(getSigned())).toEqual(["ltr"]);

    groups = [{ ...ada, compare: makeGroup("Ada", [80, 20]).series }];
    await chooseInBar("period", "this_year");
    expect(".o_funnel_group .o_funnel_difference").toHaveCount(3);
    expect(directionsOf(queryAll(".o_funnel_question"))).toEqual(["rtl"]);
    expect(directionsOf(getSigned())).toEqual(["ltr"]);
});

test("without a comparison nothing is said of before", async () => {
    onFunnelReport(() => makeGroups());
    await mountView({ ...FUNNEL, groupBy: ["user_id"] });
    expect(
        ".o_funnel_group_before, .o_funnel_cell_change, .o_funnel_change"
    ).toHaveCount(0);
    expect(".o_funnel_compare_shape").toHaveCount(0);
});

test("a step below the others is marked, and said in words", async () => {
    onFunnelReport(() => makeGroups());
    await mountView({ ...FUNNEL, groupBy: ["user_id"] });
    await contains(".o_funnel_toggle_table").click();

    const words = "significantly lower than the others: 20% against 50%, p = 0.012";
    expect(queryAllTexts(".o_funnel_below_list li")).toEqual([
        `Ben, Step 2: ${words}.`,
    ]);
    expect("td.o_funnel_below").toHaveCount(1);
    expect("tr:contains(Ben) td.o_funnel_below").toHaveAttribute("data-tooltip", words);
    expect(".o_funnel_group:first .o_funnel_conversion.o_funnel_below").toHaveCount(0);
    expect(".o_funnel_group:last .o_funnel_conversion.o_funnel_below").toHaveCount(1);
    expect(queryOne(".o_funnel_conversion.o_funnel_below").dataset.tooltip).toInclude(
        words
    );
});

// ------------------------------------------------------------
// Comparison, and what is unfinished
// ------------------------------------------------------------

test("what is compared with has an outline and figures, with the difference", async () => {
    const [first, second, third] = makeSeries().steps;
    onFunnelReport((domain, options) =>
        makeReport({
            options: { ...makeReport().options, compare: DECEMBER },
            compare: makeSeries({
                size: 100,
                win_rate: 0.2,
                steps: [
                    { ...first, count: 100, amount: 25000 },
                    { ...second, count: 60, conversion_prev: 0.6 },
                    { ...third, count: 20 },
                ],
            }),
        })
    );
    await mountView(FUNNEL);

    expect(barWidths(document, ".o_funnel_compare_shape")).toEqual([50, 30, 10]);
    expect(
        queryAllTexts(".o_funnel_row:first .o_funnel_change").map((text) =>
            text.replace(/\s/g, "")
        )
    ).toEqual(["+100100before", "−$5,000$25,000before"]);
    expect(".o_funnel_conversion:first .o_funnel_difference").toHaveText("−10 pp");
    expect(queryFirst(".o_funnel_conversion").dataset.tooltip).toMatch(
        /Before: 60 of 100, 60%\.$/
    );
    expect(".o_funnel_figure_size .o_funnel_difference").toHaveText("+100");
    expect(".o_funnel_figure_win_rate .o_funnel_difference").toHaveText("+5 pp");
    expect(queryOne(".o_funnel_sentences").textContent).toInclude(
        "Compared with 12/01/2025 to 12/31/2025."
    );
    expect(
        queryAllTexts(".o_funnel_table tbody tr:nth-child(-n+3) > :nth-child(-n+2)")
    ).toEqual(["New", "200", "before", "100", "difference", "+100"]);
});

test("a young cohort is hatched, and what is expected is said", async () => {
    onFunnelReport(() =>
        makeReport({ total: makeSeries({ mature: false, expected_win_rate: 0.31 }) })
    );
    await mountView(FUNNEL);

    const meaning =
        "60 of 200 deals are not decided yet. Going by how long deals take to be won " +
        "or lost, 31% of them all can be expected to be won 90 days after they came in.";
    expect(".o_funnel_unfinished").toHaveCount(3);
    expect(queryFirst("pattern").id).toBe(
        queryFirst(".o_funnel_unfinished").getAttribute("fill").slice(5, -1)
    );
    expect(".o_funnel_band:first").toHaveAttribute("data-tooltip", meaning);
    expect(".o_funnel_remarks").toHaveText(meaning);
    expect(".o_funnel_figure_expected_win_rate .o_funnel_figure_value").toHaveText(
        "31%"
    );
});

test("a finished cohort is not hatched", async () => {
    onFunnelReport(() => makeReport());
    await mountView(FUNNEL);
    expect(".o_funnel_unfinished, pattern, .o_funnel_remarks").toHaveCount(0);
    expect(".o_funnel_figure_expected_win_rate").toHaveCount(0);
});

// ------------------------------------------------------------
// Other lenses
// ------------------------------------------------------------

test("closed deals have ended: nothing of them is unfinished or open", async () => {
    onFunnelReport((domain, options) =>
        makeReport(
            { total: makeSeries({ mature: false, expected_win_rate: 0.31 }) },
            options
        )
    );
    await mountView({ ...FUNNEL, arch: `<funnel lens="closed"/>` });
    expect(".o_funnel_unfinished, .o_funnel_remarks").toHaveCount(0);
    expect(queryAllTexts(".o_funnel_figure dt")).toEqual([
        "Deals",
        "Won",
        "Lost",
        "Win rate",
        "Median cycle",
    ]);
    expect(queryAllTexts(".o_funnel_table th")).not.toInclude("Open");
});

test("what passed through shows what became of it", async () => {
    stepOnOpen();
    onFunnelReport((domain, options) => makeReport({}, options));
    await mountView({ ...FUNNEL, arch: `<funnel lens="flow"/>` });

    expect(queryAllTexts(".o_funnel_figure_value")).toEqual(["10", "18", "$ 1,800"]);
    expect(queryAllTexts(".o_funnel_value")).toEqual(["10", "8"]);
    expect(queryAllTexts(".o_funnel_row:last .o_funnel_chip")).toEqual([
        "2 moved on",
        "1 moved back",
        "1 handed off",
        "1 lost",
        "1 on hold",
        "2 still here",
    ]);
    expect(
        queryAll(".o_funnel_row:last .o_funnel_part").map((part) =>
            Number(part.style.flexGrow)
        )
    ).toEqual([2, 1, 1, 1, 1, 2]);
    expect(".o_funnel_conversion").toHaveCount(0);
    expect(".o_funnel_row:last .o_funnel_remark").toHaveText("Median days per stay: 5");

    await contains(".o_funnel_row:last .o_funnel_chip_moved_back").click();
    await contains(".o_funnel_row:last .o_funnel_step").click();
    expect.verifySteps([
        ["Qualified: 1 moved back", [["name", "=", "Qualified moved_back"]]],
        ["Qualified: 8 entered", [["id", "in", [1, 2]]]],
    ]);
});

test("each figure of what passed through opens its deals", async () => {
    stepOnOpen();
    onFunnelReport((domain, options) => makeReport({}, options));
    await mountView({ ...FUNNEL, arch: `<funnel lens="flow"/>` });
    for (const figure of ["size", "entered", "amount"]) {
        await contains(`.o_funnel_figure_${figure} button`).click();
    }
    const all = [["name", "=", "all size"]];
    expect.verifySteps([
        ["Deals: 10", all],
        ["Entries: 18 (10 deals)", all],
        ["Amount: $\u00a01,800 (10 deals)", all],
    ]);
});

test("each figure of what is open opens its deals, the stuck ones too", async () => {
    stepOnOpen();
    onFunnelReport((domain, options) => makeReport({}, options));
    await mountView({ ...FUNNEL, arch: `<funnel lens="snapshot"/>` });
    for (const figure of ["size", "amount", "weighted_amount", "stuck"]) {
        await contains(`.o_funnel_figure_${figure} button`).click();
    }
    expect(".o_funnel_figure_stuck button").toHaveAttribute("aria-label", "Stuck: 4");
    const all = [["name", "=", "all size"]];
    expect.verifySteps([
        ["Open deals: 30", all],
        ["Amount: $\u00a03,000 (30 deals)", all],
        ["Expected money: $\u00a0900 (30 deals)", all],
        ["Stuck: 4", [["name", "=", "all stuck"]]],
    ]);
});

test("what is open shows expected money, age and what is stuck", async () => {
    stepOnOpen();
    onFunnelReport((domain, options) => makeReport({}, options));
    await mountView({ ...FUNNEL, arch: `<funnel lens="snapshot"/>` });

    expect(queryAllTexts(".o_funnel_figure_value")).toEqual([
        "30",
        "$ 3,000",
        "$ 900",
        "4",
    ]);
    expect(".o_funnel_sentences").toHaveText("Deals that are open now.");
    expect(queryAllTexts(".o_funnel_of_first")).toEqual([
        "20% will be won",
        "35% will be won",
    ]);
    expect(queryAllTexts(".o_funnel_row:first .o_funnel_remark")).toEqual([
        "$ 200 expected",
        "Median days here: 3, one of ten over 8",
    ]);
    await contains(".o_funnel_chip_stuck").click();
    expect.verifySteps([["New: 4 stuck", [["name", "=", "New stuck"]]]]);

    await contains("[data-measure=weighted_amount]").click();
    expect(queryAllTexts(".o_funnel_value")).toEqual(["$ 200", "$ 700"]);
    expect(barWidths().map(Math.round)).toEqual([29, 100]);
    expect(queryAllTexts(".o_funnel_table tbody tr:first > *")).toEqual([
        "New",
        "20",
        "$ 1,000.00",
        "20%",
        "$ 200.00",
        "3",
        "8",
        "4",
    ]);
});

// ------------------------------------------------------------
// Nothing, not yet, not at all
// ------------------------------------------------------------

test("says so when no deals came in", async () => {
    onFunnelReport(() => makeReport({ total: makeSeries({ size: 0, steps: [] }) }));
    await mountView(FUNNEL);

    expect(".o_nocontent_help").toHaveText(/^No deals came in during this period/);
    expect(".o_funnel_sample .o_funnel_row").toHaveCount(3);
    expect(".o_funnel_sample").toHaveAttribute("inert");
    expect(".o_funnel_figures, .o_funnel_table").toHaveCount(0);
});

test("says so when nothing is in work", async () => {
    onFunnelReport((domain, options) =>
        makeReport({ total: { size: 0, steps: [] } }, options)
    );
    await mountView({ ...FUNNEL, arch: `<funnel lens="snapshot"/>` });
    expect(".o_nocontent_help").toHaveText(/^No deals are in work/);
    expect(".o_funnel_sample .o_funnel_row").toHaveCount(2);
});

test("an error is shown in words, and the next answer takes its place", async () => {
    onFunnelReport((domain, { date_from }) => {
        if (date_from) {
            throw makeServerError({ message: "The period is empty." });
        }
        return makeReport();
    });
    await mountView(FUNNEL);
    await chooseInBar("period", "this_month");
    expect(".o_funnel_error_message").toHaveText("The period is empty.");
    expect(".o_funnel_drawing").toHaveCount(0);

    await chooseInBar("period", "last_12_months");
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
    await chooseInBar("period", "this_month");
    expect(".o_funnel_renderer").toHaveClass("o_funnel_loading");
    await chooseInBar("period", "this_year");

    answers["2026-01-01"].resolve(makeReport({ total: makeSeries({ size: 222 }) }));
    await animationFrame();
    answers["2026-05-01"].resolve(makeReport({ total: makeSeries({ size: 111 }) }));
    await animationFrame();
    expect(".o_funnel_figure_size .o_funnel_figure_value").toHaveText("222");
    expect(".o_funnel_renderer").not.toHaveClass("o_funnel_loading");
});

test("a late error does not take the place of the last answer", async () => {
    mockDate("2026-05-17 10:00:00");
    const late = new Deferred();
    onFunnelReport((domain, { date_from }) =>
        date_from === "2026-05-01" ? late : makeReport()
    );
    await mountView(FUNNEL);
    await chooseInBar("period", "this_month");
    await chooseInBar("period", "this_year");
    late.reject(makeServerError({ message: "Too late." }));
    await animationFrame();
    expect(".o_funnel_error").toHaveCount(0);
    expect(".o_funnel_row").toHaveCount(3);
});

test("another choice while the first answer is under way", async () => {
    const first = new Deferred();
    onFunnelReport((domain, { lens }) =>
        lens === "cohort" ? first : makeReport({}, { lens })
    );
    await mountView(FUNNEL);
    await chooseInBar("lens", "snapshot");
    expect(".o_funnel_figure_stuck").toHaveCount(1);
    expect(".o_funnel_renderer").not.toHaveClass("o_funnel_loading");
    first.resolve(makeReport());
    await animationFrame();
    expect(".o_funnel_figure_stuck").toHaveCount(1);
});
