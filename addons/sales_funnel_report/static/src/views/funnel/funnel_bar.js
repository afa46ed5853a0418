import { Component } from "@odoo/owl";
import { DateTimeInput } from "@web/core/datetime/datetime_input";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { serializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";

import { getDays, PERIODS } from "./funnel_periods";

const { DateTime } = luxon;

const MEASURES = { count: _t("Deals"), amount: _t("Amount") };

/** The choices of the view itself: funnel, period, count or money, table. */
export class FunnelBar extends Component {
    static template = "sales_funnel_report.FunnelBar";
    static components = { DateTimeInput, Dropdown, DropdownItem };
    static props = {
        choices: Object,
        funnels: Array,
        options: { type: Object, optional: true },
        isTableShown: Boolean,
        onChoose: Function,
        onToggleTable: Function,
    };

    get periods() {
        return Object.entries(PERIODS);
    }

    get periodLabel() {
        return PERIODS[this.props.choices.period].label;
    }

    get measures() {
        return Object.entries(MEASURES);
    }

    get funnelId() {
        return this.props.choices.funnelId || this.props.options?.funnel_id;
    }

    get funnelLabel() {
        const funnel = this.props.funnels.find(({ id }) => id === this.funnelId);
        return funnel?.display_name || "";
    }

    /**
     * @param {"dateFrom" | "dateTo"} name
     * @returns {DateTime | false}
     */
    getDay(name) {
        const day = this.props.choices[name];
        return day ? DateTime.fromISO(day) : false;
    }

    /**
     * @param {"dateFrom" | "dateTo"} name
     * @param {DateTime | false} day
     */
    chooseDay(name, day) {
        this.props.onChoose({ [name]: day ? serializeDate(day) : undefined });
    }

    choosePeriod(period) {
        const choices = { period };
        if (period === "custom" && this.props.options) {
            const [first, last] = getDays(this.props.options);
            choices.dateFrom = serializeDate(first);
            choices.dateTo = serializeDate(last);
        }
        this.props.onChoose(choices);
    }
}
