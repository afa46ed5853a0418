"""What models of both addons need, and Odoo has not."""

from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.sql import column_exists

# Names in a sentence about many records.
NAMED = 5
# Letters of a wrong value that are quoted.
QUOTED = 100


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


def quote(value):
    """
    :param value: from outside, whatever it is
    :return: how it is named in a sentence: not too long, and of letters that can be sent
    :rtype: str
    """
    return str(value)[:QUOTED].encode(errors="replace").decode()


def ensure_one_record(records):
    """Have exactly one record: ``ensure_one`` for what people and programs call, who
    are told what to select.

    :param records: recordset that an action was called on
    :raise UserError: there is none, or there are several
    """
    if len(records) == 1:
        return
    env = records.env
    kind = env["ir.model"]._get(records._name).name
    if records:
        raise UserError(
            env._(
                "%(count)s records of “%(kind)s” are selected, and this is done with "
                "one at a time. Select one of them.",
                count=len(records),
                kind=kind,
            )
        )
    raise UserError(
        env._("Nothing is selected. Select one record of “%(kind)s” first.", kind=kind)
    )


def check_pointers(records, names, operation="read"):
    """Refuse that a user points at what that user may not read. Computes and what
    follows later run as superuser, and would show it or change it.

    :param records: that were just created or written, maybe as superuser
    :param names: of relational fields
    :param str operation: what the user has to be allowed to do with what is pointed at
    :raise AccessError: the user may not
    """
    for name in names:
        pointed = records.with_context(active_test=False).mapped(name)
        if pointed:
            pointed.sudo(False).check_access(operation)


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


def refuse_from_outside(records, vals_list, fnames):
    """Refuse values of fields that the system alone writes. Such a field is read-only on
    the screens, which keeps nobody from writing it over the API or with a file.

    :param records: recordset that is created or written
    :param list vals_list: of dictionaries, the values
    :param fnames: names of the fields
    :raise UserError: one of the fields has a value, also by a default of the context
    """
    env = records.env
    if env.su:
        return
    given = {name.removeprefix("default_") for name in env.context}.union(*vals_list)
    if refused := sorted(given.intersection(fnames)):
        raise UserError(
            env._(
                "“%(field)s” is filled in by the system. Leave it out.",
                field=records._fields[refused[0]]._description_string(env),
            )
        )
