"""Files that mean harm, or are broken: refused with a reason, and the next file is read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from befit.knowledge.chunking import chunk
from befit.knowledge.parsing import Parsed, ParseLimits, Parser, Unreadable
from tests.knowledge.parsing.office_files import (
    docx_that_unpacks_to,
    docx_with_body,
    lying_about_sizes,
    row,
    xlsx,
)
from tests.knowledge.parsing.pdf_files import pdf, pdf_whose_pages_go_round

Read = Callable[[str, bytes], Parsed]

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FAR_ROW = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
LAUGHS = (
    '<!DOCTYPE lol [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(97 + n)} "{f"&{chr(96 + n)};" * 10}">' for n in range(1, 20))
    + "]>"
)


@pytest.fixture(autouse=True)
def _the_next_file_is_read(read: Read) -> Iterator[None]:
    yield
    assert read("next.txt", b"still here").text == "still here"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("locked.pdf", pdf([[(72, 700, 12, "secret")]], password="open sesame"), "encrypted"),
        ("half.pdf", pdf([[(72, 700, 12, "text")] for _ in range(9)])[:2_000], "damaged"),
        ("head.pdf", b"%PDF-1.7\n", "damaged"),
        ("round.pdf", pdf_whose_pages_go_round(), "pages"),
        ("half.docx", docx_with_body("<w:p/>")[:9_000], "damaged"),
        ("broken.docx", docx_with_body("<w:p/"), "damaged"),
        (
            "small-liar.docx",
            lying_about_sizes(docx_that_unpacks_to(5_000), "word/media/image1.png", 100),
            "damaged",
        ),
        ("laughs.docx", docx_with_body("&t;", prolog=LAUGHS), "entities"),
        ("deep.docx", docx_with_body("<w:sdt>" * 10_000 + "</w:sdt>" * 10_000), "damaged"),
        ("far.xlsx", xlsx({"S": row(1, "a") + FAR_ROW}), "memory"),
        ("endless.csv", b'a,b\n1,"' + b"x" * 3_000_000, "cell"),
        ("wide.csv", b"a," * 6_000_000, "longer"),
        ("picture.pdf", b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
        ("song.txt", b"ID3\x04" + bytes(100), "MP3"),
        ("some.zip", b"PK\x05\x06" + bytes(18), "ZIP"),
        ("junk.txt", bytes(range(256)) * 40, "binary"),
        ("zeros.md", bytes(5_000), "binary"),
        ("old.doc", OLE + "WordDocument".encode("utf-16-le"), ".doc"),
        ("locked.xlsx", OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_is_refused_with_its_name_and_the_reason(
    read: Read, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(Unreadable, match=reason) as refused:
        read(name, content)
    assert refused.value.name == name
    assert str(refused.value).startswith(name)


def test_zip_bombs_are_measured_and_not_believed(tmp_path: Path) -> None:
    bomb = docx_that_unpacks_to(20 << 20)
    file = tmp_path / "bomb"
    with Parser(ParseLimits(inflated_bytes=8 << 20)) as parser:
        for content in (bomb, lying_about_sizes(bomb, "word/media/image1.png", 100)):
            file.write_bytes(content)
            with pytest.raises(Unreadable, match="zip bomb"):
                parser.parse(file, "bomb.docx")


def test_text_in_html_of_any_depth_is_read(read: Read) -> None:
    assert read("deep.html", b"<div>" * 10_000 + b"found").text == "found"
    assert read("formats.html", b"<b><i>" * 5_000 + b"found").text == "found"


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize(
    "unit",
    ["<!--x-->", "- ", "| a |\n", "#", "```\n", "\n\n", " ", "- a\n\n", "|-", "\t-\n", "=\n"],
)
def test_monotonous_text_is_read_and_cut_like_any_other(
    parser: Parser, name: str, unit: str
) -> None:
    parsed = parser.parse_text(unit * (120_000 // len(unit)), name)
    assert sum(each.end - each.start for each in chunk(parsed)) in {0, len(parsed.text)}


def test_comments_before_a_page_take_no_longer_than_others(read: Read) -> None:
    assert read("a.txt", b"<!--x-->" * 5_000).media_type == "text/plain"
    assert read("a.txt", b"<!--x-->" * 100 + b"<html><p>page").text == "page"


def test_a_gigabyte_of_nothing_is_refused_at_once(parser: Parser, tmp_path: Path) -> None:
    file = tmp_path / "large"
    for size, begin in ((1 << 30, b""), ((1 << 30) + 1, b""), (1 << 27, b"%PDF-1.7\n")):
        file.write_bytes(begin)
        os.truncate(file, size)
        with pytest.raises(Unreadable, match=r"binary|longer|larger|damaged"):
            parser.parse(file, "large.txt")


def test_text_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "long"
    with Parser(ParseLimits(text_chars=1_000)) as parser:
        for name, content in (
            ("a.txt", "x" * 1_001),
            ("a.html", f"<p>{'x ' * 900}"),
            ("a.csv", "a,b\n" * 400),
        ):
            file.write_text(content)
            with pytest.raises(Unreadable, match="longer than 1,000 characters"):
                parser.parse(file, name)
        with pytest.raises(Unreadable, match="longer than 1,000 characters"):
            parser.parse_text("x" * 1_001)


def test_neither_folders_nor_pipes_nor_missing_files_are_read(
    parser: Parser, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "missing"):
        with pytest.raises(Unreadable, match="no file"):
            parser.parse(tmp_path / name, "a.txt")


def test_memory_is_bounded(tmp_path: Path) -> None:
    file = tmp_path / "wide"
    file.write_bytes(b"<p>" * 9_000_000)
    with (
        Parser(ParseLimits(memory_bytes=400 << 20)) as parser,
        pytest.raises(Unreadable, match=r"MB to read|memory"),
    ):
        parser.parse(file, "wide.html")


def test_time_is_bounded_and_the_next_file_read(tmp_path: Path) -> None:
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    slow.write_bytes(b"<p>x" * 5_000_000)
    quick.write_bytes(b"quick")
    with Parser(ParseLimits(timeout_s=0.5)) as parser:
        assert parser.parse(quick, "quick.txt").text == "quick"
        with pytest.raises(Unreadable, match=r"longer than 0.5 s"):
            parser.parse(slow, "slow.html")
        assert parser.parse(quick, "quick.txt").text == "quick"


def test_a_process_that_dies_costs_one_file(tmp_path: Path) -> None:
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    slow.write_bytes(b"<p>x" * 3_000_000)
    quick.write_bytes(b"quick")
    before = set(_children(os.getpid()))
    with Parser() as parser:
        parser.parse(quick, "quick.txt")
        (child,) = set(_children(os.getpid())) - before
        killer = threading.Timer(0.3, os.kill, (child, signal.SIGKILL))
        killer.start()
        with pytest.raises(Unreadable, match="died"):
            parser.parse(slow, "slow.html")
        killer.join()
        assert parser.parse(quick, "quick.txt").text == "quick"


def test_the_process_ends_with_its_parent_even_amid_a_file(tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.write_bytes(b"<p>x" * 8_000_000)
    program = f"""
        from pathlib import Path
        from befit.knowledge.parsing import Parser
        Parser().parse(Path({str(slow)!r}), "slow.html")
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    children = _waited_for(lambda: _children(parent.pid))
    _waited_for(lambda: _cpu_ticks(children[0]) > 60)  # past its start, amid the file
    parent.kill()
    parent.wait()
    assert _waited_for(lambda: not _is_alive(children[0]))


def test_the_process_is_bounded_and_is_told_nothing_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "not for strangers")
    file = tmp_path / "a"
    file.write_bytes(b"text")
    before = set(_children(os.getpid()))
    with Parser() as parser:
        parser.parse(file, "a.txt")
        (child,) = set(_children(os.getpid())) - before
        assert b"PROVIDER_KEY" not in Path(f"/proc/{child}/environ").read_bytes()
        told = Path(f"/proc/{child}/limits").read_text().splitlines()
    bounds = {line[:26].strip(): line[26:].split()[0] for line in told}
    assert bounds["Max address space"] == str(ParseLimits().memory_bytes)
    assert bounds["Max core file size"] == "0"
    assert int(bounds["Max file size"]) <= 1 << 20
    assert int(bounds["Max cpu time"]) <= 70


def test_a_process_is_renewed_after_many_files(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"text")
    before = set(_children(os.getpid()))
    seen: set[int] = set()
    with Parser() as parser:
        for _ in range(510):
            assert parser.parse(file, "a.txt").text == "text"
            seen |= set(_children(os.getpid())) - before
    assert len(seen) == 2


def test_closing_leaves_no_process_behind(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"text")
    before = set(_children(os.getpid()))
    with Parser(processes=2) as parser:
        threads = [threading.Thread(target=parser.parse, args=(file, "a.txt")) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        started = set(_children(os.getpid())) - before
        assert 1 <= len(started) <= 2
    assert not started & set(_children(os.getpid()))


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task")
    return [
        int(child)
        for task in told.iterdir()
        for child in (task / "children").read_text().split()
        if b"knowledge.parsing" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _waited_for(seen: Callable[[], object], patience_s: float = 20.0) -> object:
    deadline = time.monotonic() + patience_s
    while not (found := seen()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return found
