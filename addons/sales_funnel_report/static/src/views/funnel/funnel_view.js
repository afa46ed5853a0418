import { registry } from "@web/core/registry";

import { FunnelArchParser } from "./funnel_arch_parser";
import { FunnelController } from "./funnel_controller";
import { FunnelModel } from "./funnel_model";
import { FunnelRenderer } from "./funnel_renderer";
import { FunnelSearchModel } from "./funnel_search_model";
import { readUrl } from "./funnel_url";

export const funnelView = {
    type: "funnel",
    ArchParser: FunnelArchParser,
    Controller: FunnelController,
    Model: FunnelModel,
    Renderer: FunnelRenderer,
    SearchModel: FunnelSearchModel,
    searchMenuTypes: ["filter", "groupBy", "favorite"],

    props: (genericProps, view) => {
        const { arch, globalState, resModel, state, updateActionState } = genericProps;
        const { choices: defaults, title } = new view.ArchParser().parse(arch);
        const url = updateActionState && !state ? readUrl() : null;
        const { isTableShown = false, ...kept } = url
            ? { ...url, choices: undefined, choicesOfUrl: url.choices }
            : state?.funnel || globalState?.funnel || {};
        return {
            ...genericProps,
            Model: view.Model,
            Renderer: view.Renderer,
            modelParams: { resModel, defaults, ...kept },
            isTableShown,
            title,
        };
    },
};

registry.category("views").add("funnel", funnelView);
