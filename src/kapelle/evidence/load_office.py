"""Convert docx, pptx and xlsx to Markdown; the only importer of markitdown, and of openpyxl, which comes with it.

Workbooks are read by openpyxl itself: markitdown reads them by pandas, which turns the number 10 beside an empty cell
into 10.0, and the words NA and None into NaN. A quote would say what the sheet does not.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from io import BytesIO

from markitdown import DocumentConverter, StreamInfo
from markitdown.converters import DocxConverter, PptxConverter
from openpyxl import load_workbook

from kapelle.errors import UnreadableSource

_CONVERTERS: dict[str, Callable[[], DocumentConverter]] = {"docx": DocxConverter, "pptx": PptxConverter}


def read_office(content: bytes, suffix: str) -> str:
    """An office file as Markdown; `package.check_package` has looked at it before.

    Raises:
        UnreadableSource: it is broken.
    """
    try:
        if suffix == "xlsx":
            return _workbook(content)
        converter = _CONVERTERS[suffix]()
        return converter.convert(BytesIO(content), StreamInfo(extension=f".{suffix}")).markdown
    except MemoryError:
        raise
    except Exception as error:  # whatever a converter raises about a broken file: the file is the one to blame
        raise UnreadableSource(
            f"it is no readable {suffix} file ({str(error)[:120] or type(error).__name__})"
        ) from None


def _workbook(content: bytes) -> str:
    workbook = load_workbook(BytesIO(content), read_only=True, data_only=True)
    try:
        sheets = [f"## {sheet.title}\n\n{_table(sheet.iter_rows(values_only=True))}" for sheet in workbook.worksheets]
    finally:
        workbook.close()
    return "\n\n".join(sheets)


def _table(rows: Iterable[Iterable[object]]) -> str:
    """A sheet as a Markdown table, its first row the header; empty rows and cells at the end are left out."""
    shown = list(_shown(rows))
    if not shown:
        return ""
    width = max(len(row) for row in shown)
    full = [[*row, *[""] * (width - len(row))] for row in shown]
    return "\n".join(f"| {' | '.join(row)} |" for row in [full[0], ["---"] * width, *full[1:]])


def _shown(rows: Iterable[Iterable[object]]) -> Iterator[list[str]]:
    for row in rows:
        cells = [_cell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield cells


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat(*((" ",) if isinstance(value, datetime) else ()))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return " ".join(str(value).replace("|", "\\|").split())
