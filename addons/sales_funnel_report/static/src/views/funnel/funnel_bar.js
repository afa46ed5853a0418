import { Component } from "@odoo/owl";
import { DateTimeInput } from "@web/core/datetime/datetime_input";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { serializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";

import {
    getComparisons,
    getMeasure,
    getMeasures,
    hasPeriod,
    hasRule,
    LENSES,
    RULES,
} from "./funnel_choices";
import { getDays, getPastDay, PAST_DAYS, PERIODS } from "./funnel_periods";

const { DateTime } = luxon;

/** The choices of the view itself, beside those of the search bar. */
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

    setup() {
        this.lenses = Object.entries(LENSES);
        this.periods = Object.entries(PERIODS);
        this.pastDays = Object.entries(PAST_DAYS);
        this.rules = Object.entries(RULES);
    }

    get choices() {
        return this.props.choices;
    }

    get hasPeriod() {
        return hasPeriod(this.choices.lens);
    }

    get hasRule() {
        return hasRule(this.choices.lens);
    }

    get comparisons() {
        return Object.entries(getComparisons(this.choices.lens));
    }

    get measures() {
        return Object.entries(getMeasures(this.choices.lens));
    }

    get shownMeasure() {
        return getMeasure(this.choices);
    }

    get funnelId() {
        return this.choices.funnelId || this.props.options?.funnel_id;
    }

    get funnelLabel() {
        const funnel = this.props.funnels.find(({ id }) => id === this.funnelId);
        return funnel?.display_name || "";
    }

    get lensLabel() {
        return this.getLensLabel(this.choices.lens);
    }

    get periodLabel() {
        return PERIODS[this.choices.period].label;
    }

    get asOfLabel() {
        return this.choices.asOf ? _t("As of the end of") : _t("As of now");
    }

    get ruleLabel() {
        return RULES[this.choices.rule].label;
    }

    get comparisonLabel() {
        const { compare, lens } = this.choices;
        return compare === "none" ? _t("Compare") : getComparisons(lens)[compare];
    }

    get today() {
        return DateTime.local().endOf("day");
    }

    /** What is open is not open now when another day is looked at. */
    getLensLabel(lens) {
        return lens === "snapshot" && this.choices.asOf
            ? _t("Open then")
            : LENSES[lens].label;
    }

    /**
     * @param {"dateFrom" | "dateTo" | "asOf"} name
     * @returns {DateTime | false}
     */
    getDay(name) {
        const day = this.choices[name];
        return day ? DateTime.fromISO(day) : false;
    }

    /**
     * @param {"dateFrom" | "dateTo" | "asOf"} name
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

    choosePastDay(unit) {
        this.props.onChoose({ asOf: getPastDay(unit) });
    }

    chooseWindow(text) {
        const days = Number.parseInt(text);
        this.props.onChoose({ windowDays: days > 0 ? days : undefined });
    }
}
