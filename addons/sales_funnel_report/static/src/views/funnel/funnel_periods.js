import { serializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";

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

/** With what a period is compared. */
export const COMPARISONS = {
    none: _t("No comparison"),
    before: _t("Period before"),
    year: _t("Year before"),
};

/** The days in the past at whose end people like to look. */
export const PAST_DAYS = {
    month: _t("End of last month"),
    quarter: _t("End of last quarter"),
    year: _t("End of last year"),
};

/**
 * @param {Object} choices
 * @param {string} choices.period a key of {@link PERIODS}
 * @param {string} [choices.dateFrom] first day of a custom period
 * @param {string} [choices.dateTo] last day of a custom period, included
 * @returns {{date_from?: string, date_to?: string}} as `get_funnel_report` takes
 *  them, `date_to` not included; what is left out is the server's default, the
 *  last 12 months
 */
export function getPeriodOptions(choices) {
    if (choices.period === DEFAULT_PERIOD) {
        return {};
    }
    const [start, end] = getBounds(choices);
    const options = {};
    if (start) {
        options.date_from = serializeDate(start);
    }
    if (end) {
        options.date_to = serializeDate(end);
    }
    return options;
}

/**
 * @param {Object} choices as {@link getPeriodOptions} takes them
 * @param {string} choices.compare a key of {@link COMPARISONS}, not `none`
 * @returns {{date_from: string, date_to: string} | null} the period to compare
 *  with, `date_to` not included
 */
export function getComparedPeriod(choices) {
    const [start, end] = getBounds(choices);
    if (!start || !end) {
        return null;
    }
    const { unit = "year" } = PERIODS[choices.period];
    let back = { year: 1 };
    if (choices.compare === "before") {
        back =
            choices.period === "custom"
                ? { days: Math.round(end.diff(start, "days").days) }
                : { [unit]: 1 };
    }
    return {
        date_from: serializeDate(start.minus(back)),
        date_to: serializeDate(end.minus(back)),
    };
}

/**
 * @param {Object} choices
 * @param {string} [choices.asOf] the day at whose end is looked, today by default
 * @param {string} choices.compare a key of {@link COMPARISONS}, not `none`
 * @returns {{date_from: string, date_to: string}} the day to compare with, a month
 *  or a year before
 */
export function getComparedDay({ asOf, compare }) {
    const day = (asOf ? DateTime.fromISO(asOf) : DateTime.local()).minus({
        [compare === "before" ? "month" : "year"]: 1,
    });
    return {
        date_from: serializeDate(day),
        date_to: serializeDate(day.plus({ days: 1 })),
    };
}

/** @returns {[DateTime?, DateTime?]} first day, and the day after the last one */
function getBounds({ period, dateFrom, dateTo }) {
    if (period === "custom") {
        return [
            dateFrom && DateTime.fromISO(dateFrom),
            dateTo && DateTime.fromISO(dateTo).plus({ days: 1 }),
        ];
    }
    const { unit, back } = PERIODS[period];
    if (!unit) {
        const end = DateTime.local().startOf("day").plus({ days: 1 });
        return [end.minus({ years: 1 }), end];
    }
    const start = DateTime.local()
        .startOf(unit)
        .minus({ [unit]: back });
    return [start, start.plus({ [unit]: 1 })];
}

/**
 * @param {{date_from: string, date_to: string}} options as used by the server
 * @returns {[DateTime, DateTime]} first and last day, both included
 */
export function getDays({ date_from, date_to }) {
    return [DateTime.fromISO(date_from), DateTime.fromISO(date_to).minus({ days: 1 })];
}

/**
 * @param {string} unit a key of {@link PAST_DAYS}
 * @returns {string} the last day before the present month, quarter or year
 */
export function getPastDay(unit) {
    return serializeDate(DateTime.local().startOf(unit).minus({ days: 1 }));
}
