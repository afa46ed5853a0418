import { _t } from "@web/core/l10n/translation";

import {
    formatAmount,
    formatCount,
    formatDays,
    formatDifference,
    formatFigure,
    formatInterval,
    formatProbability,
    formatRange,
    formatRate,
} from "./funnel_format";

/** How many loss reasons a step names. */
const REASONS = 3;

const count = formatCount;

/** What became of the deals of a step, by the lens, in words. */
const ENDINGS = {
    cohort: {
        lost: (n) => _t("%(count)s lost", { count: count(n) }),
        open: (n) => _t("%(count)s open", { count: count(n) }),
        on_hold: (n) => _t("%(count)s on hold", { count: count(n) }),
        won: (n) => _t("%(count)s won", { count: count(n) }),
        skipped: (n) => _t("%(count)s skipped it", { count: count(n) }),
        not_needed: (n) => _t("%(count)s did not need it", { count: count(n) }),
    },
    flow: {
        advanced: (n) => _t("%(count)s moved on", { count: count(n) }),
        moved_back: (n) => _t("%(count)s moved back", { count: count(n) }),
        handed_off: (n) => _t("%(count)s handed off", { count: count(n) }),
        lost: (n) => _t("%(count)s lost", { count: count(n) }),
        on_hold: (n) => _t("%(count)s on hold", { count: count(n) }),
        still_here: (n) => _t("%(count)s still here", { count: count(n) }),
    },
    snapshot: {
        stuck: (n) => _t("%(count)s stuck", { count: count(n) }),
    },
};
ENDINGS.closed = ENDINGS.cohort;

/** What happened by the way, and is no ending. */
const ASIDES = ["skipped", "not_needed"];

const EXPLANATIONS = {
    open: _t("Got this far and are still open"),
    on_hold: _t("Archived here without being lost"),
    skipped: _t("Reached a later stage without stopping here"),
    not_needed: _t("Went on without what this step asks for"),
    moved_back: _t("Went back to a stage before"),
    handed_off: _t("Went to the pipeline of another team"),
    still_here: _t("Have not left since"),
    stuck: _t("Have been here for longer than nine of ten deals were before them"),
};

/**
 * @param {string} lens
 * @returns {string} the figure that is how much there is in a step
 */
export function getSizeField(lens) {
    return lens === "flow" ? "entered" : "count";
}

/**
 * @param {string} lens
 * @param {Object} step
 * @returns {string} how much there is in a step, in words
 */
export function describeSize(lens, step) {
    return lens === "flow"
        ? _t("%(count)s entered", { count: count(step.entered) })
        : describeDeals(step.count);
}

/** @param {number} n how many */
export function describeDeals(n) {
    return n === 1 ? _t("1 deal") : _t("%(count)s deals", { count: count(n) });
}

/**
 * @param {string} lens
 * @param {Object} step
 * @param {string} key of what became of its deals
 * @returns {string}
 */
export function describeEnding(lens, step, key) {
    return ENDINGS[lens][key](step[key]);
}

/**
 * @param {{rate: number, others_rate: number, p_value: number}} below
 * @returns {string} in words, that a group is below the others
 */
export function describeBelow({ rate, others_rate, p_value }) {
    return _t(
        "significantly lower than the others: %(rate)s against %(others)s, %(p)s",
        {
            rate: formatRate(rate),
            others: formatRate(others_rate),
            p: formatProbability(p_value),
        }
    );
}

/** @param {string} figure of the period that is compared with */
export function describeBefore(figure) {
    return _t("%(figure)s before", { figure });
}

/** @param {Object} [series] */
export function getStepsByKey(series) {
    return Object.fromEntries((series?.steps || []).map((step) => [step.key, step]));
}

/**
 * What the drawing says of each step of a SERIES.
 *
 * @param {Object} params
 * @param {string} params.lens
 * @param {Object} params.series
 * @param {Object} [params.compare] another SERIES with the same steps
 * @param {string} params.measure the figure that is the width
 * @param {number} params.currencyId
 * @param {boolean} [params.isCompact] whether there is little room
 * @returns {Object[]}
 */
export function getRows(params) {
    const { lens, series, compare, measure, currencyId, isCompact } = params;
    const before = getStepsByKey(compare);
    const amount = (value) => formatAmount(value, currencyId);
    const { steps } = series;
    return steps.map((step, index) => {
        const isMoney = measure !== getSizeField(lens);
        const size = describeSize(lens, step);
        const chips = getChips(step, lens, amount);
        const notes = [isMoney && size, measure !== "amount" && amount(step.amount)];
        return {
            step,
            figure: isMoney ? amount(step[measure]) : count(step[measure]),
            note: notes.filter((note) => note).join(" · "),
            name: `${step.name}: ${size}`,
            action: _t("%(step)s: open %(size)s, %(amount)s", {
                step: step.name,
                size,
                amount: amount(step.amount),
            }),
            conversion: getConversion(steps, index, before),
            share: getShare(steps, index, lens),
            chips: chips.filter(({ isAside }) => !isAside),
            asides: chips.filter(({ isAside }) => isAside),
            reasons: getReasons(step, amount),
            notes: getNotes(step, lens, measure, amount),
            parts: lens === "flow" ? chips : [],
            changes: isCompact
                ? getChangeOf(measure, isMoney, step, before[step.key], currencyId)
                : getChanges(step, before[step.key], lens, currencyId),
        };
    });
}

/** How many went on from a step, and how sure that is. */
function getConversion(steps, index, before) {
    const [step, next] = [steps[index], steps[index + 1]];
    const rate = next?.conversion_prev;
    if (rate === null || rate === undefined) {
        return null;
    }
    const tooltip = [
        _t(
            "%(count)s of %(of)s deals went on from %(step)s to %(next)s: %(rate)s. " +
                "95% interval: %(interval)s.",
            {
                count: count(next.count),
                of: count(step.count),
                step: step.name,
                next: next.name,
                rate: formatRate(rate),
                interval: formatInterval(next.ci),
            }
        ),
    ];
    const [stepBefore, nextBefore] = [before[step.key], before[next.key]];
    const difference = formatDifference("rate", rate, nextBefore?.conversion_prev);
    if (difference) {
        tooltip.push(
            _t("Before: %(count)s of %(of)s, %(rate)s.", {
                count: count(nextBefore.count),
                of: count(stepBefore.count),
                rate: formatRate(nextBefore.conversion_prev),
            })
        );
    }
    const below = next.below_others && describeBelow(next.below_others);
    if (below) {
        tooltip.push(`${next.name}: ${below}.`);
    }
    return {
        text: formatRate(rate),
        interval: next.ci && formatRange(next.ci),
        difference,
        below,
        tooltip: tooltip.join(" "),
    };
}

/** What a step is of the whole. */
function getShare(steps, index, lens) {
    const [step, first] = [steps[index], steps[0]];
    if (lens === "snapshot") {
        return (
            step.count && {
                text: _t("%(rate)s will be won", {
                    rate: formatRate(step.win_probability),
                }),
                tooltip: _t(
                    "Share of the deals that came as far as %(step)s in the last two " +
                        "years and were won; few deals are drawn to the average",
                    { step: step.name }
                ),
            }
        );
    }
    if (!index || step.conversion_first === undefined) {
        return null;
    }
    return {
        text: _t("%(rate)s of %(first)s", {
            rate: formatRate(step.conversion_first),
            first: first.name,
        }),
        tooltip: _t("%(count)s of the %(of)s deals in %(first)s", {
            count: count(step.count),
            of: count(first.count),
            first: first.name,
        }),
    };
}

function getChips(step, lens, amount) {
    return Object.keys(ENDINGS[lens])
        .filter((key) => step[key] > 0 && (key !== "won" || step.won < step.count))
        .map((key) => {
            const text = describeEnding(lens, step, key);
            const tooltip =
                key === "lost" && "lost_amount" in step
                    ? _t("Worth %(amount)s", { amount: amount(step.lost_amount) })
                    : EXPLANATIONS[key];
            return {
                key,
                size: step[key],
                text,
                tooltip,
                isAside: ASIDES.includes(key),
                name: `${step.name}: ${text}`,
                domain: step.domains?.[key],
            };
        });
}

/** Why the deals of a step were lost: the reasons given most. */
function getReasons(step, amount) {
    const reasons = step.lost_reasons || [];
    return reasons.slice(0, REASONS).map((reason) => ({
        ...reason,
        text: `${reason.name}: ${count(reason.count)}`,
        tooltip: _t("%(count)s of %(lost)s lost deals, worth %(amount)s", {
            count: count(reason.count),
            lost: count(step.lost),
            amount: amount(reason.amount),
        }),
        name: _t("%(step)s: %(count)s lost, %(reason)s", {
            step: step.name,
            count: count(reason.count),
            reason: reason.name,
        }),
    }));
}

function getNotes(step, lens, measure, amount) {
    const notes = [];
    if (lens === "snapshot" && step.count && measure !== "weighted_amount") {
        notes.push({
            icon: "fa-line-chart",
            text: _t("%(amount)s expected", { amount: amount(step.weighted_amount) }),
        });
    }
    const days = { flow: step.days_in_stay, snapshot: step.age_days }[lens];
    const { n, mean, median, p90 } = days || step.days_to_next;
    if (n) {
        const values = {
            n: count(n),
            mean: formatDays(mean),
            median: formatDays(median),
            p90: formatDays(p90),
        };
        notes.push({
            icon: "fa-clock-o",
            text: {
                cohort: _t("Median days to next: %(median)s", values),
                closed: _t("Median days to next: %(median)s", values),
                flow: _t("Median days per stay: %(median)s", values),
                snapshot: _t(
                    "Median days here: %(median)s, one of ten over %(p90)s",
                    values
                ),
            }[lens],
            tooltip: _t(
                "Median of %(n)s. Mean %(mean)s days, nine of ten at most %(p90)s days.",
                values
            ),
        });
    }
    return notes;
}

function getChanges(step, before, lens, currencyId) {
    if (!before) {
        return [];
    }
    const field = getSizeField(lens);
    return [
        {
            key: "size",
            difference: formatDifference("count", step[field], before[field]),
            before: describeBefore(count(before[field])),
        },
        {
            key: "amount",
            difference: formatDifference(
                "amount",
                step.amount,
                before.amount,
                currencyId
            ),
            before: describeBefore(formatAmount(before.amount, currencyId)),
        },
    ];
}

/** How the figure that is the width has changed. */
function getChangeOf(measure, isMoney, step, before, currencyId) {
    if (!before) {
        return [];
    }
    const type = isMoney ? "amount" : "count";
    const [figure, past] = [step[measure], before[measure]];
    return [
        {
            key: measure,
            difference: formatDifference(type, figure, past, currencyId),
            before: describeBefore(formatFigure(type, past, currencyId)),
        },
    ];
}
