import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";

import {
    formatCount,
    formatDays,
    formatDifference,
    formatFigure,
    formatInterval,
    formatRate,
} from "./funnel_format";
import { describeBefore, describeDeals } from "./funnel_rows";

/** The figures of a set of deals as a whole, above its funnel. */
export class FunnelFigures extends Component {
    static template = "sales_funnel_report.FunnelFigures";
    static props = {
        series: Object,
        compare: { type: [Object, { value: null }], optional: true },
        lens: String,
        horizonDays: { type: [Number, { value: null }], optional: true },
        currencyId: Number,
        onOpen: Function,
    };

    /** @returns {Object[]} */
    get figures() {
        const figures = {
            cohort: () => this._getFiguresOfDeals(),
            closed: () => this._getFiguresOfDeals(),
            flow: () => this._getFiguresOfFlow(),
            snapshot: () => this._getFiguresOfSnapshot(),
        };
        return figures[this.props.lens]();
    }

    open({ domain, name }) {
        this.props.onOpen({ domain, name });
    }

    // ------------------------------------------------------------
    // Protected
    // ------------------------------------------------------------

    /** A figure with what it was before. */
    _make(key, label, type, get = (series) => series[key]) {
        const { compare, currencyId, series } = this.props;
        const value = formatFigure(type, get(series), currencyId);
        const figure = {
            key,
            label,
            value,
            name: `${label}: ${value}`,
            domain: type === "count" && series.domains?.[key],
        };
        if (compare) {
            const before = get(compare);
            figure.before = describeBefore(formatFigure(type, before, currencyId));
            figure.difference = formatDifference(type, get(series), before, currencyId);
        }
        return figure;
    }

    /** A figure of all deals that is not their number. */
    _makeOfAll(key, label, type) {
        const { series } = this.props;
        const figure = this._make(key, label, type);
        return {
            ...figure,
            name: _t("%(figure)s (%(deals)s)", {
                figure: figure.name,
                deals: describeDeals(series.size),
            }),
            domain: series.domains?.size,
        };
    }

    _amount(name) {
        return formatFigure("amount", this.props.series[name], this.props.currencyId);
    }

    _getFiguresOfDeals() {
        const { lens, series } = this.props;
        const isClosed = lens === "closed";
        return [
            {
                ...this._make("size", _t("Deals"), "count"),
                note: this._amount("amount"),
            },
            {
                ...this._make("won", _t("Won"), "count"),
                note: this._amount("won_amount"),
            },
            this._make("lost", _t("Lost"), "count"),
            ...(isClosed
                ? []
                : [
                      this._make("open", _t("Open"), "count"),
                      this._make("on_hold", _t("On hold"), "count"),
                  ]),
            this._getWinRate(),
            ...(isClosed ? [] : [this._getExpectedWinRate()]),
            this._getCycle(),
        ].filter((figure) => figure);
    }

    _getWinRate() {
        const { lens, series } = this.props;
        const rate = formatRate(series.win_rate_closed);
        return {
            ...this._make("win_rate", _t("Win rate"), "rate"),
            note: lens === "closed" ? "" : _t("%(rate)s of closed", { rate }),
            tooltip: _t(
                "%(won)s won of %(size)s deals, 95% interval %(interval)s. " +
                    "Of the %(closed)s closed ones, %(rate)s were won.",
                {
                    won: formatCount(series.won),
                    size: formatCount(series.size),
                    interval: formatInterval(series.win_rate_ci),
                    closed: formatCount(series.won + series.lost),
                    rate,
                }
            ),
        };
    }

    _getExpectedWinRate() {
        const { horizonDays, series } = this.props;
        if (series.expected_win_rate === null) {
            return null;
        }
        return {
            ...this._make("expected_win_rate", _t("Expected win rate"), "rate"),
            note: _t("after %(days)s days", { days: formatDays(horizonDays) }),
            tooltip: getExpectation(series, horizonDays),
        };
    }

    _getCycle() {
        const cycle = this.props.series.cycle_days;
        return {
            ...this._make(
                "cycle",
                _t("Median cycle"),
                "days",
                (series) => series.cycle_days.median
            ),
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
        };
    }

    _getFiguresOfFlow() {
        return [
            this._make("size", _t("Deals"), "count"),
            {
                ...this._makeOfAll("entered", _t("Entries"), "count"),
                tooltip: _t("A deal that comes back to a step enters it again"),
            },
            this._makeOfAll("amount", _t("Amount"), "amount"),
        ];
    }

    _getFiguresOfSnapshot() {
        return [
            this._make("size", _t("Open deals"), "count"),
            this._makeOfAll("amount", _t("Amount"), "amount"),
            {
                ...this._makeOfAll("weighted_amount", _t("Expected money"), "amount"),
                tooltip: _t(
                    "The amount of each deal times the share of deals that were " +
                        "won after they had come as far, in the last two years"
                ),
            },
            {
                ...this._make("stuck", _t("Stuck"), "count"),
                note: _t("longer than nine of ten"),
                tooltip: _t(
                    "Deals that have been in their step for longer than nine of ten " +
                        "deals were before them"
                ),
            },
        ];
    }
}

/**
 * @param {Object} series not everything of it has been decided
 * @param {number | null} horizonDays
 * @returns {string} what its expected win rate means
 */
export function getExpectation(series, horizonDays) {
    const undecided = formatCount(series.open + series.on_hold);
    const size = formatCount(series.size);
    if (series.expected_win_rate === null) {
        return _t(
            "%(undecided)s of %(size)s deals are not decided yet, so these figures " +
                "will still change.",
            { undecided, size }
        );
    }
    return _t(
        "%(undecided)s of %(size)s deals are not decided yet. Going by how long deals " +
            "take to be won or lost, %(rate)s of them all can be expected to be won " +
            "%(days)s days after they came in.",
        {
            undecided,
            size,
            rate: formatRate(series.expected_win_rate),
            days: formatDays(horizonDays),
        }
    );
}
