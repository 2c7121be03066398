"""`DataKeys`: a key for each data subject, data class and month, that can be destroyed.

    bucket = Bucket("default", "key:K1A2", DataClass.INTERNAL)
    key = data_keys.current([bucket])[bucket]     # durable before this returns
    data_keys.secret("default", key.key_id)       # KeyDestroyedError once it is gone

They lie in `keys/data/<tenant>/<month>.keys`, each wrapped under the tenant's key
(AES-256-GCM, bound to its id, subject and class) and filed under the subject's pseudonym,
so that the files name nobody. An id is the month and ten random bytes in hex,
`2026-11.0f3a..`. Another process's keys are read where an id is not known here; its
destructions are noticed within a second.
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

from befit.audit.data_key_file import ID_BYTES, NONCE_BYTES, KeyFile, KeyRecord, KeyWriter
from befit.audit.durable import sync_folder
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
class _Month:
    """What has been read of one file so far."""

    file: KeyFile
    read: int = 0
    records: dict[str, tuple[int, KeyRecord]] = field(
        default_factory=dict[str, tuple[int, KeyRecord]]
    )
    newest: dict[tuple[bytes, int], str] = field(default_factory=dict[tuple[bytes, int], str])

    def take(self, month: str, found: Iterable[tuple[int, KeyRecord]]) -> None:
        for number, record in found:
            self.read = number + 1
            key_id = f"{month}.{record.id.hex()}"
            self.records[key_id] = (number, record)
            if not record.is_destroyed:
                self.newest[record.pseudonym, record.class_code] = key_id


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
        self._months: dict[tuple[str, str], _Month] = {}
        self._turn = threading.RLock()
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
        with self._turn:
            month = self._read(tenant, _month_in(key_id), until=key_id)
            found = month.records.get(key_id) if month else None
            if found is None or found[1].is_destroyed:
                raise KeyDestroyedError(key_id)
            return self._unwrapped(tenant, key_id, found[1])

    def holds(self, tenant: str, key_id: str) -> bool:
        """Whether a key is there and not destroyed."""
        with self._turn:
            month = self._read(tenant, _month_in(key_id), until=key_id)
            found = month.records.get(key_id) if month else None
            return found is not None and not found[1].is_destroyed

    def entries(self, tenant: str) -> Iterator[KeyEntry]:
        """Every key of a tenant that is there, month by month."""
        folder = self._folder / tenant
        for name in sorted(path.stem for path in folder.glob("*.keys")):
            with self._turn:
                month = self._read(tenant, name)
                records = list(month.records.items()) if month else []
            for key_id, (_, record) in records:
                if not record.is_destroyed:
                    yield KeyEntry(
                        key_id=key_id,
                        pseudonym=record.pseudonym.hex(),
                        data_class=_class_of(record.class_code),
                    )

    def destroy(self, tenant: str, key_ids: Iterable[str]) -> None:
        """Overwrite keys where they lie; destroying one again changes nothing.

        Raises:
            OSError: some of them may still be there.
            WorkspaceError: a file of keys is broken.
        """
        by_month: defaultdict[str, set[str]] = defaultdict(set)
        for key_id in key_ids:
            by_month[_month_in(key_id)].add(key_id)
        with self._turn:
            for name, wanted in by_month.items():
                if not is_month(name) or not self._path(tenant, name).exists():
                    continue
                with self._month(tenant, name).file.writing() as writer:
                    writer.destroy(_chosen(writer, name, wanted))
            self._months.clear()
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
        with self._turn:
            self._months.clear()
            self._destructions = count
        return True

    def _current(
        self, tenant: str, name: str, buckets: Sequence[Bucket]
    ) -> Iterator[tuple[Bucket, DataKey]]:
        month = self._month(tenant, name)
        month.take(name, month.file.read(month.read))
        keys = {bucket: self._newest(month, bucket) for bucket in buckets}
        missing = [bucket for bucket, key in keys.items() if key is None]
        if missing:
            with month.file.writing() as writer:
                month.take(name, writer.read(month.read))
                keys |= self._made(writer, name, missing)
        return ((bucket, key) for bucket, key in keys.items() if key is not None)

    def _made(
        self, writer: KeyWriter, month: str, buckets: Sequence[Bucket]
    ) -> dict[Bucket, DataKey | None]:
        found = self._month(buckets[0].tenant, month)
        keys = {bucket: self._newest(found, bucket) for bucket in buckets}
        made: list[KeyRecord] = []
        for bucket in (bucket for bucket, key in keys.items() if key is None):
            record, keys[bucket] = self._new(bucket, month)
            made.append(record)
        if made:
            first = writer.append(made)
            found.take(month, enumerate(made, first))
        return keys

    def _new(self, bucket: Bucket, month: str) -> tuple[KeyRecord, DataKey]:
        mark, nonce = secrets.token_bytes(ID_BYTES), secrets.token_bytes(NONCE_BYTES)
        key = DataKey(key_id=f"{month}.{mark.hex()}", secret=secrets.token_bytes(KEY_BYTES))
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

    def _newest(self, month: _Month, bucket: Bucket) -> DataKey | None:
        place = (self._pseudonym(bucket), _code_of(bucket.data_class))
        key_id = month.newest.get(place)
        if key_id is None or month.records[key_id][1].is_destroyed:
            return None
        try:
            secret = self._unwrapped(bucket.tenant, key_id, month.records[key_id][1])
        except BoxError:
            return None  # a crash tore it before anything was sealed under it
        return DataKey(key_id=key_id, secret=secret)

    def _unwrapped(self, tenant: str, key_id: str, record: KeyRecord) -> bytes:
        bound = _bound(tenant, key_id, record)
        try:
            return self._wraps[tenant].decrypt(record.nonce, record.wrapped, bound)
        except InvalidTag:
            raise BoxError(f"the data key {key_id} was changed") from None

    def _read(self, tenant: str, name: str, *, until: str | None = None) -> _Month | None:
        """A month's keys; read on where `until` is not among them, or is None."""
        if tenant not in self._tenants or not is_month(name):
            return None
        month = self._month(tenant, name)
        if until is None or until not in month.records:
            month.take(name, month.file.read(month.read))
        return month

    def _month(self, tenant: str, name: str) -> _Month:
        month = self._months.get((tenant, name))
        if month is None:
            mark = self._tenants[tenant].mark
            month = _Month(file=KeyFile(self._path(tenant, name), mark=mark))
            self._months[tenant, name] = month
        return month

    def _path(self, tenant: str, name: str) -> Path:
        return self._folder / tenant / f"{name}.keys"

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


def _chosen(writer: KeyWriter, month: str, wanted: set[str]) -> Iterator[tuple[int, KeyRecord]]:
    for number, record in list(writer.read(0)):
        if f"{month}.{record.id.hex()}" in wanted:
            yield number, record


def _month_in(key_id: str) -> str:
    return key_id.partition(".")[0]


def _code_of(data_class: DataClass | None) -> int:
    return _UNDETERMINED if data_class is None else int(data_class)


def _class_of(code: int) -> DataClass | None:
    return None if code == _UNDETERMINED else DataClass(code)


def _bound(tenant: str, key_id: str, record: KeyRecord) -> bytes:
    named = f"befit/data-key/1\n{len(tenant)}\n{tenant}\n{key_id}\n{record.class_code}\n"
    return named.encode() + record.pseudonym
