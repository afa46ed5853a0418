import { describe, expect, test } from "@odoo/hoot";
import {
    BAR_SHARE,
    barWidth,
    funnelBands,
    paletteColor,
} from "@sales_funnel_report/views/funnel/geometry";

describe.current.tags("headless");

const BOX = { width: 100, height: 50 };

test("the width of a bar is proportional to its value", () => {
    const widths = funnelBands([200, 100, 50], BOX).map(({ width }) => width);
    expect(widths).toEqual([100, 50, 25]);
});

test("a given scale is kept, so that funnels can be compared", () => {
    const widths = funnelBands([50, 25], { ...BOX, scale: 200 }).map(
        ({ width }) => width
    );
    expect(widths).toEqual([25, 12.5]);
});

test("a bar never leaves the drawing, one deal always shows, none does not", () => {
    expect(barWidth(300, 200, 100)).toBe(100);
    expect(barWidth(1, 100000, 100)).toBeGreaterThan(0);
    expect(barWidth(0, 100, 100)).toBe(0);
    expect(barWidth(-5, 100, 100)).toBe(0);
    expect(barWidth(0, 0, 100)).toBe(0);
});

test("bars stand in the middle and take their share of the height", () => {
    const [first, second] = funnelBands([100, 50], BOX);
    expect(BAR_SHARE).toBe(0.6);
    expect(first.bar).toBe("M0 0H100V30H0Z");
    expect(second.bar).toBe("M25 0H75V30H25Z");
});

test("a flow runs from its bar to the next one, and the last step has none", () => {
    const [first, second] = funnelBands([100, 50], BOX);
    expect(first.flow).toBe("M0 30H100C100 40 75 40 75 50H25C25 40 0 40 0 30Z");
    expect(second.flow).toBe("");
});

test("steps that nobody reached have neither bar nor flow", () => {
    const bands = funnelBands([10, 0, 0], BOX);
    expect(bands.map(({ bar }) => Boolean(bar))).toEqual([true, false, false]);
    expect(bands.map(({ flow }) => Boolean(flow))).toEqual([true, false, false]);
    expect(funnelBands([], BOX)).toEqual([]);
    expect(funnelBands([0, 0], BOX).every(({ bar, flow }) => !bar && !flow)).toBe(true);
});

test("colors run over the whole palette, in order", () => {
    const colors = (length) =>
        Array.from({ length }, (_, index) => paletteColor(index, length, 8));
    expect(colors(3)).toEqual([1, 5, 8]);
    expect(colors(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(colors(1)).toEqual([8]);
});
