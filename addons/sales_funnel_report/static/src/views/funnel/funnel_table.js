import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";

import { getColumns, getGroupColumns } from "./funnel_columns";
import {
    describeDifference,
    formatDifference,
    formatFigure,
    formatRate,
} from "./funnel_format";
import {
    describeBelow,
    describeSize,
    getSizeField,
    getStepsByKey,
} from "./funnel_rows";

/**
 * The numbers of the drawing as a table. It is always there, for screen readers
 * at least.
 */
export class FunnelTable extends Component {
    static template = "sales_funnel_report.FunnelTable";
    static props = { report: Object, isShown: Boolean, onOpen: Function };

    get lens() {
        return this.props.report.options.lens;
    }

    get columns() {
        return getColumns(this.lens, this.props.report.total.steps);
    }

    get groupColumns() {
        return getGroupColumns(this.lens);
    }

    /** Each step, and when there is something to compare, what it was before. */
    get stepRows() {
        const { compare, currency_id: currencyId, total } = this.props.report;
        const before = getStepsByKey(compare);
        return total.steps.flatMap((step) => {
            const past = before[step.key];
            const rows = [
                { key: step.key, label: step.name, cells: this._cells(step) },
            ];
            if (past) {
                rows.push(
                    {
                        key: `${step.key} before`,
                        label: _t("before"),
                        isPast: true,
                        cells: this._cells(past),
                    },
                    {
                        key: `${step.key} difference`,
                        label: _t("difference"),
                        isPast: true,
                        cells: this.columns.map(({ get, key, type }) => ({
                            key,
                            isDifference: true,
                            text: formatDifference(
                                type,
                                get(step),
                                get(past),
                                currencyId
                            ),
                        })),
                    }
                );
            }
            return rows;
        });
    }

    /** The groups, and what they are parts of. */
    get groupRows() {
        const { compare, groups, total } = this.props.report;
        return [
            ...groups.map((group) =>
                this._groupRow(group.label, group.series, group.compare)
            ),
            { ...this._groupRow(_t("Total"), total, compare), isTotal: true },
        ];
    }

    // ------------------------------------------------------------
    // Protected
    // ------------------------------------------------------------

    _cells(step) {
        const currencyId = this.props.report.currency_id;
        return this.columns.map(({ get, getDomain, key, label, type }) => {
            const text = formatFigure(type, get(step), currencyId);
            return {
                key,
                text,
                domain: getDomain(step),
                name: `${step.name}, ${label}: ${text}`,
            };
        });
    }

    /** The difference of a figure to what it was before, short and in words. */
    _change(type, figure, before) {
        const values = [type, figure, before, this.props.report.currency_id];
        return {
            text: formatDifference(...values),
            words: describeDifference(...values),
        };
    }

    _groupRow(label, series, compare) {
        const currencyId = this.props.report.currency_id;
        const size = getSizeField(this.lens);
        const before = getStepsByKey(compare);
        return {
            label,
            steps: series.steps.map((step) => ({
                key: step.key,
                text: formatFigure("count", step[size]),
                change:
                    step.key in before &&
                    this._change("count", step[size], before[step.key][size]),
                rate: "conversion_prev" in step && formatRate(step.conversion_prev),
                rateChange:
                    step.key in before &&
                    this._change(
                        "rate",
                        step.conversion_prev,
                        before[step.key].conversion_prev
                    ),
                domain: step.domain,
                name: `${label} – ${step.name}: ${describeSize(this.lens, step)}`,
                below: step.below_others && describeBelow(step.below_others),
            })),
            cells: this.groupColumns.map(({ get, key, label: column, type }) => {
                const text = formatFigure(type, get(series), currencyId);
                return {
                    key,
                    text,
                    change: compare && this._change(type, get(series), get(compare)),
                    domain: type === "count" && series.domains?.[key],
                    name: `${label}, ${column}: ${text}`,
                };
            }),
        };
    }
}
