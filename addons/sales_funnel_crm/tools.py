"""What models of both addons need, and Odoo has not."""

from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.sql import column_exists

# Names in a sentence about many records.
NAMED = 5


def name_some(env, names, shown=NAMED):
    """
    :param env: environment, whose language counts
    :param list names: of records
    :param int shown: how many of them at most
    :return: the first names, and how many more there are
    :rtype: str
    """
    some = ", ".join(names[:shown])
    if len(names) <= shown:
        return some
    return env._("%(names)s and %(count)s more", names=some, count=len(names) - shown)


def ensure_one_record(records):
    """``ensure_one`` for methods that clients call: it tells them in a sentence.

    :param records: of any model
    :raise UserError: there is none, or there are several
    """
    if len(records) != 1:
        raise UserError(
            records.env._(
                "This works for one record of “%(model)s” at a time, and %(count)s are "
                "chosen. Choose one.",
                model=records._description,
                count=len(records),
            )
        )


def create_filled_column(cr, table, column, column_type, expression):
    """Make the column of a stored computed field, filled for the records that are
    there, if there is none yet. Odoo would load all of them to compute it; this writes
    the table once.

    :param cr: cursor
    :param str table: name of the table
    :param str column: name of the column
    :param str column_type: of PostgreSQL
    :param SQL expression: of other columns of a row, the value
    """
    if column_exists(cr, table, column):
        return
    names = {"table": SQL.identifier(table), "column": SQL.identifier(column)}
    cr.execute(
        SQL(
            """
            ALTER TABLE %(table)s
                    ADD COLUMN %(column)s %(type)s
                        GENERATED ALWAYS AS (%(expression)s) STORED;
            ALTER TABLE %(table)s
                  ALTER COLUMN %(column)s DROP EXPRESSION
            """,
            type=SQL(column_type),
            expression=expression,
            **names,
        )
    )
