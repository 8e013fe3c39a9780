"""The files that pages load, read once; a client names one of these and nothing else."""

from functools import cache
from importlib.resources import files

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Name to bytes and type.

    >>> "page.css" in static_files(), static_files()["report.css"][1]
    (True, 'text/css')
    """
    here = files("anglewise.inspect").joinpath("static")
    found = {
        file.name: (file.read_bytes(), KINDS[suffix])
        for file in here.iterdir()
        for suffix in (file.name[file.name.rfind(".") :],)
        if suffix in KINDS
    }
    report = files("anglewise.report").joinpath("page.css").read_bytes()
    return {**found, "report.css": (report, "text/css")}
