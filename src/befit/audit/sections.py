"""`Sections`: an event's fields in the two parts that its leaf commits to.

    sections = Sections.of({"key_id": "k1", "model": "small-one"})
    sections.caller            # b'{"key_id":"k1"}'
    sections.account           # b'{"model":"small-one"}'
    sections["model"]          # both read as one mapping

`caller` says who was behind the event, `account` everything else, so that an auditor can
be shown what was decided without learning for whom. Each part is encoded once, when the
event is told, and its bytes are what is committed to, sealed and read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

CALLER_FIELDS = ("principal_id", "key_id", "scopes", "by", "asker")
"""The fields that name or point to a person or key; scopes and groups do."""

_EMPTY = b"{}"
_encode = msgspec.json.Encoder(decimal_format="string").encode
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Sections(Mapping[str, msgspec.Raw]):
    """Encoded fields, read by name like the mapping they were made from.

    Attributes:
        caller: a JSON object of the fields in `CALLER_FIELDS`.
        account: a JSON object of all others.
    """

    __slots__ = ("_fields", "account", "caller")

    def __init__(self, caller: bytes, account: bytes) -> None:
        self.caller = caller
        self.account = account
        self._fields: dict[str, msgspec.Raw] | None = None

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Sections:
        """Encode fields; values that are `msgspec.Raw` are taken as they are."""
        if isinstance(fields, Sections):
            return fields
        account = dict(fields)
        caller = {name: account.pop(name) for name in CALLER_FIELDS if name in account}
        return cls(_encode(caller), _encode(account))

    @classmethod
    def read(cls, caller: bytes, account: bytes) -> Sections:
        """Take sections from where they were kept.

        Raises:
            ValueError: they are not two JSON objects without a name in common.
        """
        try:
            who, what = _decode(caller), _decode(account)
        except msgspec.DecodeError as error:
            raise ValueError(f"not JSON: {error}") from None
        if not who.keys().isdisjoint(what):
            raise ValueError("a name stands in both sections")
        if not all(part[:1] == b"{" and part[-1:] == b"}" for part in (caller, account)):
            raise ValueError("space around a section")
        return cls(caller, account)

    def as_json(self) -> bytes:
        """All fields as one JSON object."""
        if self.caller == _EMPTY:
            return self.account
        if self.account == _EMPTY:
            return self.caller
        return self.caller[:-1] + b"," + self.account[1:]

    def __getitem__(self, name: str) -> msgspec.Raw:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return f"Sections({self.caller!r}, {self.account!r})"

    def _read(self) -> dict[str, msgspec.Raw]:
        if self._fields is None:
            self._fields = {**_decode(self.caller), **_decode(self.account)}
        return self._fields


def fields_json(fields: Mapping[str, msgspec.Raw]) -> bytes:
    """Opened fields as one JSON object, to be decoded as what an event says."""
    return fields.as_json() if isinstance(fields, Sections) else _encode(fields)
