"""`kapelle runs` and `watch`: numbers that reach the database."""

import pytest

from kapelle.cli.main import run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs", "--limit", "0"], "`--limit`: expected 1 to 100000, not 0"),
        (["runs", "--limit", "99999999999999999999"], "`--limit`: expected 1 to 100000"),
        (["watch", "run_1", "--after", "-1"], "`--after`: expected the number of an event, 0 to 2147483647"),
        (["watch", "run_1", "--after", "99999999999999999999"], "`--after`: expected the number of an event"),
    ],
)
def test_a_number_out_of_its_bounds_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert words in capsys.readouterr().err
