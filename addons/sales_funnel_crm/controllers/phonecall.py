import json
from datetime import datetime, timedelta, timezone

from werkzeug.exceptions import MethodNotAllowed

from odoo import fields, http
from odoo.http import request

# What the exchange sends is a few hundred bytes.
MAX_BODY = 64 * 1024
MAX_TEXT = 128
MAX_SECONDS = 7 * 24 * 3600
# No exchange kept calls before; an earlier start is a clock that was never set.
EARLIEST = datetime(1971, 1, 1)
CLOCK_SKEW = timedelta(days=1)
DIRECTIONS = {"in": "in", "inbound": "in", "out": "out", "outbound": "out"}


class WrongFieldError(ValueError):
    """A field of the body is missing or wrong."""

    def __init__(self, field, reason):
        super().__init__(reason)
        self.field = field


class PhonecallController(http.Controller):
    """Takes calls from a telephone exchange: docs/telephone.md."""

    @http.route(
        "/sales_funnel/call",
        type="http",
        auth="limited_key",
        methods=["POST"],
        csrf=False,
        save_session=False,
        max_content_length=MAX_BODY,
    )
    def take_call(self, **_parameters):
        """Take one call, in one transaction.

        :return: 200 and the call as JSON, the same for the same call sent again;
            400 and the name of the wrong field; 403, 413
        :raises MethodNotAllowed: for OPTIONS, which Odoo takes for POST
        """
        if request.httprequest.method != "POST":
            raise MethodNotAllowed(["POST"])
        if not request.env.user.has_group("sales_team.group_sale_salesman_all_leads"):
            return self._answer_error(
                403,
                request.env._(
                    "The user of this API key may not take calls. Give the user the "
                    "right “Sales: User: All Documents”."
                ),
            )
        body = self._read_body()
        if body is None:
            return self._answer_error(
                413, request.env._("The body is longer than 64 KiB.")
            )
        try:
            values = self._parse_body(body)
        except WrongFieldError as error:
            return self._answer_error(400, str(error), field=error.field)
        call = request.env["crm.phonecall"]._take_exchange_call(values)
        return request.make_json_response(call._get_exchange_answer())

    def _answer_error(self, status, message, **more):
        return request.make_json_response({"error": message, **more}, status=status)

    def _read_body(self):
        """:return: the body, bytes; None if it is too long"""
        if (request.httprequest.content_length or 0) > MAX_BODY:
            return None
        body = request.httprequest.get_data()
        return body if len(body) <= MAX_BODY else None

    def _parse_body(self, body):
        """Check everything in the body before anything is written.

        :param bytes body: the body of the request
        :return: the values for ``_take_exchange_call``
        :rtype: dict
        :raises WrongFieldError: naming the field that is wrong
        """
        data = self._load_json(body)
        parsers = {
            "call_id": self._parse_call_id,
            "direction": self._parse_direction,
            "from": self._parse_number,
            "to": self._parse_number,
            "start": self._parse_start,
            "duration": self._parse_duration,
            "answered": self._parse_answered,
            "agent": self._parse_agent,
        }
        for field in data:
            if field not in parsers:
                raise WrongFieldError(field, request.env._("This field is not known."))
        values = {}
        for field, parse in parsers.items():
            if field not in data and field != "agent":
                raise WrongFieldError(field, request.env._("This field is missing."))
            try:
                values[field] = parse(data.get(field))
            except ValueError as error:
                raise WrongFieldError(field, str(error)) from error
        if values["direction"] == "out" and not values["to"]:
            raise WrongFieldError(
                "to", request.env._("The number that was called is missing.")
            )
        return values

    def _load_json(self, body):
        try:
            data = json.loads(body)
        # UnicodeDecodeError and JSONDecodeError are ValueErrors
        except (ValueError, RecursionError) as error:
            raise WrongFieldError(
                "body",
                request.env._("The body is not JSON, sent as application/json."),
            ) from error
        if not isinstance(data, dict):
            raise WrongFieldError(
                "body", request.env._("The body is not a JSON object.")
            )
        return data

    def _parse_text(self, value):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(request.env._("This must be a text that is not empty."))
        if len(value) > MAX_TEXT or not value.isprintable():
            raise ValueError(
                request.env._(
                    "This must be a text of at most %s printable characters.", MAX_TEXT
                )
            )
        return value.strip()

    def _parse_call_id(self, value):
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        return self._parse_text(value)

    def _parse_direction(self, value):
        if not isinstance(value, str) or value not in DIRECTIONS:
            raise ValueError(request.env._("This must be “in” or “out”."))
        return DIRECTIONS[value]

    def _parse_number(self, value):
        # withheld by the caller
        if value is None:
            return False
        number = self._parse_text(value)
        if not any(character.isdigit() for character in number):
            raise ValueError(
                request.env._("This must be a telephone number, or null if withheld.")
            )
        return number

    def _parse_start(self, value):
        text = self._parse_text(value)
        try:
            # Python 3.10 does not know the Z
            start = datetime.fromisoformat(
                f"{text[:-1]}+00:00" if text[-1] in "zZ" else text
            )
            if start.tzinfo:
                start = start.astimezone(timezone.utc).replace(tzinfo=None)
            if ":" not in text or start < EARLIEST:
                raise ValueError(text)
        except (ValueError, OverflowError) as error:
            raise ValueError(
                request.env._(
                    "This must be a moment such as 2026-03-02T09:30:00+01:00; without "
                    "a time zone it is UTC."
                )
            ) from error
        if start > fields.Datetime.now() + CLOCK_SKEW:
            raise ValueError(request.env._("This is in the future."))
        return start.replace(microsecond=0)

    def _parse_duration(self, value):
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 <= value <= MAX_SECONDS
        ):
            raise ValueError(
                request.env._("This must be a number of seconds, up to a week.")
            )
        return value

    def _parse_answered(self, value):
        if not isinstance(value, bool):
            raise ValueError(request.env._("This must be true or false."))
        return value

    def _parse_agent(self, value):
        if value is None:
            return request.env["res.users"]
        agent = request.env["crm.phonecall"]._find_exchange_agent(
            self._parse_text(value)
        )
        if not agent:
            raise ValueError(
                request.env._(
                    "No user of the company has this login or e-mail address."
                )
            )
        return agent
