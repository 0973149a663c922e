"""The optional parts of Kapelle, and whether they are installed."""

import importlib.util

EXTRAS = {
    "embed": ("numpy", "threadpoolctl"),
    "fast-embed": ("onnx", "onnxruntime"),
    "pdf": ("pypdf",),
    "office": ("markitdown", "openpyxl"),
    "measure": ("ir_measures", "scipy"),
    "openai": ("pydantic_ai", "genai_prices", "openai"),
    "postgres": ("psycopg",),
    "server": ("fastapi",),
    "otel": ("opentelemetry.sdk",),
}
"""Of each extra the modules that it brings."""


def is_installed(extra: str) -> bool:
    """Whether everything that an extra brings is there; nothing of it is loaded."""
    return all(_there(module) for module in EXTRAS[extra])


def _there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is not there
        return False
