{
    "name": "Sales Funnel: example",
    "summary": "How another module adds a kind of step and a figure",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tests",
    "website": "https://github.com/sales-funnel/sales-funnel-odoo",
    "author": "Sales Funnel contributors",
    "license": "LGPL-3",
    "depends": ["sales_funnel_report"],
}
