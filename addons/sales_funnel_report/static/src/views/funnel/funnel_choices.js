import { serializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { pick } from "@web/core/utils/objects";

import {
    COMPARISONS,
    DEFAULT_PERIOD,
    getComparedDay,
    getComparedPeriod,
    getPeriodOptions,
    PERIODS,
} from "./funnel_periods";

const { DateTime } = luxon;

/** What the funnel looks at, as people ask for it. */
export const LENSES = {
    cohort: {
        label: _t("Came in"),
        question: _t("How far did the deals get that came in during the period?"),
    },
    closed: {
        label: _t("Closed"),
        question: _t(
            "Where did the deals end that were won or lost in the period, and how " +
                "long did it take?"
        ),
    },
    flow: {
        label: _t("Passed through"),
        question: _t("What entered each step in the period, and what became of it?"),
    },
    snapshot: {
        label: _t("Open now"),
        question: _t("What is in work, and what will come of it?"),
    },
};

/** When a deal counts in a step, and what that means. */
export const RULES = {
    beyond: {
        label: _t("This stage or later"),
        meaning: _t(
            "A deal counts in a step when it reached this stage or a later one."
        ),
    },
    visited: {
        label: _t("This stage itself"),
        meaning: _t("A deal counts in a step when it was in this very stage."),
    },
    strict: {
        label: _t("Stage by stage"),
        meaning: _t(
            "A deal counts in a step when it went through all steps before it, in order."
        ),
    },
};
export const LENSES_WITH_RULE = ["cohort", "closed"];

/** What the width of a step stands for. */
const MEASURES = {
    count: _t("Deals"),
    amount: _t("Amount"),
    weighted_amount: _t("Expected"),
};

/** What another choice needs no new answer for: it is in the answer already. */
export const CHOICES_OF_DISPLAY = ["measure"];

export const DEFAULT_CHOICES = {
    lens: "cohort",
    rule: "beyond",
    period: DEFAULT_PERIOD,
    compare: "none",
    measure: "count",
};

const isDay = (day) => typeof day === "string" && DateTime.fromISO(day).isValid;
const isPositive = (number) => Number.isInteger(number) && number > 0;

/** What the reader may choose, and what is a value of it. */
const CHOICES = {
    funnelId: isPositive,
    lens: (lens) => lens in LENSES,
    rule: (rule) => rule in RULES,
    period: (period) => period in PERIODS,
    dateFrom: isDay,
    dateTo: isDay,
    asOf: isDay,
    windowDays: isPositive,
    compare: (compare) => compare in COMPARISONS,
    measure: (measure) => measure in MEASURES,
};

/**
 * @param {Object} values from an address, a favorite or an arch
 * @returns {Object} the choices among them
 */
export function readChoices(values) {
    return pick(
        values,
        ...Object.keys(CHOICES).filter(
            (name) => name in values && CHOICES[name](values[name])
        )
    );
}

export function hasRule(lens) {
    return LENSES_WITH_RULE.includes(lens);
}

export function hasPeriod(lens) {
    return lens !== "snapshot";
}

/**
 * @param {string} lens
 * @returns {Object} label by comparison
 */
export function getComparisons(lens) {
    return hasPeriod(lens)
        ? COMPARISONS
        : { ...COMPARISONS, before: _t("Month before") };
}

/**
 * @param {string} lens
 * @returns {Object} label by measure
 */
export function getMeasures(lens) {
    const measures = lens === "snapshot" ? MEASURES : pick(MEASURES, "count", "amount");
    return lens === "flow" ? { ...measures, count: _t("Entries") } : measures;
}

/**
 * @param {Object} choices
 * @returns {string} the measure that is shown: money where none is expected
 */
export function getMeasure({ lens, measure }) {
    return measure in getMeasures(lens) ? measure : "amount";
}

/**
 * @param {Object} choices
 * @returns {string} the figure of a step that is its width
 */
export function getWidthField({ lens, measure }) {
    return lens === "flow" && measure === "count"
        ? "entered"
        : getMeasure({ lens, measure });
}

/**
 * @param {Object} choices
 * @returns {Object} the options of `get_funnel_report`
 */
export function getOptions(choices) {
    const { asOf, compare, funnelId, lens, rule, windowDays } = choices;
    const options = { lens };
    if (funnelId) {
        options.funnel_id = funnelId;
    }
    if (asOf) {
        options.as_of = serializeDateTime(DateTime.fromISO(asOf).endOf("day"));
    }
    if (hasPeriod(lens)) {
        Object.assign(options, getPeriodOptions(choices));
    }
    if (compare !== "none") {
        const getCompared = hasPeriod(lens) ? getComparedPeriod : getComparedDay;
        const compared = getCompared(choices);
        if (compared) {
            options.compare = compared;
        }
    }
    if (hasRule(lens)) {
        options.rule = rule;
        if (windowDays) {
            options.window_days = windowDays;
        }
    }
    return options;
}
