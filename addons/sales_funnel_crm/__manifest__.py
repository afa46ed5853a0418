{
    "name": "Sales Funnel: sales flow",
    "summary": "Customers, leads, calls, reasons, quotation to cash",
    "version": "19.0.1.0.0",
    "category": "Sales/CRM",
    "website": "https://github.com/sales-funnel/sales-funnel-odoo",
    "author": "Sales Funnel contributors",
    "license": "LGPL-3",
    "depends": [
        "account",
        "calendar",
        "crm",
        "phone_validation",
        "sale_crm",
        "sale_management",
        "sale_stock",
    ],
    "application": False,
}
