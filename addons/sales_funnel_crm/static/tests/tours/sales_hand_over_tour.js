import { registry } from "@web/core/registry";

function pickUser(name) {
    return [
        {
            content: `search ${name}`,
            trigger: ".modal .o_field_widget[name=new_user_ids] input",
            run: `edit ${name}`,
        },
        {
            content: `choose ${name}`,
            trigger: `.ui-menu-item a:contains(${name})`,
            run: "click",
        },
    ];
}

function getsDeals(name, count) {
    return {
        content: `${name} will get ${count}`,
        trigger: `.modal .o_field_widget[name=line_ids] .o_data_row:contains(${name}) td[name=deal_count]:text(${count})`,
    };
}

/** From the card of the one who leaves: preview, and hand over. */
registry.category("web_tour.tours").add("sales_funnel_crm_hand_over", {
    steps: () => [
        {
            content: "open the dialog",
            trigger: ".o_form_view .o_statusbar_buttons button:contains(Hand Over)",
            run: "click",
        },
        {
            content: "it knows who leaves, and what there is",
            trigger:
                ".modal .o_field_widget[name=line_ids] .o_data_row td[name=deal_count]:text(2)",
        },
        {
            content: "nobody takes over yet",
            trigger: ".modal-footer:not(:has(button[name=action_hand_over]))",
        },
        ...pickUser("Ben"),
        getsDeals("Ben", 2),
        ...pickUser("Cleo"),
        getsDeals("Ben", 1),
        getsDeals("Cleo", 1),
        {
            content: "that is how it shall be",
            trigger: ".modal-footer button[name=action_hand_over]:enabled",
            run: "click",
        },
        {
            content: "the dialog is gone",
            trigger: "body:not(:has(.o_dialog))",
        },
        {
            content: "it says what was done",
            trigger: ".o_notification:contains(Ada has handed over):contains(Deals: 2)",
        },
    ],
});
