import { registry } from "@web/core/registry";

import { FunnelArchParser } from "./funnel_arch_parser";
import { FunnelController } from "./funnel_controller";
import { FunnelModel } from "./funnel_model";
import { FunnelRenderer } from "./funnel_renderer";

export const funnelView = {
    type: "funnel",
    ArchParser: FunnelArchParser,
    Controller: FunnelController,
    Model: FunnelModel,
    Renderer: FunnelRenderer,
    searchMenuTypes: ["filter", "groupBy", "favorite"],

    props: (genericProps, view) => {
        const { arch, globalState, resModel, state } = genericProps;
        const archInfo = new view.ArchParser().parse(arch);
        const kept = state?.funnel || globalState?.funnel;
        return {
            ...genericProps,
            Model: view.Model,
            Renderer: view.Renderer,
            modelParams: { resModel, choices: archInfo.choices, ...kept },
            title: archInfo.title,
        };
    },
};

registry.category("views").add("funnel", funnelView);
