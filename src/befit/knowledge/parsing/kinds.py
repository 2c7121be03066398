"""`FileKind`: what a file is, by its content first and by its name's ending second."""

from __future__ import annotations

import mmap
import re
import zipfile
from enum import StrEnum
from pathlib import Path, PurePosixPath

from befit.knowledge.parsing.unreadable import Unreadable


class FileKind(StrEnum):
    """The kinds that can be read. Each value is its media type."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    XLSB = "application/vnd.ms-excel.sheet.binary.macroEnabled.12"
    XLS = "application/vnd.ms-excel"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    CSV = "text/csv"
    TSV = "text/tab-separated-values"
    PLAIN = "text/plain"

    @property
    def is_packed(self) -> bool:
        """Whether it is a ZIP archive inside."""
        return self in {FileKind.DOCX, FileKind.PPTX, FileKind.XLSX, FileKind.XLSB, FileKind.ODS}


BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,  # a compression that Python does not know
    RuntimeError,  # an encryption
)
"""What Python raises of a ZIP archive that is none."""

_HEAD_BYTES = 4_096
_PDF = b"%PDF-"
_PDF_WITHIN = 1_024
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_SEARCHED = 64 << 20
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)*+"
    rb"<(?:!doctype\s+html|html|head|body)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_ENDINGS = {
    ".htm": FileKind.HTML,
    ".html": FileKind.HTML,
    ".xhtml": FileKind.HTML,
    ".md": FileKind.MARKDOWN,
    ".markdown": FileKind.MARKDOWN,
    ".csv": FileKind.CSV,
    ".tsv": FileKind.TSV,
    ".tab": FileKind.TSV,
}
_MAIN_PARTS = {
    "word/document.xml": FileKind.DOCX,
    "ppt/presentation.xml": FileKind.PPTX,
    "xl/workbook.xml": FileKind.XLSX,
    "xl/workbook.bin": FileKind.XLSB,
}
_OTHERS = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"BM": "a bitmap image",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"RIFF": "sound, video or an image (RIFF)",
    b"ID3": "sound (MP3)",
    b"OggS": "sound (Ogg)",
    b"\x1a\x45\xdf\xa3": "a video (Matroska)",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\xca\xfe\xba\xbe": "a program",
    b"SQLite format 3\x00": "a SQLite database",
    b"{\\rtf": "RTF",
    b"%!PS": "PostScript",
}
_AMBIGUOUS = frozenset({b"BM", b"MZ"})  # text may begin like it; what is binary has NULs
_ISO_MEDIA = b"ftyp"


def kind_of(file: Path, name: str) -> FileKind:
    """What a file is.

    Args:
        file: where its bytes are.
        name: what it is called; its ending decides between kinds of text.

    Raises:
        Unreadable: a kind that Befit does not read, named in the reason.
    """
    with file.open("rb") as opened:
        head = opened.read(_HEAD_BYTES)
    if _PDF in head[:_PDF_WITHIN]:
        return FileKind.PDF
    if head.startswith(_ZIP):
        return _packed_kind(file)
    if head.startswith(_OLE):
        return _ole_kind(file)
    _refuse_others(head)
    if _HTML.match(head) and _ending(name) not in {".md", ".markdown"}:
        return FileKind.HTML
    return text_kind_of(name)


def text_kind_of(name: str) -> FileKind:
    """What kind of text a file of this name holds."""
    return _ENDINGS.get(_ending(name), FileKind.PLAIN)


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.casefold()


def _refuse_others(head: bytes) -> None:
    for signature, what in _OTHERS.items():
        if head.startswith(signature) and (signature not in _AMBIGUOUS or b"\x00" in head):
            raise Unreadable(f"it is {what}, which holds no text to read")
    if head[4:8] == _ISO_MEDIA:
        raise Unreadable("it is sound or video (MP4), which holds no text to read")


def _packed_kind(file: Path) -> FileKind:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.NameToInfo
            for part, kind in _MAIN_PARTS.items():
                if part in names:
                    return kind
            if "mimetype" not in names:
                raise Unreadable("it is a ZIP archive and no office file")
            with archive.open("mimetype") as entry:
                media_type = entry.read(200).decode("ascii", "replace").strip()
    except BROKEN_ARCHIVE as error:
        raise Unreadable("it is damaged: a ZIP archive cut short or broken") from error
    if media_type.startswith(FileKind.ODS):
        return FileKind.ODS
    raise Unreadable(f"it is {media_type[:80]!r}, which is not read")


def _ole_kind(file: Path) -> FileKind:
    """Of the container that Office used before 2007, and uses for what is encrypted."""
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as seen:
        for stream, kind in (
            ("EncryptedPackage", None),
            ("WordDocument", "a Word document of before 2007 (.doc)"),
            ("PowerPoint Document", "a presentation of before 2007 (.ppt)"),
            ("Workbook", FileKind.XLS),
            ("Book", FileKind.XLS),
        ):
            if seen.find(stream.encode("utf-16-le"), 0, _OLE_SEARCHED) < 0:
                continue
            if isinstance(kind, FileKind):
                return kind
            if kind is None:
                raise Unreadable("it is encrypted", next_step="save it without a password")
            raise Unreadable(f"it is {kind}", next_step="save it in today's format")
    raise Unreadable("it is a container (OLE) that holds no office file known")
