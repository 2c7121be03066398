"""Calling models: permits, providers, and the process that owns the embedded ones."""

from befit.inference.caller import ModelCaller
from befit.inference.discovery import (
    PROBE_OUTPUT_TOKENS,
    PROBE_TEXT,
    USUAL_PORTS,
    Found,
    ProbeResult,
    discover,
    find_keys,
    probe,
)
from befit.inference.health import Breaker, BreakerRules, Health
from befit.inference.permit import Permit, PermitGate, PermitSeal
from befit.inference.provider import ModelCall, Provider, TextsCall
from befit.inference.providers import (
    DEFAULT_URLS,
    OPENAI_COMPATIBLE,
    HttpClient,
    OpenAICompatibleProvider,
    PoolLimits,
    Secret,
    resolve_key,
)

__all__ = [
    "DEFAULT_URLS",
    "OPENAI_COMPATIBLE",
    "PROBE_OUTPUT_TOKENS",
    "PROBE_TEXT",
    "USUAL_PORTS",
    "Breaker",
    "BreakerRules",
    "Found",
    "Health",
    "HttpClient",
    "ModelCall",
    "ModelCaller",
    "OpenAICompatibleProvider",
    "Permit",
    "PermitGate",
    "PermitSeal",
    "PoolLimits",
    "ProbeResult",
    "Provider",
    "Secret",
    "TextsCall",
    "discover",
    "find_keys",
    "probe",
    "resolve_key",
]
