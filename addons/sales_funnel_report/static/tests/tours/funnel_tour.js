import { registry } from "@web/core/registry";
import { queryText } from "@odoo/hoot-dom";

const QUALIFIED = ".o_funnel_row:has(.o_funnel_step:contains('Qualified'))";
const PAID =
    ".o_funnel_row:has(.o_funnel_step:contains('Paid')) .o_funnel_value:contains('1,250')";

/** @param {string} trigger what the page shows */
function reloadTwice(trigger) {
    const reload = {
        content: "reload the page",
        trigger,
        run: () => window.location.reload(),
        expectUnloadPage: true,
    };
    return [reload, reload, { trigger }];
}

/** Menu → funnel → filter → the deals of a step → back. */
registry.category("web_tour.tours").add("sales_funnel_report_funnel", {
    steps: () => [
        {
            content: "open the menu Reporting",
            trigger: "[data-menu-xmlid='crm.crm_menu_report']",
            run: "click",
        },
        {
            content: "open Sales Funnel",
            trigger: "[data-menu-xmlid='sales_funnel_report.crm_funnel_report_menu']",
            run: "click",
        },
        {
            content: "all five deals came in, the lost and the archived one among them",
            trigger: ".o_funnel_figure_size .o_funnel_figure_value:contains(/^5$/)",
        },
        {
            trigger: `${QUALIFIED} .o_funnel_value:contains(/^4$/)`,
        },
        {
            content: "filter the deals of one salesperson",
            trigger: ".o_searchview_input",
            run: "edit Ada",
        },
        {
            trigger:
                ".o_searchview_autocomplete .o-dropdown-item:contains('Salesperson')",
            run: "click",
        },
        {
            trigger: `${QUALIFIED} .o_funnel_value:contains(/^2$/)`,
        },
        {
            content: "choose money",
            trigger: "[data-measure=amount]",
            run: "click",
        },
        {
            content: "open the deals of the step",
            trigger: ".o_funnel_step:contains('Qualified')",
            run: "click",
        },
        {
            content: "as many deals as the number said",
            trigger: ".o_breadcrumb .active:contains('Qualified: 2 deals')",
        },
        {
            trigger: ".o_list_view .o_data_row:contains('D1')",
        },
        {
            content: "the lost deal that jumped over the step is one of them",
            trigger: ".o_list_view .o_data_row:contains('D2')",
            run() {
                const rows = [...document.querySelectorAll(".o_list_view .o_data_row")];
                if (rows.length !== 2) {
                    throw new Error(`2 deals expected, ${rows.map(queryText)} found`);
                }
            },
        },
        ...reloadTwice(".o_list_view .o_data_row:contains('D2')"),
        {
            content: "go back",
            trigger: ".o_back_button, .breadcrumb-item:not(.active) a",
            run: "click",
        },
        {
            content: "the filter and the choice are still there",
            trigger: ".o_facet_value:contains('Ada')",
        },
        {
            trigger: "[data-measure=amount].active",
        },
        {
            content: "why a deal was lost opens the deal",
            trigger: ".o_funnel_reason:contains('Too expensive: 1')",
            run: "click",
        },
        {
            trigger: ".o_breadcrumb .active:contains('1 lost, Too expensive')",
        },
        {
            trigger: ".o_list_view .o_data_row:contains('D2')",
            run() {
                const rows = [...document.querySelectorAll(".o_list_view .o_data_row")];
                if (rows.length !== 1) {
                    throw new Error(`1 deal expected, ${rows.map(queryText)} found`);
                }
            },
        },
        {
            trigger: ".o_back_button, .breadcrumb-item:not(.active) a",
            run: "click",
        },
        {
            content: "how long it took from step to step",
            trigger: ".o_funnel_toggle_matrix",
            run: "click",
        },
        {
            content: "from the first step to the last one",
            trigger:
                ".o_funnel_matrix_total:contains('from New to Won: median 9 days')",
        },
        {
            content: "Ada's two deals took two and three days",
            trigger:
                ".o_funnel_matrix_cell:contains('2.5'):contains('2 deals'):not(:contains('–'))",
            run: "click",
        },
        {
            trigger: ".o_breadcrumb .active:contains('New to Qualified: 2 deals')",
        },
        {
            trigger: ".o_list_view .o_data_row:contains('D2')",
            run() {
                const rows = [...document.querySelectorAll(".o_list_view .o_data_row")];
                if (rows.length !== 2) {
                    throw new Error(`2 deals expected, ${rows.map(queryText)} found`);
                }
            },
        },
        {
            trigger: ".o_back_button, .breadcrumb-item:not(.active) a",
            run: "click",
        },
        {
            content: "they are still open",
            trigger: ".o_funnel_matrix_total",
        },
        {
            content: "look at what is open now",
            trigger: ".o_funnel_choose_lens",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-lens=snapshot]",
            run: "click",
        },
        {
            content: "none of Ada's deals is, and it says so",
            trigger: ".o_nocontent_help:contains('No deals are in work')",
        },
        {
            content: "the choice is in the address",
            trigger: ".o_funnel_choose_lens",
            run() {
                if (!window.location.search.includes("lens=snapshot")) {
                    throw new Error(`No lens in ${window.location.href}`);
                }
            },
        },
        {
            trigger: ".o_facet_remove",
            run: "click",
        },
        {
            content: "one deal of five is open",
            trigger: ".o_funnel_figure_size .o_funnel_figure_value:contains(/^1$/)",
        },
        {
            trigger: ".o_funnel_choose_lens",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-lens=cohort]",
            run: "click",
        },
        {
            content: "the other funnel: what documents prove",
            trigger: ".o_funnel_choose_funnel",
            run: "click",
        },
        {
            trigger: ".dropdown-item:contains('Lead to Cash')",
            run: "click",
        },
        {
            content: "one of the five has paid",
            trigger: PAID,
        },
        {
            content: "see who",
            trigger: ".o_funnel_step:contains('Paid')",
            run: "click",
        },
        {
            trigger: ".o_breadcrumb .active:contains('Paid: 1 deal')",
        },
        {
            trigger: ".o_list_view .o_data_row:contains('D1')",
        },
        {
            trigger: ".o_back_button, .breadcrumb-item:not(.active) a",
            run: "click",
        },
        {
            content: "it is still the other funnel",
            trigger: PAID,
        },
        {
            trigger: ".o_funnel_choose_funnel:contains('Lead to Cash')",
            run: "click",
        },
        {
            trigger: ".dropdown-item:contains('Pipeline')",
            run: "click",
        },
        {
            trigger: QUALIFIED,
        },
        {
            content: "group by salesperson, from the pipeline's own menu",
            trigger: ".o_searchview_dropdown_toggler",
            run: "click",
        },
        {
            trigger: ".o_group_by_menu .o_menu_item:contains(/^Salesperson$/)",
            run: "click",
        },
        {
            trigger: ".o_funnel_group h2:contains('Ada')",
        },
    ],
});
