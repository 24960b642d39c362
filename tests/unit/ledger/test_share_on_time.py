"""The case of `reference/waiting.md`: who is never answered counts, at the deadline, and not only who is.

200 assignments over four days, of which 30 % are never answered, under a promise of 8 hours to acknowledge. Each is
decided at its deadline. A histogram that is filled when the answer comes, as peers have it, never sees the others.
"""

import random
from datetime import UTC, datetime, timedelta

import pytest

from events.catalogue import PREFIX, signal_type
from events.envelope import structured
from events.identifiers import assignment_id, signal_id
from events.reading import parse
from services.ledger.lifecycle import Passed, Said, decide

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ASSIGNMENTS = 200
NEVER = 0.3
PROMISE = 8.0
END = 99.0
"""Hours from the first report: the age of the oldest, which nobody answers."""
MEAN = 2.25
"""Of the hours to an answer, where there is one: three in a hundred take longer than promised."""


def drawn(seed):
    """When each was reported and when it was answered (None: never), in hours from the start."""
    draw = random.Random(seed)  # noqa: S311 - a case to measure, no secret
    silent = {0, *draw.sample(range(1, ASSIGNMENTS), round(ASSIGNMENTS * NEVER) - 1)}
    for number in range(ASSIGNMENTS):
        reported = END * number / ASSIGNMENTS
        answered = reported + draw.expovariate(1 / MEAN)
        yield reported, None if number in silent else answered


def by_hand(cases):
    """Both figures from what was drawn, without the ledger: the honest share and the naive one, as numbers of cases."""
    answered = [(reported, done) for reported, done in cases if done is not None and done <= END]
    in_time = [done for reported, done in answered if done - reported <= PROMISE]
    due = [reported for reported, done in cases if reported + PROMISE < END]
    early = [done for reported, done in answered if done - reported <= PROMISE and reported + PROMISE >= END]
    return (len(in_time), len(due) + len(early)), (len(in_time), len(answered))


def by_the_ledger(cases, book):
    """The verdicts of the core at the end, and what a histogram of the answers would hold."""
    lives = [lived(number, case, book) for number, case in enumerate(cases)]
    met = sum(item.acknowledge == "met" for item in lives)
    missed = sum(item.acknowledge == "missed" for item in lives)
    waits = [item.acknowledged_at - item.waiting_since for item in lives if item.acknowledged_at]
    return (met, met + missed), (sum(wait <= timedelta(hours=PROMISE) for wait in waits), len(waits))


def lived(number, case, book):
    """One assignment from its report to the end, with the timekeeper looking in every few hours."""
    reported, answered = case
    data = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "initiative": "A pond"}
    state = say(None, number, signal_type("initiative-blocked"), data | {"blockedBy": "permit"}, reported, book)
    looks = [hour for hour in range(0, int(END), 5) if hour > reported]
    [id_] = state.assignments
    assert id_ == assignment_id(signal_id("urn:test", str(number)), "permits", 1)
    for hour in [look for look in looks if answered is None or look < answered]:
        state = decide(state, Passed(), at(hour), book).state
    if answered is not None and answered <= END:
        data = {"assignment": str(id_), "by": "clerk", "contact": {"role": "clerk", "reach": "14 020"}}
        state = say(state, f"answer-{number}", f"{PREFIX}.assignments.acknowledged.v1", data, answered, book)
    return decide(state, Passed(), at(END), book).state.assignments[id_]


def say(state, id_, type_, data, hours, book):
    sender = ("team", "noord") if state is None else ("department", "permits")
    raw = structured(id_=str(id_), source="urn:test", type_=type_, time=at(hours), data=data)
    return decide(state, Said(parse(raw, strict=True), sender), at(hours), book).state


def at(hours):
    return START + timedelta(hours=hours)


def share(figures):
    part, whole = figures
    return round(100 * part / whole, 1)


@pytest.mark.parametrize("seed", range(12))
def test_the_share_on_time_counts_who_was_never_answered_and_is_never_that_of_the_answers_alone(life, seed):
    cases = list(drawn(seed))
    honest, naive = by_hand(cases)
    ours, histogram = by_the_ledger(cases, life.book)
    assert (ours, histogram) == (honest, naive)
    assert share(ours) < 80
    assert share(naive) > 90


def test_the_reference_case_has_69_percent_on_time_and_not_97(life):
    cases = list(drawn(228))
    honest, naive = by_hand(cases)
    ours, histogram = by_the_ledger(cases, life.book)
    assert (share(honest), share(naive)) == (69.4, 97.1)
    assert (share(ours), share(histogram)) == (69.4, 97.1)
    oldest = min(reported for reported, answered in cases if answered is None)
    assert END - oldest == 99
