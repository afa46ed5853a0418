"""From the bytes of a CSV or XLSX file to rows, or to errors that name the line.

Odoo's own reader of import files drops empty lines, so it cannot tell on which
line an error is; hence this one.
"""

import csv
import datetime
import io
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field

import openpyxl
import pytz
from openpyxl.utils.exceptions import InvalidFileException

from ..drawing.page import NOT_IN_XML, printable

COLUMNS = (
    "deal",
    "stage",
    "date_entered",
    "outcome",
    "lost_reason",
    "amount",
    "salesperson",
)
REQUIRED_COLUMNS = ("deal", "stage", "date_entered")
OUTCOMES = ("lost", "on_hold")

MAX_BYTES = 100_000_000
MAX_ROWS = 500_000
# Of an XLSX file unpacked: all of it, and its texts, which are held at once.
MAX_UNPACKED = 500_000_000
MAX_STRINGS = 100_000_000
MAX_LETTERS = 1_000
# Beyond that, Odoo does not keep the cents.
MAX_AMOUNT = 10**13
YEARS = range(1900, 9999)
LARGEST_OFFSET = datetime.timedelta(hours=15)

SEPARATORS = ",;\t|"
FORMULA_ERRORS = {
    "#DIV/0!",
    "#N/A",
    "#NAME?",
    "#NULL!",
    "#NUM!",
    "#REF!",
    "#VALUE!",
}
ISO_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(?: ?(Z|UTC|[+-]\d\d:?(?:\d\d)?))?)?"
)
# What a broken XLSX file makes of the libraries that read it.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    InvalidFileException,
    # of either parser
    SyntaxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    OSError,
    RuntimeError,
)
CHUNK = 1_000_000
PLAIN_AMOUNT = re.compile(r"[+-]?\d+(\.\d+)?")


class FileError(Exception):
    """The file as a whole cannot be read.

    :ivar str reason: one of ``empty``, ``too_big``, ``too_many_rows``,
        ``unreadable``, ``encoding``, ``missing_columns``, ``repeated_column``,
        ``bad_header``
    :ivar str detail: what it was about, may be empty
    """

    def __init__(self, reason, detail=""):
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class RowError:
    """What is wrong in one cell.

    :ivar int line: line of the file (CSV) or row of the sheet (XLSX), from 1
    :ivar str column: one of :data:`COLUMNS`, empty for the row as a whole
    :ivar str reason: what is wrong, a word for each kind of error
    :ivar str value: what stood in the cell
    """

    line: int
    column: str
    reason: str
    value: str = ""


@dataclass
class Row:
    """One row of the file: a deal entered a stage, or ended, or both at once.

    :ivar datetime.datetime moment: in UTC, without zone, as exact as in the file
    :ivar str outcome: one of :data:`OUTCOMES` or empty
    :ivar float amount: None where the file says nothing
    """

    line: int
    deal: str
    stage: str
    moment: datetime.datetime
    outcome: str
    lost_reason: str
    amount: float | None
    salesperson: str


@dataclass
class Table:
    """What was read.

    :ivar list rows: of :class:`Row`, in the order of the file
    :ivar list errors: of :class:`RowError`
    :ivar dict headers: column to its header in the file
    :ivar list ignored: headers of columns that mean nothing here
    """

    rows: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)
    ignored: list = field(default_factory=list)


@dataclass(frozen=True)
class Locale:
    """How the user writes dates and amounts.

    :ivar zone: ``pytz`` time zone of the dates without one
    :ivar tuple date_formats: ``strptime`` patterns accepted beside ISO 8601
    :ivar str decimal_point: of the amounts
    :ivar str thousands_separator: of the amounts, may be empty
    :ivar dict labels: column to further headers for it, in the user's language
    :ivar dict outcomes: outcome to its name in the user's language
    """

    zone: datetime.tzinfo = pytz.utc
    date_formats: tuple = ()
    decimal_point: str = "."
    thousands_separator: str = ","
    labels: dict = field(default_factory=dict)
    outcomes: dict = field(default_factory=dict)


def read(content, locale, now):
    """Read a file of stage history.

    :param bytes content: of a CSV or XLSX file
    :param Locale locale: of the user
    :param datetime.datetime now: in UTC, without zone; later dates are errors
    :rtype: Table
    :raises FileError: when no row can be read at all
    """
    if not content.strip():
        raise FileError("empty")
    if len(content) > MAX_BYTES:
        raise FileError("too_big")
    lines = _read_xlsx(content) if content.startswith(b"PK\x03\x04") else None
    if lines is None:
        lines = _read_csv(content, _known_headers(locale))
    filled = ((line, cells) for line, cells in lines if any(map(text_of, cells)))
    _line, header = next(filled, (0, None))
    if header is None:
        raise FileError("empty")
    table = Table()
    columns = _find_columns(header, locale, table)
    reader = _RowReader(columns, len(header), locale, now, table.errors)
    for count, (line, cells) in enumerate(filled, 1):
        if count > MAX_ROWS:
            raise FileError("too_many_rows", str(MAX_ROWS))
        row = reader.read_row(line, cells)
        if row:
            table.rows.append(row)
    if not table.rows and not table.errors:
        raise FileError("empty")
    return table


def _read_csv(content, known_headers):
    """Yield line number and cells of a CSV file, its encoding and separator
    found out."""
    text = _decode(content)
    first_line = next((line for line in text.splitlines() if line.strip()), "")

    def columns_found(separator):
        cells = next(csv.reader([first_line], delimiter=separator), [])
        return sum(_normalize(cell) in known_headers for cell in cells)

    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=max(SEPARATORS, key=columns_found))
    line = 1
    try:
        for cells in reader:
            yield line, cells
            # a quoted cell may go on over several lines
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileError("unreadable", f"{reader.line_num}: {error}") from error


def _decode(content):
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encodings = ["utf-16"] if is_utf16 else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileError("encoding")


def _read_xlsx(content):
    """Yield row number and cells of the first sheet of an XLSX file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_parts(archive)
        book = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True
        )
        sheet = book.worksheets[0]
        # some programs write a wrong extent into the sheet
        sheet.reset_dimensions()
        yield from enumerate(sheet.iter_rows(values_only=True), 1)
    except BROKEN as error:
        raise FileError("unreadable", printable(str(error))[:200]) from error


def _check_parts(archive):
    """Refuse what would unpack to more than a server can hold, before it is read.

    :param zipfile.ZipFile archive: of the XLSX file
    :raises FileError: for a file that is too big, and for one that defines entities,
        which no program for spreadsheets does
    """
    parts = archive.infolist()
    strings = [part for part in parts if "sharedstrings" in part.filename.casefold()]
    if (
        sum(part.file_size for part in parts) > MAX_UNPACKED
        or sum(part.file_size for part in strings) > MAX_STRINGS
    ):
        raise FileError("too_big")
    for part in parts:
        with archive.open(part) as content:
            end = b""
            while chunk := content.read(CHUNK):
                if b"<!DOCTYPE" in end + chunk or b"<!ENTITY" in end + chunk:
                    raise FileError("unreadable", f"{part.filename}: DOCTYPE")
                end = chunk[-10:]


def _normalize(header):
    """A header without what people write differently.

    >>> _normalize(" Date Entered ")
    'date_entered'
    """
    return re.sub(r"[\s_-]+", "_", text_of(header).casefold())


def _known_headers(locale):
    headers = {column: column for column in COLUMNS}
    for column, label in locale.labels.items():
        headers.setdefault(_normalize(label), column)
    return headers


def _find_columns(header, locale, table):
    """Where each column stands.

    :return: dict of column to index
    """
    known_headers = _known_headers(locale)
    columns = {}
    for index, cell in enumerate(header):
        if NOT_IN_XML.search(text_of(cell)) or len(text_of(cell)) > MAX_LETTERS:
            raise FileError("bad_header", printable(text_of(cell))[:50])
        column = known_headers.get(_normalize(cell))
        if column is None:
            if text_of(cell):
                table.ignored.append(text_of(cell))
        elif column in columns:
            raise FileError("repeated_column", text_of(cell))
        else:
            columns[column] = index
            table.headers[column] = text_of(cell)
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise FileError("missing_columns", ", ".join(missing))
    return columns


def text_of(value):
    """What a cell says, as text.

    >>> text_of(173688.0), text_of(None), text_of(" O_SENT ")
    ('173688', '', 'O_SENT')
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


class _RowReader:
    def __init__(self, columns, width, locale, now, errors):
        self.columns = columns
        self.width = width
        self.locale = locale
        self.now = now
        self.errors = errors
        self.outcomes = {outcome: outcome for outcome in OUTCOMES}
        for outcome, label in locale.outcomes.items():
            self.outcomes.setdefault(_normalize(label), outcome)

    def read_row(self, line, cells):
        """:return: a :class:`Row`, or None after noting what is wrong with it"""
        errors = []

        def cell(column):
            index = self.columns.get(column)
            return cells[index] if index is not None and index < len(cells) else None

        def wrong(column, reason):
            errors.append(RowError(line, column, reason, text_of(cell(column))))

        text = {column: text_of(cell(column)) for column in COLUMNS}
        if any(map(text_of, cells[self.width :])):
            errors.append(RowError(line, "", "too_many_cells"))
        for column, value in text.items():
            self._check_text(column, value, wrong)
        if not text["deal"]:
            wrong("deal", "no_deal")
        moment = self._read_moment(cell("date_entered"), wrong)
        outcome = text["outcome"]
        if outcome:
            outcome = self.outcomes.get(_normalize(outcome))
            if outcome is None:
                wrong("outcome", "unknown_outcome")
        elif not text["stage"]:
            wrong("stage", "no_stage")
        if text["lost_reason"] and outcome in ("", "on_hold"):
            wrong("lost_reason", "not_lost")
        amount = None
        if text["amount"]:
            amount = parse_amount(text["amount"], self.locale)
            if amount is None:
                wrong("amount", "bad_amount")
            elif abs(amount) >= MAX_AMOUNT:
                wrong("amount", "huge_amount")
        self.errors += errors
        if errors:
            return None
        return Row(
            line,
            text["deal"],
            text["stage"],
            moment,
            outcome,
            text["lost_reason"],
            amount,
            text["salesperson"],
        )

    def _check_text(self, column, value, wrong):
        if value in FORMULA_ERRORS:
            wrong(column, "formula_error")
        elif NOT_IN_XML.search(value):
            wrong(column, "control_character")
        elif len(value) > MAX_LETTERS:
            wrong(column, "too_long")

    def _read_moment(self, value, wrong):
        moment = parse_moment(value, self.locale)
        if not text_of(value):
            wrong("date_entered", "no_date")
        elif text_of(value) in FORMULA_ERRORS:
            return None
        elif moment is None:
            wrong("date_entered", "bad_date")
        elif moment > self.now:
            wrong("date_entered", "future_date")
        return moment


def parse_moment(value, locale):
    """The moment a cell tells, in UTC and without zone.

    ISO 8601 first, with or without time, fraction and zone, then the formats of
    the locale. An hour that the clock shows twice is the first one.

    >>> parse_moment("2011-10-01T00:38:44.546+02:00", Locale())
    datetime.datetime(2011, 9, 30, 22, 38, 44, 546000)
    >>> parse_moment("2011-10-01", Locale(zone=pytz.timezone("Europe/Amsterdam")))
    datetime.datetime(2011, 9, 30, 22, 0)
    >>> parse_moment("2011-02-30", Locale())

    :param value: text, date or datetime
    :rtype: datetime.datetime, None when it is no date
    """
    moment, offset = None, None
    if isinstance(value, datetime.datetime):
        moment = value
    elif isinstance(value, datetime.date):
        moment = datetime.datetime.combine(value, datetime.time())
    elif isinstance(value, str):
        moment, offset = _parse_moment_text(value.strip(), locale)
    if moment is None or moment.year not in YEARS:
        return None
    if offset is None:
        localized = locale.zone.localize(moment, is_dst=True)
        return localized.astimezone(pytz.utc).replace(tzinfo=None)
    return moment - offset


def _parse_moment_text(text, locale):
    match = ISO_MOMENT.fullmatch(text)
    if not match:
        for date_format in locale.date_formats:
            try:
                # the zone comes from the locale
                return datetime.datetime.strptime(text, date_format), None
            except ValueError:
                continue
        return None, None
    *parts, fraction, zone = match.groups()
    microseconds = int((fraction or "0").ljust(6, "0")[:6])
    try:
        moment = datetime.datetime(*(int(part or 0) for part in parts), microseconds)
    except ValueError:
        return None, None
    if not zone:
        return moment, None
    if zone in ("Z", "UTC"):
        return moment, datetime.timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset > LARGEST_OFFSET:
        return None, None
    return moment, -offset if zone[0] == "-" else offset


def parse_amount(text, locale):
    """The amount a cell tells.

    The way of the locale first, then a plain number with a decimal point.

    >>> parse_amount("20000", Locale()), parse_amount("1,234.50", Locale())
    (20000.0, 1234.5)
    >>> german = Locale(decimal_point=",", thousands_separator=".")
    >>> parse_amount("1.234,50", german), parse_amount("20.000", german)
    (1234.5, 20000.0)
    >>> parse_amount("NaN", Locale()), parse_amount("1,5", Locale())
    (None, None)
    >>> parse_amount("9" * 400, Locale())
    inf

    :param str text: what the cell says
    :rtype: float, None when it is no amount
    """
    text = re.sub(r"\s", "", text)
    point = re.escape(locale.decimal_point)
    thousands = re.escape(locale.thousands_separator.strip())
    grouped = rf"\d{{1,3}}(?:{thousands}\d{{3}})+|" if thousands else ""
    if re.fullmatch(rf"[+-]?(?:{grouped}\d+)(?:{point}\d+)?", text):
        if thousands:
            text = text.replace(locale.thousands_separator.strip(), "")
        text = text.replace(locale.decimal_point, ".")
    elif not PLAIN_AMOUNT.fullmatch(text):
        return None
    return float(text)
