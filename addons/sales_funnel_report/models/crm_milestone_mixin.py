import logging

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL, split_every, sql

from odoo.addons.sales_funnel_crm.tools import refuse_from_outside

_logger = logging.getLogger(__name__)

BATCH = 1000


class CrmMilestoneMixin(models.AbstractModel):
    """Stored fields that documents prove, kept in step by Odoo's own triggers."""

    _name = "crm.milestone.mixin"
    _description = "Milestones Proven by Documents"

    @api.model_create_multi
    def create(self, vals_list):
        refuse_from_outside(self, vals_list, self._get_refused_fields())
        return super().create(vals_list)

    def write(self, vals):
        refuse_from_outside(self, [vals], self._get_refused_fields())
        return super().write(vals)

    @api.model
    def _get_refused_fields(self):
        """Hook: :return: names of the fields that nobody writes from outside"""
        return self._get_milestone_fields()

    @api.model
    def _get_milestone_fields(self):
        """:return: names of the stored computed fields that documents prove"""
        return []

    @api.model
    def _get_milestone_domain(self):
        """:return: domain of the records of which documents can prove something"""
        return Domain.FALSE

    @api.model
    def _create_milestone_columns(self):
        """Make the columns before Odoo does, which would compute them for all records
        there are, however few of them have a document.

        :return: whether there were none
        """
        columns = sql.table_columns(self.env.cr, self._table)
        missing = [
            self._fields[fname]
            for fname in self._get_milestone_fields()
            if fname not in columns
        ]
        for field in missing:
            sql.create_column(
                self.env.cr, self._table, field.name, field.column_type[1]
            )
        return bool(missing)

    @api.model
    def _fill_milestones(self):
        """Compute the milestones of the records that were there before the addon.
        Who changed them last stays as it was."""
        # sudo: an installation computes them for everybody, as Odoo does
        records = self.sudo().with_context(active_test=False)
        ids = records._search(self._get_milestone_domain(), order="id").get_result_ids()
        for done, batch in enumerate(split_every(BATCH, ids), start=1):
            self.env.flush_all()
            last_changes = self.env.execute_query(
                SQL(
                    "SELECT id, write_uid, write_date FROM %s WHERE id IN %s",
                    SQL.identifier(self._table),
                    batch,
                )
            )
            self._recompute_milestones(records.browse(batch))
            self.env.flush_all()
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE %(table)s record
                       SET write_uid = change.write_uid,
                           write_date = change.write_date
                      FROM (VALUES %(changes)s)
                        AS change (id, write_uid, write_date)
                     WHERE record.id = change.id
                    """,
                    table=SQL.identifier(self._table),
                    changes=SQL(", ").join(
                        SQL("(%s, %s::int, %s::timestamp)", *change)
                        for change in last_changes
                    ),
                )
            )
            self.env.invalidate_all(flush=False)
            _logger.info(
                "Milestones: %s of %s records of %s",
                min(done * BATCH, len(ids)),
                len(ids),
                self._name,
            )

    def _recompute_milestones(self, records):
        """Compute the milestones of ``records`` anew."""
        fnames = self._get_milestone_fields()
        for fname in fnames:
            self.env.add_to_compute(self._fields[fname], records)
        records._recompute_recordset(fnames)

    @api.model
    def _check_and_repair_milestones(self):
        """Compute the milestones of all records anew and say what was wrong. What is
        in step stays untouched.

        :return: a dictionary for each wrong value: ``model``, ``id``, ``name``,
            ``field``, ``stored``, ``right``
        :rtype: list[dict]
        """
        fnames = self._get_milestone_fields()
        # sudo: the caller has decided who may check; the numbers of all are checked
        records = self.sudo().with_context(active_test=False)
        domain = Domain.OR(
            [
                self._get_milestone_domain(),
                *(Domain(fname, "!=", False) for fname in fnames),
            ]
        )
        found = []
        self.env.flush_all()
        ids = records._search(domain, order="id").get_result_ids()
        for batch_ids in split_every(BATCH, ids):
            batch = records.browse(batch_ids)
            stored = {record: [record[f] for f in fnames] for record in batch}
            self._recompute_milestones(batch)
            for record in batch:
                for fname, value in zip(fnames, stored[record], strict=True):
                    if self._differs(record[fname], value):
                        found.append(
                            {
                                "model": self._name,
                                "id": record.id,
                                "name": record.display_name,
                                "field": fname,
                                "stored": value,
                                "right": record[fname],
                            }
                        )
            self.env.flush_all()
            self.env.invalidate_all(flush=False)
        return found

    def _differs(self, right, stored):
        """Whether two values of a field are different, for a person who looks."""
        if isinstance(right, float):
            return abs(right - stored) >= 0.005
        return right != stored
