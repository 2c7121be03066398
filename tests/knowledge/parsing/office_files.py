"""Office files as archives of parts, sound and hostile."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

import docx

_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def archive(parts: Mapping[str, bytes | str]) -> bytes:
    """A ZIP archive of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in parts.items():
            opened.writestr(name, content)
    return out.getvalue()


def parts_of(content: bytes) -> dict[str, bytes]:
    """The parts of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def xlsx(sheets: Mapping[str, str], *, hidden: Sequence[str] = ()) -> bytes:
    """A workbook of sheets whose rows are given as XML."""
    named = list(sheets)
    listed = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"'
        + (' state="hidden"/>' if name in hidden else "/>")
        for number, name in enumerate(named, start=1)
    )
    related = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" '
        f'Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, len(named) + 1)
    )
    return archive(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
            f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
            "</Relationships>",
            "xl/workbook.xml": f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_OFFICE}">'
            f"<sheets>{listed}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
            f"{related}</Relationships>",
        }
        | {
            f"xl/worksheets/sheet{number}.xml": f'<worksheet xmlns="{_SPREADSHEET}"><sheetData>'
            f"{sheets[name]}</sheetData></worksheet>"
            for number, name in enumerate(named, start=1)
        }
    )


def row(number: int, *values: object) -> str:
    """A row of a sheet: texts and numbers from column A on."""
    cells = [
        f'<c r="{chr(65 + place)}{number}" t="inlineStr"><is><t>{value}</t></is></c>'
        if isinstance(value, str)
        else f'<c r="{chr(65 + place)}{number}"><v>{value}</v></c>'
        for place, value in enumerate(values)
    ]
    return f'<row r="{number}">{"".join(cells)}</row>'


def docx_with_body(body: str, *, prolog: str = "") -> bytes:
    """A Word document whose body is this XML."""
    parts = _parts_of_an_empty_document()
    parts["word/document.xml"] = (
        f'{prolog}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'.encode()
    )
    return archive(parts)


def docx_that_unpacks_to(size: int) -> bytes:
    """A zip bomb: a part of zeros in an otherwise sound document."""
    return archive({**_parts_of_an_empty_document(), "word/media/image1.png": bytes(size)})


def lying_about_sizes(content: bytes, name: str, said: int) -> bytes:
    """The archive with another size told for one of its parts, in both places that tell it."""
    changed = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        entry = opened.getinfo(name)
        directory = opened.start_dir
    struct.pack_into("<I", changed, entry.header_offset + 22, said)
    at = changed.index(name.encode(), directory) - 46
    struct.pack_into("<I", changed, at + 24, said)
    return bytes(changed)


def _parts_of_an_empty_document() -> dict[str, bytes]:
    out = io.BytesIO()
    docx.Document().save(out)
    return parts_of(out.getvalue())
