"""Texts as vectors.

`embedder` (the port), `minilm` (all-MiniLM-L6-v2 on numpy; `wordpiece`, its tokenizer; `weights`, where its files are
and how they are fetched), `minilm_onnx` (the same on onnxruntime; `minilm_graph`, its graph), `late` (made when first
used, and counted), `blas` (keeps its threads to ours).
"""
