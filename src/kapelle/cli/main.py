"""The command line: which commands there are, and how an error leaves it.

Each command's module is imported when it is called, so that `--help` stays quick.
"""

import itertools
import json
import os
import sys

from cyclopts import App, CycloptsError

from kapelle._version import __version__
from kapelle.errors import KapelleError

INTERRUPTED = 130
_COMMANDS = {
    "demo": ("demo:demo", "Watch a real incident task become a plan, run, and end in a decision; no key, no network."),
    "init": ("start:init", "Write a ten-line app of your own into this folder."),
    "solve": ("solve:solve", "Plan a task, run it, answer with checked citations."),
    "plan": ("plans:app", "Plan a task without running it; validate, optimize or draw a plan file."),
    "worker": ("worker:worker", "Walk runs from the queue; any number of workers, on any host."),
    "runs": ("runs:runs", "List runs, the newest first."),
    "show": ("runs:show", "Show a run: its plan, its steps, its answer."),
    "watch": ("runs:watch", "Follow a run's events as they happen."),
    "resume": ("runs:resume", "Walk an interrupted run on; what is finished is reused."),
    "cancel": ("runs:cancel", "Cancel a run; finished steps that say how are taken back."),
    "rerun": ("rerun:rerun", "Do a step and what depends on it again; what else is finished is kept."),
    "fork": ("rerun:fork", "Make a new run with what is finished of another, and go on from a step."),
    "record": ("replay:record", "Print a run as one JSON document that can be replayed anywhere."),
    "replay": ("replay:replay", "Walk a recording, or every unfinished run, against the present code."),
    "approvals": ("approvals:approvals", "List the questions that wait for a person, or show one in full."),
    "approve": ("approvals:approve", "Approve one, and walk its run on."),
    "reject": ("approvals:reject", "Reject one, and walk its run on."),
    "modify": ("approvals:modify", "Approve one with other arguments, and walk its run on."),
    "history": ("history:history", "Show who asked, was warned, decided and was refused."),
    "schedules": ("schedules:schedules", "List what workers begin by themselves, and when."),
    "schedule": ("schedules:schedule", "Let workers begin a task again and again, at the times of a cron expression."),
    "unschedule": ("schedules:unschedule", "Begin it no more."),
    "sessions": ("sessions:sessions", "List sessions, or show one with what was asked and answered in it."),
    "corpus": ("corpus:app", "Add folders of documents, search them."),
    "verify": ("verify:verify", "Check an answer again: its quotes, its claims, and which sources changed since."),
    "tools": ("tools:tools", "List the tools, agents and corpora a plan may use."),
    "bench": ("bench:app", "Score the planner and the incident scenarios."),
    "migrate": ("migrate:migrate", "Copy a database into another, such as SQLite into Postgres; update its schema."),
    "purge": ("purge:purge", "Delete what is over and old enough; it is archived before."),
    "config": ("surroundings:config", "Show every setting and its value."),
    "doctor": ("surroundings:doctor", "Check the surroundings: settings, database, extras, interrupted runs."),
}


def make_app() -> App:
    """The commands, none of them imported yet."""
    app = App(
        name="kapelle",
        help="Kapelle: plans you can read and price, runs nothing can lose, answers that quote their evidence.",
        help_epilogue="Begin with: kapelle demo. Exit codes: 0 succeeded, 1 ended without passing, 2 bad input or "
        "surroundings, 3 waiting for a person, 4 partial, 130 interrupted (resumable).",
        version=__version__,
        # Markdown would load a parser and a syntax highlighter for a page of plain words.
        help_format="plaintext",
        sort_key=None,
    )
    for order, (name, (place, text)) in enumerate(_COMMANDS.items()):
        app.command(f"kapelle.cli.{place}", name=name, help=text, sort_key=order)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    try:
        return _call(arguments)
    except CycloptsError as error:
        return _told(
            arguments, "BadInput", f"{str(error).strip()}\nTry `kapelle --help`, or `kapelle COMMAND --help`.", 2
        )
    except KapelleError as error:
        return _told(arguments, type(error).__name__, str(error), error.exit_code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`kapelle runs | head`): nothing is wrong, and nothing more may be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _told(arguments, "OSError", f"{error.filename or 'the system'}: {error.strerror or error}", 2)
    except Exception as error:  # a fault of ours: said in a line, told in full on request
        if os.environ.get("KAPELLE_DEBUG"):  # settings may be what is broken
            raise
        what = f"internal error: {type(error).__name__}: {error}\nSet KAPELLE_DEBUG=1 for the traceback."
        return _told(arguments, "InternalError", what, 1)


def _call(arguments: list[str]) -> int:
    result = make_app()(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    return result if isinstance(result, int) else 0


def _told(arguments: list[str], kind: str, message: str, code: int) -> int:
    """Say an error on stderr, and as an object on stdout to whoever asked for one; the exit code."""
    print(f"kapelle: {message}", file=sys.stderr)
    if "--json" in itertools.takewhile(lambda one: one != "--", arguments):
        print(json.dumps({"error": {"kind": kind, "message": message}}, ensure_ascii=False))
    return code
