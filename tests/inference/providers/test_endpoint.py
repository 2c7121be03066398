import pytest

from befit.errors import InvalidRequest
from befit.inference.providers import Endpoint


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:11434", "/v1"),
        ("http://127.0.0.1:11434/", "/v1"),
        ("http://127.0.0.1:11434/v1", "/v1"),
        ("http://127.0.0.1:11434/v1/", "/v1"),
        ("http://127.0.0.1:11434/v1/chat/completions", "/v1"),
        ("https://api.example.com/openai", "/openai/v1"),
        ("https://api.example.com/openai/v1", "/openai/v1"),
        ("https://api.example.com/v1beta/openai/", "/v1beta/openai"),
    ],
)
def test_base_url_may_or_may_not_name_its_version(url: str, target: str) -> None:
    assert Endpoint.base(url).at("/models").target == f"{target}/models"


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://api.example.com/v1", "api.example.com"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
        ("http://[::1]:8000/v1", "[::1]:8000"),
    ],
)
def test_host_header_names_the_port_only_where_it_is_unusual(url: str, header: str) -> None:
    assert Endpoint.parse(url).host_header == header


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [
        ("http://localhost:1", True),
        ("http://127.9.9.9:1", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.1:1", False),
        ("http://localhost.example.com:1", False),
        ("http://127.0.0.1.example.com:1", False),
    ],
)
def test_only_loopback_is_loopback(url: str, is_loopback: bool) -> None:
    assert Endpoint.parse(url).origin.is_loopback is is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://example.com",
        "http://",
        "http://host:99999",
        "http://host:0/",
        "http://host/v1?api-version=3",
        "http://host/v1 HTTP/1.1",
        "http://host/caf\u00e9",
    ],
)
def test_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="url"):
        Endpoint.base(url)


def test_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Endpoint.base("http://me:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)
    assert "env:NAME" in str(caught.value)
