import { describe, expect, test } from "@odoo/hoot";
import { queryAll, queryAllAttributes, queryAllTexts } from "@odoo/hoot-dom";
import { animationFrame, Deferred } from "@odoo/hoot-mock";
import {
    contains,
    makeServerError,
    mockService,
    mountView,
} from "@web/../tests/web_test_helpers";

import {
    chooseInBar,
    defineFunnelModels,
    makeDays,
    makeReport,
    onFunnelDays,
    onFunnelReport,
} from "./funnel_test_helpers";

describe.current.tags("desktop");

defineFunnelModels();

const FUNNEL = { type: "funnel", resModel: "crm.lead" };
const TOGGLE = ".o_funnel_toggle_matrix";

function answerReports() {
    onFunnelReport((domain, options) => makeReport({}, options));
}

test("days between steps are asked for when they are opened, not before", async () => {
    answerReports();
    onFunnelDays((domain, options) => {
        expect.step([domain, options]);
        return makeDays(options);
    });
    await mountView({ ...FUNNEL, domain: [["id", ">", 0]] });
    expect(TOGGLE).toHaveText("Days between steps");
    expect(TOGGLE).toHaveAttribute("aria-expanded", "false");
    expect.verifySteps([]);

    await contains(TOGGLE).click();
    expect.verifySteps([[[["id", ">", 0]], { lens: "cohort", rule: "beyond" }]]);
    expect(TOGGLE).toHaveAttribute("aria-expanded", "true");
    const rows = queryAllTexts(".o_funnel_matrix tr");
    expect(rows.map((text) => text.replace(/\s+/g, " "))).toEqual([
        "Step Qualified Won",
        "New 3.5 100 deals 14 1 deal",
        "Qualified – No deal came from Qualified to Won.",
    ]);

    await contains(TOGGLE).click();
    expect(".o_funnel_matrix table").toHaveCount(0);
    expect.verifySteps([]);
});

test("the whole is in words, and each field is for screen readers", async () => {
    answerReports();
    onFunnelDays((domain, options) => makeDays(options));
    await mountView(FUNNEL);
    await contains(TOGGLE).click();

    expect(".o_funnel_matrix_total").toHaveText(
        "In total, from New to Won: median 14 days, nine of ten at most 19 days (1 deal)."
    );
    expect(".o_funnel_matrix_meaning").toHaveText(/skipped counts from when/);
    const words = [
        "New to Qualified: median 3.5 days, mean 4.5, nine of ten at most 8.5 days. " +
            "100 deals.",
        "New to Won: median 14 days, mean 15, nine of ten at most 19 days. 1 deal.",
    ];
    const cells = "button.o_funnel_matrix_cell";
    expect(queryAllAttributes(cells, "aria-label")).toEqual(words);
    expect(queryAllAttributes(cells, "data-tooltip")).toEqual(words);
    expect(queryAll(cells).map((cell) => cell.getAttribute("style"))).toEqual([
        "--o-funnel-heat: 0.25",
        "--o-funnel-heat: 1",
    ]);
    expect(".o_funnel_matrix_whole").toHaveCount(1);
    expect(".o_funnel_matrix_whole strong").toHaveText("14");
});

test("a field opens its deals", async () => {
    mockService("action", {
        doAction({ name, domain }) {
            expect.step([name, domain]);
        },
    });
    answerReports();
    onFunnelDays((domain, options) => makeDays(options));
    await mountView(FUNNEL);
    await contains(TOGGLE).click();
    await contains("button.o_funnel_matrix_cell:first").click();
    expect.verifySteps([
        ["New to Qualified: 100 deals", [["name", "=", "Qualified after 3.5"]]],
    ]);
});

test("another choice asks anew, and only the last answer is shown", async () => {
    answerReports();
    const answers = { beyond: makeDays({ rule: "beyond" }), visited: new Deferred() };
    onFunnelDays((domain, { rule }) => answers[rule]);
    await mountView(FUNNEL);
    await contains(TOGGLE).click();
    expect(".o_funnel_matrix_meaning").toHaveText(/skipped/);

    await chooseInBar("rule", "visited");
    expect(".o_funnel_matrix_content").toHaveClass("o_funnel_matrix_loading");
    expect(".o_funnel_row").toHaveCount(3);
    answers.visited.resolve(makeDays({ rule: "visited" }));
    await animationFrame();
    expect(".o_funnel_matrix_content").not.toHaveClass("o_funnel_matrix_loading");
    expect(".o_funnel_matrix_meaning").not.toHaveText(/skipped/);

    // another width is in the answer already
    answers.visited = null;
    await contains("[data-measure=amount]").click();
    expect("button.o_funnel_matrix_cell").toHaveCount(2);
});

test("what passed through or is open says why there are none", async () => {
    onFunnelDays((domain, options) => {
        expect.step(options.lens);
        return makeDays(options);
    });
    answerReports();
    await mountView({ ...FUNNEL, arch: `<funnel lens="flow"/>` });
    await contains(TOGGLE).click();
    expect(".o_funnel_matrix_without p").toHaveText(/asked of whole deals/);
    expect(queryAllTexts(".o_funnel_matrix_without button")).toEqual([
        "Came in",
        "Closed",
    ]);
    await chooseInBar("lens", "snapshot");
    expect(".o_funnel_matrix_without").toHaveCount(1);
    expect.verifySteps([]);

    await contains(".o_funnel_matrix_without [data-lens=closed]").click();
    expect.verifySteps(["closed"]);
    expect(".o_funnel_choose_lens").toHaveText("Closed");
    expect("button.o_funnel_matrix_cell").toHaveCount(2);
});

test("of groups all are taken together, and it says so", async () => {
    onFunnelDays((domain, options) => makeDays(options));
    const { total } = makeReport();
    onFunnelReport(() =>
        makeReport({ groups: [{ value: 1, label: "Ada", domain: [], series: total }] })
    );
    await mountView({ ...FUNNEL, groupBy: ["user_id"] });
    await contains(TOGGLE).click();
    expect(".o_funnel_matrix_meaning").toHaveText(/All groups are taken together\./);
});

test("a funnel of one step, and an error, are said in words", async () => {
    answerReports();
    let isWrong = false;
    onFunnelDays((domain, options) => {
        if (isWrong) {
            throw makeServerError({ message: "The period is empty." });
        }
        return { options, rows: [] };
    });
    await mountView(FUNNEL);
    await contains(TOGGLE).click();
    expect(".o_funnel_matrix").toHaveText(/A funnel of one step has no days between/);

    isWrong = true;
    await chooseInBar("lens", "closed");
    expect(".o_funnel_matrix_error").toHaveText("The period is empty.");
    expect(".o_funnel_row").toHaveCount(3);
});
