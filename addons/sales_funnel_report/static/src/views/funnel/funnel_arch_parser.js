import { DEFAULT_PERIOD } from "./funnel_periods";

export class FunnelArchParser {
    /**
     * @param {Element} arch
     * @returns {{title: string, choices: Object}} what the view shows at first
     */
    parse(arch) {
        return {
            title: arch.getAttribute("string") || "",
            choices: {
                measure: arch.getAttribute("measure") || "count",
                period: arch.getAttribute("period") || DEFAULT_PERIOD,
            },
        };
    }
}
