import { RPCError } from "@web/core/network/rpc";
import { KeepLast } from "@web/core/utils/concurrency";
import { Model } from "@web/model/model";

import {
    CHOICES_OF_DISPLAY,
    getOptions,
    getWidthField,
    hasRule,
    readChoices,
} from "./funnel_choices";

/** The key of the context under which a favorite keeps the choices. */
const CONTEXT_KEY = "funnel_choices";

/**
 * @param {Error} error
 * @returns {string} what the server has to say to the reader
 * @throws {Error} the same, when it is no word of the server to the reader
 */
function getMessage(error) {
    if (
        !(error instanceof RPCError) ||
        !error.exceptionName?.startsWith("odoo.exceptions.")
    ) {
        throw error;
    }
    return error.data.message;
}

/**
 * Asks for the funnel report and keeps the answer. All figures and shapes come
 * from the server.
 */
export class FunnelModel extends Model {
    /**
     * @override
     * @param {Object} params
     * @param {Object} params.defaults the choices nobody made
     * @param {Object} [params.choices] those to go on with
     * @param {Object} [params.choicesOfContext] see {@link exportState}
     * @param {Object} [params.choicesOfUrl] they have the last word
     * @param {boolean} [params.areDaysShown] whether the days between steps are
     */
    setup(params) {
        this.keepLast = new KeepLast();
        this.keepLastDays = new KeepLast();
        this.resModel = params.resModel;
        this.defaults = params.defaults;
        this.choices = { ...(params.choices || params.defaults) };
        this.choicesOfContext = params.choicesOfContext || null;
        this.choicesOfUrl = params.choicesOfUrl;
        this.areDaysShown = Boolean(params.areDaysShown);
        this.days = { answer: null, error: null, isLoading: false };
        this.searchParams = null;
        this.funnels = null;
        this.answer = null;
        this.error = null;
        this.isLoading = false;
    }

    /** @override */
    async load(searchParams) {
        const isFirst = !this.searchParams;
        this.searchParams = searchParams;
        this._takeChoicesFromContext(searchParams.context);
        if (isFirst) {
            Object.assign(this.choices, this.choicesOfUrl);
        }
        await Promise.all([this._fetch(), this._fetchDays()]);
    }

    /** @override */
    hasData() {
        return Boolean(this.answer?.report.total.size);
    }

    /** The figure of a step that is its width in the answer that is shown. */
    get measure() {
        const { lens } = this.answer?.report.options || this.choices;
        return getWidthField({ lens, measure: this.choices.measure });
    }

    /**
     * @param {Object} choices those that change
     */
    async choose(choices) {
        Object.assign(this.choices, choices);
        try {
            if (Object.keys(choices).some((key) => !CHOICES_OF_DISPLAY.includes(key))) {
                const answered = this._fetch();
                this._fetchDaysAndNotify();
                this.notify();
                await answered;
            }
        } finally {
            this.notify();
        }
    }

    /** Show the days between the steps, which are asked for only then, or hide them. */
    async toggleDays() {
        this.areDaysShown = !this.areDaysShown;
        await this._fetchDaysAndNotify();
    }

    /**
     * @returns {{domain: Array, options: Object, measure: string}} what is asked
     *  of `get_funnel_view`, and which of the figures is the width
     */
    getQuestion() {
        const options = getOptions(this.choices);
        const [groupby] = this.searchParams.groupBy;
        if (groupby) {
            options.groupby = groupby;
        }
        return {
            domain: this.searchParams.domain,
            options,
            measure: getWidthField(this.choices),
        };
    }

    /**
     * @returns {Object} what {@link setup} takes to go on from here
     */
    exportState() {
        return {
            choices: { ...this.choices },
            choicesOfContext: this.choicesOfContext,
            areDaysShown: this.areDaysShown,
        };
    }

    /**
     * @returns {Object} the choices that would not be made by themselves
     */
    exportChoices() {
        const given = { ...this.defaults, ...this.choicesOfContext };
        return Object.fromEntries(
            Object.entries(this.choices).filter(
                ([name, value]) => value !== given[name]
            )
        );
    }

    /**
     * @returns {Object} what a favorite keeps of the view
     */
    getContext() {
        return { [CONTEXT_KEY]: { ...this.choices } };
    }

    /**
     * @returns {Object} the context to open deals with: lost and archived ones
     *  are among them
     */
    getDealsContext() {
        const context = { ...this.searchParams.context, active_test: false };
        for (const key of Object.keys(context)) {
            if (
                key === "group_by" ||
                key === CONTEXT_KEY ||
                key.startsWith("search_default_")
            ) {
                delete context[key];
            }
        }
        return context;
    }

    // ------------------------------------------------------------
    // Protected
    // ------------------------------------------------------------

    /** The choices of a favorite count when it is applied, not after that. */
    _takeChoicesFromContext(context) {
        const chosen = context[CONTEXT_KEY] ? readChoices(context[CONTEXT_KEY]) : null;
        if (JSON.stringify(chosen) !== JSON.stringify(this.choicesOfContext)) {
            this.choicesOfContext = chosen;
            Object.assign(this.choices, chosen);
        }
    }

    async _fetch() {
        this.isLoading = true;
        const { domain, options } = this.getQuestion();
        const { context } = this.searchParams;
        try {
            const [answer, funnels] = await this.keepLast.add(
                Promise.all([
                    this.orm.call(this.resModel, "get_funnel_view", [domain, options], {
                        context,
                    }),
                    this.funnels ||
                        this.orm.searchRead("crm.funnel", [], ["display_name"]),
                ])
            );
            Object.assign(this, { answer, funnels, error: null, isLoading: false });
        } catch (error) {
            Object.assign(this, { answer: null, isLoading: false });
            this.error = getMessage(error);
        }
    }

    async _fetchDaysAndNotify() {
        const answered = this._fetchDays();
        this.notify();
        try {
            await answered;
        } finally {
            this.notify();
        }
    }

    async _fetchDays() {
        const { domain, options } = this.getQuestion();
        if (!this.areDaysShown || !hasRule(options.lens)) {
            return;
        }
        this.days.isLoading = true;
        const { context } = this.searchParams;
        try {
            const answer = await this.keepLastDays.add(
                this.orm.call(this.resModel, "get_funnel_days", [domain, options], {
                    context,
                })
            );
            this.days = { answer, error: null, isLoading: false };
        } catch (error) {
            this.days = { answer: null, error: null, isLoading: false };
            this.days.error = getMessage(error);
        }
    }
}
