"""Write docs/api.md from the public names' signatures and docstrings.

python docs/api.py
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import kapelle

HEAD = """# Python interface

Every public name, from its signature and docstring; this page is written by `python docs/api.py`.
`from kapelle import NAME`.
"""


def page() -> str:
    """The whole page."""
    names = [name for name in sorted(kapelle.__all__, key=str.lower) if not name.startswith("_")]
    return HEAD + "".join(f"\n## {name}\n\n" + "\n".join(_entry(name)) + "\n" for name in names)


def _entry(name: str) -> Iterator[str]:
    thing = getattr(kapelle, name)
    if inspect.isclass(thing):
        yield _text(thing)
        yield from _fields(thing)
        yield from _methods(thing)
    else:
        yield f"```text\n{name}{inspect.signature(thing)}\n```\n"
        yield _text(thing)


def _fields(thing: type) -> Iterator[str]:
    """A model's fields, one a line."""
    for key, field in getattr(thing, "model_fields", {}).items():
        kind = inspect.formatannotation(field.annotation).replace("kapelle.", "").replace("typing.", "")
        default = "" if field.is_required() else ", optional"
        yield f"- `{key}`: `{kind}`{default}"


def _methods(thing: type) -> Iterator[str]:
    """Public methods and properties with their docstrings."""
    for key, value in own(thing).items():
        function = value.fget if isinstance(value, property) else value
        if key.startswith(("_", "model_")) or not isinstance(function, FunctionType) or not function.__doc__:
            continue
        shown = "" if isinstance(value, property) else str(inspect.signature(function))
        yield f"\n### {thing.__name__}.{key}\n\n```text\n{key}{shown}\n```\n\n{_text(function)}"


def own(thing: type) -> dict[str, object]:
    """What a class has of its own, and of bases of ours that are not public themselves."""
    bases = [one for one in thing.__mro__[1:] if one.__module__.startswith("kapelle.")]
    inherited = [one for one in reversed(bases) if one.__name__ not in kapelle.__all__]
    return {key: value for one in (*inherited, thing) for key, value in vars(one).items()}


def _text(thing: object) -> str:
    """A docstring; its sections as they stand."""
    text = inspect.getdoc(thing) or ""
    first, _, rest = text.partition("\n\n")
    return first + (f"\n\n```text\n{rest.rstrip()}\n```" if rest else "")


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(page(), encoding="utf-8")
