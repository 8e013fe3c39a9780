"""Any table file as a sheet."""

from anglewise.interop.arrow_file import ARROW_SUFFIXES, arrow_sheet
from anglewise.interop.delimited import delimited_sheet
from anglewise.interop.files import existing_file, suffix
from anglewise.interop.say import PathLike
from anglewise.interop.sheet import Sheet


def open_sheet(path: PathLike) -> Sheet:
    """Open CSV, TSV, parquet, feather and the like by what the name and the bytes say."""
    path = existing_file(path)
    return arrow_sheet(path) if suffix(path) in ARROW_SUFFIXES else delimited_sheet(path)
