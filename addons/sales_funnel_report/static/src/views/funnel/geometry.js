/**
 * The geometry of a funnel, and nothing else: numbers go in, widths and outlines
 * come out. Whatever draws a funnel draws these.
 *
 * A step is a bar as wide as its value, and below it a flow whose sides run
 * smoothly to the width of the next bar.
 */

/** The part of a step's height that is the bar; the rest is the flow. */
export const BAR_SHARE = 0.6;

/** The least width of a bar that is not empty: one deal in a thousand shows. */
const LEAST_SHARE = 0.006;

/**
 * @param {number} value
 * @param {number} scale the value that is as wide as the drawing
 * @param {number} width of the drawing
 * @returns {number} the width of the bar, 0 when there is nothing to show
 */
export function barWidth(value, scale, width) {
    if (!(value > 0) || !(scale > 0)) {
        return 0;
    }
    return width * Math.min(1, Math.max(LEAST_SHARE, value / scale));
}

/**
 * @param {number} middle horizontal position of the axis
 * @param {number} width
 * @param {number} top
 * @param {number} height
 * @returns {string} outline of a bar, empty when it has no width
 */
export function barPath(middle, width, top, height) {
    if (!width) {
        return "";
    }
    const [left, right] = [middle - width / 2, middle + width / 2].map(round);
    return `M${left} ${round(top)}H${right}V${round(top + height)}H${left}Z`;
}

/**
 * @param {number} middle horizontal position of the axis
 * @param {number} upper width at the top
 * @param {number} lower width at the bottom
 * @param {number} top
 * @param {number} height
 * @returns {string} outline of a flow, empty when nothing flows
 */
export function flowPath(middle, upper, lower, top, height) {
    if (!upper && !lower) {
        return "";
    }
    const [upperLeft, upperRight] = [middle - upper / 2, middle + upper / 2].map(round);
    const [lowerLeft, lowerRight] = [middle - lower / 2, middle + lower / 2].map(round);
    const [start, half, end] = [top, top + height / 2, top + height].map(round);
    return (
        `M${upperLeft} ${start}H${upperRight}` +
        `C${upperRight} ${half} ${lowerRight} ${half} ${lowerRight} ${end}` +
        `H${lowerLeft}` +
        `C${lowerLeft} ${half} ${upperLeft} ${half} ${upperLeft} ${start}Z`
    );
}

/**
 * The bands of a funnel, first to last, each in a box of its own: the bands of a
 * drawing are put one below the other.
 *
 * @param {number[]} values one per step
 * @param {Object} box
 * @param {number} box.width
 * @param {number} box.height of one step
 * @param {number} [box.scale] the value that is as wide as the box; by default
 *  the greatest of the values
 * @returns {{width: number, bar: string, flow: string}[]}
 */
export function funnelBands(values, { width, height, scale = Math.max(0, ...values) }) {
    const widths = values.map((value) => barWidth(value, scale, width));
    const barHeight = height * BAR_SHARE;
    return widths.map((barWide, index) => ({
        width: barWide,
        bar: barPath(width / 2, barWide, 0, barHeight),
        flow:
            index + 1 < widths.length
                ? flowPath(
                      width / 2,
                      barWide,
                      widths[index + 1],
                      barHeight,
                      height - barHeight
                  )
                : "",
    }));
}

/**
 * Spread the steps over a palette, the first on its first color, the last on its
 * last.
 *
 * @param {number} index of the step
 * @param {number} length how many steps there are
 * @param {number} colors how many colors the palette has
 * @returns {number} from 1 to `colors`
 */
export function paletteColor(index, length, colors) {
    return length > 1 ? 1 + Math.round((index * (colors - 1)) / (length - 1)) : colors;
}

function round(number) {
    return Math.round(number * 100) / 100;
}
