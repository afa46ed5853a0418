import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { uniqueId } from "@web/core/utils/functions";

import {
    formatAmount,
    formatCount,
    formatDays,
    formatInterval,
    formatRate,
} from "./funnel_format";
import { funnelBands, paletteColor } from "./geometry";

/** The units in which a band is drawn; it is stretched to its place on screen. */
const BAND = { width: 100, height: 100 };

/** How many colors the style sheet has, see `--o-funnel-step-1` there. */
const COLORS = 8;

/** Draws one funnel from the figures of a SERIES. */
export class FunnelDrawing extends Component {
    static template = "sales_funnel_report.FunnelDrawing";
    static props = {
        series: Object,
        measure: { validate: (measure) => ["count", "amount"].includes(measure) },
        currencyId: Number,
        scale: { type: Number, optional: true },
        isCompact: { type: Boolean, optional: true },
        onStepClick: { type: Function, optional: true },
    };

    setup() {
        this.band = BAND;
        this.id = uniqueId("o_funnel_");
    }

    get rows() {
        const { measure, scale, series } = this.props;
        const { steps } = series;
        const bands = funnelBands(
            steps.map((step) => step[measure]),
            { ...BAND, scale }
        );
        return steps.map((step, index) => ({
            id: `${this.id}_${index}`,
            step,
            band: bands[index],
            color: paletteColor(index, steps.length, COLORS),
            ...this._getLabels(step),
            conversion: this._getConversion(step, steps[index + 1]),
            ofFirst: index ? this._getOfFirst(step, steps[0]) : null,
            stayed: this._getStayed(step),
            skipped: step.skipped
                ? _t("%(count)s skipped it", { count: formatCount(step.skipped) })
                : "",
            daysToNext: this._getDaysToNext(step),
        }));
    }

    _getLabels(step) {
        const count = formatCount(step.count);
        const amount = formatAmount(step.amount, this.props.currencyId);
        const deals = _t("%(count)s deals", { count });
        return {
            figure: this.props.measure === "count" ? count : amount,
            note: this.props.measure === "count" ? amount : deals,
            action: _t("%(step)s: open %(count)s deals, %(amount)s", {
                step: step.name,
                count,
                amount,
            }),
        };
    }

    _getConversion(step, next) {
        if (!next || next.conversion_prev === null) {
            return null;
        }
        return {
            text: formatRate(next.conversion_prev),
            tooltip: _t(
                "%(count)s of %(of)s deals went on from %(step)s to %(next)s or " +
                    "further: %(rate)s. 95% interval: %(interval)s.",
                {
                    count: formatCount(next.count),
                    of: formatCount(step.count),
                    step: step.name,
                    next: next.name,
                    rate: formatRate(next.conversion_prev),
                    interval: formatInterval(next.ci),
                }
            ),
        };
    }

    _getOfFirst(step, first) {
        return {
            text: _t("%(rate)s of %(first)s", {
                rate: formatRate(step.conversion_first),
                first: first.name,
            }),
            tooltip: _t("%(count)s of the %(of)s deals in %(first)s", {
                count: formatCount(step.count),
                of: formatCount(first.count),
                first: first.name,
            }),
        };
    }

    /** The deals that got no further than this step, by what became of them. */
    _getStayed(step) {
        const amount = formatAmount(step.lost_amount, this.props.currencyId);
        const reasons = step.lost_reasons
            .slice(0, 3)
            .map(({ name, count }) => `${name}: ${formatCount(count)}`);
        return [
            {
                key: "lost",
                text: _t("%(count)s lost", { count: formatCount(step.lost) }),
                tooltip: [_t("Worth %(amount)s", { amount }), ...reasons].join(" · "),
            },
            {
                key: "open",
                text: _t("%(count)s open", { count: formatCount(step.open) }),
                tooltip: _t("Got this far and are still open"),
            },
            {
                key: "on_hold",
                text: _t("%(count)s on hold", { count: formatCount(step.on_hold) }),
                tooltip: _t("Archived here without being lost"),
            },
        ].filter(({ key }) => step[key] > 0);
    }

    _getDaysToNext({ days_to_next: days }) {
        if (!days.n) {
            return null;
        }
        return {
            text: _t("%(days)s days to the next step", {
                days: formatDays(days.median),
            }),
            tooltip: _t(
                "Median of %(n)s deals. Mean %(mean)s days, nine of ten took at " +
                    "most %(p90)s days.",
                {
                    n: formatCount(days.n),
                    mean: formatDays(days.mean),
                    p90: formatDays(days.p90),
                }
            ),
        };
    }
}
