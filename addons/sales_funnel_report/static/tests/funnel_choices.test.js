import { describe, expect, test } from "@odoo/hoot";
import { queryAll, queryAllTexts, queryOne } from "@odoo/hoot-dom";
import { mockDate, mockTimeZone } from "@odoo/hoot-mock";
import {
    contains,
    mountView,
    removeFacet,
    toggleMenuItem,
    toggleSearchBarMenu,
} from "@web/../tests/web_test_helpers";

import {
    chooseInBar,
    CrmFunnel,
    defineFunnelModels,
    makeReport,
    onFunnelReport,
} from "./funnel_test_helpers";

describe.current.tags("desktop");

defineFunnelModels();

const FUNNEL = { type: "funnel", resModel: "crm.lead" };

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

    await chooseInBar("period", "last_month");
    expect(".o_funnel_choose_period").toHaveText("Last Month");
    expect.verifySteps([["2026-04-01", "2026-05-01"]]);

    await chooseInBar("period", "custom");
    expect(queryAll(".o_funnel_days input").map((input) => input.value)).toEqual([
        "01/01/2026",
        "01/31/2026",
    ]);
    expect.verifySteps([["2026-01-01", "2026-02-01"]]);

    await contains(".o_funnel_days input:last").edit("01/20/2026");
    expect.verifySteps([["2026-01-01", "2026-01-21"]]);
});

test("each lens is said in words, and has the choices that it can have", async () => {
    onFunnelReport((domain, options) => {
        expect.step(Object.keys(options).sort().join(" "));
        return makeReport({}, options);
    });
    mockDate("2026-05-17 10:00:00");
    await mountView({ ...FUNNEL, arch: `<funnel period="this_year"/>` });
    expect.verifySteps(["date_from date_to lens rule"]);
    await contains(".o_funnel_choose_lens").click();
    expect(queryAllTexts(".dropdown-item strong")).toEqual([
        "Came in",
        "Closed",
        "Passed through",
        "Open now",
    ]);
    expect(
        queryAllTexts(".dropdown-item small").every((text) => /\?$/.test(text))
    ).toBe(true);
    await contains(".dropdown-item[data-lens=closed]").click();
    expect(".o_funnel_choose_lens").toHaveText("Closed");
    expect(".o_funnel_sentences").toHaveText(/^Deals that were won or lost from/);
    expect(".o_funnel_figure_open, .o_funnel_figure_on_hold").toHaveCount(0);
    expect(".o_funnel_choose_rule").toHaveCount(1);

    await chooseInBar("lens", "flow");
    expect(".o_funnel_choose_rule").toHaveCount(0);
    expect(".o_funnel_choose_period").toHaveCount(1);
    expect(queryAllTexts(".o_funnel_choose_measure")).toEqual(["Entries", "Amount"]);

    await chooseInBar("lens", "snapshot");
    expect(".o_funnel_choose_rule, .o_funnel_choose_period").toHaveCount(0);
    expect(queryAllTexts(".o_funnel_choose_measure")).toEqual([
        "Deals",
        "Amount",
        "Expected",
    ]);
    expect.verifySteps([
        "date_from date_to lens rule",
        "date_from date_to lens",
        "lens",
    ]);
});

test("expected money is money in the lenses that expect none", async () => {
    onFunnelReport((domain, options) => makeReport({}, options));
    await mountView({ ...FUNNEL, arch: `<funnel lens="snapshot"/>` });
    await contains("[data-measure=weighted_amount]").click();
    await chooseInBar("lens", "cohort");
    expect(".o_funnel_choose_measure.active").toHaveText("Amount");
    expect(".o_funnel_value:first").toHaveText("$ 20,000");
});

test("the rule is a choice, and what it means is always on the screen", async () => {
    onFunnelReport((domain, options) => {
        expect.step(options.rule);
        return makeReport({}, options);
    });
    await mountView(FUNNEL);
    expect(".o_funnel_choose_rule").toHaveText("This stage or later");
    await chooseInBar("rule", "visited");
    expect(".o_funnel_choose_rule").toHaveText("This stage itself");
    expect(queryOne(".o_funnel_sentences").textContent).toInclude(
        "A deal counts in a step when it was in this very stage."
    );
    await chooseInBar("rule", "strict");
    expect(queryOne(".o_funnel_sentences").textContent).toInclude(
        "when it went through all steps before it, in order."
    );
    expect.verifySteps(["beyond", "visited", "strict"]);
});

test("deals can be looked at for some days only", async () => {
    onFunnelReport((domain, { window_days }) => {
        expect.step(window_days || "all");
        return makeReport();
    });
    await mountView(FUNNEL);
    await contains(".o_funnel_choose_rule").click();
    await contains(".o_funnel_window input").edit("30");
    expect(".o_funnel_choose_rule").toHaveClass("active");
    await contains(".o_funnel_window input").edit("0");
    expect(".o_funnel_choose_rule").not.toHaveClass("active");
    expect.verifySteps(["all", 30, "all"]);
});

test("as of a past day is the end of that day where the reader is", async () => {
    mockDate("2026-05-17 10:00:00");
    mockTimeZone("Europe/Amsterdam");
    onFunnelReport((domain, { as_of }) => {
        expect.step(as_of || "now");
        const report = makeReport();
        return { ...report, options: { ...report.options, as_of } };
    });
    await mountView(FUNNEL);
    expect(".o_funnel_choose_as_of").toHaveText("As of now");
    expect(".o_funnel_as_of").toHaveCount(0);

    await chooseInBar("as_of", "quarter", "as-of");
    expect(".o_funnel_as_of input").toHaveValue("03/31/2026");
    expect(queryOne(".o_funnel_sentences").textContent).toInclude(
        "As it was at the end of 03/31/2026."
    );
    await contains(".o_funnel_as_of input").edit("01/15/2026");
    await chooseInBar("as_of", "day", "as-of");
    await chooseInBar("as_of", "now", "as-of");
    expect(".o_funnel_choose_as_of").toHaveText("As of now");
    expect.verifySteps([
        "now",
        "2026-03-31 21:59:59",
        "2026-01-15 22:59:59",
        "2026-05-17 21:59:59",
        "now",
    ]);
});

test("what is open on a past day is not called open now", async () => {
    mockDate("2026-05-17 10:00:00");
    onFunnelReport((domain, options) => makeReport({}, options));
    await mountView({ ...FUNNEL, arch: `<funnel lens="snapshot"/>` });
    expect(".o_funnel_choose_lens").toHaveText("Open now");
    await chooseInBar("as_of", "month", "as-of");
    expect(".o_funnel_choose_lens").toHaveText("Open then");
});

test("compares with the period before, or the year before", async () => {
    mockDate("2026-05-17 10:00:00");
    onFunnelReport((domain, options) => {
        expect.step(options.compare?.date_from || "none");
        return makeReport({}, options);
    });
    await mountView({ ...FUNNEL, arch: `<funnel period="this_month"/>` });
    expect(".o_funnel_choose_compare").toHaveText("Compare");
    await chooseInBar("compare", "before");
    expect(".o_funnel_choose_compare").toHaveText("Period before");
    await chooseInBar("compare", "year");
    await chooseInBar("lens", "snapshot");
    await chooseInBar("compare", "before");
    expect(".o_funnel_choose_compare").toHaveText("Month before");
    await chooseInBar("compare", "none");
    expect.verifySteps([
        "none",
        "2026-04-01",
        "2025-05-01",
        "2025-05-17",
        "2026-04-17",
        "none",
    ]);
});

test("shows money instead of deals without asking again", async () => {
    onFunnelReport(() => {
        expect.step("asked");
        return makeReport();
    });
    await mountView(FUNNEL);
    expect.verifySteps(["asked"]);

    await contains("[data-measure=amount]").click();
    expect("[data-measure=amount]").toHaveAttribute("aria-pressed", "true");
    expect(queryAllTexts(".o_funnel_value")).toEqual([
        "$ 20,000",
        "$ 16,000",
        "$ 8,000",
    ]);
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
        const report = makeReport();
        report.options.funnel_id = funnel_id || 1;
        return report;
    });
    await mountView(FUNNEL);
    expect(".o_funnel_choose_funnel").toHaveText("Pipeline");

    await contains(".o_funnel_choose_funnel").click();
    await contains(".dropdown-item:contains(Partners)").click();
    expect(".o_funnel_choose_funnel").toHaveText("Partners");
    expect.verifySteps([undefined, 2]);
});

test("the arch says what is shown at first", async () => {
    onFunnelReport((domain, { date_from, lens }) => {
        expect.step([lens, date_from]);
        return makeReport({}, { lens });
    });
    mockDate("2026-05-17 10:00:00");
    await mountView({
        ...FUNNEL,
        arch: `<funnel lens="closed" measure="amount" period="this_year"/>`,
    });
    expect.verifySteps([["closed", "2026-01-01"]]);
    expect(".o_funnel_choose_period").toHaveText("This Year");
    expect(".o_funnel_choose_measure.active").toHaveText("Amount");
});
