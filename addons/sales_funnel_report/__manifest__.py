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
    ],
    "post_init_hook": "post_init_hook",
    "application": True,
}
