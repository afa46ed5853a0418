import { describe, expect, test } from "@odoo/hoot";
import { getColumns } from "@sales_funnel_report/views/funnel/funnel_columns";

describe.current.tags("headless");

const getKeys = (lens, kinds) =>
    getColumns(
        lens,
        kinds.map((kind) => ({ kind }))
    ).map(({ key }) => key);

test("what is not needed has a column where there are documents", () => {
    for (const lens of ["cohort", "closed"]) {
        expect(getKeys(lens, ["stage", "stage"])).not.toInclude("not_needed");
        expect(getKeys(lens, ["stage", "milestone"])).toInclude("not_needed");
    }
    expect(getKeys("flow", ["milestone"])).not.toInclude("not_needed");
});

test("the number of a column opens its deals", () => {
    const column = getColumns("cohort", [{ kind: "milestone" }]).find(
        ({ key }) => key === "not_needed"
    );
    const domain = [["id", "=", 1]];
    const step = { not_needed: 3, domains: { not_needed: domain } };
    expect([column.get(step), column.getDomain(step)]).toEqual([3, domain]);
});
