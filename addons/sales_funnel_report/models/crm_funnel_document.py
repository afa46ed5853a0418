from odoo import api, fields, models
from odoo.tools.misc import formatLang

from ..drawing import MEASURES, draw_report

NOTHING = "–"


class CrmFunnelDocument(models.AbstractModel):
    """A funnel report ready to be put on paper, in a file or in a mail.

    Says what is shown and in which words. The figures are those of
    ``crm.lead.get_funnel_report``, none is computed here.
    """

    _name = "crm.funnel.document"
    _description = "Sales Funnel Document"

    @api.model
    def _get_document(self, domain=None, options=None, measure=None):
        """The report, described in the language and time zone of the user.

        :param domain: as ``crm.lead.get_funnel_report`` takes it
        :param dict options: as ``crm.lead.get_funnel_report`` takes them
        :param str measure: what the width of a step stands for, by default the
            first measure of the lens
        :return: dictionary: ``report``, ``drawing``, ``measure``, ``currency``,
            ``title``, ``facts`` (list of ``(label, text)``), ``figures`` (list of
            ``(label, kind, value, note)``), ``table`` and ``group_table`` (see
            :meth:`_get_table`), ``signature``, ``company``
        :raise UserError: for an unknown option, value or field
        """
        report = self.env["crm.lead"].get_funnel_report(domain, options)
        lens = report["options"]["lens"]
        measures = MEASURES[lens]
        question = self.env["crm.funnel.question"]
        facts = question._describe(domain, report["options"])
        return {
            "report": report,
            "lens": lens,
            "drawing": draw_report(report),
            "measure": measure if measure in measures else measures[0],
            "currency": self.env["res.currency"].browse(report["currency_id"]),
            "company": self.env.company,
            "title": self.env._("Sales funnel: %(funnel)s", funnel=facts[0][1]),
            "facts": facts[1:],
            "figures": self._get_figures(report["total"], lens),
            "table": self._get_table(report),
            "group_table": self._get_group_table(report),
            "signature": self.env._(
                "%(company)s, %(user)s, %(moment)s",
                company=self.env.company.name,
                user=self.env.user.name,
                moment=question._format_moment(fields.Datetime.now()),
            ),
        }

    # ------------------------------------------------------------
    # FIGURES
    # ------------------------------------------------------------

    def _get_figures(self, series, lens):
        """The figures of the deals as a whole.

        :return: list of ``(label, kind, value, note)``, the note is
            ``(text with %s, kind, value)`` or ``None``
        """
        if lens == "flow":
            return [
                (self.env._("Deals"), "count", series["size"], None),
                (self.env._("Entries"), "count", series["entered"], None),
                (self.env._("Amount"), "amount", series["amount"], None),
            ]
        if lens == "snapshot":
            return [
                (self.env._("Open deals"), "count", series["size"], None),
                (self.env._("Amount"), "amount", series["amount"], None),
                (
                    self.env._("Expected money"),
                    "amount",
                    series["weighted_amount"],
                    None,
                ),
                (self.env._("Stuck"), "count", series["stuck"], None),
            ]
        return [
            (
                self.env._("Deals"),
                "count",
                series["size"],
                ("%s", "amount", series["amount"]),
            ),
            (
                self.env._("Won"),
                "count",
                series["won"],
                ("%s", "amount", series["won_amount"]),
            ),
            (self.env._("Lost"), "count", series["lost"], None),
            *(
                []
                if lens == "closed"
                else [
                    (self.env._("Open"), "count", series["open"], None),
                    (self.env._("On hold"), "count", series["on_hold"], None),
                ]
            ),
            (
                self.env._("Win rate"),
                "rate",
                series["win_rate"],
                (self.env._("%s of closed"), "rate", series["win_rate_closed"]),
            ),
            *(
                []
                if lens == "closed" or series["expected_win_rate"] is None
                else [
                    (
                        self.env._("Expected win rate"),
                        "rate",
                        series["expected_win_rate"],
                        None
                        if series["mature"]
                        else (self.env._("not all decided yet"), None, None),
                    )
                ]
            ),
            (
                self.env._("Median cycle, days"),
                "days",
                series["cycle_days"]["median"],
                (self.env._("9 of 10 within %s"), "days", series["cycle_days"]["p90"]),
            ),
        ]

    # ------------------------------------------------------------
    # TABLES
    # ------------------------------------------------------------

    def _get_columns(self, lens):
        """Hook: the columns of the table, one row per step.

        :return: list of ``(label, kind, path)``; kind is one of ``count``,
            ``amount``, ``rate``, ``interval``, ``days``; path leads to the value
            in a STEP of the report, such as ``days_to_next.median``
        """
        if lens == "flow":
            return [
                (self.env._("Entries"), "count", "entered"),
                (self.env._("Amount"), "amount", "amount"),
                (self.env._("Moved on"), "count", "advanced"),
                (self.env._("Moved back"), "count", "moved_back"),
                (self.env._("Handed off"), "count", "handed_off"),
                (self.env._("Lost"), "count", "lost"),
                (self.env._("On hold"), "count", "on_hold"),
                (self.env._("Still here"), "count", "still_here"),
                (self.env._("Median days per stay"), "days", "days_in_stay.median"),
            ]
        if lens == "snapshot":
            return [
                (self.env._("Deals"), "count", "count"),
                (self.env._("Amount"), "amount", "amount"),
                (self.env._("Will be won"), "rate", "win_probability"),
                (self.env._("Expected money"), "amount", "weighted_amount"),
                (self.env._("Median days here so far"), "days", "age_days.median"),
                (self.env._("Stuck"), "count", "stuck"),
            ]
        return [
            (self.env._("Deals"), "count", "count"),
            (self.env._("Amount"), "amount", "amount"),
            (self.env._("From the step before"), "rate", "conversion_prev"),
            (self.env._("95% interval"), "interval", "ci"),
            (self.env._("From the first step"), "rate", "conversion_first"),
            (self.env._("Skipped"), "count", "skipped"),
            (self.env._("Not needed"), "count", "not_needed"),
            (self.env._("Lost"), "count", "lost"),
            (self.env._("Lost amount"), "amount", "lost_amount"),
            (self.env._("Open"), "count", "open"),
            (self.env._("On hold"), "count", "on_hold"),
            (self.env._("Won"), "count", "won"),
            (self.env._("Median days to next"), "days", "days_to_next.median"),
        ]

    def _get_table(self, report):
        """The numbers of the drawing, step by step.

        :return: ``{"columns": [(label, kind)], "rows": [{"name": str,
            "values": []}]}``
        """
        lens = report["options"]["lens"]
        steps = report["total"]["steps"]
        table = self._get_steps_table(steps, lens)
        if report["compare"]:
            main = MEASURES[lens][0]
            table["columns"] += [
                (self.env._("Compared with"), "count"),
                (self.env._("Difference"), "count"),
            ]
            for row, step, compared in zip(
                table["rows"], steps, report["compare"]["steps"], strict=True
            ):
                row["values"] += [compared[main], step[main] - compared[main]]
        return table

    def _get_steps_table(self, steps, lens):
        """See :meth:`_get_table`."""
        columns = self._get_columns(lens)
        if all(step["kind"] == "stage" for step in steps):
            # a stage is needed by every deal
            columns = [column for column in columns if column[2] != "not_needed"]
        return {
            "columns": [(label, kind) for label, kind, _path in columns],
            "rows": [
                {
                    "name": step["name"],
                    "values": [_get(step, path) for _label, _kind, path in columns],
                }
                for step in steps
            ],
        }

    def _get_group_table(self, report):
        """The numbers of the groups, a column for each step.

        :return: as :meth:`_get_table`, ``None`` when nothing is grouped; a row has
            also ``marks``, whether a value is significantly below the others, and
            ``is_total``
        """
        if not report["groups"]:
            return None
        lens = report["options"]["lens"]
        main = MEASURES[lens][0]
        totals = {
            "flow": [],
            "snapshot": [
                (self.env._("Amount"), "amount", "amount"),
                (self.env._("Expected money"), "amount", "weighted_amount"),
                (self.env._("Stuck"), "count", "stuck"),
            ],
        }.get(
            lens,
            [
                (self.env._("Lost"), "count", "lost"),
                (self.env._("Open"), "count", "open"),
                (self.env._("On hold"), "count", "on_hold"),
                (self.env._("Win rate"), "rate", "win_rate"),
            ],
        )
        groups = [
            (group["label"], group["series"], False) for group in report["groups"]
        ]
        groups.append((self.env._("Total"), report["total"], True))
        return {
            "columns": [
                *((step["name"], "count") for step in report["total"]["steps"]),
                *((label, kind) for label, kind, _path in totals),
            ],
            "rows": [
                {
                    "name": label,
                    "values": [
                        *(step[main] for step in series["steps"]),
                        *(_get(series, path) for _label, _kind, path in totals),
                    ],
                    "marks": [
                        *(bool(step.get("below_others")) for step in series["steps"]),
                        *(False for _total in totals),
                    ],
                    "is_total": is_total,
                }
                for label, series, is_total in groups
            ],
        }

    # ------------------------------------------------------------
    # TEXT
    # ------------------------------------------------------------

    def _format(self, kind, value, currency):
        """A figure as text, in the language of the user.

        :param str kind: see :meth:`_get_columns`
        :param value: ``None`` for a figure that does not exist
        :param currency: ``res.currency`` of amounts
        """
        if value is None:
            return NOTHING
        if kind == "amount":
            return formatLang(self.env, value, currency_obj=currency)
        if kind == "rate":
            return self._format_decimal(100 * value) + "%"
        if kind == "interval":
            low, high = (self._format("rate", end, currency) for end in value)
            return self.env._("%(low)s to %(high)s", low=low, high=high)
        if kind == "days":
            return self._format_decimal(value)
        return formatLang(self.env, value, digits=0)

    def _format_short(self, kind, value, currency):
        """As :meth:`_format`, an amount without its cents."""
        if kind == "amount" and value is not None:
            text = formatLang(self.env, value, digits=0)
            parts = [text, currency.symbol or ""]
            if currency.position == "before":
                parts.reverse()
            return "\N{NO-BREAK SPACE}".join(parts)
        return self._format(kind, value, currency)

    def _format_decimal(self, value):
        """One decimal, none when it is zero."""
        value = round(float(value), 1)
        return formatLang(self.env, value, digits=0 if value.is_integer() else 1)

    def _format_note(self, note, currency):
        """The text of a note, see :meth:`_get_figures`."""
        if not note:
            return ""
        text, kind, value = note
        return text % self._format_short(kind, value, currency) if kind else text


def _get(values, path):
    for name in path.split("."):
        values = values[name]
    return values
