"""The documentation is true: generated pages are current, links lead somewhere, code and plans in it are valid."""

import ast
import importlib.util
import json
import re
from pathlib import Path

import pytest

from kapelle.cli.surroundings import reference
from kapelle.plan.model import Plan
from kapelle.settings import ALIASES, Settings

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(language: str) -> list[tuple[str, str]]:
    """Code blocks of a language, with the page they stand on."""
    return [(page.name, code) for page in PAGES for kind, code in FENCE.findall(page.read_text()) if kind == language]


def test_the_settings_page_is_what_the_settings_say() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == reference(), "refresh: kapelle config --markdown"


def test_the_interface_page_is_what_the_docstrings_say() -> None:
    spec = importlib.util.spec_from_file_location("api_page", ROOT / "docs" / "api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "api.md").read_text()
    # Python 3.13 names the home of Path otherwise.
    assert written == module.page().replace("pathlib._local.", "pathlib."), "refresh: python docs/api.py"


def test_every_setting_is_described() -> None:
    for line in reference().splitlines():
        if line.startswith("| `KAPELLE"):
            assert line.split("|")[4].strip(), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} -> {target}"


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_in_the_documentation_parses(page: str, code: str) -> None:
    assert ast.parse(code).body


def test_the_documented_draft_is_a_plan() -> None:
    texts = [code for page, code in blocks("json") if page == "plans.md"]
    plans = [Plan.model_validate_json(text) for text in texts if '"steps"' in text]
    assert [step.kind for step in plans[0].steps] == ["tool", "tool", "agent", "approval", "map", "answer"]
    assert json.loads(texts[-1])["verdict"]["passed"] is True


def test_the_example_environment_names_only_real_variables() -> None:
    names = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    fields = set(Settings.model_fields)
    for name in names:
        first = name.removeprefix("KAPELLE_").split("__")[0].lower()
        assert name in ALIASES or first in fields, name


def test_nothing_names_a_package_registry_or_a_path_of_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"pypi\.org|registry\.npmjs|files\.pythonhosted", page.read_text()), page.name
