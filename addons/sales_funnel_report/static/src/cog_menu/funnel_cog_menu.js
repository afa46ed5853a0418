import { Component } from "@odoo/owl";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { _t } from "@web/core/l10n/translation";
import { download } from "@web/core/network/download";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { STATIC_ACTIONS_GROUP_NUMBER } from "@web/search/action_menus/action_menus";

const REPORT = "sales_funnel_report.funnel_document";

/** What can be done with the funnel that is shown. Knows only what is asked. */
class FunnelMenuItem extends Component {
    static template = "sales_funnel_report.FunnelMenuItem";
    static components = { DropdownItem };
    static props = {};

    setup() {
        this.action = useService("action");
    }

    /** @returns {{domain: Array, options: Object, measure: string}} */
    get question() {
        return this.env.funnelModel.getQuestion();
    }

    get label() {
        return this.constructor.label;
    }

    get icon() {
        return this.constructor.icon;
    }
}

export class FunnelPrint extends FunnelMenuItem {
    static label = _t("Print");
    static icon = "fa-print";

    onSelected() {
        return this.action.doAction({
            type: "ir.actions.report",
            report_type: "qweb-pdf",
            report_name: REPORT,
            report_file: REPORT,
            name: _t("Sales Funnel"),
            data: this.question,
            context: user.context,
        });
    }
}

class FunnelExport extends FunnelMenuItem {
    static icon = "fa-download";

    onSelected() {
        return download({
            url: `/web/crm_funnel/${this.constructor.extension}`,
            data: {
                data: JSON.stringify({ ...this.question, context: user.context }),
            },
        });
    }
}

export class FunnelExportXlsx extends FunnelExport {
    static label = _t("Export to Excel");
    static extension = "xlsx";
}

export class FunnelExportPng extends FunnelExport {
    static label = _t("Export as picture (PNG)");
    static extension = "png";
}

export class FunnelExportSvg extends FunnelExport {
    static label = _t("Export as drawing (SVG)");
    static extension = "svg";
}

class FunnelDialog extends FunnelMenuItem {
    onSelected() {
        return this.action.doAction(this.constructor.dialog, {
            additionalContext: { funnel_question: this.question },
        });
    }
}

export class FunnelSend extends FunnelDialog {
    static label = _t("Send by email");
    static icon = "fa-envelope-o";
    static dialog = "sales_funnel_report.crm_funnel_send_action";
}

export class FunnelSubscribe extends FunnelDialog {
    static label = _t("Subscribe");
    static icon = "fa-calendar-check-o";
    static dialog = "sales_funnel_report.crm_funnel_subscribe_action";
}

const ITEMS = [
    FunnelPrint,
    FunnelExportXlsx,
    FunnelExportPng,
    FunnelExportSvg,
    FunnelSend,
    FunnelSubscribe,
];

ITEMS.forEach((ItemComponent, index) => {
    registry.category("cogMenu").add(
        `sales_funnel_report.${ItemComponent.name}`,
        {
            Component: ItemComponent,
            groupNumber: STATIC_ACTIONS_GROUP_NUMBER,
            isDisplayed: (env) =>
                env.config.viewType === "funnel" && Boolean(env.funnelModel),
        },
        { sequence: 10 + index }
    );
});
