import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

function press(name, content) {
    return {
        content,
        trigger: `.o_statusbar_buttons button[name='${name}']:enabled`,
        run: "click",
    };
}

function pressInDialog(name, content) {
    return {
        content,
        trigger: `.modal-footer button[name='${name}']:enabled`,
        run: "click",
    };
}

function noDialog() {
    return {
        content: "the dialog is closed",
        trigger: "body:not(:has(.modal))",
    };
}

function fill(field, value) {
    return {
        content: `fill in ${field}`,
        trigger: `.o_field_widget[name='${field}'] input`,
        run: `edit ${value}`,
    };
}

function fillInDialog(field, value) {
    return {
        content: `fill in ${field}`,
        trigger: `.modal .o_field_widget[name='${field}'] input`,
        run: `edit ${value}`,
    };
}

function pick(field, name, within = "") {
    return [
        {
            content: `search in ${field}`,
            trigger: `${within} .o_field_widget[name='${field}'] input`,
            run: `edit ${name}`,
        },
        {
            content: `choose ${name}`,
            trigger: `.ui-menu-item a:contains('${name}')`,
            run: "click",
        },
    ];
}

function backTo(title) {
    return {
        content: `back to ${title}`,
        trigger: `.o_breadcrumb a:contains('${title}'), .o_back_button:contains('${title}')`,
        run: "click",
    };
}

/** From a lead to the money, by clicks alone. */
registry.category("web_tour.tours").add("sales_funnel_story", {
    steps: () => [
        stepUtils.showAppsMenuItem(),
        {
            content: "open the CRM",
            trigger: ".o_app[data-menu-xmlid='crm.crm_menu_root']",
            run: "click",
        },
        {
            content: "open the leads",
            trigger: ".o_menu_sections [data-menu-xmlid='crm.crm_menu_leads']",
            run: "click",
        },
        {
            content: "a lead comes in",
            trigger: ".o_breadcrumb:contains('Leads')",
        },
        {
            content: "make it",
            trigger: ".o_list_button_add",
            run: "click",
        },
        {
            content: "what it is about",
            trigger: ".o_form_view .o_field_widget[name='name'] :is(input, textarea)",
            run: "edit Beams for a bridge",
        },
        fill("partner_name", "Bridge Builders"),
        fill("email_from", "zoe@bridges.example.com"),
        fill("phone", "+1 202-555-0147"),
        ...stepUtils.saveForm(),

        press("action_log_phonecall", "plan a call"),
        {
            content: "the number is there",
            trigger:
                ".modal .o_field_widget[name='phone'] input:value(+1 202-555-0147)",
        },
        {
            content: "save the call",
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        noDialog(),
        {
            content: "see the calls",
            trigger: "button[name='action_view_phonecalls']:contains('1')",
            run: "click",
        },
        {
            content: "open the call",
            trigger:
                ".o_data_row:contains('Beams for a bridge') .o_data_cell[name='name']",
            run: "click",
        },
        press("action_finish", "the call is over"),
        fillInDialog("duration", "4.5"),
        ...pick("outcome_id", "Interested", ".modal"),
        pressInDialog("action_confirm", "save what came of it"),
        noDialog(),
        {
            content: "the call was held",
            trigger: ".o_statusbar_status .o_arrow_button_current:contains('Held')",
        },
        backTo("Beams for a bridge"),

        {
            content: "the lead is a deal",
            trigger: ".o_statusbar_buttons button:contains('Convert to Opportunity')",
            run: "click",
        },
        {
            content: "of a new customer",
            trigger: ".modal .o_field_widget[name='action'] input[data-value='create']",
            run: "click",
        },
        pressInDialog("action_apply", "convert it"),
        noDialog(),

        press("action_sale_quotations_new", "make a quotation"),
        {
            content: "add a line",
            trigger: ".o_sale_order .o_field_x2many_list_row_add > a:first",
            run: "click",
        },
        {
            content: "of steel",
            trigger:
                ".o_selected_row .o_field_widget[name='product_template_id'] input, .o_selected_row .o_field_widget[name='product_id'] input",
            run: "edit Steel Beam",
        },
        {
            content: "choose it",
            trigger: ".ui-menu-item a:contains('Steel Beam')",
            run: "click",
        },
        {
            content: "it has its price",
            trigger:
                ".o_selected_row .o_field_widget[name='price_unit'] input:value(100.00)",
        },
        {
            content: "three of it",
            trigger: ".o_selected_row .o_field_widget[name='product_uom_qty'] input",
            run: "edit 3",
        },
        {
            content: "open the other information",
            trigger: ".nav-link[name='other_information']",
            run: "click",
        },
        {
            content: "invoice what is delivered",
            trigger: ".o_field_widget[name='invoice_policy'] input",
            run: "click",
        },
        {
            content: "for the whole order",
            trigger: ".o_select_menu_item:contains('Delivered quantities')",
            run: "click",
        },
        ...stepUtils.saveForm(),
        press("action_quotation_send", "send it"),
        {
            // In tests Odoo attaches a web page in place of the PDF.
            content: "with the quotation attached",
            trigger:
                ".modal .o_field_widget[name='attachment_ids']:contains('Quotation - S')",
        },
        {
            content: "off it goes",
            trigger: ".modal .o_mail_send:enabled",
            run: "click",
        },
        noDialog(),
        {
            content: "it is sent",
            trigger:
                ".o_statusbar_status .o_arrow_button_current:contains('Quotation Sent')",
        },
        press("action_confirm", "the customer orders"),

        {
            content: "open the delivery",
            trigger: "button[name='action_view_delivery']",
            run: "click",
        },
        press("button_validate", "the goods go out"),
        {
            content: "they are gone",
            trigger: ".o_statusbar_status .o_arrow_button_current:contains('Done')",
        },
        {
            content: "back to the order",
            trigger: ".breadcrumb-item.o_back_button a, .o_back_button",
            run: "click",
        },

        {
            content: "make the invoice",
            trigger: ".o_statusbar_buttons button:contains('Create Invoice'):enabled",
            run: "click",
        },
        pressInDialog("create_invoices", "of what was delivered"),
        press("action_post", "post it"),
        {
            content: "it is posted",
            trigger: ".o_statusbar_status .o_arrow_button_current:contains('Posted')",
        },
        press("action_register_payment", "the customer pays"),
        pressInDialog("action_create_payments", "all of it"),
        noDialog(),
        {
            content: "nothing is left to pay",
            trigger: ".ribbon:contains('Paid'), .ribbon:contains('In Payment')",
        },
    ],
});
