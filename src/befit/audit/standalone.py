"""Check a proof or receipt of a Befit ledger, without Befit.

    python befit_verify.py FILE --public-key KEY [--checkpoint HELD]

FILE is what `befit audit prove` wrote, or the receipt of one answer. KEY is the ledger's
public key, `NAME+ID+BASE64`, or a file that holds it; of a ledger whose key was rotated,
any key of its chain. HELD is a checkpoint, or a list of them, that you kept yourself.

Exits 0 where what is printed is proved, 1 where it is not, 2 where it was called wrongly.
Needs Python 3.11 and `cryptography`. Formats: RFC 6962 trees, C2SP signed notes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import struct
import sys
from argparse import ArgumentParser, RawTextHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "befit/proof/1"
DASH = "\u2014 "
_NOTE = rf"(?:[^\n]+\n)+\n(?:{DASH}[^\n]+\n)+"
EMPTY = (0, hashlib.sha256(b"").digest())
SALT_BYTES = 16

T = TypeVar("T")
Head = tuple[int, bytes]  # size and root of a log
Heads = dict[str, Head]
Fields = dict[str, object]


class NotProved(Exception):
    """What was given does not prove what it says, or cannot be read at all."""


class Key(NamedTuple):
    """A public key that signs notes."""

    name: str
    ident: bytes
    raw: bytes
    text: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names; the exit code."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter)
    parser.add_argument("file", metavar="FILE", help="a proof or a receipt")
    parser.add_argument("--public-key", required=True, metavar="KEY", help="text, or a file")
    parser.add_argument("--checkpoint", metavar="HELD", help="a file of checkpoints you kept")
    given = parser.parse_args(arguments)
    named: str = given.public_key
    exit_code = 2  # wrong use, until everything that was named has been read
    try:
        key = parse_key(named if "+" in named else _read(named))
        notes = None if given.checkpoint is None else _read(given.checkpoint)
        text = _read(given.file)
        exit_code = 1
        held = None if notes is None else re.findall(_NOTE, notes)
        told = check(text, key, held)
    except NotProved as failure:
        sys.stderr.write(f"{'NOT PROVED' if exit_code == 1 else 'befit_verify'}: {failure}\n")
        return exit_code
    sys.stdout.write("\n".join([f"PROVED under the key {key.text}", *told, ""]))
    return 0


def check(text: str, key: Key, held: list[str] | None) -> list[str]:
    """Check a proof or a receipt; what it proves, in plain lines."""
    if not text.lstrip().startswith("{"):
        return _check_receipt(_unpacked(text.strip()), key, held)
    document = _json(text)
    if "format" not in document:
        return _check_receipt(document, key, held)
    if json.dumps(document, indent=2, ensure_ascii=False) + "\n" != text:
        raise NotProved("the proof is not in its one spelling: a byte of it was changed")
    _fields(document, "format", "decision", "endorsements", "checkpoint", "events", "since")
    if document["format"] != FORMAT:
        raise NotProved(f"this program reads {FORMAT}, not {document['format']!r}")
    keys = _chain(key, [_as(str, note) for note in _list(document["endorsements"])])
    # Whoever stole a key that was replaced can still sign anything with it. So only the newest
    # key is believed, and what others signed is held against what it signed.
    heads = _open_heads(keys[-1:], _as(str, document["checkpoint"]))
    since, events = document["since"], _list(document["events"])
    older = None if since is None else _check_since(keys, heads, since)
    told = [f"Checkpoint: {_told(heads)}."]
    if document["decision"] is not None:
        told += _check_events(_as(str, document["decision"]), events, heads)
    elif events or older is None:
        raise NotProved("neither a decision nor an older checkpoint is proved")
    if older is not None:
        told += [f"Nothing was changed, removed or reordered since: {_told(older)}."]
    if held is None:
        return [*told, "Not proved: that others are shown the same ledger; see --checkpoint."]
    _compare([_open_heads(keys, note) for note in held], heads, older)
    return [*told, "It is the ledger of the checkpoint that you hold."]


def _check_events(decision: str, events: Sequence[object], heads: Heads) -> list[str]:
    shown: list[str] = []
    leaf: Fields = {}
    previous: str | None = None
    # Who changed or read what stands alone, under an id of its own kind.
    begins = "administrative" if decision.startswith("admin_") else "opened"
    for each in events:
        event = _fields(each, "log", "index", "leaf", "path", "caller", "account")
        index, line = _as(int, event["index"]), _as(str, event["leaf"])
        size, root = heads.get(_as(str, event["log"]), EMPTY)
        digest = _leaf_hash(line)
        if _root_of(digest, index, size, _path(event["path"])) != root:
            raise NotProved(f"event {index} is not in the tree of the checkpoint")
        tenant, leaf = leaf.get("tenant"), _json(line)
        if leaf["decision"] != decision or tenant not in {None, leaf["tenant"]}:
            raise NotProved(f"event {index} belongs to another decision")
        if leaf["prev"] != previous or (previous is None and leaf["type"] != begins):
            raise NotProved(f"event {index} does not follow the one before it")
        previous = digest.hex()
        shown.append(f"  {leaf['time']}  {leaf['type']}  (log {event['log']}, event {index})")
        shown += [_check_section(event, leaf, name) for name in ("caller", "account")]
    if previous is None:
        raise NotProved("the proof holds no event of the decision")
    return [
        f"{decision} of tenant {leaf['tenant']}: these {len(events)} events are in the",
        "ledger exactly as shown, and none is missing between them:",
        *shown,
        f"Not proved: that nothing was added behind the last one shown ({leaf['type']}).",
    ]


def _check_section(event: Fields, leaf: Fields, name: str) -> str:
    if event[name] is None:
        return f"    {name}: not disclosed"
    section = _fields(event[name], "salt", "json")
    shown, salt = _as(str, section["json"]), _decode(_as(str, section["salt"]))
    _json(shown)
    # A longer salt could have swallowed the beginning of what was recorded.
    if len(salt) != SALT_BYTES or shown != shown.strip():
        raise NotProved(f"the {name} of event {event['index']} has a wrong salt, or space around")
    committed = salt + name.encode() + shown.encode()
    if hashlib.sha256(committed).digest() != _decode(str(leaf[name])):
        raise NotProved(f"the {name} of event {event['index']} is not what was recorded")
    return f"    {name}: {shown}"


def _check_since(keys: list[Key], new: Heads, given: object) -> Heads:
    since = _fields(given, "checkpoint", "logs")
    old = _open_heads(keys, _as(str, since["checkpoint"]))
    logs = [_fields(log, "log", "path") for log in _list(since["logs"])]
    paths = {_as(str, log["log"]): _path(log["path"]) for log in logs}
    if len(paths) != len(logs) or not paths.keys() <= old.keys():
        raise NotProved("paths of logs that the older checkpoint does not name")
    for log, head in old.items():
        if not _is_consistent(head, new.get(log, EMPTY), paths.get(log, [])):
            raise NotProved(f"log {log} does not begin with what the older checkpoint names")
    return old


def _compare(held: list[Heads], heads: Heads, older: Heads | None) -> None:
    for mine in held:
        for log, head in mine.items():
            for shown in (heads.get(log, head), (older or {}).get(log, head)):
                if shown[0] == head[0] and shown[1] != head[1]:
                    raise NotProved(f"log {log} is another one than in the checkpoint you hold")
    if not any(mine in (heads, older) for mine in held):
        raise NotProved("no checkpoint that you hold is named in it; `befit audit prove --from` it")


def _check_receipt(document: Fields, key: Key, held: list[str] | None) -> list[str]:
    _fields(document, "log", "index", "leaf", "path", "note")
    if held is not None:
        raise NotProved("a receipt is signed by itself; compare a proof with your checkpoint")
    index, line = _as(int, document["index"]), _as(str, document["leaf"])
    signed = _open([key], _as(str, document["note"]))
    form = rf"{re.escape(key.name)}/(\d+)\n(\d+)\n.+\ngroup (\d+) (.+)\nsealed .+\n"
    closing = re.fullmatch(form, signed)
    if closing is None or closing[1] != document["log"]:
        raise NotProved("the note does not close a group of this log")
    size, first, root = int(closing[2]), int(closing[3]), _decode(closing[4])
    path = _path(document["path"])
    if _root_of(_leaf_hash(line), index - first, size - first, path) != root:
        raise NotProved("the event is not in the group that the note was signed for")
    leaf = _json(line)
    return [
        f"Event {index} of log {closing[1]} was promised to be in the ledger:",
        f"  {leaf['time']}  {leaf['type']}, decision {leaf['decision']}, tenant {leaf['tenant']}",
        "Not proved: that the ledger still holds it; `befit audit prove` shows that.",
    ]


def parse_key(text: str) -> Key:
    """A public key of the form NAME+ID+BASE64."""
    name, _, rest = text.strip().partition("+")
    ident, _, coded = rest.partition("+")
    try:
        raw = _decode(coded)
    except NotProved:
        raw = b""
    found = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not name or raw[:1] != b"\x01" or len(raw) != 33 or ident != found.hex():
        raise NotProved(f"{text.strip()[:100]!r} is no Ed25519 key of the form NAME+ID+BASE64")
    return Key(name, found, raw[1:], text.strip())


def _chain(trusted: Key, endorsements: list[str]) -> list[Key]:
    """The keys of the ledger, oldest first; each is endorsed by the one before and after it."""
    keys: list[Key] = []
    for note in endorsements:
        form = r"(?s)(.+?)/keys\nold ([^\n]+)\nnew ([^\n]+)\n.*?\n— [^\n]+\n— [^\n]+\n"
        parts = re.fullmatch(form, note)
        old, new = (parse_key(parts[2]), parse_key(parts[3])) if parts else (trusted, trusted)
        if parts is None or {old.name, new.name} != {parts[1]} or (keys and keys[-1] != old):
            raise NotProved("the endorsements do not form one chain of keys")
        _check_signature(old, note, 0)
        _check_signature(new, note, 1)
        keys = [*(keys or [old]), new]
    if keys and trusted not in keys:
        raise NotProved(f"the key {trusted.text} is not one of those that signed this ledger")
    return keys or [trusted]


def _open_heads(keys: list[Key], note: str) -> Heads:
    origin, *lines = _open(keys, note).removesuffix("\n").split("\n")
    if origin != f"{keys[0].name}/ledger":
        raise NotProved(f"{origin[:80]!r} is not a checkpoint over this ledger's logs")
    parts = [re.fullmatch(r"(\d+) (\d+) (\S+)", line, re.ASCII) for line in lines]
    if None in parts:
        raise NotProved("a checkpoint names no heads of logs")
    return {part[1]: (int(part[2]), _decode(part[3])) for part in parts if part}


def _open(keys: list[Key], note: str) -> str:
    """The text of a note that one of the keys, and nobody else, has signed."""
    if note.count(f"\n{DASH}") != 1:
        raise NotProved("a note carries one signature")
    ident = _decode(note.rstrip("\n").rpartition(" ")[2])[:4]
    for key in keys:
        if key.ident == ident:
            return _check_signature(key, note, 0)
    raise NotProved(f"it is not signed by {keys[-1].text}")


def _check_signature(key: Key, note: str, at: int) -> str:
    """The text of a note whose signature number `at` is this key's."""
    text, _, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    prefix = f"{DASH}{key.name} "
    if lines[-1] or at >= len(lines) - 1 or not lines[at].startswith(prefix):
        raise NotProved(f"a note without a signature of {key.name}")
    signature = _decode(lines[at].removeprefix(prefix))
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature[4:], f"{text}\n".encode())
    except InvalidSignature:
        raise NotProved("a signature does not fit: the text was changed or forged") from None
    if signature[:4] != key.ident:
        raise NotProved("a signature of another key")
    return f"{text}\n"


def _told(heads: Heads) -> str:
    each = [f"log {log} of {size} events, root {root.hex()}" for log, (size, root) in heads.items()]
    return "; ".join(each) or "no log"


def _leaf_hash(leaf: str) -> bytes:
    return hashlib.sha256(b"\x00" + leaf.encode()).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _root_of(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that a leaf and its audit path lead to; None where the path does not fit."""
    if not path or not 0 <= index < size:
        return leaf if (index, size, path) == (0, 1, []) else None
    split = 1 << (size - 1).bit_length() - 1 if size > 1 else 0
    if index < split:
        left = _root_of(leaf, index, split, path[:-1])
        return left and _node(left, path[-1])
    right = _root_of(leaf, index - split, size - split, path[:-1]) if split else None
    return right and _node(path[-1], right)


def _is_consistent(old: Head, new: Head, path: list[bytes]) -> bool:
    """Whether the new tree begins with the old one, as the path shows."""
    if old[0] in {0, new[0]}:
        return not path and old in (new, EMPTY)
    return 0 < old[0] < new[0] and _roots(old[0], new[0], path, old[1]) == (old[1], new[1])


def _roots(old: int, new: int, path: list[bytes], known: bytes | None) -> tuple[bytes, bytes]:
    """RFC 6962's SUBPROOF read backwards: the roots of both trees in this subtree."""
    if old == new and known is not None and not path:
        return known, known
    if old == new and known is None and len(path) == 1:
        return path[0], path[0]
    if not path or old == new:
        return b"", b""
    split = 1 << (new - 1).bit_length() - 1
    if old <= split:
        first, second = _roots(old, split, path[:-1], known)
        return first, _node(second, path[-1])
    first, second = _roots(old - split, new - split, path[:-1], None)
    return _node(path[-1], first), _node(path[-1], second)


def _read(path: str) -> str:
    try:
        return Path(path).read_bytes().decode()
    except (OSError, ValueError) as error:
        raise NotProved(f"{path} cannot be read: {error}") from None


def _json(text: str) -> Fields:
    try:
        return cast("Fields", _as(dict, json.loads(text)))
    except (ValueError, RecursionError) as error:
        raise NotProved(f"not JSON: {error}") from None


def _fields(value: object, *names: str) -> Fields:
    fields = cast("Fields", _as(dict, value))
    if tuple(fields) != names:
        raise NotProved(f"expected {', '.join(names)}")
    return fields


def _list(value: object) -> list[object]:
    return cast("list[object]", _as(list, value))


def _as(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise NotProved(f"{str(value)[:40]!r} stands where a {kind.__name__} should")
    return cast("T", value)


def _path(value: object) -> list[bytes]:
    return [_decode(_as(str, node)) for node in _list(value)]


def _decode(text: str) -> bytes:
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise NotProved(f"not base64: {error}") from None
    if base64.b64encode(data).decode() != text:
        raise NotProved("base64 in a second spelling")
    return data


def _unpacked(text: str) -> Fields:
    """A receipt as it comes in a header: base64url over MessagePack."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        value, end = _unpack(raw, 0)
    except (ValueError, IndexError, TypeError, RecursionError, struct.error) as error:
        raise NotProved(f"neither a proof nor a receipt: {error}") from None
    if base64.urlsafe_b64encode(raw[:end]).decode().rstrip("=") != text:
        raise NotProved("a receipt in a second spelling")
    return cast("Fields", _as(dict, value))


def _unpack(raw: bytes, at: int) -> tuple[object, int]:
    """One MessagePack value (text, list, map or whole number), and where it ends."""
    kind, at = raw[at], at + 1
    wide = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}
    count = kind if kind < 0x80 else kind & (0x1F if kind >= 0xA0 else 0x0F)
    if kind in wide:
        (count,) = struct.unpack_from(wide[kind], raw, at)
        at += struct.calcsize(wide[kind])
    if kind < 0x80 or 0xCC <= kind <= 0xCF:
        return count, at
    if kind in wide or 0xA0 <= kind < 0xC0:
        return raw[at : at + count].decode(), at + count
    if kind >= 0xA0:
        raise ValueError("no receipt")
    values: list[object] = []
    for _ in range(count * (2 if kind < 0x90 else 1)):
        value, at = _unpack(raw, at)
        values.append(value)
    return dict(zip(values[::2], values[1::2], strict=True)) if kind < 0x90 else values, at


if __name__ == "__main__":
    sys.exit(main())
