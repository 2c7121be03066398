import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from befit.errors import ModelUnreachable
from befit.inference import HttpClient
from befit.inference.providers import Endpoint, HttpRequest, Timeouts
from befit.testing import ScriptedUpstream

_TIMEOUTS = Timeouts(connect_s=5, total_s=10)


def _certificate(folder: Path, name: str) -> Path:
    """A self-made certificate for `name` with its key, as one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("10.255.255.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


def _server_context(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def _models(client: HttpClient, upstream: ScriptedUpstream) -> bytes:
    request = HttpRequest(
        method="GET", url=Endpoint.base(upstream.url).at("/models"), peer="the server"
    )
    with await client.send(request, _TIMEOUTS) as response:
        return await response.read()


async def test_tls_connection_to_a_trusted_server_is_kept(tmp_path: Path) -> None:
    path = _certificate(tmp_path, "localhost")
    client = HttpClient(tls=ssl.create_default_context(cafile=str(path)))
    async with ScriptedUpstream(tls=_server_context(path)) as upstream:
        for _ in range(3):
            assert b"test-model" in await _models(client, upstream)
        assert upstream.connections == 1
        client.close()


async def test_untrusted_certificate_is_refused_before_a_byte_of_the_request(
    tmp_path: Path, client: HttpClient
) -> None:
    path = _certificate(tmp_path, "localhost")
    async with ScriptedUpstream(tls=_server_context(path)) as upstream:
        with pytest.raises(ModelUnreachable, match=r"certificate that is not trusted.*trust store"):
            await _models(client, upstream)
        assert upstream.requests == []


async def test_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    path = _certificate(tmp_path, "elsewhere.example")
    client = HttpClient(tls=ssl.create_default_context(cafile=str(path)))
    async with ScriptedUpstream(tls=_server_context(path)) as upstream:
        with pytest.raises(ModelUnreachable, match="certificate that is not trusted"):
            await _models(client, upstream)
        assert upstream.requests == []


async def test_system_store_may_be_extended_by_ssl_cert_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: HttpClient
) -> None:
    path = _certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with ScriptedUpstream(tls=_server_context(path)) as upstream:
        assert b"test-model" in await _models(client, upstream)


async def test_plain_http_at_a_tls_port_and_the_reverse_fail(
    tmp_path: Path, client: HttpClient
) -> None:
    async with ScriptedUpstream() as upstream:
        request = HttpRequest(
            method="GET",
            url=Endpoint.parse(f"https://127.0.0.1:{upstream.port}/v1/models"),
            peer="the server",
        )
        with pytest.raises(ModelUnreachable, match="cannot be reached"):
            await client.send(request, _TIMEOUTS)
