"""See that an office file, a zip of XML, may be opened: that it neither grows without end nor reads other files."""

import re
import zipfile
from io import BytesIO

from kapelle.errors import UnreadableSource

MAX_UNPACKED = 200_000_000
"""Bytes that the parts of one file may come to when unpacked."""
_MAX_XML = 60_000_000
"""Bytes of one XML part: a tree of it takes many times as much."""
_MAX_PARTS = 20_000
_XML = (".xml", ".rels", ".vml")
_CODINGS = (b"utf-8", b"utf8", b"utf-16", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252")
_SAID = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_DOCTYPE = tuple("<!DOCTYPE".encode(coding) for coding in ("ascii", "utf-16-le", "utf-16-be"))
_OLD = b"\xd0\xcf\x11\xe0"
"""How files of the formats before 2007 begin, and protected ones."""


def check_package(content: bytes) -> None:
    """See that a package may be opened at all, before a converter does.

    Raises:
        UnreadableSource: it is no zip file, unpacks to more than `MAX_UNPACKED`, or one of its parts declares entities.
    """
    if content.startswith(_OLD):
        raise UnreadableSource("it needs a password, or is of an older format; save it anew without one")
    try:
        with zipfile.ZipFile(BytesIO(content)) as package:
            parts = package.infolist()
            unpacked = sum(part.file_size for part in parts)
            largest = max((part.file_size for part in parts if part.filename.lower().endswith(_XML)), default=0)
            if unpacked > MAX_UNPACKED or largest > _MAX_XML or len(parts) > _MAX_PARTS:
                raise UnreadableSource(
                    f"it unpacks to {unpacked:,} bytes in {len(parts):,} parts, more than an office file does; split it"
                )
            for part in parts:
                if part.filename.lower().endswith(_XML):
                    _check_xml(part.filename, package.read(part))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise UnreadableSource(f"it is no readable office file ({str(error)[:120]})") from None


def _check_xml(name: str, content: bytes) -> None:
    # No office file has a document type; one that has is made to read other files, or to grow without end.
    said = _SAID.match(content[:300].lstrip(b"\xef\xbb\xbf \t\r\n"))
    if said and said.group(1).lower() not in _CODINGS:
        raise UnreadableSource(f"its part `{name}` has an encoding that office files do not have")
    if any(mark in content for mark in _DOCTYPE):
        raise UnreadableSource(f"its part `{name}` declares entities, which office files never do")
