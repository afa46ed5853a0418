import { formatCurrency } from "@web/core/currency";
import { _t } from "@web/core/l10n/translation";
import {
    formatFloat,
    formatInteger,
    formatPercentage,
} from "@web/views/fields/formatters";

/** From here on an amount is shortened on the drawing; the table has it whole. */
const LARGE_AMOUNT = 1e6;

/** What stands for a figure that does not exist, such as a rate over nothing. */
export const NOTHING = "–";

const MINUS = "−";
const NO_DIFFERENCE = "±0";

const exists = (figure) => figure !== null && figure !== undefined;

export function formatCount(count) {
    return formatInteger(count);
}

export function formatAmount(amount, currencyId) {
    const options = { digits: [16, 0] };
    if (Math.abs(amount) >= LARGE_AMOUNT) {
        Object.assign(options, { digits: [16, 2], humanReadable: true });
    }
    return formatCurrency(amount, currencyId, options);
}

export function formatExactAmount(amount, currencyId) {
    return formatCurrency(amount, currencyId);
}

/** @param {number | null} rate from 0 to 1 */
export function formatRate(rate) {
    return exists(rate) ? formatPercentage(rate, { digits: [16, 1] }) : NOTHING;
}

/** @param {[number, number] | null} interval */
export function formatInterval(interval) {
    if (!interval) {
        return NOTHING;
    }
    const [low, high] = interval.map(formatRate);
    return _t("%(low)s to %(high)s", { low, high });
}

/** @param {[number, number]} interval to be written where there is little room */
export function formatRange([low, high]) {
    return `${formatRate(low)} – ${formatRate(high)}`;
}

/** @param {number | null} days */
export function formatDays(days) {
    return exists(days)
        ? formatFloat(days, { digits: [16, 1], trailingZeros: false })
        : NOTHING;
}

/** @param {number} p of a test, never said to be nothing at all */
export function formatProbability(p) {
    const write = (number) =>
        formatFloat(number, { digits: [16, 3], trailingZeros: false });
    return p < 0.001
        ? _t("p < %(limit)s", { limit: write(0.001) })
        : _t("p = %(p)s", { p: write(p) });
}

const FORMATS = {
    count: formatCount,
    amount: formatAmount,
    exact_amount: formatExactAmount,
    rate: formatRate,
    interval: formatInterval,
    days: formatDays,
};

/**
 * @param {string} type a key of {@link FORMATS}
 * @param {number | [number, number] | null} figure
 * @param {number} currencyId
 * @returns {string}
 */
export function formatFigure(type, figure, currencyId) {
    return FORMATS[type](figure, currencyId);
}

/**
 * @param {string} type a key of {@link FORMATS}
 * @param {number | null} figure
 * @param {number | null} before
 * @param {number} currencyId
 * @returns {string} the difference with its sign, of rates in percentage points
 */
export function formatDifference(type, figure, before, currencyId) {
    if (!exists(figure) || !exists(before) || type === "interval") {
        return "";
    }
    const format = (number) =>
        type === "rate" ? formatPoints(number) : FORMATS[type](number, currencyId);
    const difference = figure - before;
    const text = format(Math.abs(difference));
    if (text === format(0)) {
        return NO_DIFFERENCE;
    }
    return `${difference > 0 ? "+" : MINUS}${text}`;
}

/**
 * @param {string} type a key of {@link FORMATS}
 * @param {number | null} figure
 * @param {number | null} before
 * @param {number} currencyId
 * @returns {string} the difference in words, with what it was before
 */
export function describeDifference(type, figure, before, currencyId) {
    const difference = formatDifference(type, figure, before, currencyId);
    if (!difference) {
        return "";
    }
    const values = {
        difference: difference.slice(1),
        before: formatFigure(type, before, currencyId),
    };
    if (difference === NO_DIFFERENCE) {
        return _t("as before: %(before)s", values);
    }
    return figure > before
        ? _t("%(difference)s more than before: %(before)s", values)
        : _t("%(difference)s less than before: %(before)s", values);
}

function formatPoints(rate) {
    return _t("%(points)s pp", {
        points: formatFloat(100 * rate, { digits: [16, 1], trailingZeros: false }),
    });
}
