"""What the drive carries in place of the firmware's sources."""

import ast
import inspect

import pytest

from endcall.bytecode import compiled, without_words
from endcall_core import messages, presets, settings

TABLES = (
    (messages, "REQUESTS", (messages.ANSWER, messages.HELP)),
    (settings, "SETTINGS", (settings.HELP,)),
    (presets, "PRESETS", (presets.SURENESS, presets.SOURCE)),
)


@pytest.mark.parametrize(("module", "table", "columns"), TABLES, ids=lambda item: getattr(item, "__name__", ""))
def test_the_words_are_left_out_and_nothing_else(module, table, columns):
    source = inspect.getsource(module)
    lean = without_words(source)
    assert lean.count("\n") == source.count("\n"), "a traceback would name other lines"
    space = {"__name__": module.__name__, "__package__": module.__package__}
    exec(compile(lean, "lean", "exec"), space)
    rows = getattr(module, table)
    assert len(space[table]) == len(rows)
    for lean_row, row in zip(space[table], rows, strict=True):
        assert [lean_row[column] for column in columns] == [""] * len(columns)
        for column, cell in enumerate(row):
            if column not in columns and (table, column) != ("REQUESTS", messages.FIELDS):
                assert lean_row[column] == cell
    for lean_row, row in zip(space[table], rows, strict=True):
        if table == "REQUESTS":
            assert [field[:2] for field in lean_row[1]] == [field[:2] for field in row[1]]
            assert all(len(field) == 2 for field in lean_row[1]), "without words a field is a pair"


def test_words_over_several_lines_keep_the_lines_behind_them_in_place():
    source = 'X = (\n    words(\n        "ä"\n        "b"\n    ),\n    words("c"), 7,\n)\nraise ValueError\n'
    lean = without_words(source)
    assert ast.literal_eval(ast.parse(lean).body[0].value) == ("", "", 7)
    assert ast.parse(lean).body[1].lineno == 8


def test_bytecode_begins_as_circuitpython_wants_it_and_names_its_source():
    code = compiled("lib/endcall_core/some.py", b"def f():\n    return 1\n")
    assert code is not None
    assert code[:2] == b"C\x06"
    assert b"lib/endcall_core/some.py" in code


def test_what_circuitpython_cannot_compile_is_refused_by_name():
    with pytest.raises(ValueError, match=r"lib/broken\.py can't be compiled"):
        compiled("lib/broken.py", b"match 1:\n    case 1: pass\n")
