import { Component, useRef, useState, useSubEnv } from "@odoo/owl";
import { useHotkey } from "@web/core/hotkeys/hotkey_hook";
import { useService } from "@web/core/utils/hooks";
import { useModelWithSampleData } from "@web/model/model";
import { useSetupAction } from "@web/search/action_hook";
import { CogMenu } from "@web/search/cog_menu/cog_menu";
import { Layout } from "@web/search/layout";
import { SearchBar } from "@web/search/search_bar/search_bar";
import { useSearchBarToggler } from "@web/search/search_bar/search_bar_toggler";
import { standardViewProps } from "@web/views/standard_view_props";

import { FunnelBar } from "./funnel_bar";
import { useUrl } from "./funnel_url";

export class FunnelController extends Component {
    static template = "sales_funnel_report.FunnelView";
    static components = { CogMenu, FunnelBar, Layout, SearchBar };
    static props = {
        ...standardViewProps,
        Model: Function,
        Renderer: Function,
        modelParams: Object,
        isTableShown: Boolean,
        title: String,
    };

    setup() {
        this.action = useService("action");
        this.model = useModelWithSampleData(this.props.Model, this.props.modelParams, {
            // back from the deals: all of it at once, to scroll to where it was
            lazy:
                !this.props.state &&
                !this.env.config.isReloadingController &&
                !this.env.inDialog &&
                Boolean(this.props.display.controlPanel),
        });
        useSubEnv({ funnelModel: this.model });
        this.state = useState({ isTableShown: this.props.isTableShown });
        useSetupAction({
            rootRef: useRef("root"),
            getContext: () => this.model.getContext(),
            getGlobalState: () => ({ funnel: this.exportState() }),
            getLocalState: () => ({ funnel: this.exportState() }),
        });
        this.writeUrl = useUrl(
            () => ({
                ...this.model.exportChoices(),
                isTableShown: this.state.isTableShown ? 1 : undefined,
                areDaysShown: this.model.areDaysShown ? 1 : undefined,
                search: this.env.searchModel.exportFacets(),
            }),
            () => ({
                funnel: {
                    ...this.exportState(),
                    facets: this.env.searchModel.exportFacets(),
                },
            })
        );
        useHotkey("t", () => this.toggleTable());
        this.searchBarToggler = useSearchBarToggler();
    }

    /** @returns {Object} what it takes to show the same again */
    exportState() {
        return { ...this.model.exportState(), isTableShown: this.state.isTableShown };
    }

    /** @param {Object} choices those that change */
    choose(choices) {
        const answered = this.model.choose(choices);
        this.writeUrl();
        return answered;
    }

    toggleTable() {
        this.state.isTableShown = !this.state.isTableShown;
        this.writeUrl();
    }

    toggleDays() {
        const answered = this.model.toggleDays();
        this.writeUrl();
        return answered;
    }

    /**
     * Open exactly the deals that a figure counts.
     *
     * @param {Object} what
     * @param {string} what.name says how many there are
     * @param {Array} what.domain
     */
    openDeals({ name, domain }) {
        const viewIds = Object.fromEntries(
            this.env.config.views.map(([id, type]) => [type, id])
        );
        return this.action.doAction({
            type: "ir.actions.act_window",
            name,
            res_model: this.props.resModel,
            domain,
            context: this.model.getDealsContext(),
            search_view_id: [this.props.info.searchViewId || false, "search"],
            views: ["list", "kanban", "form"].map((type) => [
                viewIds[type] || false,
                type,
            ]),
        });
    }
}
