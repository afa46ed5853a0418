import { Component } from "@odoo/owl";
import { formatDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";

import { FunnelDrawing } from "./funnel_drawing";
import { FunnelFigures } from "./funnel_figures";
import { formatCount, formatRate } from "./funnel_format";
import { getDays } from "./funnel_periods";
import { getSampleSeries } from "./funnel_sample";
import { FunnelTable } from "./funnel_table";

/** What a rule of the report means, in words. */
const RULES = {
    beyond: _t("A deal counts in a step when it reached this stage or a later one."),
};

export class FunnelRenderer extends Component {
    static template = "sales_funnel_report.FunnelRenderer";
    static components = { FunnelDrawing, FunnelFigures, FunnelTable };
    static props = {
        report: { type: [Object, { value: null }], optional: true },
        measure: String,
        error: { type: [String, { value: null }], optional: true },
        isLoading: Boolean,
        isTableShown: Boolean,
        onStepClick: Function,
    };

    setup() {
        this.sampleSeries = getSampleSeries();
    }

    get isEmpty() {
        return !this.props.report.total.size;
    }

    get hasSteps() {
        return this.props.report.total.steps.length > 0;
    }

    get emptyTitle() {
        return this.isEmpty
            ? _t("No deals came in during this period")
            : _t("This funnel has no steps yet");
    }

    get emptyDescription() {
        return this.isEmpty
            ? _t(
                  "Choose a longer period, or remove a filter from the search bar. " +
                      "A deal counts from the day it entered its first stage."
              )
            : _t("Add its steps under CRM → Configuration → Sales Funnels.");
    }

    get periodText() {
        const [first, last] = getDays(this.props.report.options).map((day) =>
            formatDate(day)
        );
        return _t("Deals that came in from %(first)s to %(last)s.", { first, last });
    }

    get ruleText() {
        return RULES[this.props.report.options.rule];
    }

    getSummary({ size, win_rate }) {
        return _t("%(count)s deals, %(rate)s won", {
            count: formatCount(size),
            rate: formatRate(win_rate),
        });
    }

    /** One scale for all groups, so that their widths can be compared. */
    get groupScale() {
        const { groups } = this.props.report;
        return Math.max(
            0,
            ...groups.flatMap(({ series }) =>
                series.steps.map((step) => step[this.props.measure])
            )
        );
    }
}
