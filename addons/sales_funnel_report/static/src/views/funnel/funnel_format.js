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
    return rate === null || rate === undefined
        ? NOTHING
        : formatPercentage(rate, { digits: [16, 1] });
}

/** @param {[number, number] | null} interval */
export function formatInterval(interval) {
    if (!interval) {
        return NOTHING;
    }
    const [low, high] = interval.map(formatRate);
    return _t("%(low)s to %(high)s", { low, high });
}

/** @param {number | null} days */
export function formatDays(days) {
    return days === null || days === undefined
        ? NOTHING
        : formatFloat(days, { digits: [16, 1], trailingZeros: false });
}
