"""The public surface: its names and signatures, and what importing it costs.

After a change that is meant, refresh the golden file and review its diff:
`KAPELLE_REFRESH_GOLDEN=1 .venv/bin/python -m pytest -n 0 tests/test_public.py`.
"""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import kapelle

GOLDEN = Path(__file__).parent / "golden" / "api.txt"
REFRESH = os.environ.get("KAPELLE_REFRESH_GOLDEN") == "1"
HEAVY = ("pydantic_ai", "dbos", "sqlalchemy", "fastapi", "numpy", "alembic", "rich", "cyclopts", "yaml", "asyncio")


def described(name: str) -> list[str]:
    """A public name with its signature; of a class, its public methods, properties and fields too."""
    thing = getattr(kapelle, name)
    if not inspect.isclass(thing):
        return [f"{name}{inspect.signature(thing)}" if callable(thing) else name]
    lines = [f"class {name}{_signature(thing)}"]
    hidden = [
        one
        for one in thing.__mro__[1:]
        if one.__module__.startswith("kapelle.") and one.__name__ not in kapelle.__all__
    ]
    for key, value in sorted({key: value for one in (*hidden, thing) for key, value in vars(one).items()}.items()):
        if key.startswith(("_", "model_")):
            continue
        if isinstance(value, FunctionType):
            lines.append(f"    {key}{inspect.signature(value)}")
        elif isinstance(value, property):
            lines.append(f"    {key}: property")
    return lines


def _signature(thing: type) -> str:
    fields = getattr(thing, "model_fields", None)
    if fields is not None:
        listed = (f"{key}{'' if field.is_required() else '='}" for key, field in fields.items())
        return f"({', '.join(listed)})"
    return str(inspect.signature(thing)) if "__init__" in vars(thing) else ""


def test_names_and_signatures_are_those_of_the_golden_file() -> None:
    found = "\n".join(line for name in sorted(kapelle.__all__) for line in described(name) if name != "__version__")
    found = found.replace("pathlib._local.", "pathlib.")  # its home since Python 3.13
    if REFRESH:
        GOLDEN.write_text(found + "\n")
    assert found.splitlines() == GOLDEN.read_text().splitlines()


def test_there_are_at_most_thirty_names_and_each_is_there() -> None:
    assert len(kapelle.__all__) <= 30
    assert sorted(kapelle.__all__) == dir(kapelle)
    assert all(getattr(kapelle, name) is not None for name in kapelle.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        kapelle.nonsense  # noqa: B018


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, kapelle; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {name.split(".")[0] for name in loaded} & set(HEAVY)


def test_a_plan_can_be_written_without_a_database_or_a_framework() -> None:
    code = "import sys; from kapelle import Steps, Plan, Task, tool, Budget; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {name.split(".")[0] for name in loaded} & {"dbos", "sqlalchemy", "fastapi", "pydantic_ai", "alembic"}
