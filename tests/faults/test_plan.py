"""A seed says everything: the same one, the same plan; and a few chosen seeds show every kind of fault."""

from tests.faults import injecting
from tests.faults.plan import FAULTS, covering, draw


def test_the_same_seed_is_the_same_plan() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


def test_kinds_that_are_asked_for_are_the_only_ones() -> None:
    assert draw(7, ["burst", "poison"]).kinds == {"burst", "poison"}


def test_every_kind_of_fault_can_be_done_and_no_other() -> None:
    assert set(injecting._KINDS) == set(FAULTS)


def test_chosen_seeds_soon_show_every_kind() -> None:
    missing = frozenset(FAULTS)
    for number in range(20):
        missing -= draw(covering(range(number * 40, number * 40 + 40), missing)).kinds
    assert not missing


def test_only_a_seed_that_kills_one_of_three_brokers_needs_three() -> None:
    for seed in range(200):
        plan = draw(seed)
        assert (plan.arena == "cluster") == ("one-of-three-brokers-killed" in plan.kinds)
        assert 2 <= len(plan.faults) <= 4
