"""`DataKeys`: a key for each data subject, data class and month, that can be destroyed.

    bucket = Bucket("default", "key:K1A2", DataClass.INTERNAL)
    key = data_keys.current([bucket])[bucket]     # durable before this returns
    data_keys.secret("default", key.key_id)       # KeyDestroyedError once it is gone

They lie in `keys/data/<tenant>/<month>.keys`, each wrapped under the tenant's key
(AES-256-GCM, bound to its id, subject and class) and filed under the subject's pseudonym,
so that the files name nobody. An id is the month and ten random bytes in hex,
`2026-11.0f3a..`. The files are what counts: memory holds where a key lies in them (of this
month by what it is for, of the months last read by id), so that another process's keys are
found and a destroyed one is gone at once. What is worked out from keys elsewhere is renewed
within a second.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from befit.audit.data_key_file import (
    ID_BYTES,
    NONCE_BYTES,
    KeyFile,
    KeyReader,
    KeyRecord,
    KeyWriter,
)
from befit.audit.durable import sync_folder
from befit.audit.key_places import KeyPlaces
from befit.audit.month import is_month, month_end, month_of
from befit.audit.tenant_keys import KEY_BYTES, BoxError, KeyDestroyedError, SealingKey
from befit.vocabulary import DataClass

_UNDETERMINED = 255
_LOOK_EVERY_S = 1.0


class Bucket(NamedTuple):
    """What one data key is for. `data_class` None: it was sealed before the class was known."""

    tenant: str
    subject: str
    data_class: DataClass | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DataKey:
    """A data key ready for use."""

    key_id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyEntry:
    """A data key that is there, as retention and erasure see it."""

    key_id: str
    pseudonym: str
    data_class: DataClass | None

    @property
    def month(self) -> str:
        """The month it seals for, such as `2026-11`."""
        return self.key_id.partition(".")[0]


@dataclass(kw_only=True, slots=True)
class _Newest:
    """Where in this month's file the newest key for each purpose lies."""

    read: int = 0
    numbers: dict[bytes, int] = field(default_factory=dict[bytes, int])

    def take(self, found: Iterable[tuple[int, KeyRecord]]) -> None:
        for number, record in found:
            self.read = number + 1
            if not record.is_destroyed:
                self.numbers[_purpose_of(record)] = number


class DataKeys:
    """The data keys of all tenants. Safe from several threads and processes.

    Args:
        folder: `.befit/keys/data`.
        tenants: the tenants' keys, which wrap.
        pseudonym_of: names a subject in the files; None for keys that are only read.
        clock: Unix seconds.
    """

    def __init__(
        self,
        folder: Path,
        tenants: Mapping[str, SealingKey],
        *,
        pseudonym_of: Callable[[str, str], str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._tenants = tenants
        self._pseudonym_of = pseudonym_of
        self._clock = clock
        self._wraps = {name: AESGCM(key.derived(b"befit-wrap")) for name, key in tenants.items()}
        self._places = KeyPlaces()
        self._newest: dict[str, _Newest] = {}  # by tenant
        self._newest_of = ""  # which month; the others' have gone
        self._turn = threading.Lock()  # of those who seal; who reads or destroys needs none
        self._look_at = 0.0
        self._now = ("", 0.0, 0.0)
        self._destructions = self._count_destructions()

    def month(self) -> str:
        """The month that is sealed for now."""
        now, (name, begin, end) = self._clock(), self._now
        if not begin <= now < end:
            name = month_of(now)
            self._now = (name, now, month_end(name))
        return name

    def current(self, buckets: Sequence[Bucket]) -> dict[Bucket, DataKey]:
        """This month's key of each bucket; new ones are durable before this returns.

        Raises:
            OSError: a new key cannot be kept, and nothing may be sealed for its bucket.
            WorkspaceError: a file of keys is broken.
        """
        month, keys = self.month(), dict[Bucket, DataKey]()
        by_tenant: defaultdict[str, list[Bucket]] = defaultdict(list)
        for bucket in buckets:
            by_tenant[bucket.tenant].append(bucket)
        with self._turn:
            if month != self._newest_of:
                self._newest, self._newest_of = {}, month
            for tenant, wanted in by_tenant.items():
                keys |= self._current(tenant, month, wanted)
        return keys

    def secret(self, tenant: str, key_id: str) -> bytes:
        """The secret of a key.

        Raises:
            KeyDestroyedError: it has been destroyed, or was never here.
            BoxError: its record was changed.
            WorkspaceError: the file of keys is broken.
        """
        record = self._live(tenant, key_id)
        if record is None:
            raise KeyDestroyedError(key_id)
        return self._unwrapped(tenant, key_id, record)

    def holds(self, tenant: str, key_id: str) -> bool:
        """Whether a key is there and not destroyed."""
        return self._live(tenant, key_id) is not None

    def entries(self, tenant: str) -> Iterator[KeyEntry]:
        """Every key of a tenant that is there, month by month, read as they are asked for."""
        if tenant not in self._tenants:
            return
        folder = self._folder / tenant
        for name in filter(is_month, sorted(path.stem for path in folder.glob("*.keys"))):
            for _, record in self._file(tenant, name).read(0):
                if not record.is_destroyed:
                    yield KeyEntry(
                        key_id=_key_id(name, record.id),
                        pseudonym=record.pseudonym.hex(),
                        data_class=_class_of(record.class_code),
                    )

    def destroy(self, tenant: str, key_ids: Iterable[str]) -> None:
        """Overwrite keys where they lie; destroying one again changes nothing.

        Raises:
            OSError: some of them may still be there.
            WorkspaceError: a file of keys is broken.
        """
        by_month: defaultdict[str, set[bytes]] = defaultdict(set)
        for key_id in key_ids:
            if (place := _place(key_id)) is not None:
                by_month[place[0]].add(place[1])
        for name, wanted in by_month.items():
            file = self._file(tenant, name)
            # Found before the file is locked: records never move, and others append to it.
            found = [each for each in file.read(0) if each[1].id in wanted]
            if found:
                with file.writing() as writer:
                    writer.destroy(found)
        self._count_up()

    def renewed(self) -> bool:
        """Whether another process has destroyed keys since this was last asked."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + _LOOK_EVERY_S
        count = self._count_destructions()
        if count == self._destructions:
            return False
        self._destructions = count
        return True

    def _current(self, tenant: str, month: str, buckets: Sequence[Bucket]) -> dict[Bucket, DataKey]:
        file = self._file(tenant, month)
        newest = self._newest.setdefault(tenant, _Newest())
        with file.reading() as reader:
            if reader is not None:
                newest.take(reader.read(newest.read))
            keys = {} if reader is None else self._known(reader, month, buckets)
        missing = [bucket for bucket in dict.fromkeys(buckets) if bucket not in keys]
        if missing:
            with file.writing() as writer:
                newest.take(writer.read(newest.read))  # another process may have been first
                keys |= self._known(writer, month, missing)
                keys |= self._made(writer, month, [each for each in missing if each not in keys])
        return keys

    def _known(
        self, reader: KeyReader, month: str, buckets: Iterable[Bucket]
    ) -> dict[Bucket, DataKey]:
        found = ((bucket, self._newest_key(reader, month, bucket)) for bucket in buckets)
        return {bucket: key for bucket, key in found if key is not None}

    def _made(
        self, writer: KeyWriter, month: str, buckets: Sequence[Bucket]
    ) -> dict[Bucket, DataKey]:
        if not buckets:
            return {}
        new = {bucket: self._new(bucket, month) for bucket in buckets}
        records = [record for record, _ in new.values()]
        first = writer.append(records)
        self._newest[buckets[0].tenant].take(enumerate(records, first))
        return {bucket: key for bucket, (_, key) in new.items()}

    def _new(self, bucket: Bucket, month: str) -> tuple[KeyRecord, DataKey]:
        mark, nonce = secrets.token_bytes(ID_BYTES), secrets.token_bytes(NONCE_BYTES)
        key = DataKey(key_id=_key_id(month, mark), secret=secrets.token_bytes(KEY_BYTES))
        record = KeyRecord(
            class_code=_code_of(bucket.data_class),
            id=mark,
            pseudonym=self._pseudonym(bucket),
            nonce=nonce,
            wrapped=b"",
        )
        bound = _bound(bucket.tenant, key.key_id, record)
        wrapped = self._wraps[bucket.tenant].encrypt(nonce, key.secret, bound)
        return record._replace(wrapped=wrapped), key

    def _newest_key(self, reader: KeyReader, month: str, bucket: Bucket) -> DataKey | None:
        purpose = self._pseudonym(bucket) + bytes((_code_of(bucket.data_class),))
        number = self._newest[bucket.tenant].numbers.get(purpose)
        record = None if number is None else reader.at(number)
        if record is None or record.is_destroyed or _purpose_of(record) != purpose:
            return None
        key_id = _key_id(month, record.id)
        try:
            return DataKey(key_id=key_id, secret=self._unwrapped(bucket.tenant, key_id, record))
        except BoxError:
            return None  # a crash tore it before anything was sealed under it

    def _live(self, tenant: str, key_id: str) -> KeyRecord | None:
        """The record of a key that is there, as its file says now."""
        place = _place(key_id)
        if place is None or tenant not in self._tenants:
            return None
        month, mark = place
        file = self._file(tenant, month)
        number = self._places.find(file, mark)
        if number is None:
            return None
        with file.reading() as reader:
            record = None if reader is None else reader.at(number)
        is_it = record is not None and record.id == mark and not record.is_destroyed
        return record if is_it else None

    def _unwrapped(self, tenant: str, key_id: str, record: KeyRecord) -> bytes:
        bound = _bound(tenant, key_id, record)
        try:
            return self._wraps[tenant].decrypt(record.nonce, record.wrapped, bound)
        except InvalidTag:
            raise BoxError(f"the data key {key_id} was changed") from None

    def _file(self, tenant: str, month: str) -> KeyFile:
        path = self._folder / tenant / f"{month}.keys"
        return KeyFile(path, mark=self._tenants[tenant].mark)

    def _pseudonym(self, bucket: Bucket) -> bytes:
        if self._pseudonym_of is None:
            raise TypeError("data keys that are only read make none")
        return bytes.fromhex(self._pseudonym_of(bucket.tenant, bucket.subject))

    def _count_destructions(self) -> int:
        try:
            return (self._folder / "destructions").stat().st_size
        except FileNotFoundError:
            return 0

    def _count_up(self) -> None:
        path = self._folder / "destructions"
        if not self._folder.exists():
            return
        with path.open("ab") as file:
            path.chmod(0o600)
            file.write(b"\n")
        sync_folder(self._folder)
        self._destructions = self._count_destructions()


def _key_id(month: str, mark: bytes) -> str:
    return f"{month}.{mark.hex()}"


def _place(key_id: str) -> tuple[str, bytes] | None:
    """The month and the ten bytes of an id in its only spelling; None for any other text."""
    month, _, mark = key_id.partition(".")
    if not is_month(month):
        return None
    try:
        found = month, bytes.fromhex(mark)
    except ValueError:
        return None
    return found if _key_id(*found) == key_id else None


def _purpose_of(record: KeyRecord) -> bytes:
    return record.pseudonym + bytes((record.class_code,))


def _code_of(data_class: DataClass | None) -> int:
    return _UNDETERMINED if data_class is None else int(data_class)


def _class_of(code: int) -> DataClass | None:
    return None if code == _UNDETERMINED else DataClass(code)


def _bound(tenant: str, key_id: str, record: KeyRecord) -> bytes:
    named = f"befit/data-key/1\n{len(tenant)}\n{tenant}\n{key_id}\n{record.class_code}\n"
    return named.encode() + record.pseudonym
