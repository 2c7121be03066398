"""Providers, one wire protocol a file, and the HTTP client they share."""

from befit.inference.providers.endpoint import DEFAULT_URLS, Endpoint, Origin
from befit.inference.providers.http_client import HttpClient, HttpRequest, HttpResponse, Timeouts
from befit.inference.providers.openai_compatible import (
    OPENAI_COMPATIBLE,
    OpenAICompatibleProvider,
)
from befit.inference.providers.pool import PoolLimits
from befit.inference.providers.secrets import KeyResolver, Secret, mask_keys, resolve_key

__all__ = [
    "DEFAULT_URLS",
    "OPENAI_COMPATIBLE",
    "Endpoint",
    "HttpClient",
    "HttpRequest",
    "HttpResponse",
    "KeyResolver",
    "OpenAICompatibleProvider",
    "Origin",
    "PoolLimits",
    "Secret",
    "Timeouts",
    "mask_keys",
    "resolve_key",
]
