from odoo import fields, models


class SalesReceivableReminderLine(models.Model):
    """What an invoice, or an instalment of it, was when its customer was reminded."""

    _name = "sales.receivable.reminder.line"
    _description = "Invoice in a Reminder"
    _order = "date_due, id"
    _rec_name = "move_id"

    reminder_id = fields.Many2one(
        "sales.receivable.reminder",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    date_invoice = fields.Date(string="Invoice Date", readonly=True)
    date_due = fields.Date(string="Due", readonly=True)
    days_late = fields.Integer(readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(string="Open", readonly=True)
