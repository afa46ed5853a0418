import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("sales_funnel_crm_phonecall", {
    steps: () => [
        {
            content: "Open the small dialog from the list",
            trigger: ".o_list_view button:contains(Log or Plan a Call)",
            run: "click",
        },
        {
            content: "Write the number as one does",
            trigger: ".modal .o_field_widget[name=phone] input",
            run: "edit 02/290.34.90 && press Tab",
        },
        {
            content: "The customer is known by it",
            trigger: ".modal .o_field_widget[name=partner_id] input:value(Café Luxor)",
        },
        {
            trigger: ".modal .o_field_widget[name=name] input",
            run: "edit Ask about the menu",
        },
        {
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            content: "The call was held",
            trigger:
                ".o_data_row:contains(Ask about the menu) button[name=action_finish]",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=duration] input",
            run: "edit 7",
        },
        {
            trigger: ".modal .o_field_widget[name=outcome_id] input",
            run: "edit Interested",
        },
        {
            trigger: ".ui-menu-item > a:contains(Interested)",
            run: "click",
        },
        {
            content: "Plan the next one",
            trigger: ".modal .o_field_widget[name=next_step] input[data-value=call]",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=next_date]",
        },
        {
            trigger: ".modal button[name=action_confirm]",
            run: "click",
        },
        {
            content: "Both are in the list",
            trigger:
                ".o_list_view:has(.o_data_row:contains(Held)):has(.o_data_row:contains(Planned))",
        },
        {
            content: "The dialog is gone: as long as it is there, no view is switched",
            trigger: "body:not(:has(.o_dialog))",
        },
        {
            content: "The columns of the cards are the states",
            trigger: ".o_switch_view.o_kanban",
            run: "click",
        },
        {
            trigger: ".o_kanban_view",
        },
        {
            trigger:
                ".o_kanban_group:contains(Planned) .o_kanban_record:contains(Ask about the menu)",
        },
        {
            trigger: ".o_switch_view.o_calendar",
            run: "click",
        },
        {
            trigger: ".o_calendar_view",
        },
    ],
});
