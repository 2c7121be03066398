"""`ObjectStore`: the objects below a prefix of a bucket.

Listed a thousand at a time, and each object is fetched in one request that answers only
while it is the one that was listed: never half of one version and half of another.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

from befit.knowledge.access.acl import Acl
from befit.knowledge.sources.bucket import Bucket, Listed
from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.naming import name_fault, shown
from befit.knowledge.sources.options import SourceOptions
from befit.knowledge.sources.scratch import take_in
from befit.knowledge.sources.source import Fetched, Item, Skipped
from befit.knowledge.sources.statements import StatementFault, decode_json, read_acl, read_class
from befit.vocabulary import DataClass

ACL_METADATA = "befit-acl"
CLASS_METADATA = "befit-data-class"
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class _ObjectItem(Item):
    """An item that knows which version of which object was listed."""

    key: str
    e_tag: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stated:
    """What an object's metadata says of who may read it."""

    acl: Acl | None = None
    is_acl_unknown: bool = False
    data_class: DataClass | None = None


class ObjectStore:
    """The objects of `s3://bucket/prefix`, by their key below the prefix."""

    def __init__(self, bucket: Bucket, prefix: str, options: SourceOptions) -> None:
        """Take a prefix without `/` at its ends; it is a folder's, or one object's key."""
        self._bucket = bucket
        self._prefix = prefix
        self._options = options
        self._name = f"{bucket.address}/{prefix}".rstrip("/")

    @property
    def name(self) -> str:
        """Such as `s3://handbooks/hr`."""
        return self._name

    def items(self) -> Iterator[Item | Skipped]:
        """All objects below the prefix; the one object, where the address is that of one."""
        is_found = False
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="befit-objects") as pool:
            for chunk in self._bucket.listed(self._prefix):
                wanted: list[Listed] = []
                for listed in chunk:
                    if listed.key == self._prefix:
                        continue  # the mark of the folder itself
                    is_found = True
                    if fault := self._fault(listed):
                        yield Skipped(what=shown(listed.key), reason=fault)
                    else:
                        wanted.append(listed)
                for listed, stated in zip(wanted, pool.map(self._stated, wanted), strict=True):
                    yield self._sorted_out(listed, stated)
        if not is_found and self._prefix:
            yield from self._the_one()

    def fetch(self, item: Item) -> Fetched:
        """The object as it was listed, in a file of its own."""
        if not isinstance(item, _ObjectItem):
            raise SourceFailed(f"{shown(item.doc_id)} is no object of {self.name}", retry=False)
        content = self._bucket.content(item.key, e_tag=item.e_tag)
        path = take_in(content, shown(item.key), self._options)
        return Fetched(name=item.key.rpartition("/")[2], file=path, is_temporary=True)

    def close(self) -> None:
        """Nothing stays open but what the library shares."""

    def _the_one(self) -> Iterator[Item | Skipped]:
        listed = self._bucket.looked_at(self._prefix)
        if listed is None:
            return
        if fault := self._fault(listed):
            yield Skipped(what=shown(listed.key), reason=fault)
        else:
            yield self._sorted_out(listed, self._stated(listed))

    def _fault(self, listed: Listed) -> str | None:
        below = self._doc_id(listed.key)
        if any(part.startswith(".") for part in below.split("/")):
            return "hidden: a part of its name begins with a dot"
        if fault := name_fault(below):
            return fault
        if listed.size_bytes == 0:
            return "empty, or the mark of a folder"
        if listed.size_bytes > self._options.most_bytes:
            return f"larger than {self._options.most_bytes:,} bytes"
        return None

    def _stated(self, listed: Listed) -> _Stated | StatementFault:
        if not self._options.reads_object_metadata:
            return _Stated()
        try:
            metadata = self._bucket.metadata(listed.key)
        except SourceFailed:
            return _Stated(is_acl_unknown=True)
        try:
            acl, data_class = metadata.get(ACL_METADATA), metadata.get(CLASS_METADATA)
            return _Stated(
                acl=None if acl is None else read_acl(decode_json(acl)),
                data_class=None if data_class is None else read_class(data_class),
            )
        except StatementFault as fault:
            return fault

    def _sorted_out(self, listed: Listed, stated: _Stated | StatementFault) -> Item | Skipped:
        if isinstance(stated, StatementFault):
            return Skipped(what=shown(listed.key), reason=f"its metadata: {stated}")
        doc_id = self._doc_id(listed.key)
        modified_ns = int(listed.modified_s * 1_000_000_000)
        return _ObjectItem(
            doc_id=doc_id,
            uri=f"{self._bucket.address}/{quote(listed.key)}",
            path=doc_id,
            change_token=f"{modified_ns}-{listed.size_bytes}-{listed.e_tag or ''}",
            size_bytes=listed.size_bytes,
            acl=stated.acl,
            is_acl_unknown=stated.is_acl_unknown,
            data_class=stated.data_class,
            dated_s=int(listed.modified_s),
            key=listed.key,
            e_tag=listed.e_tag,
        )

    def _doc_id(self, key: str) -> str:
        if key == self._prefix:
            return key.rpartition("/")[2]
        return key.removeprefix(f"{self._prefix}/") if self._prefix else key
