import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { deserializeDate, formatDate } from "@web/core/l10n/dates";
import { KeepLast } from "@web/core/utils/concurrency";
import { useBus, useService } from "@web/core/utils/hooks";
import { formatMonetary } from "@web/views/fields/formatters";

/** Above a report: the day it is as of, and whether it ties with the journal. */
export class AsOfBanner extends Component {
    static template = "sales_funnel_report.AsOfBanner";
    static props = {};

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.state = useState({ tieOut: null });
        this.keepLast = new KeepLast();
        useBus(this.env.searchModel, "update", () => this.load());
        onWillStart(() => {
            // the report does not wait for it
            this.load();
        });
    }

    async load() {
        const { resModel, domain, context } = this.env.searchModel;
        this.state.tieOut = await this.keepLast.add(
            this.orm.call(resModel, "get_tie_out", [domain], { context })
        );
    }

    get day() {
        const { as_of: day, is_today: isToday } = this.state.tieOut;
        return isToday ? _t("today") : formatDate(deserializeDate(day));
    }

    format(amount, { currency_id: currencyId }) {
        return formatMonetary(amount, { currencyId });
    }

    async chooseDay() {
        const { resModel, context } = this.env.searchModel;
        const action = await this.orm.call(resModel, "action_choose_day", [], {
            context,
        });
        return this.action.doAction(action);
    }
}
