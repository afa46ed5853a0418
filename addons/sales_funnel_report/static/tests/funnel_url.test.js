import { beforeEach, describe, expect, test } from "@odoo/hoot";
import { manuallyDispatchProgrammaticEvent, queryAllTexts } from "@odoo/hoot-dom";
import { animationFrame, Deferred, mockDate, runAllTimers } from "@odoo/hoot-mock";
import {
    contains,
    defineActions,
    editSearch,
    getService,
    mountView,
    mountWebClient,
    onRpc,
    toggleMenuItem,
    toggleSaveFavorite,
    toggleSearchBarMenu,
    validateSearch,
} from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { router, startRouter } from "@web/core/browser/router";
import { redirect } from "@web/core/utils/urls";
import { funnelBreadcrumbsService } from "@sales_funnel_report/services/funnel_breadcrumbs_service";

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
defineActions([
    {
        id: 1,
        name: "Sales Funnel",
        path: "sales-funnel",
        res_model: "crm.lead",
        views: [
            [false, "funnel"],
            [false, "list"],
        ],
    },
    {
        id: 2,
        name: "My Bakeries",
        res_model: "crm.lead",
        views: [[false, "funnel"]],
        context: { search_default_bakery: 1 },
    },
    {
        id: 3,
        name: "Elsewhere",
        res_model: "crm.lead",
        views: [[false, "list"]],
    },
]);

beforeEach(() => mockDate("2026-05-17 10:00:00"));

/** The question that is asked last. */
let question;

function followQuestions() {
    question = null;
    onFunnelReport((domain, options) => {
        question = { domain, options };
        return makeReport({}, options);
    });
}

/** What the web client does with an address when it starts. */
function restartRouter(url) {
    redirect(url);
    startRouter();
    router.hideKeyFromUrl("globalState");
}

/** Come to an address from elsewhere, the first time by loading the page. */
async function goTo(url) {
    const isLoaded = document.querySelector(".o_web_client");
    if (isLoaded) {
        await getService("action").doAction(3, { clearBreadcrumbs: true });
        await runAllTimers();
    }
    restartRouter(url);
    await (isLoaded ? getService("action").loadState() : mountWebClient());
    await animationFrame();
    await animationFrame();
}

async function getUrl() {
    await runAllTimers();
    return browser.location.href.replace(browser.location.origin, "");
}

test("what is not chosen is not in the address", async () => {
    followQuestions();
    await goTo("/odoo/sales-funnel");
    expect(await getUrl()).toBe("/odoo/sales-funnel");
});

test("each choice is in the address", async () => {
    followQuestions();
    await goTo("/odoo/sales-funnel");
    await chooseInBar("lens", "closed");
    await chooseInBar("rule", "strict");
    await chooseInBar("period", "last_quarter");
    await chooseInBar("compare", "year");
    await chooseInBar("as_of", "month", "as-of");
    await contains("[data-measure=amount]").click();
    await contains(".o_funnel_toggle_table").click();
    const url = new URL(await getUrl(), browser.location.origin);
    expect(url.pathname).toBe("/odoo/sales-funnel");
    expect(Object.fromEntries(url.searchParams)).toEqual({
        lens: "closed",
        rule: "strict",
        period: "last_quarter",
        compare: "year",
        as_of: "2026-04-30",
        measure: "amount",
        table: "1",
    });
    await chooseInBar("rule", "beyond");
    expect(await getUrl()).not.toInclude("rule");
});

test("a copied address shows the same", async () => {
    followQuestions();
    await goTo(
        "/odoo/sales-funnel?lens=closed&rule=visited&period=custom&from=2026-01-01" +
            "&to=2026-03-31&compare=before&window=30&measure=amount&table=1"
    );
    expect(question.options).toEqual({
        lens: "closed",
        rule: "visited",
        window_days: 30,
        date_from: "2026-01-01",
        date_to: "2026-04-01",
        compare: { date_from: "2025-10-03", date_to: "2026-01-01" },
    });
    expect(".o_funnel_choose_measure.active").toHaveText("Amount");
    expect(".o_funnel_table").not.toHaveClass("visually-hidden");
});

test("the days between steps stay open, in the address and on the way back", async () => {
    followQuestions();
    onFunnelDays((domain, options) => makeDays(options));
    await goTo("/odoo/sales-funnel");
    await contains(".o_funnel_toggle_matrix").click();
    expect(await getUrl()).toBe("/odoo/sales-funnel?days=1");

    await goTo("/odoo/sales-funnel?days=1");
    expect("button.o_funnel_matrix_cell").toHaveCount(2);
    await contains("button.o_funnel_matrix_cell:first").click();
    expect(".o_breadcrumb").toHaveText("Sales Funnel\nNew to Qualified: 100 deals");
    await contains(".o_back_button, .breadcrumb-item a").click();
    await animationFrame();
    expect("button.o_funnel_matrix_cell").toHaveCount(2);
});

test("an address that makes no sense does no harm", async () => {
    followQuestions();
    await goTo(
        "/odoo/sales-funnel?lens=fisheye&period=yesterday&as_of=soon&window=-1&search=x"
    );
    expect(question.options).toEqual({ lens: "cohort", rule: "beyond" });
    expect(".o_funnel_row").toHaveCount(3);
});

test("filters, searches and groups are in the address, and come back", async () => {
    followQuestions();
    await goTo("/odoo/sales-funnel");
    await editSearch("bread");
    await validateSearch();
    await toggleSearchBarMenu();
    await toggleMenuItem("Bakeries");
    await toggleMenuItem("Salesperson");
    const asked = question;
    const facets = queryAllTexts(".o_searchview_facet");
    expect(facets).toHaveLength(3);
    const url = await getUrl();

    await goTo("/odoo/action-2");
    expect(question.domain).toEqual([["name", "=", "Bakery"]]);
    expect(queryAllTexts(".o_searchview_facet")).toEqual(["Bakeries"]);

    await goTo(url);
    expect(question).toEqual(asked);
    expect(queryAllTexts(".o_searchview_facet")).toEqual(facets);
});

test("a filter made by hand and a group by month come back", async () => {
    followQuestions();
    const search = JSON.stringify([
        { description: "A or B", domain: "[('id', '<', 3)]", groupId: 9 },
        { description: "C", domain: "[('id', '=', 3)]", groupId: 9 },
        { type: "dateGroupBy", fieldName: "date_open", intervalId: "quarter" },
    ]);
    await goTo(`/odoo/sales-funnel?search=${encodeURIComponent(search)}`);
    expect(question.domain).toEqual(["|", ["id", "<", 3], ["id", "=", 3]]);
    expect(question.options.groupby).toBe("date_open:quarter");
    const url = await getUrl();
    await goTo(url);
    expect(question.domain).toEqual(["|", ["id", "<", 3], ["id", "=", 3]]);
    expect(question.options.groupby).toBe("date_open:quarter");
});

test("a default filter that was removed stays removed", async () => {
    followQuestions();
    await goTo("/odoo/action-2");
    expect(question.domain).toEqual([["name", "=", "Bakery"]]);
    expect(await getUrl()).toBe("/odoo/action-2");
    await contains(".o_facet_remove").click();
    expect(question.domain).toEqual([]);
    const url = await getUrl();
    await goTo(url);
    expect(question.domain).toEqual([]);
    expect(".o_searchview_facet").toHaveCount(0);
});

test("the menu shows the funnel anew, whatever was chosen there", async () => {
    followQuestions();
    await goTo("/odoo/sales-funnel");
    await chooseInBar("lens", "flow");
    expect(await getUrl()).toInclude("lens=flow");
    await getService("action").doAction(1, { clearBreadcrumbs: true });
    expect(question.options.lens).toBe("cohort");
    expect(await getUrl()).toBe("/odoo/sales-funnel");
});

test("the back of the browser takes back a choice", async () => {
    followQuestions();
    await goTo("/odoo/sales-funnel");
    await chooseInBar("lens", "flow");
    await runAllTimers();
    await chooseInBar("lens", "snapshot");
    await runAllTimers();
    browser.history.back();
    await runAllTimers();
    await animationFrame();
    await animationFrame();
    expect(router.current.lens).toBe("flow");
    expect(".o_funnel_choose_lens").toHaveText("Passed through");
});

test("another view of the same action and back keeps the choices", async () => {
    followQuestions();
    await goTo("/odoo/sales-funnel");
    await chooseInBar("lens", "flow");
    await contains(".o_switch_view.o_list").click();
    expect(await getUrl()).not.toInclude("lens");
    await contains(".o_switch_view.o_funnel").click();
    await animationFrame();
    expect(".o_funnel_choose_lens").toHaveText("Passed through");
    expect(await getUrl()).toInclude("lens=flow");
});

test("back from the deals brings back what was chosen, where it was", async () => {
    let answer = makeReport();
    onFunnelReport((domain, options) => {
        expect.step(options.date_from || "default");
        return answer;
    });
    onRpc("crm.lead", "web_search_read", ({ kwargs }) => {
        expect.step([kwargs.domain, kwargs.context.active_test]);
    });
    await goTo("/odoo/sales-funnel");
    await chooseInBar("period", "this_year");
    await contains("[data-measure=amount]").click();
    await contains(".o_funnel_toggle_table").click();
    expect.verifySteps(["default", "2026-01-01"]);

    document.querySelector(".o_content").scrollTop = 40;
    await contains(".o_funnel_step:contains(Qualified)").click();
    expect(".o_list_view").toHaveCount(1);
    expect(".o_breadcrumb").toHaveText("Sales Funnel\nQualified: 100 deals");
    expect.verifySteps([[[["id", "in", [1, 2]]], false]]);

    answer = new Deferred();
    await contains(".o_back_button, .breadcrumb-item a").click();
    answer.resolve(makeReport());
    await animationFrame();
    await animationFrame();
    expect(".o_funnel_choose_period").toHaveText("This Year");
    expect(".o_funnel_choose_measure.active").toHaveText("Amount");
    expect(".o_funnel_table").not.toHaveClass("visually-hidden");
    expect(document.querySelector(".o_content").scrollTop).toBe(40);
    expect.verifySteps(["2026-01-01"]);
});

// ------------------------------------------------------------
// Back to the funnel when the page of the deals was reloaded
// ------------------------------------------------------------

/** What the web client does when the page is loaded, with all that it has kept. */
async function reload() {
    await runAllTimers();
    manuallyDispatchProgrammaticEvent(window, "pagehide");
    funnelBreadcrumbsService.start();
    restartRouter(browser.location.href);
    await getService("action").loadState();
    await animationFrame();
}

test("the breadcrumb keeps what was chosen, however often the deals are reloaded", async () => {
    followQuestions();
    onFunnelDays((domain, options) => makeDays(options));
    await goTo("/odoo/sales-funnel");
    await chooseInBar("period", "this_year");
    await contains("[data-measure=amount]").click();
    await contains(".o_funnel_toggle_table").click();
    await contains(".o_funnel_toggle_matrix").click();
    await toggleSearchBarMenu();
    await toggleMenuItem("Bakeries");
    await toggleMenuItem("Salesperson");
    const asked = question;
    await contains(".o_funnel_step:contains(Qualified)").click();
    const url = await getUrl();
    expect(url).toBe("/odoo/sales-funnel/crm.lead");

    for (let times = 0; times < 3; times++) {
        question = null;
        await reload();
        expect(await getUrl()).toBe(url);
        expect(".o_list_view").toHaveCount(1);
        expect(".o_breadcrumb").toHaveText("Sales Funnel\nQualified: 100 deals");
        expect(question).toBe(null);
    }

    await contains(".o_back_button, .breadcrumb-item a").click();
    await animationFrame();
    expect(question).toEqual(asked);
    expect(queryAllTexts(".o_searchview_facet")).toEqual(["Bakeries", "Salesperson"]);
    expect(".o_funnel_choose_period").toHaveText("This Year");
    expect(".o_funnel_choose_measure.active").toHaveText("Amount");
    expect(".o_funnel_table").not.toHaveClass("visually-hidden");
    expect("button.o_funnel_matrix_cell").toHaveCount(2);
    const { searchParams } = new URL(await getUrl(), browser.location.origin);
    expect(searchParams.get("period")).toBe("this_year");
});

test("what another funnel had shown is not handed on", async () => {
    followQuestions();
    await goTo("/odoo/sales-funnel");
    await chooseInBar("lens", "closed");
    await contains(".o_funnel_step:contains(Qualified)").click();
    await reload();
    // the funnel anew, and its deals
    await getService("action").doAction(1, { clearBreadcrumbs: true });
    await contains(".o_funnel_step:contains(Qualified)").click();
    await reload();
    await contains(".o_back_button, .breadcrumb-item a").click();
    await animationFrame();
    expect(question.options.lens).toBe("cohort");
});

test("a default filter that was removed stays so in the breadcrumb", async () => {
    followQuestions();
    await goTo("/odoo/action-2");
    await contains(".o_facet_remove").click();
    await contains(".o_funnel_step:contains(Qualified)").click();
    await reload();
    await contains(".o_back_button, .breadcrumb-item a").click();
    await animationFrame();
    expect(question.domain).toEqual([]);
    expect(".o_searchview_facet").toHaveCount(0);
});

test("what was not chosen is the default in the breadcrumb", async () => {
    followQuestions();
    await goTo("/odoo/action-2");
    await contains(".o_funnel_step:contains(Qualified)").click();
    await reload();
    await contains(".o_back_button, .breadcrumb-item a").click();
    await animationFrame();
    expect(question.domain).toEqual([["name", "=", "Bakery"]]);
    expect(queryAllTexts(".o_searchview_facet")).toEqual(["Bakeries"]);
    expect(await getUrl()).toBe("/odoo/action-2");
});

// ------------------------------------------------------------
// Favorites
// ------------------------------------------------------------

const FAVORITE = {
    id: 5,
    name: "Money",
    user_ids: [2],
    is_default: true,
    context: `{"funnel_choices": {"measure": "amount", "period": "this_year"}}`,
    domain: "[]",
    sort: "[]",
};

test("a favorite keeps the choices", async () => {
    onRpc("ir.filters", "create_filter", ({ args }) => {
        expect.step(args[0].context.funnel_choices);
        return [1];
    });
    followQuestions();
    await mountView({ type: "funnel", resModel: "crm.lead", loadIrFilters: true });
    await contains("[data-measure=amount]").click();
    await chooseInBar("period", "this_year");
    await chooseInBar("lens", "closed");
    await toggleSearchBarMenu();
    await toggleSaveFavorite();
    await contains(".o_add_favorite + .o_accordion_values input").edit("Money");
    await contains(".o_add_favorite + .o_accordion_values button").click();
    expect.verifySteps([
        {
            lens: "closed",
            rule: "beyond",
            period: "this_year",
            compare: "none",
            measure: "amount",
        },
    ]);
});

test("a favorite counts when it is applied, not after that", async () => {
    followQuestions();
    await mountView({
        type: "funnel",
        resModel: "crm.lead",
        loadIrFilters: true,
        irFilters: [FAVORITE],
    });
    expect(".o_funnel_choose_measure.active").toHaveText("Amount");
    expect(".o_funnel_choose_period").toHaveText("This Year");

    await chooseInBar("period", "this_month");
    await toggleSearchBarMenu();
    await toggleMenuItem("Bakeries");
    expect(".o_funnel_choose_period").toHaveText("This Month");
});
