"""Read the text of a PDF, page by page; the only importer of pypdf."""

import logging
from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import FileNotDecryptedError, PyPdfError

from kapelle.errors import UnreadableSource
from kapelle.evidence.blocks import PAGE

# It tells of every oddity of a file; what cannot be read is raised.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def read_pdf(content: bytes) -> str:
    """The text of a PDF's pages, parted by form feeds; pages without text are empty.

    Raises:
        UnreadableSource: it is broken, needs a password, or holds pictures of text only.
    """
    try:
        reader = PdfReader(BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableSource("it needs a password; save it without one")
        pages = [page.extract_text().replace(PAGE, " ").strip() for page in reader.pages]
    except FileNotDecryptedError:
        raise UnreadableSource("it needs a password; save it without one") from None
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError) as error:
        # pypdf says of itself that broken files may raise anything of these.
        raise UnreadableSource(f"it is no readable PDF ({str(error)[:120] or type(error).__name__})") from None
    if not any(pages):
        raise UnreadableSource("it has no text, only pictures of it; run a text recognition over it first")
    return PAGE.join(pages)
