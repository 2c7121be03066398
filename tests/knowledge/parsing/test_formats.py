"""What is read of each format, in the process of its own."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import docx
import pptx
import pytest
from docx.oxml import parse_xml
from pptx.util import Inches

from befit.knowledge.parsing import Block, BlockKind, Parsed, Unreadable, parse_text
from tests.knowledge.parsing.office_files import archive, docx_with_body, parts_of, row, xlsx
from tests.knowledge.parsing.pdf_files import pdf

RUSSIAN = (
    "\u043f\u043e\u0435\u0437\u0434\u043a\u0438 "
    "\u0437\u0430 \u0441\u0447\u0451\u0442 \u0444\u0438\u0440\u043c\u044b"
)
Read = Callable[[str, bytes], Parsed]


def _saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # pyright: ignore[reportAttributeAccessIssue]  # both libraries' have it
    return out.getvalue()


def _blocks(parsed: Parsed) -> list[tuple[str, str]]:
    return [(block.kind.value, parsed.text[block.start : block.end]) for block in parsed.blocks]


def _handbook() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Handbook"
    document.sections[0].header.paragraphs[0].text = "CONFIDENTIAL HEADER"
    document.add_heading("Travel", level=1)
    document.add_paragraph("Trains before planes.")
    document.add_paragraph("first class", style="List Bullet")
    document.add_paragraph("with a receipt", style="List Number")
    table = document.add_table(rows=2, cols=2)
    for place, text in enumerate(("Item", "Limit\nper day", "Hotel", "120 \u20ac")):
        table.cell(place // 2, place % 2).text = text
    document.add_heading("Abroad", level=2)
    document.add_paragraph("Ask first.")
    return _saved(document)


def test_word_document_keeps_its_order_and_leaves_headers_out(read: Read) -> None:
    parsed = read("handbook.docx", _handbook())
    assert _blocks(parsed) == [
        ("heading", "Travel"),
        ("paragraph", "Trains before planes."),
        ("list", "- first class\n- with a receipt"),
        ("table", "Item | Limit per day\nHotel | 120 \u20ac"),
        ("heading", "Abroad"),
        ("paragraph", "Ask first."),
    ]
    assert [block.level for block in parsed.blocks if block.kind is BlockKind.HEADING] == [1, 2]
    assert parsed.title == "Handbook"
    assert not parsed.warnings


def test_word_document_reads_insertions_and_controls_but_nothing_deleted(read: Read) -> None:
    body = (
        "<w:p><w:r><w:t>kept </w:t></w:r><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>controlled</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    assert read("a.docx", docx_with_body(body)).text == "kept inserted\n\ncontrolled"


def test_presentation_has_a_page_a_slide_with_notes_and_tables(read: Read) -> None:
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Plan"
    first.placeholders[1].text = "one\ntwo"
    first.notes_slide.notes_text_frame.text = "Say it slowly."
    second = deck.slides.add_slide(deck.slide_layouts[5])
    second.shapes.title.text = "Figures"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for place, text in enumerate(("Year", "Sum", "2024", "7")):
        table.cell(place // 2, place % 2).text = text
    hidden = deck.slides.add_slide(deck.slide_layouts[5])
    hidden.shapes.title.text = "Not shown"
    hidden.element.set("show", "0")
    parsed = read("deck.pptx", _saved(deck))
    assert _blocks(parsed) == [
        ("heading", "Plan"),
        ("list", "- one\n- two"),
        ("paragraph", "Say it slowly."),
        ("heading", "Figures"),
        ("table", "Year | Sum\n2024 | 7"),
    ]
    assert [
        (page.number, parsed.text[page.start : page.end].split()[0]) for page in parsed.pages
    ] == [
        (1, "Plan"),
        (2, "Figures"),
    ]
    assert parsed.title == "Plan"
    assert parsed.warnings == ("left out: hidden slides (1)",)


def test_workbook_has_a_page_a_sheet_and_a_line_a_row(read: Read) -> None:
    content = xlsx(
        {
            "Prices": row(1, "Item", "Price") + row(3, "Bolt\nM8", 12.5) + row(4, "Nut", 3),
            "Salaries": row(1, "secret"),
            "Notes": row(1, "only this"),
        },
        hidden=["Salaries"],
    )
    parsed = read("prices.xlsx", content)
    assert _blocks(parsed) == [
        ("heading", "Prices"),
        ("table", "Item | Price\nBolt M8 | 12.5\nNut | 3"),
        ("heading", "Notes"),
        ("table", "only this"),
    ]
    assert [page.number for page in parsed.pages] == [1, 2]
    assert parsed.warnings == ("left out: hidden sheets (1)",)


def test_opendocument_spreadsheet_is_read_and_its_text_document_named(read: Read) -> None:
    names = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{names}:office:1.0" '
        f'xmlns:table="{names}:table:1.0" xmlns:text="{names}:text:1.0"><office:body>'
        '<office:spreadsheet><table:table table:name="S"><table:table-row>'
        '<table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell>'
        '<table:table-cell office:value-type="float" office:value="2"/>'
        "</table:table-row></table:table></office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    )
    parts = {"content.xml": content, "META-INF/manifest.xml": manifest}
    sheet = archive({"mimetype": f"{kind}.spreadsheet", **parts})
    assert read("s.ods", sheet).text == "S\n\na | 2"
    with pytest.raises(Exception, match=r"opendocument\.text"):
        read("t.odt", archive({"mimetype": f"{kind}.text", **parts}))


def test_web_page_is_read_without_menus_and_scripts(read: Read) -> None:
    page = """<!doctype html><title>Leave &amp; holidays</title>
    <style>p{}</style><nav>Home <a href=/>menu</a></nav>
    <h1>Leave</h1><p>Thirty   <b>days</b>&nbsp;a year.<br>No more.
    <ul><li>Ask<li>Wait<ul><li>longer</ul></ul>
    <table><tr><th>Who<th>Days<tr><td>All<td>30</table>
    <div hidden>unseen</div><p style="display: none">unseen</p>
    <pre>one\n  two</pre><script>alert("x")</script><footer>imprint</footer>"""
    parsed = read("leave.html", page.encode())
    assert _blocks(parsed) == [
        ("heading", "Leave"),
        ("paragraph", "Thirty days\u00a0a year.\nNo more."),
        ("list", "- Ask\n- Wait\n  - longer"),
        ("table", "Who | Days\nAll | 30"),
        ("code", "one\n  two"),
    ]
    assert parsed.title == "Leave & holidays"


def test_web_page_is_its_main_part_where_it_has_one(read: Read) -> None:
    told = "What matters. " * 30
    page = f"<div>Sign in</div><main><p>{told}</p></main><div>Related</div>"
    assert read("a.html", page.encode()).text == told.strip()
    assert "Sign in" in read("b.html", b"<div>Sign in</div><main></main>").text


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="shift_jis">', "shift_jis"),
        ('<meta http-equiv=Content-Type content="text/html; charset=windows-1251">', "cp1251"),
        ("", "utf-8"),
        ("", "utf-16"),
    ],
)
def test_web_page_is_decoded_as_it_declares(read: Read, head: str, encoding: str) -> None:
    said = (
        "\u3053\u3093\u306b\u3061\u306f"
        if encoding != "cp1251"
        else "\u043f\u0440\u0438\u0432\u0435\u0442"
    )
    parsed = read("a.html", f"<html><head>{head}</head><p>{said}".encode(encoding))
    assert (parsed.text, parsed.warnings) == (said, ())


def test_markdown_stays_as_it_is_and_its_blocks_are_found(read: Read) -> None:
    text = (
        "---\ntitle: Guide\n---\n\n# One\n\nA line\nand more\n\n- a\n\n- b\n\n  still b\n\nNext.\n"
        "| a | b |\n|---|:-:|\n| 1 | 2 |\n\nTwo\n===\n```sh\n# not a heading\n\n```\n    code\n"
    )
    parsed = read("guide.md", text.encode())
    assert parsed.text == text
    assert parsed.title == "Guide"
    assert _blocks(parsed) == [
        ("code", "---\ntitle: Guide\n---"),
        ("heading", "# One"),
        ("paragraph", "A line\nand more"),
        ("list", "- a\n\n- b\n\n  still b"),
        ("paragraph", "Next."),
        ("table", "| a | b |\n|---|:-:|\n| 1 | 2 |"),
        ("heading", "Two\n==="),
        ("code", "```sh\n# not a heading\n\n```"),
        ("code", "    code"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_table_as_text_is_split_at_what_separates_it(read: Read, delimiter: str) -> None:
    content = f'Name{delimiter}Price, net\n"Bolt\nM8"{delimiter}3;5\n\nNut{delimiter}4\n'
    quoted = content.replace("Price, net", '"Price, net"').replace("3;5", '"3;5"')
    parsed = read("a.csv", quoted.encode())
    assert parsed.text == "Name | Price, net\nBolt M8 | 3;5\nNut | 4"
    assert [block.kind for block in parsed.blocks] == [BlockKind.TABLE]


def test_pdf_tells_pages_headings_paragraphs_and_tables(read: Read) -> None:
    parsed = read(
        "rules.pdf",
        pdf(
            [
                [
                    (72, 720, 24, "Travel rules"),
                    (72, 690, 12, "The first paragraph is so long that"),
                    (72, 676, 12, "it goes on in a second line."),
                    (72, 640, 12, "Another."),
                    (72, 600, 12, "Item"),
                    (300, 600, 12, "Limit"),
                    (72, 586, 12, "Hotel"),
                    (300, 586, 12, "120 \u20ac"),
                ],
                [(72, 720, 12, "On the second page.")],
            ],
            title="Rules of travel",
        ),
    )
    assert _blocks(parsed) == [
        ("heading", "Travel rules"),
        ("paragraph", "The first paragraph is so long that\nit goes on in a second line."),
        ("paragraph", "Another."),
        ("table", "Item | Limit\nHotel | 120 \u20ac"),
        ("paragraph", "On the second page."),
    ]
    assert parsed.title == "Rules of travel"
    assert parsed.dated_s == 1_709_640_000
    second = parsed.pages[1]
    assert parsed.text[second.start : second.end] == "On the second page."


def test_pdf_tells_where_each_line_stands(read: Read) -> None:
    parsed = read("a.pdf", pdf([[(72, 700, 12, "Above")], [(100, 300, 12, "Below it")]]))
    told = [(parsed.text[line.start : line.end], line.page) for line in parsed.lines]
    assert told == [("Above", 1), ("Below it", 2)]
    below = parsed.lines[1]
    assert abs(below.left - 100) < 3
    assert abs(below.bottom - 300) < 4
    assert below.left < below.right
    assert below.bottom < below.top


def test_pdf_with_turned_text_many_pages_or_an_empty_password_is_read(read: Read) -> None:
    turned = read(
        "a.pdf", pdf([[(100, 100, 12, "turned aside"), (120, 100, 12, "twice")]], rotated=True)
    )
    assert turned.text == "turned aside\ntwice"
    many = read("b.pdf", pdf([[(72, 700, 12, f"Page {n}")] for n in range(1, 400)]))
    assert [page.number for page in many.pages] == list(range(1, 400))
    assert read("c.pdf", pdf([[(72, 700, 12, "open")]], password="")).text == "open"


def test_pdf_without_text_is_told_to_be_a_scan(read: Read) -> None:
    parsed = read("scan.pdf", pdf([[], []]))
    assert (parsed.text, parsed.warnings) == ("", ("no text: a scan",))


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("report.txt", pdf([[(72, 700, 12, "text")]]), "application/pdf"),
        ("report.pdf", _handbook(), "wordprocessingml"),
        ("export.xls", b"<html><table><tr><td>a<td>b</table>", "text/html"),
        ("no-ending", b"text", "text/plain"),
        ("page.xlsx", xlsx({"S": row(1, "x", "y")}), "spreadsheetml"),
        ("READ.MD", b"# Title", "text/markdown"),
    ],
)
def test_content_says_what_a_file_is_before_its_name(
    read: Read, name: str, content: bytes, media_type: str
) -> None:
    assert media_type in read(name, content).media_type


@pytest.mark.parametrize(
    ("text", "encoding", "is_guessed"),
    [
        ("Gr\u00f6\u00dfe \u20ac", "utf-8", False),
        ("Gr\u00f6\u00dfe \u20ac", "utf-8-sig", False),
        ("Gr\u00f6\u00dfe \u20ac", "utf-16", False),
        ("Gr\u00f6\u00dfe \u20ac", "utf-32", False),
        ("Only ASCII, without a mark", "utf-16-le", True),
        ("Gr\u00f6\u00dfe \u20ac, na\u00efve caf\u00e9", "cp1252", True),
        (
            RUSSIAN,
            "cp1251",
            True,
        ),
        (
            RUSSIAN,
            "koi8-r",
            True,
        ),
        (
            "\u65c5\u884c\u306e\u8cbb\u7528\u306f\u4f1a\u793e\u304c\u6255\u3044\u307e\u3059\u3002",
            "shift_jis",
            True,
        ),
        (
            "\u6240\u6709\u7684\u65c5\u884c\u8d39\u7528\u7531\u516c\u53f8\u652f\u4ed8\u3002",
            "gb18030",
            True,
        ),
        (
            "\uc5ec\ud589 \uacbd\ube44\ub294 \ud68c\uc0ac\uac00 \uc9c0\ubd88\ud569\ub2c8\ub2e4",
            "euc_kr",
            True,
        ),
    ],
)
def test_text_is_decoded_and_a_guess_is_told(
    read: Read, text: str, encoding: str, is_guessed: bool
) -> None:
    parsed = read("a.txt", text.encode(encoding))
    assert parsed.text == text
    assert bool(parsed.warnings) is is_guessed


def test_line_ends_of_files_are_one_kind_and_those_of_given_text_stay(read: Read) -> None:
    assert read("a.txt", b"one\r\ntwo\rthree\n").text == "one\ntwo\nthree\n"
    assert parse_text("one\r\ntwo\rthree\n").text == "one\r\ntwo\rthree\n"


def test_what_no_store_can_hold_is_replaced_one_for_one() -> None:
    assert parse_text("a\x00b\ud800c").text == "a\ufffdb\ufffdc"


def test_given_text_has_its_paragraphs() -> None:
    parsed = parse_text("  one\ntwo \n \n\tthree\r\n\r\nfour")
    assert _blocks(parsed) == [
        ("paragraph", "one\ntwo"),
        ("paragraph", "three"),
        ("paragraph", "four"),
    ]


def test_empty_files_are_read_and_told(read: Read) -> None:
    assert read("a.docx", b"").warnings == ("no text: it is empty",)
    assert read("a.html", b"<html><script>x</script></html>").warnings == ("no text",)


def test_blocks_rise_and_do_not_overlap(read: Read) -> None:
    parsed = read("a.docx", _handbook())
    ends = [0, *(block.end for block in parsed.blocks)]
    assert all(
        end <= block.start < block.end for end, block in zip(ends, parsed.blocks, strict=False)
    )
    assert isinstance(parsed.blocks[0], Block)


def test_word_document_with_macros_is_read(read: Read) -> None:
    document = docx.Document()
    document.add_paragraph("with macros")
    parts = parts_of(_saved(document))
    kind = b"application/vnd.ms-word.document.macroEnabled.main+xml"
    usual = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(usual, kind)
    assert read("a.docm", archive(parts)).text == "with macros"


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pdf", "a.html", "a.csv"])
def test_whatever_is_done_to_a_file_it_is_read_or_refused(read: Read, name: str) -> None:
    sound = {
        "a.docx": _handbook(),
        "a.xlsx": xlsx({"S": row(1, "a", 2) + row(2, "b", 3)}),
        "a.pdf": pdf([[(72, 700, 12, "one"), (300, 700, 12, "two")]] * 3),
        "a.html": b"<title>t</title><ul><li>a<table><tr><td>b<td>c</table></ul><pre>d",
        "a.csv": b'a;"b\nc";d\n1;2;3\n',
    }[name]
    draws = random.Random(name)
    for _ in range(30):
        content = _mutated(sound, draws)
        try:
            read(name, content)
        except Unreadable as error:
            assert "reader" not in error.reason


def _mutated(content: bytes, draws: random.Random) -> bytes:
    """Some bytes changed: of an archive, within one of its parts."""
    if content.startswith(b"PK") and draws.random() < 0.9:
        parts = parts_of(content)
        name = draws.choice(sorted(parts))
        return archive({**parts, name: _mutated(parts[name], draws)})
    changed = bytearray(content)
    for _ in range(draws.randint(1, 8)):
        at = draws.randrange(len(changed) + 1)
        match draws.randrange(3):
            case 0:
                changed[at : at + 1] = draws.randbytes(1)
            case 1:
                del changed[at : at + draws.randint(1, 20)]
            case _:
                changed[at:at] = changed[at : at + draws.randint(1, 50)]
    return bytes(changed)


def test_word_document_with_a_text_box_says_it_once(read: Read) -> None:
    names = (
        'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    )
    box = "<w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent>"
    document = docx.Document()
    document.element.body.insert(
        0,
        parse_xml(
            f"<w:p {names}><w:r><w:t>before</w:t><mc:AlternateContent><mc:Choice>{box}"
            f"</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
        ),
    )
    assert read("a.docx", _saved(document)).text == "before\nin a box"
