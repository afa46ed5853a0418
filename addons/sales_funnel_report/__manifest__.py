{
    "name": "Sales Funnel: report",
    "summary": "A true stage history and the funnel computed from it",
    "version": "19.0.1.0.0",
    "category": "Sales/CRM",
    "website": "https://github.com/sales-funnel/sales-funnel-odoo",
    "author": "Sales Funnel contributors",
    "license": "LGPL-3",
    "depends": ["sales_funnel_crm"],
    "data": [
        "security/ir.model.access.csv",
        "data/crm_funnel_data.xml",
        "views/crm_lead_stage_history_views.xml",
        "views/crm_funnel_views.xml",
        "views/crm_lead_views.xml",
        "views/crm_funnel_report_views.xml",
        "report/crm_funnel_analysis_views.xml",
        "wizard/crm_lead_stage_history_import_views.xml",
        "report/crm_funnel_picture_templates.xml",
        "report/sales_funnel_document_templates.xml",
    ],
    "demo": ["demo/crm_lead_demo.xml"],
    "assets": {
        "web.assets_backend_lazy": [
            "sales_funnel_report/static/src/views/funnel/**/*",
            ("remove", "sales_funnel_report/static/src/views/funnel/*.dark.scss"),
        ],
        "web.assets_backend_lazy_dark": [
            "sales_funnel_report/static/src/views/funnel/*.dark.scss",
        ],
        "web.assets_unit_tests": [
            "sales_funnel_report/static/tests/*.js",
        ],
        "web.assets_tests": [
            "sales_funnel_report/static/tests/tours/**/*",
        ],
    },
    "post_init_hook": "post_init_hook",
    "application": True,
}
