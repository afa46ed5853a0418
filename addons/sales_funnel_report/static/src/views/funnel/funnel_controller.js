import { Component, useRef, useState } from "@odoo/owl";
import { useHotkey } from "@web/core/hotkeys/hotkey_hook";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { useModelWithSampleData } from "@web/model/model";
import { useSetupAction } from "@web/search/action_hook";
import { CogMenu } from "@web/search/cog_menu/cog_menu";
import { Layout } from "@web/search/layout";
import { SearchBar } from "@web/search/search_bar/search_bar";
import { useSearchBarToggler } from "@web/search/search_bar/search_bar_toggler";
import { standardViewProps } from "@web/views/standard_view_props";

import { FunnelBar } from "./funnel_bar";
import { formatCount } from "./funnel_format";

export class FunnelController extends Component {
    static template = "sales_funnel_report.FunnelView";
    static components = { CogMenu, FunnelBar, Layout, SearchBar };
    static props = {
        ...standardViewProps,
        Model: Function,
        Renderer: Function,
        modelParams: Object,
        title: String,
    };

    setup() {
        this.action = useService("action");
        this.model = useModelWithSampleData(this.props.Model, this.props.modelParams, {
            lazy:
                !this.env.config.isReloadingController &&
                !this.env.inDialog &&
                Boolean(this.props.display.controlPanel),
        });
        this.state = useState({
            isTableShown: this.props.state?.isTableShown || false,
        });
        useSetupAction({
            rootRef: useRef("root"),
            getContext: () => this.model.getContext(),
            getGlobalState: () => ({ funnel: this.model.exportState() }),
            getLocalState: () => ({
                funnel: this.model.exportState(),
                isTableShown: this.state.isTableShown,
            }),
        });
        useHotkey("t", () => this.toggleTable());
        this.searchBarToggler = useSearchBarToggler();
    }

    toggleTable() {
        this.state.isTableShown = !this.state.isTableShown;
    }

    /**
     * Open exactly the deals that a step counts.
     *
     * @param {Object} step
     * @param {string} [groupLabel]
     */
    openStep(step, groupLabel) {
        const name = groupLabel ? `${groupLabel} – ${step.name}` : step.name;
        const viewIds = Object.fromEntries(
            this.env.config.views.map(([id, type]) => [type, id])
        );
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: _t("%(step)s: %(count)s deals", {
                step: name,
                count: formatCount(step.count),
            }),
            res_model: this.props.resModel,
            domain: step.domain,
            context: this.model.getDealsContext(),
            search_view_id: [this.props.info.searchViewId || false, "search"],
            views: ["list", "kanban", "form"].map((type) => [
                viewIds[type] || false,
                type,
            ]),
        });
    }
}
