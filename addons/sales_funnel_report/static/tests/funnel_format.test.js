import { describe, expect, test } from "@odoo/hoot";
import { makeMockEnv } from "@web/../tests/web_test_helpers";
import {
    describeDifference,
    formatDifference,
    formatProbability,
} from "@sales_funnel_report/views/funnel/funnel_format";

describe.current.tags("headless");

test("a difference has a sign, and of rates it is in percentage points", async () => {
    await makeMockEnv();
    expect(formatDifference("count", 120, 100)).toBe("+20");
    expect(formatDifference("count", 100, 1200)).toBe("−1,100");
    expect(formatDifference("count", 7, 7)).toBe("±0");
    expect(formatDifference("rate", 0.5, 0.384)).toBe("+11.6 pp");
    expect(formatDifference("rate", 0.38401, 0.384)).toBe("±0");
    expect(formatDifference("days", 3.5, 10)).toBe("−6.5");
});

test("between a figure and nothing there is no difference", async () => {
    await makeMockEnv();
    expect(formatDifference("rate", 0.5, null)).toBe("");
    expect(formatDifference("count", 1, undefined)).toBe("");
    expect(formatDifference("interval", [0, 1], [0, 1])).toBe("");
});

test("a difference in words says what it was before", async () => {
    await makeMockEnv();
    expect(describeDifference("count", 120, 100)).toBe("20 more than before: 100");
    expect(describeDifference("rate", 0.3, 0.35)).toBe("5 pp less than before: 35%");
    expect(describeDifference("count", 7, 7)).toBe("as before: 7");
    expect(describeDifference("rate", null, 0.5)).toBe("");
    expect(describeDifference("interval", [0, 1], [0, 1])).toBe("");
});

test("the p value of a test is never nothing", async () => {
    await makeMockEnv();
    expect(formatProbability(0.046)).toBe("p = 0.046");
    expect(formatProbability(0.01)).toBe("p = 0.01");
    expect(formatProbability(0.00001)).toBe("p < 0.001");
});
