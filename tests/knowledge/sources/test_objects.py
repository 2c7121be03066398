"""Object stores that speak S3: listed in pages, fetched whole, silent about credentials."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto import settings as moto_settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import S3Backend, s3_backends
from moto.server import ThreadedMotoServer

from befit.errors import InvalidRequest, MissingExtra
from befit.knowledge.access import Acl
from befit.knowledge.sources import (
    Item,
    Skipped,
    Source,
    SourceFailed,
    SourceOptions,
    open_source,
)
from befit.knowledge.sources.bucket import Bucket
from befit.vocabulary import DataClass

_QUICK = SourceOptions(reads_object_metadata=False)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Backend]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_ALLOW_HTTP", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.create_bucket("docs", "us-east-1")
    yield backend
    backend.reset()


def put(store: S3Backend, key: str, content: str = "text", **metadata: str) -> None:
    found: Any = store.put_object("docs", key, content.encode())
    found.set_metadata(
        {f"x-amz-meta-{name.replace('_', '-')}": each for name, each in metadata.items()}
    )


def items_of(source: Source) -> dict[str, Item]:
    return {found.doc_id: found for found in source.items() if isinstance(found, Item)}


def reasons_of(source: Source) -> dict[str, str]:
    return {found.what: found.reason for found in source.items() if isinstance(found, Skipped)}


def content_of(source: Source, item: Item) -> bytes:
    fetched = source.fetch(item)
    assert fetched.file is not None
    assert fetched.is_temporary
    content = fetched.file.read_bytes()
    fetched.file.unlink()
    return content


def test_objects_below_a_prefix_are_named_by_what_follows_it(store: S3Backend) -> None:
    put(store, "hr/pay day.txt", "On the 25th.")
    put(store, "hr/leave/ü.txt")
    put(store, "hrx/other.txt")
    put(store, "top.txt")
    source = open_source("s3://docs/hr/")
    assert source.name == "s3://docs/hr"
    items = items_of(source)
    assert set(items) == {"pay day.txt", "leave/ü.txt"}
    pay = items["pay day.txt"]
    assert pay.uri == "s3://docs/hr/pay%20day.txt"
    assert pay.path == "pay day.txt"
    assert pay.size_bytes == 12
    assert pay.dated_s is not None
    assert content_of(source, pay) == b"On the 25th."
    assert set(items_of(open_source("s3://docs"))) == {
        "hr/pay day.txt",
        "hr/leave/ü.txt",
        "hrx/other.txt",
        "top.txt",
    }


def test_one_object_is_a_source_of_one_document(store: S3Backend) -> None:
    put(store, "hr/pay.txt", "25th")
    source = open_source("s3://docs/hr/pay.txt")
    items = items_of(source)
    assert list(items) == ["pay.txt"]
    assert content_of(source, items["pay.txt"]) == b"25th"
    assert items_of(open_source("s3://docs/missing")) == {}


def test_a_listing_of_more_than_a_page_is_whole(store: S3Backend) -> None:
    for number in range(2_345):
        put(store, f"many/{number}.txt", str(number))
    items = items_of(open_source("s3://docs/many", _QUICK))
    assert len(items) == 2_345
    assert content_of(open_source("s3://docs/many"), items["2344.txt"]) == b"2344"


def test_changed_and_deleted_objects_are_seen(store: S3Backend) -> None:
    for name in ("kept", "changed", "deleted"):
        put(store, name)
    before = items_of(open_source("s3://docs", _QUICK))
    put(store, "changed", "other")
    store.delete_object("docs", "deleted")
    source = open_source("s3://docs", _QUICK)
    after = items_of(source)
    assert set(after) == {"kept", "changed"}
    assert after["kept"].change_token == before["kept"].change_token
    assert after["changed"].change_token != before["changed"].change_token
    with pytest.raises(SourceFailed, match="changed since it was listed") as failed:
        source.fetch(before["changed"])
    assert failed.value.retry
    with pytest.raises(SourceFailed, match="is gone") as failed:
        source.fetch(before["deleted"])
    assert not failed.value.retry
    with pytest.raises(SourceFailed, match="no object of"):
        source.fetch(Item(doc_id="kept", uri="", path="kept"))


def test_an_object_states_its_own_rights_and_class(store: S3Backend) -> None:
    put(store, "board.txt", befit_acl='{"groups": ["board"]}', befit_data_class="restricted")
    put(store, "plain.txt", other="x")
    items = items_of(open_source("s3://docs"))
    assert items["board.txt"].acl == Acl(groups=frozenset({"board"}))
    assert items["board.txt"].data_class is DataClass.RESTRICTED
    assert items["plain.txt"].acl is None
    assert not items["plain.txt"].is_acl_unknown


@pytest.mark.parametrize(
    "acl", ['{"group": ["board"]}', '{"groups": "everyone"}', "everyone", "", "[]", "null"]
)
def test_an_object_whose_rights_cannot_be_read_is_not_taken_in(store: S3Backend, acl: str) -> None:
    put(store, "a.txt", befit_acl=acl)
    source = open_source("s3://docs")
    assert items_of(source) == {}
    assert reasons_of(source)["a.txt"].startswith("its metadata: ")


def test_an_object_whose_metadata_cannot_be_had_is_for_nobody(
    store: S3Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "a.txt", befit_acl='{"groups": ["everyone"]}')

    def down(bucket: Bucket, key: str) -> dict[str, str]:
        raise SourceFailed("down", retry=True)

    monkeypatch.setattr(Bucket, "metadata", down)
    item = items_of(open_source("s3://docs"))["a.txt"]
    assert item.is_acl_unknown
    assert item.acl is None


def test_hidden_empty_and_large_objects_are_skipped(store: S3Backend, tmp_path: Path) -> None:
    put(store, ".git/config")
    put(store, "a/.hidden")
    put(store, "folder/", "")
    put(store, "large.txt", "x" * 101)
    put(store, "grown.txt", "x" * 100)
    options = SourceOptions(most_bytes=100, scratch_dir=tmp_path)
    source = open_source("s3://docs", options)
    assert reasons_of(source) == {
        ".git/config": "hidden: a part of its name begins with a dot",
        "a/.hidden": "hidden: a part of its name begins with a dot",
        "folder": "empty, or the mark of a folder",
        "large.txt": "larger than 100 bytes",
    }
    item = items_of(source)["grown.txt"]
    small = open_source("s3://docs", replace(options, most_bytes=99))
    with pytest.raises(SourceFailed, match="larger than 99 bytes"):
        small.fetch(item)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["a//b.txt", "a/../b.txt", "a/\x01.txt"])
def test_a_key_that_cannot_be_used_is_named_and_nothing_is_taken_for_deleted(
    store: S3Backend, key: str
) -> None:
    put(store, key)
    put(store, "kept.txt")
    with pytest.raises(SourceFailed, match="rename it") as failed:
        list(open_source("s3://docs").items())
    assert len(str(failed.value).splitlines()) == 1
    assert not failed.value.retry


def test_a_bucket_that_is_not_there_failed(store: S3Backend) -> None:
    with pytest.raises(SourceFailed, match="s3://no-such-bucket does not exist"):
        list(open_source("s3://no-such-bucket/x").items())


def test_a_bucket_that_vanishes_between_two_pages_failed(store: S3Backend) -> None:
    for number in range(1_100):
        put(store, f"{number:04}.txt")
    listing = open_source("s3://docs", _QUICK).items()
    assert isinstance(next(listing), Item)
    for number in range(1_100):
        store.delete_object("docs", f"{number:04}.txt")
    store.delete_bucket("docs")
    with pytest.raises(SourceFailed):
        list(listing)


def test_wrong_credentials_are_told_without_naming_them(
    store: S3Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "a.txt")
    item = items_of(open_source("s3://docs"))["a.txt"]
    monkeypatch.setattr(moto_settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
    source = open_source("s3://docs")
    for use in (lambda: list(source.items()), lambda: source.fetch(item)):
        with pytest.raises(SourceFailed, match="refuses these credentials") as failed:
            use()
        assert "hunter2" not in repr(failed.value.args) + str(failed.value)
        assert "AKIA" not in repr(failed.value.args) + str(failed.value)
        assert failed.value.__cause__ is None
        assert not failed.value.retry


def test_an_endpoint_that_is_down_failed_and_may_be_tried_later(
    store: S3Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(SourceFailed, match="cannot be reached") as failed:
        list(open_source("s3://docs").items())
    assert failed.value.retry


def test_an_endpoint_may_be_given_and_goes_without_tls_on_loopback_only(
    store: S3Backend, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    put(store, "a.txt")
    assert "a.txt" in items_of(open_source("s3://docs", SourceOptions(endpoint_url=endpoint)))
    with pytest.raises(InvalidRequest, match="without TLS"):
        open_source("s3://docs", SourceOptions(endpoint_url="http://store.example"))
    open_source("s3://docs", SourceOptions(endpoint_url="http://store.example", allow_http=True))
    with pytest.raises(InvalidRequest, match="no user name or password"):
        open_source("s3://docs", SourceOptions(endpoint_url="http://AKIA:hunter2@127.0.0.1"))


@pytest.mark.parametrize("address", ["s3://", "s3:///x", "s3://AKIA:hunter2@docs/x", "s3://a b/"])
def test_an_address_names_a_bucket_and_no_credentials(address: str) -> None:
    with pytest.raises(InvalidRequest, match="credentials come from the environment") as refused:
        open_source(address)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("address", ["gs://docs/x", "az://docs/x"])
def test_other_stores_are_opened_by_the_same_adapter(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "aHVudGVyMg==")
    key = {
        "gcs_base_url": "https://store.example",
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    (tmp_path / "account.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
    assert open_source(address).name == address


def test_without_its_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **rest: Any) -> object:
        if name.partition(".")[0] == "obstore":
            raise ModuleNotFoundError(name)
        return real(name, *args, **rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtra, match=r"befit\[objects\]"):
        open_source("s3://docs/x")
