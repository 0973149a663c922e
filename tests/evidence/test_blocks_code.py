"""Source code is cut by its definitions, and a passage says which it is in."""

import pytest

from kapelle.evidence.load import document_of
from kapelle.evidence.split import split

PYTHON = '''"""Ledgers."""
import os

@dataclass
class Ledger(Base):
    """Keeps
what is spent.
"""
    # Charges it.
    @property
    def charge(
        self,
    ) -> int:
        return 1

    async def refund(self): ...
LIMIT = 1
def main():
    pass
'''
SCRIPT = """import x from "y";
/** Adds. */
export function add(a, b) {
  if (a) { return "}" }
  return a + b;
}
const sub = (a) => {
  return 1;
};
class Kit {
  make() { return 2; }
}
let z = 3;
"""
GO = """package main
// T counts.
type T struct {
\ta int
}

func (t *T) Run(x int) error {
\treturn nil
}
"""
RUST = """pub struct Sum { a: i32 }

impl<T> Display for Total<T> {
    pub async fn go(&self) -> i32 { 1 }
}
"""
JAVA = """package a;
public class Main extends X {
    private final int a = f(1);

    @Override
    public static List<String> run(int a) throws E {
        if (x) { y(); }
        return null;
    }
}
"""
C = """#include <stdio.h>

static int add(int a, int b)
{
  return a + b;
}
"""
SHELL = "set -e\n# Runs it.\nrun() {\n  echo hi\n}\nrun\n"
SQL = "-- Invoices.\nCREATE TABLE IF NOT EXISTS invoices (\n id int\n);\n\ncreate index by_id on invoices (id);\n"
TOML = "x = 1\n[tool.a]\ny = 2\n# Of b.\n[[b]]\nz = 1\n"


@pytest.mark.parametrize(
    ("name", "text", "sections"),
    [
        ("a.py", PYTHON, ["", "Ledger", "Ledger > charge", "Ledger > refund", "", "main"]),
        ("a.ts", SCRIPT, ["", "add", "sub", "Kit", ""]),
        ("a.go", GO, ["", "T", "Run"]),
        ("a.rs", RUST, ["Sum", "Total", "Total > go"]),
        ("A.java", JAVA, ["", "Main", "Main > run"]),
        ("a.c", C, ["", "add"]),
        ("a.sh", SHELL, ["", "run", ""]),
        ("a.sql", SQL, ["invoices", "by_id"]),
        ("a.toml", TOML, ["", "tool.a", "b"]),
    ],
)
def test_a_passage_says_the_definitions_around_it(name: str, text: str, sections: list[str]) -> None:
    passages = split(document_of(name, text))
    assert [passage.section for passage in passages] == sections
    assert all(text[passage.start : passage.end] == passage.text for passage in passages)


def test_what_stands_right_above_a_definition_belongs_to_it() -> None:
    charge = split(document_of("a.py", PYTHON))[2]
    assert charge.text.startswith("# Charges it.")
    assert split(document_of("a.ts", SCRIPT))[1].text.startswith("/** Adds. */")


def test_a_long_definition_is_cut_between_lines() -> None:
    text = "def f():\n" + "".join(f"    value_{n} = compute({n})\n" for n in range(100))
    passages = split(document_of("a.py", text))
    assert len(passages) > 2
    assert {passage.section for passage in passages} == {"f"}
    assert all(passage.text.endswith(")") for passage in passages)
