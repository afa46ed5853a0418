import { describe, expect, test } from "@odoo/hoot";
import { queryOne } from "@odoo/hoot-dom";
import { contains, mockService, mountView } from "@web/../tests/web_test_helpers";

import { defineFunnelModels, makeReport, onFunnelReport } from "./funnel_test_helpers";

describe.current.tags("mobile");

defineFunnelModels();

test("on a phone the same choices and steps are there", async () => {
    mockService("action", {
        doAction({ name }) {
            expect.step(name);
        },
    });
    onFunnelReport(() => makeReport());
    await mountView({ type: "funnel", resModel: "crm.lead" });
    expect(".o_funnel_row").toHaveCount(3);
    const { width } = queryOne(".o_funnel_content").getBoundingClientRect();
    expect(queryOne(".o_funnel_content").scrollWidth).toBe(Math.round(width));
    await contains(".o_funnel_choose_period").click();
    await contains(".dropdown-item[data-period=this_month]").click();
    expect(".o_funnel_choose_period").toHaveText("This Month");
    await contains(".o_funnel_choose_lens").click();
    await contains(".dropdown-item[data-lens=cohort]").click();
    expect(queryOne(".o_funnel_content").scrollWidth).toBe(Math.round(width));
    await contains(".o_funnel_step:contains(Won)").click();
    expect.verifySteps(["Won: 50 deals"]);
});
