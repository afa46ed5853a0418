import { Component } from "@odoo/owl";
import { deserializeDateTime, formatDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";

import { hasPeriod, hasRule, LENSES, RULES } from "./funnel_choices";
import { FunnelDrawing } from "./funnel_drawing";
import { FunnelFigures, getExpectation } from "./funnel_figures";
import {
    formatAmount,
    formatCount,
    formatDifference,
    formatRate,
} from "./funnel_format";
import { FunnelMatrix } from "./funnel_matrix";
import { getDays } from "./funnel_periods";
import { describeBefore, describeBelow, describeDeals } from "./funnel_rows";
import { FunnelTable } from "./funnel_table";

/** The deals of a period, by the lens. */
const DEALS_OF_PERIOD = {
    cohort: (period) => _t("Deals that came in from %(first)s to %(last)s.", period),
    closed: (period) =>
        _t("Deals that were won or lost from %(first)s to %(last)s.", period),
    flow: (period) => _t("What entered each step from %(first)s to %(last)s.", period),
};

/** Colors of the four steps of the sample. */
const SAMPLE_COLORS = ["step-1", "step-3", "step-6", "step-8"];

export class FunnelRenderer extends Component {
    static template = "sales_funnel_report.FunnelRenderer";
    static components = { FunnelDrawing, FunnelFigures, FunnelMatrix, FunnelTable };
    static props = {
        answer: { type: [Object, { value: null }], optional: true },
        measure: String,
        isPast: Boolean,
        error: { type: [String, { value: null }], optional: true },
        isLoading: Boolean,
        isTableShown: Boolean,
        days: Object,
        areDaysShown: Boolean,
        onToggleDays: Function,
        onChoose: Function,
        onOpen: Function,
    };

    setup() {
        this.sampleColors = SAMPLE_COLORS;
    }

    get report() {
        return this.props.answer.report;
    }

    get drawing() {
        return this.props.answer.drawing;
    }

    get lens() {
        return this.report.options.lens;
    }

    get isEmpty() {
        return !this.report.total.size;
    }

    get hasSteps() {
        return this.report.total.steps.length > 0;
    }

    get emptyTitle() {
        if (!this.isEmpty) {
            return _t("This funnel has no steps yet");
        }
        return {
            cohort: _t("No deals came in during this period"),
            closed: _t("No deals were won or lost in this period"),
            flow: _t("No deals moved in this period"),
            snapshot: _t("No deals are in work"),
        }[this.lens];
    }

    get emptyDescription() {
        if (!this.isEmpty) {
            return _t("Add its steps under CRM → Configuration → Sales Funnels.");
        }
        if (!hasPeriod(this.lens)) {
            return _t(
                "Remove a filter from the search bar, or look at another day. Deals " +
                    "that were won, lost or archived are not in work."
            );
        }
        return _t(
            "Choose a longer period, or remove a filter from the search bar. " +
                "A deal counts from the day it entered its first stage."
        );
    }

    /** What is counted, in whole sentences. */
    get sentences() {
        const { as_of, compare, rule, ...period } = this.report.options;
        const sentences = [];
        const day = this.props.isPast && formatDate(deserializeDateTime(as_of));
        if (hasPeriod(this.lens)) {
            sentences.push(DEALS_OF_PERIOD[this.lens](this._getDays(period)));
            if (day) {
                sentences.push(_t("As it was at the end of %(day)s.", { day }));
            }
        } else {
            sentences.push(
                day
                    ? _t("Deals that were open at the end of %(day)s.", { day })
                    : _t("Deals that are open now.")
            );
        }
        if (this.report.compare) {
            const days = this._getDays(compare);
            sentences.push(
                hasPeriod(this.lens)
                    ? _t("Compared with %(first)s to %(last)s.", days)
                    : _t("Compared with the end of %(last)s.", days)
            );
        }
        if (hasRule(this.lens)) {
            sentences.push(RULES[rule].meaning);
        }
        return sentences;
    }

    get question() {
        return LENSES[this.lens].question;
    }

    /** What the hatching of a SERIES means; deals that came in need time to end. */
    getUnfinished(series) {
        return this.lens === "cohort" && !series.mature
            ? getExpectation(series, this.report.options.horizon_days)
            : undefined;
    }

    getSummary({ amount, entered, size, win_rate }) {
        const deals = describeDeals(size);
        if (this.lens === "flow") {
            const entries = formatCount(entered);
            return _t("%(deals)s, %(entries)s entries", { deals, entries });
        }
        if (this.lens === "snapshot") {
            return `${deals}, ${formatAmount(amount, this.report.currency_id)}`;
        }
        return _t("%(deals)s, %(rate)s won", { deals, rate: formatRate(win_rate) });
    }

    getSummaryBefore(series) {
        return describeBefore(this.getSummary(series));
    }

    getSizeDifference({ compare, series }) {
        return formatDifference("count", series.size, compare.size);
    }

    /** What somebody who decides from these figures has to know. */
    get remarks() {
        const unfinished = this.getUnfinished(this.report.total);
        const remarks = this.report.warnings.map((text) => ({
            text,
            icon: "fa fa-info-circle",
        }));
        if (unfinished) {
            remarks.unshift({ text: unfinished, icon: "o_funnel_hatched" });
        }
        return remarks;
    }

    /** The steps at which a group is below the others, in words. */
    get below() {
        return this.report.groups.flatMap(({ label, series }) =>
            series.steps
                .filter((step) => step.below_others)
                .map((step) => ({
                    key: `${label} ${step.key}`,
                    group: label,
                    text: `${step.name}: ${describeBelow(step.below_others)}.`,
                }))
        );
    }

    openOfGroup(label, { domain, name }) {
        return this.props.onOpen({ domain, name: `${label} – ${name}` });
    }

    _getDays(period) {
        const [first, last] = getDays(period).map((day) => formatDate(day));
        return { first, last };
    }
}
