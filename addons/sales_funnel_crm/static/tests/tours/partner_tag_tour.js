import { registry } from "@web/core/registry";

const NO_DIALOG = {
    content: "no dialog is open",
    trigger: "body:not(:has(.o_dialog))",
};

function openDialog(label) {
    return [
        NO_DIALOG,
        {
            content: `press ${label}`,
            trigger: `.o_form_view .o_statusbar_buttons button:contains(${label}):enabled`,
            run: "click",
        },
        {
            content: "the dialog is there",
            trigger: ".modal .o_field_widget[name=category_ids]:contains(Trade)",
        },
    ];
}

function choose(scope) {
    return {
        content: `the contacts of: ${scope}`,
        trigger: `.modal .o_field_widget[name=scope] input[data-value=${scope}]`,
        run: "click",
    };
}

function shows(field, number) {
    return {
        content: `${field} is ${number}`,
        trigger: `.modal .o_field_widget[name=${field}] span:text(${number})`,
    };
}

function goOn() {
    return {
        content: "go on",
        trigger: ".modal-footer button[name=action_continue]:enabled",
        run: "click",
    };
}

function nameDeals(name) {
    return {
        content: "name the deals",
        trigger: ".modal .o_field_widget[name=name] input",
        run: `edit ${name} && press Tab`,
    };
}

function backToTheTag() {
    return [
        NO_DIALOG,
        {
            content: "back to the tag",
            trigger: ".o_breadcrumb a:contains(Trade), .o_back_button:contains(Trade)",
            run: "click",
        },
        {
            content: "the tag is there",
            trigger: ".o_form_view .o_field_widget[name=name] input:value(Trade)",
        },
    ];
}

function contact(name) {
    return {
        content: `${name} is among the contacts`,
        trigger: `.o_list_view .o_data_row:contains(${name}), .o_kanban_view .o_kanban_record:contains(${name})`,
    };
}

function told(text) {
    return {
        content: "it says what was done",
        trigger: `.o_notification:contains(${text})`,
    };
}

/** All that one may do from a tag: counted, and nothing twice. */
registry.category("web_tour.tours").add("sales_funnel_crm_partner_tags", {
    steps: () => [
        {
            content: "the tree, with its own contacts and all below",
            trigger:
                ".o_list_view .o_data_row:contains(Trade):has([name=partner_count]:contains(1)):has([name=total_partner_count]:contains(5))",
        },
        {
            content: "open all contacts from the list",
            trigger:
                ".o_data_row:contains(Trade) button[name=action_view_all_partners]",
            run: "click",
        },
        contact("Carl"),
        {
            content: "under the name of the tag",
            trigger: ".o_last_breadcrumb_item:contains(Trade)",
        },
        {
            content: "one of them is below two tags, and there once",
            trigger: ".o_pager_limit:text(5)",
        },
        {
            content: "back to the tags",
            trigger: ".o_breadcrumb a:contains(Tags), .o_back_button:contains(Tags)",
            run: "click",
        },
        {
            content: "the tree as a chart",
            trigger: ".o_list_view .o_data_row:contains(Trade)",
        },
        {
            trigger: ".o_switch_view.o_hierarchy",
            run: "click",
        },
        {
            trigger: ".o_hierarchy_view",
        },
        {
            content: "counts on the node",
            trigger:
                ".o_hierarchy_node:contains(Trade) button[name=action_view_all_partners]:contains(5)",
        },
        {
            content: "its own contact",
            trigger:
                ".o_hierarchy_node:contains(Trade) button[name=action_view_partners]:contains(1)",
            run: "click",
        },
        contact("Dora"),
        {
            content: "back to the tags",
            trigger: ".o_breadcrumb a:contains(Tags), .o_back_button:contains(Tags)",
            run: "click",
        },
        {
            trigger: ".o_hierarchy_view",
        },
        {
            trigger: ".o_switch_view.o_list",
            run: "click",
        },
        {
            content: "open the tag",
            trigger: ".o_list_view .o_data_row:contains(Trade) td[name=name]",
            run: "click",
        },
        {
            content: "its own contact",
            trigger: ".o_form_view button[name=action_view_partners]:contains(1)",
            run: "click",
        },
        contact("Dora"),
        ...backToTheTag(),
        {
            content: "those with the sub-tags",
            trigger: ".o_form_view button[name=action_view_all_partners]:contains(5)",
            run: "click",
        },
        contact("Carl"),
        ...backToTheTag(),

        ...openDialog("Send E-mail"),
        shows("partner_count", 5),
        shows("missing_count", 1),
        shows("blacklisted_count", 1),
        shows("reach_count", 3),
        choose("only"),
        shows("partner_count", 1),
        shows("reach_count", 0),
        choose("children"),
        shows("reach_count", 3),
        {
            content: "with a template",
            trigger: ".modal .o_field_widget[name=template_id] input",
            run: "edit Message to the contacts",
        },
        {
            trigger: ".ui-menu-item a:contains(Message to the contacts of a tag)",
            run: "click",
        },
        goOn(),
        {
            content: "the composer says to whom",
            trigger:
                ".modal .o_field_widget[name=tag_description]:contains(To 3 contacts of Trade)",
        },
        {
            content: "it begins with the template",
            trigger:
                ".modal .o_field_widget[name=subject] input:value(Anything we can do for you?)",
        },
        {
            trigger: ".modal .o_mail_send:enabled",
            run: "click",
        },
        NO_DIALOG,
        told("to 3 contacts of Trade"),

        ...openDialog("Send SMS"),
        shows("missing_count", 1),
        shows("reach_count", 4),
        goOn(),
        {
            content: "the composer says to whom",
            trigger:
                ".modal .o_field_widget[name=tag_description]:contains(To 4 contacts of Trade)",
        },
        {
            trigger: ".modal .o_field_widget[name=body] textarea",
            run: "edit We are closed on Monday",
        },
        {
            trigger: ".modal-footer button[name=action_send_sms]:enabled",
            run: "click",
        },
        NO_DIALOG,
        told("to 4 contacts of Trade"),

        ...openDialog("Make Deals"),
        nameDeals("Spring catalogue"),
        shows("reach_count", 5),
        goOn(),
        {
            content: "the deals are there",
            trigger: ".o_last_breadcrumb_item:contains(Spring catalogue)",
        },
        ...backToTheTag(),

        ...openDialog("Make Deals"),
        nameDeals("Spring catalogue"),
        shows("had_count", 5),
        shows("reach_count", 0),
        goOn(),
        {
            content: "not twice",
            trigger: ".modal:contains(Nothing was done: all 5 contacts of Trade)",
        },
        {
            trigger:
                ".o_error_dialog .modal-footer button, .modal:contains(Nothing was done) .modal-footer button",
            run: "click",
        },
        {
            content: "nothing more to do",
            trigger: ".modal-footer button:contains(Discard)",
            run: "click",
        },
        NO_DIALOG,
        {
            content: "what was done so far",
            trigger: ".o_form_view .nav-link[name=run_ids]",
            run: "click",
        },
        {
            content: "open those who got the SMS",
            trigger:
                ".o_field_widget[name=run_ids] .o_data_row:contains(SMS) button[name=action_view_partners]",
            run: "click",
        },
        contact("Carl"),
        ...backToTheTag(),
        {
            content: "what was done so far",
            trigger: ".o_form_view .nav-link[name=run_ids]",
            run: "click",
        },
        {
            content: "open the deals that were made",
            trigger:
                ".o_field_widget[name=run_ids] .o_data_row:contains(Spring catalogue) button[name=action_view_deals]",
            run: "click",
        },
        {
            trigger: ".o_last_breadcrumb_item:contains(Spring catalogue)",
        },
    ],
});
