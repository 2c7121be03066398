"""`Bucket`: one bucket of an object store, as `obstore` reaches it, in our own words.

What the store answers with is not passed on: its messages may hold the id of a key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from befit.catalog import is_loopback
from befit.errors import InvalidRequest, MissingExtra
from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.naming import shown
from befit.knowledge.sources.options import SourceOptions

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Store

SCHEMES = frozenset({"s3", "gs", "az"})
_CHUNK = 1_000
_BLOCK = 4 * 1024 * 1024
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9]")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_YES = frozenset({"1", "true", "yes"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An object as the listing shows it."""

    key: str
    size_bytes: int
    modified_s: float
    e_tag: str | None


class Bucket:
    """A bucket whose credentials come from the usual environment variables."""

    def __init__(self, scheme: str, name: str, options: SourceOptions) -> None:
        """Reach for nothing yet.

        Raises:
            MissingExtra: `obstore` is not installed.
            InvalidRequest: no such name, or an endpoint without TLS.
        """
        if not _BUCKET.fullmatch(name):
            raise InvalidRequest(
                f"an address of an object store is written like {scheme}://bucket/prefix",
                next_step="credentials come from the environment, never from the address",
                param="source",
            )
        self.address = f"{scheme}://{name}"
        self._store = _opened(scheme, self.address, options)

    def listed(self, prefix: str) -> Iterator[list[Listed]]:
        """All objects below a folder, in the order of their keys.

        Raises:
            SourceFailed: the listing broke off.
        """
        import obstore

        try:
            chunks = obstore.list(self._store, prefix or None, chunk_size=_CHUNK)  # pyright: ignore[reportUnknownMemberType]  # its overload for Arrow, which is not asked for
            for chunk in chunks:
                yield [
                    Listed(
                        key=meta["path"],
                        size_bytes=meta["size"],
                        modified_s=meta["last_modified"].timestamp(),
                        e_tag=meta["e_tag"],
                    )
                    for meta in chunk
                ]
        except (obstore.exceptions.BaseError, FileNotFoundError, ValueError) as error:
            raise self._failed(error) from None

    def looked_at(self, key: str) -> Listed | None:
        """One object, or None where there is none of this key."""
        import obstore

        try:
            meta = obstore.head(self._store, key)
        except FileNotFoundError:
            return None
        except (obstore.exceptions.BaseError, ValueError) as error:
            raise self._failed(error) from None
        return Listed(
            key=meta["path"],
            size_bytes=meta["size"],
            modified_s=meta["last_modified"].timestamp(),
            e_tag=meta["e_tag"],
        )

    def metadata(self, key: str) -> Mapping[str, str]:
        """What an object's own metadata says, by names in small letters.

        Raises:
            SourceFailed: it cannot be had now.
        """
        import obstore

        try:
            found = obstore.get(self._store, key, options={"head": True}).attributes
        except (obstore.exceptions.BaseError, FileNotFoundError, ValueError) as error:
            raise self._failed(error) from None
        return {name.lower(): value for name, value in found.items()}

    def content(self, key: str, *, e_tag: str | None) -> Iterator[bytes]:
        """An object's bytes, all of one version.

        Raises:
            SourceFailed: it is gone, is another one than that of `e_tag`, or broke off.
        """
        import obstore

        try:
            found = obstore.get(self._store, key, options={"if_match": e_tag} if e_tag else None)
            yield from found.stream(min_chunk_size=_BLOCK)
        except FileNotFoundError:
            raise SourceFailed(f"{shown(key)} is gone from {self.address}", retry=False) from None
        except obstore.exceptions.PreconditionError:
            raise SourceFailed(f"{shown(key)} changed since it was listed", retry=True) from None
        except (obstore.exceptions.BaseError, ValueError) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> SourceFailed:
        """The store's answer in our words; only the kind of it is looked at."""
        import obstore

        text = str(error)
        denied = (
            obstore.exceptions.PermissionDeniedError,
            obstore.exceptions.UnauthenticatedError,
        )
        if isinstance(error, obstore.exceptions.InvalidPathError):
            return SourceFailed(
                f"{self.address} holds an object whose key cannot be used ({_key_in(text)})",
                retry=False,
                next_step="rename it, or name a prefix without it",
            )
        if isinstance(error, denied) or "AccessDenied" in text or "InvalidAccessKeyId" in text:
            return SourceFailed(
                f"{self.address} refuses these credentials",
                retry=False,
                next_step="check the environment's credentials and what they may list and read",
            )
        if "NoSuchBucket" in text or isinstance(error, FileNotFoundError):
            return SourceFailed(
                f"{self.address} does not exist", retry=False, next_step="check the bucket's name"
            )
        return SourceFailed(
            f"{self.address} cannot be reached",
            retry=True,
            next_step="check the endpoint, the region and the credentials of the environment",
        )


def _opened(scheme: str, address: str, options: SourceOptions) -> Store:
    try:
        import obstore
        from obstore.store import from_url
    except ImportError:
        raise MissingExtra("reading an object store", "objects") from None
    endpoint = _endpoint(scheme, options)
    try:
        return from_url(
            address,
            config={"endpoint": endpoint} if endpoint else None,
            client_options={
                "allow_http": _may_be_http(endpoint, options),
                "connect_timeout": timedelta(seconds=10),
                # Of a whole answer: the largest object that is taken, at 2 MB/s.
                "timeout": timedelta(seconds=60 + options.most_bytes / 2_000_000),
                "read_timeout": timedelta(seconds=30),
                "user_agent": "befit",
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
        )
    except (obstore.exceptions.BaseError, ValueError):
        raise InvalidRequest(
            f"{address} cannot be opened with the settings of the environment",
            next_step="check the variables of its credentials and endpoint",
            param="source",
        ) from None


def _endpoint(scheme: str, options: SourceOptions) -> str | None:
    if scheme != "s3":
        return None
    found = (os.environ.get(name) for name in _ENDPOINTS)
    endpoint = options.endpoint_url or next((value for value in found if value), None)
    if endpoint and "@" in urlsplit(endpoint).netloc:
        raise InvalidRequest("an endpoint holds no user name or password", param="source")
    if endpoint and urlsplit(endpoint).scheme == "http" and not _may_be_http(endpoint, options):
        raise InvalidRequest(
            "the object store's endpoint is without TLS",
            next_step="use https, or allow it by AWS_ALLOW_HTTP=true",
            param="source",
        )
    return endpoint


def _may_be_http(endpoint: str | None, options: SourceOptions) -> bool:
    said = os.environ.get("AWS_ALLOW_HTTP", "").lower() in _YES
    return options.allow_http or said or bool(endpoint and is_loopback(endpoint))


def _key_in(text: str) -> str:
    match = re.search(r'Path "(.*?)"', text, re.DOTALL)
    return shown(match[1]) if match else "empty or dotted parts, or control characters"
