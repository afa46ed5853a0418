import { registry } from "@web/core/registry";

/** What an accountant does with the receivables. */
registry.category("web_tour.tours").add("sales_funnel_report_receivables", {
    url: "/odoo/receivables",
    steps: () => [
        {
            content: "it is as of today, and ties",
            trigger: ".o_as_of_banner:contains(today) .text-success",
        },
        {
            content: "both invoices are open today",
            trigger: ".o_list_table:has(.o_data_row:nth-child(2))",
        },
        {
            content: "go back in time",
            trigger: ".o_as_of_banner button:contains(Another day)",
            run: "click",
        },
        {
            content: "open the calendar",
            trigger: ".modal .o_field_widget[name=day] button",
            run: "click",
        },
        {
            content: "to the end of January",
            trigger: ".modal .o_field_widget[name=day] input",
            run: "edit 01/31/2026",
        },
        {
            trigger: ".modal button[name=action_open]",
            run: "click",
        },
        {
            content: "the day is shown, and it ties on that day",
            trigger: ".o_as_of_banner:contains(01/31/2026) .text-success",
        },
        {
            content: "one of them was not there yet",
            trigger: ".o_list_table:not(:has(.o_data_row:nth-child(2)))",
        },
        {
            content: "its customer is to be reminded",
            trigger: ".o_data_row .o_list_record_selector input",
            run: "click",
        },
        {
            trigger: ".o_control_panel button[name=action_remind]",
            run: "click",
        },
        {
            content: "the dialog says who",
            trigger: ".modal .o_field_widget[name=to_remind_ids]:contains(Acme)",
        },
        {
            trigger: ".modal button[name=action_remind]",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(Reminded)",
        },
    ],
});
