"""The short form of every fault on the model: a few of the tries that `make torture` makes by ten thousands."""

import pytest

from torture import rows
from torture.fault import MODEL, Fault, Result, tries

SEED = 7  # another one than the long form's, so that other tries are made


@pytest.mark.parametrize("fault", rows.load(MODEL), ids=lambda fault: fault.name)
def test_survived(fault: Fault) -> None:
    result = Result(SEED)
    tries(fault, result, fault.short)
    assert result.failures == []
    assert result.survived


def test_a_fault_that_is_not_survived_is_told_with_its_try() -> None:
    def once(number, noise, notes):
        notes.figure("ms", number)
        assert number != 3, "the third breaks"
        return "fine"

    result = Result(SEED)
    tries(Fault("a", "b", MODEL, "c", "d", "e", once, 10, 5), result, 5)
    assert (result.tried, result.failed, result.survived) == (5, 1, False)
    assert result.failures[0].startswith("try 3: AssertionError: the third breaks")
    assert result.most == {"ms": 4}
    assert Result.from_dict(result.as_dict()) == result


def test_a_stopped_run_goes_on_where_it_was_and_makes_the_same_tries() -> None:
    drawn = []

    def once(number, noise, notes):
        drawn.append((number, noise.random()))
        return "fine"

    fault = Fault("a", "b", MODEL, "c", "d", "e", once, 10, 5)
    whole, halves = Result(SEED), Result(SEED)
    tries(fault, whole, 6)
    tries(fault, halves, 2)
    tries(fault, Result.from_dict(halves.as_dict()), 4)
    assert drawn[6:] == drawn[:6]
