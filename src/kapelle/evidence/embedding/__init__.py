"""Texts as vectors.

`embedder` (the port), `minilm` (all-MiniLM-L6-v2 on numpy; `wordpiece`, its tokenizer; `weights`, where its files are
and how they are fetched), `minilm_onnx` (the same on onnxruntime), `vectors` (as they are stored).
"""
