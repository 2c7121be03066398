"""`installed_source`: a company's own adapter, by the entry point it is installed under.

Only the adapter whose scheme the address names is loaded. What it gives is checked on the
way in, because rights hang on it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import entry_points
from typing import cast

from befit.errors import BefitError, InvalidRequest, nearest
from befit.knowledge.access.acl import Acl
from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.naming import name_fault, shown
from befit.knowledge.sources.source import Fetched, Item, Skipped, Source
from befit.knowledge.sources.statements import ACL_KEYS, StatementFault, read_acl
from befit.vocabulary import DataClass

GROUP = "befit.sources"
_BUILT_IN = ("file", "s3", "gs", "az", "http", "https", "sftp", "smb", "hdfs")

_log = logging.getLogger(__name__)


def installed_source(scheme: str, address: str) -> Source:
    """Set up the adapter for a scheme.

    Raises:
        InvalidRequest: none is installed for it.
        SourceFailed: it cannot be set up.
    """
    entries = {entry.name: entry for entry in entry_points(group=GROUP)}
    if scheme not in entries:
        known = sorted({*_BUILT_IN, *entries})
        raise InvalidRequest(
            f"no adapter reads {shown(scheme)}:// addresses",
            next_step=nearest(scheme, known) or "known are " + ", ".join(known),
            param="source",
        )
    entry = entries[scheme]
    try:
        return CheckedSource(entry.load()(address), scheme)
    except BefitError:
        raise
    except Exception as error:  # noqa: BLE001 - a company's own code; told by its scheme
        _log.debug("source adapter %s cannot be set up", entry.name, exc_info=True)
        raise SourceFailed(
            f"the adapter for {scheme}:// ({entry.value}) cannot be set up: {type(error).__name__}",
            retry=False,
            next_step="repair the package that brings it, or uninstall it",
        ) from None


class CheckedSource:
    """An adapter that is not ours: its errors become `SourceFailed`, its items are looked at."""

    def __init__(self, source: Source, scheme: str) -> None:
        self._source = source
        self._scheme = scheme
        self._name = _checked_name(source.name)

    @property
    def name(self) -> str:
        """As the adapter says."""
        return self._name

    def items(self) -> Iterator[Item | Skipped]:
        """What it offers; an item that is not in order is skipped."""
        try:
            for offered in self._source.items():
                yield offered if isinstance(offered, Skipped) else _checked(offered)
        except BefitError:
            raise
        except Exception as error:  # noqa: BLE001 - a company's own code
            raise self._failed(error) from None

    def fetch(self, item: Item) -> Fetched:
        """The content, as the adapter gives it."""
        try:
            return self._source.fetch(item)
        except BefitError:
            raise
        except Exception as error:  # noqa: BLE001 - a company's own code
            raise self._failed(error) from None

    def close(self) -> None:
        """Close it where it can be closed; what it took in stands, whatever that raises."""
        close = getattr(self._source, "close", None)
        if not callable(close):
            return
        try:
            close()
        except Exception as error:  # noqa: BLE001 - a company's own code
            _log.debug("source adapter %s cannot be closed", self._scheme, exc_info=error)

    def _failed(self, error: Exception) -> SourceFailed:
        # Its message may quote documents or credentials, so it stays in the log.
        _log.debug("source adapter %s failed", self._scheme, exc_info=error)
        return SourceFailed(
            f"the adapter for {self._scheme}:// failed: {type(error).__name__}", retry=True
        )


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or name_fault(name):  # pyright: ignore[reportUnnecessaryIsInstance]  # it is not ours
        raise TypeError("a source's name is text on one line")
    return name


def _checked(item: Item) -> Item | Skipped:
    """The item, or why it is not in order."""
    doc_id: object = getattr(item, "doc_id", None)
    if not isinstance(item, Item) or not isinstance(doc_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # it is not ours
        return Skipped(what="an item", reason="the adapter gave something that is no item")
    fault = name_fault(doc_id) or name_fault(item.path) or _class_fault(item)
    if fault:
        return Skipped(what=shown(doc_id), reason=fault)
    try:
        return replace(item, acl=_checked_acl(item.acl))
    except StatementFault as wrong:
        return Skipped(what=shown(doc_id), reason=f"the adapter gave rights that are none: {wrong}")


def _class_fault(item: Item) -> str | None:
    data_class = cast("object", item.data_class)
    if data_class is not None and not isinstance(data_class, DataClass):
        return "the adapter gave a data class that is none"
    return None


def _checked_acl(given: object) -> Acl | None:
    """The rights, their names in the form that readers' are compared in."""
    if given is None:
        return None
    if not isinstance(given, Acl):
        raise StatementFault("no Acl")
    stated: dict[str, object] = {}
    for key in ACL_KEYS:
        names = cast("object", getattr(given, key))
        if not isinstance(names, frozenset):  # text would be taken for its letters
            raise StatementFault(f"{key} is no frozen set of names")
        stated[key] = list(cast("frozenset[object]", names))
    return read_acl(stated)
