import { _t } from "@web/core/l10n/translation";

/**
 * The columns of the table, by the lens: where a figure of a step is found, how it
 * is written, and of which deals it is the number.
 */
const domainOf = (key) => (step) => step.domains?.[key];

const ENDINGS_OF_DEALS = [
    { key: "skipped", label: _t("Skipped"), type: "count" },
    { key: "not_needed", label: _t("Not needed"), type: "count" },
    { key: "lost", label: _t("Lost"), type: "count" },
    { key: "lost_amount", label: _t("Lost amount"), type: "exact_amount" },
    { key: "open", label: _t("Open"), type: "count" },
    { key: "on_hold", label: _t("On hold"), type: "count" },
    { key: "won", label: _t("Won"), type: "count" },
];
const AMOUNT = { key: "amount", label: _t("Amount"), type: "exact_amount" };

const COLUMNS_OF_DEALS = [
    { key: "count", label: _t("Deals"), type: "count", isSize: true },
    AMOUNT,
    { key: "conversion_prev", label: _t("From the step before"), type: "rate" },
    { key: "ci", label: _t("95% interval"), type: "interval" },
    { key: "conversion_first", label: _t("From the first step"), type: "rate" },
    ...ENDINGS_OF_DEALS,
    {
        key: "days_to_next",
        label: _t("Median days to next"),
        type: "days",
        get: (step) => step.days_to_next.median,
    },
];

/** Of closed deals none is undecided. */
const isDecided = ({ key }) => !["open", "on_hold"].includes(key);

const COLUMNS = {
    cohort: COLUMNS_OF_DEALS,
    closed: COLUMNS_OF_DEALS.filter(isDecided),
    flow: [
        { key: "entered", label: _t("Entered"), type: "count", isSize: true },
        AMOUNT,
        { key: "advanced", label: _t("Moved on"), type: "count" },
        { key: "moved_back", label: _t("Moved back"), type: "count" },
        { key: "handed_off", label: _t("Handed off"), type: "count" },
        { key: "lost", label: _t("Lost"), type: "count" },
        { key: "on_hold", label: _t("On hold"), type: "count" },
        { key: "still_here", label: _t("Still here"), type: "count" },
        {
            key: "days_in_stay",
            label: _t("Median days per stay"),
            type: "days",
            get: (step) => step.days_in_stay.median,
        },
    ],
    snapshot: [
        { key: "count", label: _t("Deals"), type: "count", isSize: true },
        AMOUNT,
        { key: "win_probability", label: _t("Will be won"), type: "rate" },
        { key: "weighted_amount", label: _t("Expected money"), type: "exact_amount" },
        {
            key: "age_median",
            label: _t("Median days here"),
            type: "days",
            get: (step) => step.age_days.median,
        },
        {
            key: "age_p90",
            label: _t("One of ten over, days"),
            type: "days",
            get: (step) => step.age_days.p90,
        },
        { key: "stuck", label: _t("Stuck"), type: "count" },
    ],
};

/** What the table of groups says of a group as a whole, by the lens. */
const COLUMNS_OF_DEAL_GROUPS = [
    { key: "lost", label: _t("Lost"), type: "count" },
    { key: "open", label: _t("Open"), type: "count" },
    { key: "on_hold", label: _t("On hold"), type: "count" },
    { key: "won", label: _t("Deals won"), type: "count" },
    { key: "win_rate", label: _t("Win rate"), type: "rate" },
    { key: "win_rate_ci", label: _t("95% interval"), type: "interval" },
];
const COLUMNS_OF_GROUPS = {
    cohort: COLUMNS_OF_DEAL_GROUPS,
    closed: COLUMNS_OF_DEAL_GROUPS.filter(isDecided),
    flow: [AMOUNT],
    snapshot: [
        AMOUNT,
        { key: "weighted_amount", label: _t("Expected money"), type: "exact_amount" },
        { key: "stuck", label: _t("Stuck"), type: "count" },
    ],
};

/** A stage is needed by every deal. */
const isNeededByAll = ({ kind }) => kind === "stage";

/** @returns {Object[]} columns of the table step by step */
export function getColumns(lens, steps) {
    const columns = steps.every(isNeededByAll)
        ? COLUMNS[lens].filter(({ key }) => key !== "not_needed")
        : COLUMNS[lens];
    return columns.map(complete);
}

/** @returns {Object[]} columns of the table group by group, beside the steps */
export function getGroupColumns(lens) {
    return COLUMNS_OF_GROUPS[lens].map(complete);
}

function complete(column) {
    const { isSize, key, type } = column;
    return {
        get: (figures) => figures[key],
        getDomain: isSize
            ? (step) => step.domain
            : type === "count"
              ? domainOf(key)
              : () => null,
        ...column,
    };
}
