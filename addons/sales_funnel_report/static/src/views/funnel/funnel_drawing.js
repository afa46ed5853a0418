import { Component } from "@odoo/owl";
import { uniqueId } from "@web/core/utils/functions";

import { getRows } from "./funnel_rows";

/** Draws one funnel: the figures of a SERIES and the bands computed for it. */
export class FunnelDrawing extends Component {
    static template = "sales_funnel_report.FunnelDrawing";
    static props = {
        lens: String,
        series: Object,
        bands: Array,
        compare: { type: [Object, { value: null }], optional: true },
        compareBands: { type: [Array, { value: null }], optional: true },
        colors: Array,
        measure: String,
        currencyId: Number,
        isCompact: { type: Boolean, optional: true },
        unfinished: { type: String, optional: true },
        onOpen: { type: Function, optional: true },
    };

    setup() {
        this.id = uniqueId("o_funnel_");
    }

    get rows() {
        const { bands, colors, compareBands } = this.props;
        return getRows(this.props).map((row, index) => ({
            ...row,
            id: `${this.id}_${index}`,
            band: bands[index],
            compareBand: compareBands?.[index],
            color: colors[index],
        }));
    }

    /** @param {{name: string, domain: Array}} what */
    open({ name, domain }) {
        if (domain) {
            this.props.onOpen?.({ name, domain });
        }
    }
}
