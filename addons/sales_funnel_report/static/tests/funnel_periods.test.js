import { describe, expect, test } from "@odoo/hoot";
import { mockDate } from "@odoo/hoot-mock";
import {
    getComparedDay,
    getComparedPeriod,
    getDays,
    getPastDay,
    getPeriodOptions,
    PERIODS,
} from "@sales_funnel_report/views/funnel/funnel_periods";

describe.current.tags("headless");

test("periods, as the server takes them", () => {
    mockDate("2026-05-17 10:00:00");
    const periods = Object.keys(PERIODS)
        .filter((period) => period !== "custom")
        .map((period) => [period, getPeriodOptions({ period })]);
    expect(Object.fromEntries(periods)).toEqual({
        this_month: { date_from: "2026-05-01", date_to: "2026-06-01" },
        last_month: { date_from: "2026-04-01", date_to: "2026-05-01" },
        this_quarter: { date_from: "2026-04-01", date_to: "2026-07-01" },
        last_quarter: { date_from: "2026-01-01", date_to: "2026-04-01" },
        this_year: { date_from: "2026-01-01", date_to: "2027-01-01" },
        last_12_months: {},
    });
});

test("the last month of a year and the last quarter", () => {
    mockDate("2026-01-31 10:00:00");
    expect(getPeriodOptions({ period: "last_month" })).toEqual({
        date_from: "2025-12-01",
        date_to: "2026-01-01",
    });
    expect(getPeriodOptions({ period: "last_quarter" })).toEqual({
        date_from: "2025-10-01",
        date_to: "2026-01-01",
    });
});

test("the last day of a custom period is part of it", () => {
    const period = "custom";
    expect(
        getPeriodOptions({ period, dateFrom: "2026-02-01", dateTo: "2026-02-28" })
    ).toEqual({ date_from: "2026-02-01", date_to: "2026-03-01" });
    expect(getPeriodOptions({ period, dateFrom: "2026-02-01" })).toEqual({
        date_from: "2026-02-01",
    });
    const days = getDays({ date_from: "2026-02-01", date_to: "2026-03-01" });
    expect(days.map((day) => day.toISODate())).toEqual(["2026-02-01", "2026-02-28"]);
});

test("the period before is as long, the year before is the same days", () => {
    mockDate("2026-05-17 10:00:00");
    const compare = (choices) => Object.values(getComparedPeriod(choices) || {});
    const before = { compare: "before" };
    expect(compare({ ...before, period: "this_month" })).toEqual([
        "2026-04-01",
        "2026-05-01",
    ]);
    expect(compare({ ...before, period: "last_quarter" })).toEqual([
        "2025-10-01",
        "2026-01-01",
    ]);
    expect(compare({ ...before, period: "last_12_months" })).toEqual([
        "2024-05-18",
        "2025-05-18",
    ]);
    const days = { period: "custom", dateFrom: "2026-03-11", dateTo: "2026-03-20" };
    expect(compare({ ...before, ...days })).toEqual(["2026-03-01", "2026-03-11"]);
    expect(compare({ ...days, compare: "year" })).toEqual(["2025-03-11", "2025-03-21"]);
    expect(compare({ ...before, period: "custom", dateFrom: "2026-03-11" })).toEqual(
        []
    );
});

test("a moment is compared with a month or a year before", () => {
    mockDate("2026-05-17 10:00:00");
    expect(getComparedDay({ compare: "before" })).toEqual({
        date_from: "2026-04-17",
        date_to: "2026-04-18",
    });
    expect(getComparedDay({ compare: "year", asOf: "2026-02-28" })).toEqual({
        date_from: "2025-02-28",
        date_to: "2025-03-01",
    });
});

test("the ends that people like to look at", () => {
    mockDate("2026-05-17 10:00:00");
    expect(["month", "quarter", "year"].map(getPastDay)).toEqual([
        "2026-04-30",
        "2026-03-31",
        "2025-12-31",
    ]);
});
