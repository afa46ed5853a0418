import { RPCError } from "@web/core/network/rpc";
import { KeepLast } from "@web/core/utils/concurrency";
import { pick } from "@web/core/utils/objects";
import { Model } from "@web/model/model";

import { getPeriodOptions } from "./funnel_periods";

/** What the reader chooses in the view itself, beside the search bar. */
const CHOICES = ["funnelId", "measure", "period", "dateFrom", "dateTo"];

/** What another choice needs no new answer for: it is in the answer already. */
const CHOICES_OF_DISPLAY = ["measure"];

/** The key of the context under which a favorite keeps the choices. */
const CONTEXT_KEY = "funnel_choices";

/**
 * Asks for the funnel report and keeps the answer. All figures come from the
 * server, none is computed here.
 */
export class FunnelModel extends Model {
    /** @override */
    setup(params) {
        this.keepLast = new KeepLast();
        this.resModel = params.resModel;
        this.choices = pick(params.choices, ...CHOICES);
        this.choicesOfContext = params.choicesOfContext || null;
        this.searchParams = null;
        this.funnels = null;
        this.report = null;
        this.error = null;
        this.isLoading = false;
    }

    /** @override */
    async load(searchParams) {
        this.searchParams = searchParams;
        this._takeChoicesFromContext(searchParams.context);
        await this._fetchReport();
    }

    /** @override */
    hasData() {
        return Boolean(this.report?.total.size);
    }

    /**
     * @param {Object} choices those that change
     */
    async choose(choices) {
        Object.assign(this.choices, choices);
        try {
            if (Object.keys(choices).some((key) => !CHOICES_OF_DISPLAY.includes(key))) {
                await this._fetchReport();
            }
        } finally {
            this.notify();
        }
    }

    /**
     * @returns {Object} what {@link setup} takes to go on from here
     */
    exportState() {
        return {
            choices: { ...this.choices },
            choicesOfContext: this.choicesOfContext,
        };
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
        const chosen = context[CONTEXT_KEY] || null;
        if (JSON.stringify(chosen) !== JSON.stringify(this.choicesOfContext)) {
            this.choicesOfContext = chosen;
            Object.assign(this.choices, pick(chosen || {}, ...CHOICES));
        }
    }

    /** @returns {Object} the options of `get_funnel_report` */
    _getOptions() {
        const options = getPeriodOptions(this.choices);
        if (this.choices.funnelId) {
            options.funnel_id = this.choices.funnelId;
        }
        const [groupby] = this.searchParams.groupBy;
        if (groupby) {
            options.groupby = groupby;
        }
        return options;
    }

    async _fetchReport() {
        this.isLoading = true;
        if (this.isReady) {
            this.notify();
        }
        const { domain, context } = this.searchParams;
        try {
            const [report, funnels] = await this.keepLast.add(
                Promise.all([
                    this.orm.call(
                        this.resModel,
                        "get_funnel_report",
                        [domain, this._getOptions()],
                        { context }
                    ),
                    this.funnels ||
                        this.orm.searchRead("crm.funnel", [], ["display_name"]),
                ])
            );
            Object.assign(this, { report, funnels, error: null, isLoading: false });
        } catch (error) {
            Object.assign(this, { report: null, isLoading: false });
            if (
                !(error instanceof RPCError) ||
                !error.exceptionName?.startsWith("odoo.exceptions.")
            ) {
                throw error;
            }
            this.error = error.data.message;
        }
    }
}
