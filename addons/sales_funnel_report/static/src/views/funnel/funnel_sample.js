import { _t } from "@web/core/l10n/translation";

const STEPS = [
    { name: _t("New"), count: 120, amount: 96000 },
    { name: _t("Qualified"), count: 84, amount: 67200 },
    { name: _t("Proposition"), count: 46, amount: 36800 },
    { name: _t("Won"), count: 21, amount: 16800 },
];

/**
 * @returns {Object} a SERIES as the server gives it, for a look at what a funnel
 *  would be when there is nothing to show
 */
export function getSampleSeries() {
    const noDuration = { n: 0, mean: null, median: null, p80: null, p90: null };
    return {
        size: 120,
        won: 21,
        lost: 63,
        open: 36,
        on_hold: 0,
        amount: 96000,
        won_amount: 16800,
        win_rate: 0.175,
        win_rate_ci: null,
        win_rate_closed: 0.25,
        cycle_days: noDuration,
        steps: STEPS.map((step, index) => ({
            ...step,
            key: `sample:${index}`,
            kind: "stage",
            skipped: 0,
            conversion_prev: index ? step.count / STEPS[index - 1].count : null,
            conversion_first: step.count / STEPS[0].count,
            ci: null,
            lost: 0,
            lost_amount: 0,
            open: 0,
            on_hold: 0,
            won: 0,
            days_to_next: noDuration,
            days_in_step: noDuration,
            lost_reasons: [],
            domain: [],
        })),
    };
}
