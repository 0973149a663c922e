"""all-MiniLM-L6-v2 as an ONNX graph in 8-bit whole numbers: built of the fetched weights, and kept beside them."""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kapelle.errors import MissingExtra, UnreadableSource
from kapelle.evidence.embedding.minilm import HEADS, LAYERS, TINY, WIDTH, Floats, read_tensors
from kapelle.evidence.embedding.weights import FILES

try:
    import onnx
    from onnx import helper, numpy_helper
    from onnxruntime.quantization import QuantType, quantize_dynamic
except ImportError as error:
    raise MissingExtra("fast-embed") from error

VERSION = 1
"""Of the graph below: raise it when its vectors change."""
IDS, VECTOR = "ids", "vector"
"""The graph's input, shape (1, pieces), and its output, shape (1, WIDTH)."""
# A scale for each column, and the products whose inputs reach furthest left in floats: without these two the cosine to
# numpy's vectors is 0.93 in the mean, with them 0.996.
_EXACT = [f"narrow_{number}" for number in range(3)]
_OPSET, _FORMAT = 20, 9
"""The first opset with Gelu, and the file format that goes with it."""


def graph_of(folder: Path) -> Path:
    """The graph of a folder's weights; built when it is missing, of other weights, or of an older version.

    Raises:
        UnreadableSource: it cannot be written beside the weights.
    """
    path = folder / f"int8-{FILES['model.safetensors'][:16]}-{VERSION}.onnx"
    if path.is_file():
        return path
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as made:
            whole, small = Path(made) / "float.onnx", Path(made) / "int8.onnx"
            onnx.save(_Graph(read_tensors(folder / "model.safetensors")).made(), whole)
            quantize_dynamic(
                whole, small, op_types_to_quantize=["MatMul"], nodes_to_exclude=_EXACT, per_channel=True,
                weight_type=QuantType.QInt8,
            )  # fmt: skip
            # One move: whoever reads finds the file whole or not at all.
            os.replace(small, path)
        for older in set(folder.glob("int8-*.onnx")) - {path}:
            older.unlink(missing_ok=True)
    except OSError as error:
        raise UnreadableSource(f"the embedder's graph cannot be written to `{folder}` ({error.strerror})") from None
    return path


@dataclass(slots=True)
class _Graph:
    """The graph as it grows; each method adds what it says, and names the result."""

    tensors: dict[str, Floats]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def made(self) -> onnx.ModelProto:
        """The whole model, of one text: nothing is padded, so nothing is masked."""
        words = self.weight("embeddings.word_embeddings.weight")
        places = self.tensors["embeddings.position_embeddings.weight"]
        kinds = self.tensors["embeddings.token_type_embeddings.weight"]
        length = self.op("Slice", self.op("Shape", IDS), self.numbers(1), self.numbers(2))
        x = self.op("Gather", words, IDS)
        x = self.op("Add", x, self.op("Slice", self.constant(places + kinds[0]), self.numbers(0), length))
        x = self.norm(x, "embeddings.LayerNorm")
        for number in range(LAYERS):
            x = self.layer(x, f"encoder.layer.{number}.", number)
        mean = self.op("ReduceMean", x, self.numbers(1), keepdims=0)
        self.op("Div", mean, self.op("ReduceL2", mean, self.numbers(1)), name=VECTOR)
        graph = helper.make_graph(
            self.nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info(IDS, onnx.TensorProto.INT64, [1, "pieces"])],
            [helper.make_tensor_value_info(VECTOR, onnx.TensorProto.FLOAT, [1, WIDTH])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_FORMAT)
        # Nothing of it is to be folded or inferred before; without this the quantiser warns that nobody did.
        helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
        return model

    def layer(self, x: str, prefix: str, number: int) -> str:
        apart, together = self.numbers(0, 0, HEADS, WIDTH // HEADS), self.numbers(0, 0, WIDTH)
        parts = [
            self.op("Transpose", self.op("Reshape", self.dense(x, f"{prefix}attention.self.{name}"), apart), perm=order)
            for name, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        ]
        root = self.constant(np.array((WIDTH // HEADS) ** -0.5, np.float32))
        shares = self.op("Softmax", self.op("Mul", self.op("MatMul", parts[0], parts[1]), root), axis=-1)
        heads = self.op("Transpose", self.op("MatMul", shares, parts[2]), perm=[0, 2, 1, 3])
        joined = self.dense(self.op("Reshape", heads, together), f"{prefix}attention.output.dense")
        x = self.norm(self.op("Add", joined, x), f"{prefix}attention.output.LayerNorm")
        wide = self.op("Gelu", self.dense(x, f"{prefix}intermediate.dense"))
        narrow = self.dense(wide, f"{prefix}output.dense", called=f"narrow_{number}")
        return self.norm(self.op("Add", narrow, x), f"{prefix}output.LayerNorm")

    def dense(self, x: str, name: str, *, called: str = "") -> str:
        weight = self.constant(np.ascontiguousarray(self.tensors[f"{name}.weight"].T))
        return self.op("Add", self.op("MatMul", x, weight, name=called), self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=float(TINY))

    def weight(self, name: str) -> str:
        return self.constant(self.tensors[name])

    def numbers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def constant(self, value: Floats | NDArray[np.int64]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:  # Any: what the kind of node takes
        output = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output
