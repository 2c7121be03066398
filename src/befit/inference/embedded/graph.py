"""MiniLM as an ONNX graph, built from its safetensors: 8-bit weights, no torch.

Activations are quantised a token at a time (one scale a row), not a tensor at a time:
a tensor's scale would let a text's neighbours in a batch move its vector (measured:
cosine down to 0.986 between the same text alone and in company), and a label must not
depend on who else asks. It costs a quarter of the speed and is nearer to fp32 as well.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from befit.inference.embedded.dimensions import DIMENSIONS

_OPSET = 20
_LAYERS, _HEADS, _HEAD_WIDTH = 6, 12, 32
_MASKED = 10_000.0
_MICROSOFT = "com.microsoft"
_FLOATS = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}

Array: TypeAlias = NDArray[Any]  # weights come as float32 and leave as int8 or float32


class _TensorPlace(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_safetensors(path: Path) -> dict[str, Array]:
    """The tensors of a safetensors file, mapped rather than read.

    Raises:
        ValueError: the header is not that of a safetensors file of known types.
    """
    data = np.memmap(path, dtype=np.uint8, mode="r")
    header = int.from_bytes(data[:8].tobytes(), "little")
    if not 2 <= header <= len(data) - 8:
        raise ValueError(f"{path.name} has no safetensors header")
    raw = msgspec.json.decode(data[8 : 8 + header].tobytes(), type=dict[str, msgspec.Raw])
    raw.pop("__metadata__", None)
    tensors: dict[str, Array] = {}
    for name, place in raw.items():
        found = msgspec.json.decode(place, type=_TensorPlace)
        start, end = (8 + header + offset for offset in found.data_offsets)
        tensors[name] = data[start:end].view(_FLOATS[found.dtype]).reshape(found.shape)
    return tensors


def build_graph(tensors: Mapping[str, Array], *, quantised: bool = True) -> bytes:
    """The serialised model: `input_ids`, `attention_mask` -> unit `vectors` [n, 384].

    `quantised=False` builds the fp32 reference that tests compare with.
    """
    builder = _Builder(quantised=quantised)
    hidden = _embedded(builder, tensors)
    mask = builder.op("Cast", ["attention_mask"], to=TensorProto.FLOAT)
    bias = _attention_bias(builder, mask)
    for layer in range(_LAYERS):
        hidden = _layer(builder, tensors, hidden=hidden, bias=bias, at=f"encoder.layer.{layer}")
    _pooled(builder, hidden, mask)
    return builder.serialised()


class _Builder:
    """Collects nodes and constants; each `op` returns the name of its output."""

    def __init__(self, *, quantised: bool) -> None:
        self._quantised = quantised
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._count = 0

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def constant(self, value: Array | float | list[int]) -> str:
        name = self._name()
        array = value if isinstance(value, np.ndarray) else np.array(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        tensor = numpy_helper.from_array(np.ascontiguousarray(array), name)
        self._constants.append(tensor)
        return name

    # Attributes of ONNX operators are open by nature.
    def op(
        self, kind: str, inputs: list[str], *, output: str | None = None, **attributes: Any
    ) -> str:
        name = output or self._name()
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def split(self, value: str, parts: int) -> list[str]:
        names = [self._name() for _ in range(parts)]
        self._nodes.append(helper.make_node("Split", [value], names, axis=-1, num_outputs=parts))
        return names

    def linear(self, value: str, weight: Array, bias: Array) -> str:
        """`value @ weight.T + bias` over the last axis."""
        matrix = weight.T
        if not self._quantised:
            product = self.op("MatMul", [value, self.constant(matrix)])
            return self.op("Add", [product, self.constant(bias)])
        rows, row_scale = self._quantised_rows(value, width=matrix.shape[0])
        columns, column_scale = _quantised_columns(matrix)
        inputs = [rows, self.constant(columns), self.constant(1.0), self.constant(column_scale)]
        inputs += [
            self.constant(np.array(128, np.uint8)),
            self.constant(np.zeros(len(bias), np.int8)),
        ]
        product = self.op("MatMulIntegerToFloat", inputs, domain=_MICROSOFT)
        scaled = self.op("Mul", [product, row_scale])
        flat = self.op("Add", [scaled, self.constant(bias)])
        width = self.constant([len(bias)])
        shape = self.op("Concat", [self.op("Shape", ["input_ids"]), width], axis=0)
        return self.op("Reshape", [flat, shape])

    def _quantised_rows(self, value: str, *, width: int) -> tuple[str, str]:
        # uint8 around 128: onnxruntime has fast x86 kernels for u8 by s8, not for s8 by s8.
        rows = self.op("Reshape", [value, self.constant([-1, width])])
        most = self.op("ReduceMax", [self.op("Abs", [rows]), self.constant([1])], keepdims=0)
        scale = self.op("Mul", [most, self.constant(1 / 127)])
        scale = self.op("Max", [scale, self.constant(1e-9)])
        zero = self.op(
            "Expand", [self.constant(np.array([128], np.uint8)), self.op("Shape", [scale])]
        )
        quantised = self.op("QuantizeLinear", [rows, scale, zero], axis=0)
        return quantised, self.op("Unsqueeze", [scale, self.constant([1])])

    def gathered(self, table: Array, ids: str) -> str:
        """Rows of an embedding table, kept in 8 bits with a scale a row."""
        if not self._quantised:
            return self.op("Gather", [self.constant(table), ids])
        columns, scale = _quantised_columns(table.T)
        rows = self.op("Gather", [self.constant(columns.T), ids])
        factor = self.op("Gather", [self.constant(scale[:, None]), ids])
        return self.op("Mul", [self.op("Cast", [rows], to=TensorProto.FLOAT), factor])

    def normalised(self, value: str, tensors: Mapping[str, Array], at: str) -> str:
        gain = self.constant(tensors[f"{at}.weight"])
        shift = self.constant(tensors[f"{at}.bias"])
        return self.op("LayerNormalization", [value, gain, shift], axis=-1, epsilon=1e-12)

    def serialised(self) -> bytes:
        shape = ["n", "tokens"]
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, shape)
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", DIMENSIONS])
        graph = helper.make_graph(self._nodes, "minilm", inputs, [output], self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def _quantised_columns(matrix: Array) -> tuple[Array, Array]:
    scale: Array = np.maximum(np.abs(matrix).max(axis=0) / 127, 1e-9).astype(np.float32)
    columns: Array = np.rint(matrix / scale)
    return columns.clip(-127, 127).astype(np.int8), scale


def _embedded(builder: _Builder, tensors: Mapping[str, Array]) -> str:
    words = builder.gathered(tensors["embeddings.word_embeddings.weight"], "input_ids")
    # Every token is of type 0, so its row joins the positions.
    types = tensors["embeddings.token_type_embeddings.weight"][0]
    table = builder.constant(tensors["embeddings.position_embeddings.weight"] + types)
    shape = builder.op("Shape", ["input_ids"])
    axis = builder.constant([0])
    length = builder.op("Slice", [shape, builder.constant([1]), builder.constant([2]), axis])
    positions = builder.op("Slice", [table, builder.constant([0]), length, axis])
    both = builder.op("Add", [words, positions])
    return builder.normalised(both, tensors, "embeddings.LayerNorm")


def _attention_bias(builder: _Builder, mask: str) -> str:
    wide = builder.op("Unsqueeze", [mask, builder.constant([1, 2])])
    return builder.op(
        "Mul", [builder.op("Sub", [wide, builder.constant(1.0)]), builder.constant(_MASKED)]
    )


def _layer(
    builder: _Builder, tensors: Mapping[str, Array], *, hidden: str, bias: str, at: str
) -> str:
    joined = [f"{at}.attention.self.{part}" for part in ("query", "key", "value")]
    weight = np.concatenate([tensors[f"{name}.weight"] for name in joined])
    offset = np.concatenate([tensors[f"{name}.bias"] for name in joined])
    query, key, value = builder.split(builder.linear(hidden, weight, offset), 3)
    context = _attention(builder, query=query, key=key, value=value, bias=bias)
    attended = _dense(builder, tensors, context, f"{at}.attention.output.dense")
    hidden = builder.normalised(
        builder.op("Add", [hidden, attended]), tensors, f"{at}.attention.output.LayerNorm"
    )
    inner = builder.op("Gelu", [_dense(builder, tensors, hidden, f"{at}.intermediate.dense")])
    outer = _dense(builder, tensors, inner, f"{at}.output.dense")
    return builder.normalised(builder.op("Add", [hidden, outer]), tensors, f"{at}.output.LayerNorm")


def _dense(builder: _Builder, tensors: Mapping[str, Array], value: str, at: str) -> str:
    return builder.linear(value, tensors[f"{at}.weight"], tensors[f"{at}.bias"])


def _attention(builder: _Builder, *, query: str, key: str, value: str, bias: str) -> str:
    split = builder.constant([0, 0, _HEADS, _HEAD_WIDTH])

    def heads(part: str, order: list[int]) -> str:
        return builder.op("Transpose", [builder.op("Reshape", [part, split])], perm=order)

    scale = builder.constant(1 / math.sqrt(_HEAD_WIDTH))
    queries = builder.op("Mul", [heads(query, [0, 2, 1, 3]), scale])
    scores = builder.op("MatMul", [queries, heads(key, [0, 2, 3, 1])])
    weights = builder.op("Softmax", [builder.op("Add", [scores, bias])], axis=-1)
    mixed = builder.op("MatMul", [weights, heads(value, [0, 2, 1, 3])])
    back = builder.op("Transpose", [mixed], perm=[0, 2, 1, 3])
    return builder.op("Reshape", [back, builder.constant([0, 0, DIMENSIONS])])


def _pooled(builder: _Builder, hidden: str, mask: str) -> None:
    # The mean's divisor falls out of the normalisation, so the sum is enough.
    weights = builder.op("Unsqueeze", [mask, builder.constant([2])])
    summed = builder.op(
        "ReduceSum", [builder.op("Mul", [hidden, weights]), builder.constant([1])], keepdims=0
    )
    builder.op("LpNormalization", [summed], output="vectors", axis=-1, p=2)


def main() -> None:
    """Build `OUT` from `SAFETENSORS`, in a process whose memory goes with it."""
    source, target = (Path(argument) for argument in sys.argv[1:3])
    target.write_bytes(build_graph(read_safetensors(source)))


if __name__ == "__main__":
    main()
