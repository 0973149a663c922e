"""`kapelle init`: an app of one's own to begin with."""

from pathlib import Path

from kapelle.cli.session import Common, out, print_json
from kapelle.errors import BadInput

APP = '''"""My Kapelle app: tools, strategies and documents. `kapelle solve` in this folder knows them."""

from kapelle import Orchestrator, Steps, Task, strategy, tool


@tool
def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


@strategy(matches=lambda features, task: "words" in features.words)
def counting(task: Task, s: Steps) -> Steps:
    """Count the words of the prompt."""
    s.answer(s.tool(count_words, text=s.task["prompt"]))
    return s


house = Orchestrator(tools=[count_words], strategies=[counting])
'''
FILE = "kapelle_app.py"
SETTING = '\n[tool.kapelle]\napp = "kapelle_app:house"\n'


def init(folder: Path = Path(), /, *, common: Common = Common()) -> int:
    """Write a small app of your own, and name it in pyproject.toml so that every command knows it.

    Args:
        folder: Where.
    """
    app, project = folder / FILE, folder / "pyproject.toml"
    if app.exists():
        raise BadInput(f"`{app}` is there already; it is left as it is")
    folder.mkdir(parents=True, exist_ok=True)
    app.write_text(APP)
    text = project.read_text() if project.exists() else ""
    named = "[tool.kapelle]" in text
    if not named:
        project.write_text((text.rstrip() + "\n" if text else "") + SETTING.lstrip("\n" if not text else ""))
    if common.json:
        print_json({"wrote": [str(app), *([] if named else [str(project)])]})
        return 0
    out().print(f"wrote {app}" + ("" if named else f" and named it in {project}"))
    if named:
        out().print(f'{project} has a [tool.kapelle] already: put `app = "kapelle_app:house"` there')
    out().print('next: kapelle solve "How many words are in this sentence?"')
    return 0
