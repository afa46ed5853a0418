import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";

import { hasRule, LENSES, LENSES_WITH_RULE } from "./funnel_choices";
import { formatCount, formatDays, NOTHING } from "./funnel_format";
import { describeDeals } from "./funnel_rows";

/** How long it took from each step to each later one, asked for when it is opened. */
export class FunnelMatrix extends Component {
    static template = "sales_funnel_report.FunnelMatrix";
    static props = {
        isShown: Boolean,
        answer: { type: [Object, { value: null }], optional: true },
        error: { type: [String, { value: null }], optional: true },
        isLoading: Boolean,
        isGrouped: Boolean,
        lens: String,
        colors: Array,
        onToggle: Function,
        onChoose: Function,
        onOpen: Function,
    };

    setup() {
        this.lenses = LENSES_WITH_RULE.map((key) => ({ key, ...LENSES[key] }));
    }

    /** Whether the lens looks at deals as a whole, from their first step on. */
    get hasMeaning() {
        return hasRule(this.props.lens);
    }

    get withoutMeaning() {
        return _t(
            "How long it takes from step to step is asked of whole deals, not of what " +
                "passed through or is open."
        );
    }

    /** What a field says, in whole sentences. */
    get meaning() {
        const { answer, isGrouped } = this.props;
        const sentences = [
            _t(
                "Each field is the median of the deals that reached both steps; a " +
                    "click opens them."
            ),
        ];
        if (answer.options.rule === "beyond") {
            sentences.push(
                _t(
                    "A step that a deal skipped counts from when it reached a later one."
                )
            );
        }
        if (isGrouped) {
            sentences.push(_t("All groups are taken together."));
        }
        return sentences.join(" ");
    }

    /** The later steps. */
    get columns() {
        return this.props.answer.rows[0]?.days || [];
    }

    get rows() {
        const { answer, colors } = this.props;
        const longest = Math.max(
            ...answer.rows.flatMap(({ days }) => days.map(({ median }) => median || 0))
        );
        return answer.rows.map((row, index) => ({
            key: row.key,
            name: row.name,
            color: colors[index],
            // no deal goes to a step before
            blanks: this.columns.slice(0, index),
            cells: row.days.map((cell) => this._getCell(row, cell, longest)),
        }));
    }

    /** From the first step to the last one. */
    get total() {
        const first = this.props.answer.rows[0];
        const last = first?.days.at(-1);
        if (!last?.n) {
            return "";
        }
        return _t(
            "In total, from %(step)s to %(later)s: median %(median)s days, nine of " +
                "ten at most %(p90)s days (%(deals)s).",
            {
                step: first.name,
                later: last.name,
                median: formatDays(last.median),
                p90: formatDays(last.p90),
                deals: describeDeals(last.n),
            }
        );
    }

    // ------------------------------------------------------------
    // Protected
    // ------------------------------------------------------------

    _getCell(row, cell, longest) {
        const { domain, key, mean, median, n, p90 } = cell;
        const values = {
            step: row.name,
            later: cell.name,
            deals: describeDeals(n),
            n: formatCount(n),
            median: formatDays(median),
            mean: formatDays(mean),
            p90: formatDays(p90),
        };
        return {
            key,
            domain: n ? domain : null,
            text: n ? values.median : NOTHING,
            note: n ? values.deals : "",
            heat: longest > 0 && median > 0 ? median / longest : 0,
            name: _t("%(step)s to %(later)s: %(deals)s", values),
            words: n
                ? _t(
                      "%(step)s to %(later)s: median %(median)s days, mean " +
                          "%(mean)s, nine of ten at most %(p90)s days. %(deals)s.",
                      values
                  )
                : _t("No deal came from %(step)s to %(later)s.", values),
        };
    }
}
