import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";

import {
    formatAmount,
    formatCount,
    formatDays,
    formatInterval,
    formatRate,
} from "./funnel_format";

/** The figures of a set of deals as a whole, above its funnel. */
export class FunnelFigures extends Component {
    static template = "sales_funnel_report.FunnelFigures";
    static props = { series: Object, currencyId: Number };

    /** @returns {{key, label, value, note?, tooltip?}[]} */
    get figures() {
        const { series, currencyId } = this.props;
        const closed = series.won + series.lost;
        const cycle = series.cycle_days;
        return [
            {
                key: "size",
                label: _t("Deals"),
                value: formatCount(series.size),
                note: formatAmount(series.amount, currencyId),
            },
            {
                key: "won",
                label: _t("Won"),
                value: formatCount(series.won),
                note: formatAmount(series.won_amount, currencyId),
            },
            { key: "lost", label: _t("Lost"), value: formatCount(series.lost) },
            { key: "open", label: _t("Open"), value: formatCount(series.open) },
            {
                key: "on_hold",
                label: _t("On hold"),
                value: formatCount(series.on_hold),
            },
            {
                key: "win_rate",
                label: _t("Win rate"),
                value: formatRate(series.win_rate),
                note: _t("%(rate)s of closed", {
                    rate: formatRate(series.win_rate_closed),
                }),
                tooltip: _t(
                    "%(won)s won of %(size)s deals, 95% interval %(interval)s. " +
                        "Of the %(closed)s closed ones, %(rate)s were won.",
                    {
                        won: formatCount(series.won),
                        size: formatCount(series.size),
                        interval: formatInterval(series.win_rate_ci),
                        closed: formatCount(closed),
                        rate: formatRate(series.win_rate_closed),
                    }
                ),
            },
            {
                key: "cycle",
                label: _t("Median cycle"),
                value: formatDays(cycle.median),
                note: _t("days until won"),
                tooltip: cycle.n
                    ? _t(
                          "%(n)s won deals. Half took at most %(median)s days, " +
                              "nine of ten at most %(p90)s days.",
                          {
                              n: formatCount(cycle.n),
                              median: formatDays(cycle.median),
                              p90: formatDays(cycle.p90),
                          }
                      )
                    : undefined,
            },
        ];
    }
}
