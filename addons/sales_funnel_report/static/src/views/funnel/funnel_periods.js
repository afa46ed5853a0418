import { _t } from "@web/core/l10n/translation";
import { serializeDate } from "@web/core/l10n/dates";

const { DateTime } = luxon;

/** The periods as people say them, in the order of the menu. */
export const PERIODS = {
    this_month: { label: _t("This Month"), unit: "month", back: 0 },
    last_month: { label: _t("Last Month"), unit: "month", back: 1 },
    this_quarter: { label: _t("This Quarter"), unit: "quarter", back: 0 },
    last_quarter: { label: _t("Last Quarter"), unit: "quarter", back: 1 },
    this_year: { label: _t("This Year"), unit: "year", back: 0 },
    last_12_months: { label: _t("Last 12 Months") },
    custom: { label: _t("Custom") },
};
export const DEFAULT_PERIOD = "last_12_months";

/**
 * @param {Object} choices
 * @param {string} choices.period a key of {@link PERIODS}
 * @param {string} [choices.dateFrom] first day of a custom period
 * @param {string} [choices.dateTo] last day of a custom period, included
 * @returns {{date_from?: string, date_to?: string}} as `get_funnel_report` takes
 *  them, `date_to` not included; what is left out is the server's default, the
 *  last 12 months
 */
export function getPeriodOptions({ period, dateFrom, dateTo }) {
    if (period === "custom") {
        const options = {};
        if (dateFrom) {
            options.date_from = dateFrom;
        }
        if (dateTo) {
            options.date_to = serializeDate(DateTime.fromISO(dateTo).plus({ days: 1 }));
        }
        return options;
    }
    const { unit, back } = PERIODS[period];
    if (!unit) {
        return {};
    }
    const start = DateTime.local()
        .startOf(unit)
        .minus({ [unit]: back });
    return {
        date_from: serializeDate(start),
        date_to: serializeDate(start.plus({ [unit]: 1 })),
    };
}

/**
 * @param {{date_from: string, date_to: string}} options as used by the server
 * @returns {[DateTime, DateTime]} first and last day, both included
 */
export function getDays({ date_from, date_to }) {
    return [DateTime.fromISO(date_from), DateTime.fromISO(date_to).minus({ days: 1 })];
}
