import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";

import {
    formatCount,
    formatDays,
    formatExactAmount,
    formatInterval,
    formatRate,
} from "./funnel_format";

/**
 * The numbers of the drawing as a table. It is always there, for screen readers
 * at least.
 */
export class FunnelTable extends Component {
    static template = "sales_funnel_report.FunnelTable";
    static props = { report: Object, isShown: Boolean };

    setup() {
        this.formatCount = formatCount;
        this.formatRate = formatRate;
    }

    get columns() {
        const currencyId = this.props.report.currency_id;
        const amount = (value) => formatExactAmount(value, currencyId);
        return [
            { label: _t("Deals"), get: (step) => formatCount(step.count) },
            { label: _t("Amount"), get: (step) => amount(step.amount) },
            {
                label: _t("From the step before"),
                get: (step) => formatRate(step.conversion_prev),
            },
            { label: _t("95% interval"), get: (step) => formatInterval(step.ci) },
            {
                label: _t("From the first step"),
                get: (step) => formatRate(step.conversion_first),
            },
            { label: _t("Skipped"), get: (step) => formatCount(step.skipped) },
            { label: _t("Lost"), get: (step) => formatCount(step.lost) },
            { label: _t("Lost amount"), get: (step) => amount(step.lost_amount) },
            { label: _t("Open"), get: (step) => formatCount(step.open) },
            { label: _t("On hold"), get: (step) => formatCount(step.on_hold) },
            { label: _t("Won"), get: (step) => formatCount(step.won) },
            {
                label: _t("Median days to next"),
                get: (step) => formatDays(step.days_to_next.median),
            },
        ];
    }

    /** The groups, and what they are parts of. */
    get groupRows() {
        const { groups, total } = this.props.report;
        return [...groups, { label: _t("Total"), series: total, isTotal: true }];
    }
}
