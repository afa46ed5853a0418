from odoo import api, fields, models

from ..tools import ensure_one_record


class CrmPhonecallMixin(models.AbstractModel):
    """What people call about: documents that show their calls in a button and
    from which calls are logged and planned."""

    _name = "crm.phonecall.mixin"
    _description = "Phone Calls of a Document"

    # the field of crm.phonecall that leads to the document
    _phonecall_field = None

    phonecall_count = fields.Integer(
        string="Calls",
        compute="_compute_phonecall_count",
        groups="sales_team.group_sale_salesman",
    )

    def _compute_phonecall_count(self):
        counts = self._count_phonecalls(self)
        for document in self:
            document.phonecall_count = counts.get(document._origin.id, 0)

    @api.model
    def _count_phonecalls(self, documents):
        """Count the calls the user may read, in one query.

        :param documents: records of this model
        :return: {id of a document: number of its calls}, without the zeros
        :rtype: dict
        """
        groups = self.env["crm.phonecall"]._read_group(
            [(self._phonecall_field, "in", documents.ids)],
            [self._phonecall_field],
            ["__count"],
        )
        return {document.id: count for document, count in groups}

    def _get_phonecall_documents(self):
        """:return: the documents whose calls are shown as those of this one"""
        return self

    def action_view_phonecalls(self):
        """Open the calls of the document.

        :return: the action
        :rtype: dict
        """
        ensure_one_record(self)
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "sales_funnel_crm.crm_phonecall_action"
        )
        action["domain"] = [
            (self._phonecall_field, "in", self._get_phonecall_documents().ids)
        ]
        action["context"] = {f"default_{self._phonecall_field}": self.id}
        return action

    def action_log_phonecall(self):
        """Open the small dialog that logs or plans a call about the document.

        :return: the action
        :rtype: dict
        """
        ensure_one_record(self)
        return self.env["crm.phonecall"]._get_dialog_action(
            {self._phonecall_field: self.id}
        )
