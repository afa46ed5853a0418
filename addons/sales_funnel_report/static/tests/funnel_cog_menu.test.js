import { describe, expect, test } from "@odoo/hoot";
import { queryAllTexts } from "@odoo/hoot-dom";
import { animationFrame } from "@odoo/hoot-mock";
import {
    contains,
    mockService,
    mountView,
    patchWithCleanup,
} from "@web/../tests/web_test_helpers";
import { download } from "@web/core/network/download";
import { registry } from "@web/core/registry";

import { defineFunnelModels, makeReport, onFunnelReport } from "./funnel_test_helpers";

describe.current.tags("desktop");

defineFunnelModels();

const DOMAIN = [["user_id", "=", 7]];

async function openMenu() {
    onFunnelReport(() => makeReport());
    await mountView({
        type: "funnel",
        resModel: "crm.lead",
        domain: DOMAIN,
        groupBy: ["user_id"],
    });
    await contains(".o_cp_action_menus .dropdown-toggle").click();
    await animationFrame();
}

const choose = (label) => contains(`.o_funnel_menu_item:contains(${label})`).click();

test("the menu of the funnel offers paper, files and mail", async () => {
    await openMenu();

    expect(queryAllTexts(".o_funnel_menu_item")).toEqual([
        "Print",
        "Export to Excel",
        "Export as picture (PNG)",
        "Export as drawing (SVG)",
        "Send by email",
        "Subscribe",
    ]);
});

test("other views have none of it", async () => {
    const items = registry
        .category("cogMenu")
        .getEntries()
        .filter(([key]) => key.startsWith("sales_funnel_report."));
    expect(items).toHaveLength(6);
    for (const [, { isDisplayed }] of items) {
        const env = { config: { viewType: "list" }, funnelModel: {} };
        expect(isDisplayed(env)).toBe(false);
        expect(isDisplayed({ config: { viewType: "funnel" } })).toBe(false);
    }
});

test("the page is printed for what is shown", async () => {
    mockService("action", {
        doAction({ type, report_type, report_name, data }) {
            expect.step([type, report_type, report_name, data]);
        },
    });
    await openMenu();
    await choose("Print");

    expect.verifySteps([
        [
            "ir.actions.report",
            "qweb-pdf",
            "sales_funnel_report.funnel_document",
            {
                domain: DOMAIN,
                options: { lens: "cohort", rule: "beyond", groupby: "user_id" },
                measure: "count",
            },
        ],
    ]);
});

for (const [label, extension] of [
    ["Excel", "xlsx"],
    ["PNG", "png"],
    ["SVG", "svg"],
]) {
    test(`what is shown is downloaded as ${extension}`, async () => {
        patchWithCleanup(download, {
            _download({ url, data }) {
                const { domain, options, context } = JSON.parse(data.data);
                expect.step([url, domain, options.groupby, Boolean(context.lang)]);
                return Promise.resolve();
            },
        });
        await openMenu();
        await choose(label);

        expect.verifySteps([[`/web/crm_funnel/${extension}`, DOMAIN, "user_id", true]]);
    });
}

for (const [label, name] of [
    ["Send", "crm_funnel_send_action"],
    ["Subscribe", "crm_funnel_subscribe_action"],
]) {
    test(`${label} opens its dialog with what is asked`, async () => {
        mockService("action", {
            doAction(action, { additionalContext }) {
                expect.step([action, additionalContext.funnel_question.domain]);
            },
        });
        await openMenu();
        await choose(label);

        expect.verifySteps([[`sales_funnel_report.${name}`, DOMAIN]]);
    });
}
