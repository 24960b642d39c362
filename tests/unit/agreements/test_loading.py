"""The agreements file: what it means, and every way in which it can be wrong, each with its place and a cure."""
# ruff: noqa: E501 - one mistake is one row of the table

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agreements.durations import Duration
from services.agreements.loading import AgreementsError, load, parse
from services.agreements.model import Agreements, Mark, Patterns, Promise, Rung

Replace = Callable[..., str]
Pair = tuple[str, str]

BRANCH = 'rules: ["APV 4:*"], agendas: ["Groen*"]'
ROUTE = "{when: {kind: initiative-blocked, blockedBy: permit}, to: [permits]}"
RUNG = "{stage: acknowledge, at: 50%, remind: department}"


def test_the_file_becomes_the_agreements(town: Agreements) -> None:
    assert town.municipality.code == "GM9999"
    assert town.source == "urn:nld:oin:00000099000000001000:systeem:koikarper"
    assert town.promises["standard"] == Promise(
        "standard",
        acknowledge=Duration(2, "days", working=True),
        resolve=Duration(10, "weeks"),
        confirm=Duration(7, "days"),
        extensions=1,
        extension=Duration(4, "weeks"),
    )
    assert town.ladders["standard"].rungs[::2] == (
        Rung(1, "acknowledge", Mark(percent=50), "remind", "department"),
        Rung(3, "acknowledge", Mark(after=Duration(2, "days", working=True)), "escalate", "municipal-secretary"),
    )
    assert town.calendars["office"].opening.week == ((((540, 750), (780, 1020)),) * 5 + ((), ()))
    assert town.calendars["office"].opening.closed == {date(2026, 12, 24)}
    assert town.departments["permits"].rules == ("APV *",)
    assert town.departments["parks"].ladder is None
    assert town.teams["noord"].neighbourhoods == ("WK999901",)
    assert [route.to for route in town.routes] == [("permits",), ("concern-control",), ()]
    assert town.default == "concern-control"
    assert town.patterns == Patterns(3, Duration(90, "days"))


def test_a_version_is_the_hash_of_the_bytes(text: str, tmp_path: Path) -> None:
    file = tmp_path / "agreements.yaml"
    file.write_bytes(text.replace("\n", "\r\n").encode())
    assert load(file).version == hashlib.sha256(file.read_bytes()).hexdigest()
    assert parse(text).version == hashlib.sha256(text.encode()).hexdigest() != load(file).version


def test_what_was_stored_is_read_back_as_the_same_version(town: Agreements) -> None:
    assert parse(town.text) == town


@pytest.mark.parametrize(
    ("pair", "week"),
    [
        (('mon-fri: ["09:00-12:30", "13:00-17:00"]', 'mon: ["13:00-17:00", "9:00-12:30"]'), {0: ((540, 750), (780, 1020))}),
        (('mon-fri: ["09:00-12:30", "13:00-17:00"]', '"mon, wed-thu": ["00:00-24:00"], sun: 8:00-9:00'), {0: ((0, 1440),), 2: ((0, 1440),), 3: ((0, 1440),), 6: ((480, 540),)}),
        (('mon-fri: ["09:00-12:30", "13:00-17:00"]', 'mon-sat: ["09:00-10:00"], sun: []'), dict.fromkeys(range(6), ((540, 600),))),
    ],
)  # fmt: skip
def test_hours_are_given_by_day_or_range_of_days(replace: Replace, pair: Pair, week: dict[int, object]) -> None:
    opening = parse(replace(pair)).calendars["office"].opening
    assert opening.week == tuple(week.get(day, ()) for day in range(7))


def test_what_is_optional_may_be_left_out(replace: Replace) -> None:
    town = parse(
        replace(
            ("timezone: Europe/Amsterdam, ", ""),
            ("patterns: {signals: 3, within: 90 days}\n", ""),
            (", extensions: 0}", "}"),
        )
    )
    assert str(town.calendars["office"].opening.timezone) == "Europe/Amsterdam"
    assert town.patterns == Patterns(3, Duration(90, "days"))
    assert town.promises["urgent"].extensions == 0


CODE_AS_NUMBER = ("  noord: {name", "  112: {name")
WRONG: list[tuple[Pair, str, str]] = [
    # what is changed, where the problem stands, what it says
    (("default: concern-control", "defualt: concern-control"), "defualt", "the file has no 'defualt'; did you mean 'default'?"),
    (("default: concern-control\n", ""), "municipality: {", "the file needs default"),
    (("GM9999", "WK9999"), "WK9999, name", "'WK9999' is no CBS code of a municipality"),
    (('"00000099000000001000"}', "00000099000000001000}"), "00000099000000001000}", 'takes this for a number; put it in quotes: "00000099000000001000"'),
    (('"00000099000000001000"}', '"12345678000000001000"}'), '"12345678', "is no OIN"),
    (("name: Voorbeeldstad", "name: ''"), "''", "name is empty"),
    (("name: Voorbeeldstad", "name: [x]"), "[x]", "name must be a text"),
    (("name: Voorbeeldstad", "name: 2026-01-01"), "2026-01-01", "takes this for a date"),
    (("name: Voorbeeldstad", "name: "), "name: ,", "name is empty; fill it in or remove it"),
    (("patterns: {signals: 3, within: 90 days}", "patterns:"), "patterns:", "patterns is empty; fill it in or remove it"),
    (("  zuid: {name", "  oost:\n  zuid: {name"), "oost:", "oost is empty"),
    # calendars
    (("holidays: NL", "holidays: BE"), "BE", "the holidays of 'BE' are not known; write NL"),
    (("timezone: Europe/Amsterdam", "timezone: Europe/Amsterdm"), "Europe/Amsterdm", "there is no time zone"),
    (("timezone: Europe/Amsterdam", "timezone: ../../etc/passwd"), "../../etc", "there is no time zone"),
    (("mon-fri", "ma-vr"), "ma-vr", "names no weekdays; write mon, tue"),
    (("mon-fri", "mon-"), "mon-:", "names no weekdays"),
    (("mon-fri", "fri-mon"), "fri-mon", "runs backwards"),
    (("mon-fri: [", 'fri: ["09:00-10:00"], mon-fri: ['), "mon-fri", "fri has its hours elsewhere too"),
    (("09:00-12:30", "09:00-25:00"), '"09:00-25:00"', "is no period"),
    (("09:00-12:30", "9-12"), '"9-12"', "is no period"),
    (("09:00-12:30", "24:00-24:00"), '"24:00-24:00"', "is no period"),
    (("09:00-12:30", "22:00-06:00"), '"22:00-06:00"', 'over midnight: "22:00-24:00", next day "00:00-06:00"'),
    (("09:00-12:30", "09:00-13:30"), '["09:00-13:30"', "the hours of mon-fri overlap"),
    (('["09:00-12:30", "13:00-17:00"]', "[]"), "{mon-fri: []}", "no day is open"),
    (("2026-12-24", "2026-02-30"), '"2026-02-30"', "a closed day must be a date of the calendar"),
    (("2026-12-24", "24-12-2026"), '"24-12-2026"', "a closed day must be a date of the calendar"),
    (('hours: {mon-fri: ["09:00-12:30", "13:00-17:00"]}, ', ""), "office:", "calendar office needs hours"),
    # promises, ladders, patterns
    (("2 working days, resolve", "2 workdays, resolve"), "2 workdays", "acknowledge: '2 workdays' is no duration"),
    (("4 working hours", "4 working minutes"), "4 working minutes", "counted in hours or days"),
    (("acknowledge: 4 working hours, ", ""), "urgent:   {", "promise urgent needs acknowledge"),
    (("extensions: 0", "extensions: 2"), "2}", "does not say how long; add extension: 4 weeks"),
    (("extensions: 1, ", ""), "4 weeks}", "does not say how many extensions; add extensions: 1"),
    (("extensions: 0", "extensions: -1"), "-1}", "extensions must be a whole number of at least 0"),
    (("extensions: 0", "extensions: yes"), "yes}", "extensions must be a whole number"),
    (("stage: acknowledge, at: 50%", "stage: acknowlege, at: 50%"), "acknowlege", "there is no stage 'acknowlege'; did you mean 'acknowledge'?"),
    (("at: 50%", "at: 150%"), "150%", "is no moment of a term; write `50%`"),
    (("at: 50%", "at: halfway"), "halfway", "is no moment of a term; write `50%`"),
    (("at: due + 2 working days", "at: due + soon"), "due + soon", "at: 'soon' is no duration"),
    (("escalate: concern-control", "escalate: concern-contol"), "concern-contol", "there is no department 'concern-contol'; did you mean 'concern-control'?"),
    ((RUNG, "{stage: acknowledge, at: 50%}"), "{stage: acknowledge, at: 50%}", "a rung does one thing: add either remind"),
    ((RUNG, "{stage: acknowledge, at: due, remind: department, escalate: parks}"), "{stage: acknowledge, at: due, rem", "a rung does one thing"),
    (("remind: department", "remind: parks"), "parks}", "goes to department, not 'parks'; to call in another department write escalate"),
    (("remind: department", "remind: team"), "team}", "a reminder at this stage goes to department, not 'team'"),
    (("signals: 3", 'signals: "3"'), '"3"', "signals must be a whole number of at least 2, without quotes"),
    (("within: 90 days", "within: 90"), "90}", "within must be a text, and YAML takes this for a number"),
    # departments and teams
    (("calendar: office, promise: standard, ladder", "calendar: offfice, promise: standard, ladder"), "offfice", "there is no calendar 'offfice'; did you mean 'office'?"),
    (("promise: standard, ladder", "promise: normal, ladder"), "normal,", "there is no promise 'normal'; there are standard, urgent"),
    (("ladder: standard", "ladder: steep"), "steep", "there is no ladder 'steep'; there are standard"),
    (("  parks:", "  Parks:"), "Parks:", "'Parks' is no code of a department; use small letters"),
    (("  parks:", "  parks_and_trees:"), "parks_and_trees:", "is no code of a department"),
    (("  zuid:", f"  {'z' * 61}:"), "z" * 61, "is no code of a team"),
    (CODE_AS_NUMBER, "112:", 'takes this for a number; put it in quotes: "112"'),
    (("  noord: {name", "  yes: &x {name"), "yes: &x", ""),  # in YAML 1.2 `yes` is a text, and a fine code
    (("  noord: {name", "  true: {name"), "true:", "takes this for yes or no"),
    ((BRANCH, 'rules: "APV [4"'), '"APV [4"', "rules: `[` without `]`"),
    ((BRANCH, 'rules: ["APV *", "APV *"]'), '"APV *"]}\n  concern', "'APV *' stands in rules twice"),
    ((BRANCH, "rules: {APV: 1}"), "{APV: 1}", "rules must be a list"),
    ((BRANCH, "until: 2026-12-31"), "parks:", "a retired department needs until and successor; department parks has no successor"),
    ((BRANCH, "successor: permits"), "parks:", "a retired department needs until and successor; department parks has no until"),
    ((BRANCH, "until: soon, successor: permits"), "soon", "until must be a date"),
    ((BRANCH, "until: 2026-12-31, successor: perks"), "perks", "there is no department 'perks'; did you mean"),
    ((BRANCH, "until: 2026-12-31, successor: parks"), "parks: {", "the successors lead back: parks > parks"),
    (("[WK999901]", "[WK99990a]"), "WK99990a", "'WK99990a' is no CBS code"),
    (("[WK999901]", "[]"), "[],", "team noord works nowhere"),
    (("neighbourhoods: [WK999901], ", ""), "noord:", "team noord needs neighbourhoods"),
    (("[BU9999AD03]", "[BU9999AD03], successor: noord"), "successor", "team zuid has no 'successor'"),
    (('"urn:nld:kvknr:00000001:*"', '"urn:nld:*:x"'), '"urn:nld:*:x"', "is no source; write a URN"),
    (('"urn:nld:kvknr:00000001:*"', '"urn:nld:oin:123:x"'), '"urn:nld:oin:123:x"', "'123' is no OIN"),
    (('"urn:nld:kvknr:00000001:*"', '"urn:nld:kvknr:*"'), '"urn:nld:kvknr:*"', "overlaps 'urn:nld:kvknr:09220932:systeem:wijkapp' of team noord on line 21"),
    # routes
    ((ROUTE, ROUTE.replace("[permits]", "[permit]")), "permit]", "there is no department 'permit'; did you mean 'permits'?"),
    ((ROUTE, ROUTE.replace("[permits]", "[parks, parks]")), "[parks, parks]", "route 1 names a department twice"),
    ((ROUTE, ROUTE.replace("to:", "too:")), "too:", "route 1 has no 'too'; did you mean 'to'?"),
    (("promise: urgent}\n  - {when: {kind: phase", "promise: urgnt}\n  - {when: {kind: phase"), "urgnt", "there is no promise 'urgnt'"),
    (("to: []}", "to: [], promise: urgent}"), "urgent}\ndefault", "route 3 binds nobody"),
    ((ROUTE, ROUTE.replace("initiative-blocked", "initiative-blokked")), "initiative-blokked", "can never match: there is no kind 'initiative-blokked'; did you mean"),
    ((ROUTE, ROUTE.replace("blockedBy: permit", "blockedBy: permits")), "permits}, to", "can never match: there is no blockedBy 'permits'; did you mean 'permit'?"),
    ((ROUTE, ROUTE.replace("blockedBy: permit", "phase: sour")), "phase: sour", "can never match: no initiative-blocked has 'phase' to go by"),
    ((ROUTE, ROUTE.replace("blockedBy: permit", "rule: APV")), "rule: APV", "can never match: no initiative-blocked has 'rule' to go by"),
    ((ROUTE, ROUTE.replace("kind: initiative-blocked, blockedBy: permit", "blockedBy: permit, phase: sour")), "{blockedBy: permit, phase", "can never match: no kind has all of these fields"),
    ((ROUTE, ROUTE.replace("blockedBy: permit", "blockedBy: []")), "[]}, to: [permits]", "an empty list matches nothing"),
    ((ROUTE, ROUTE.replace("blockedBy: permit", "team: nord")), "nord}", "can never match: there is no team 'nord'; did you mean 'noord'?"),
    ((ROUTE, ROUTE.replace("blockedBy: permit", "neighbourhood: BU99")), "BU99}", "can never match: 'BU99' is no CBS code"),
    ((ROUTE, ROUTE.replace("blockedBy: permit", 'title: "[tuin"')), '"[tuin"', "title: `[` without `]`"),
    (("{kind: phase-changed}", "{kind: grievance-reported, recognised: perhaps}"), "perhaps", "there is no recognised 'perhaps'; there are false, true"),
    (("default: concern-control", "default: nobody"), "nobody", "there is no department 'nobody'"),
    # YAML
    (("default: concern-control", "default: concern-control\ndefault: parks"), "default: parks", "'default' stands here twice, first on line 27; keep one"),
    (("default: concern-control", "\tdefault: concern-control"), "\tdefault", "this is no YAML"),
    (("default: concern-control", "default: *nobody"), "*nobody", "this is no YAML: found undefined alias"),
    (("default: concern-control", "default: concern-control\n---"), "---", "this is no YAML: expected a single document"),
    (("default: concern-control", "default: concern\x01control"), "\x01", "the character U+0001 may not stand in YAML"),
    (("Voorbeeldstad", "!!python/name:os.system x"), "!!python", "takes this for something else"),
]  # fmt: skip


@pytest.mark.parametrize(("pair", "where", "message"), WRONG, ids=lambda value: str(value)[-40:])
def test_a_mistake_is_reported_at_its_place_with_a_cure(replace: Replace, pair: Pair, where: str, message: str) -> None:
    text = replace(pair)
    if not message:
        assert parse(text)
        return
    with pytest.raises(AgreementsError) as caught:
        parse(text)
    before = text[: text.index(where)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    found = [problem for problem in caught.value.problems if message in problem.message]
    assert found, str(caught.value)
    assert (found[0].line, found[0].column) == (line, column), str(caught.value)


def test_a_ring_of_successors_is_reported_at_each_department_in_it(replace: Replace) -> None:
    text = replace(
        (BRANCH, "until: 2026-12-31, successor: permits"), ("rules: [", "until: 2026-12-31, successor: parks, rules: [")
    )
    with pytest.raises(AgreementsError) as caught:
        parse(text)
    assert [problem.message.split(";")[0] for problem in caught.value.problems] == [
        "the successors lead back: permits > parks > permits",
        "the successors lead back: parks > permits > parks",
    ]


def test_every_mistake_is_reported_at_once_in_the_order_of_the_file(replace: Replace) -> None:
    text = replace(
        ("holidays: NL", "holiday: NL"),
        ("2 working days, resolve", "2 dagen, resolve"),
        ("[WK999901]", "[WK1]"),
        ("to: []", "to: [x]"),
        ("default: concern-control", "default: y"),
    )
    with pytest.raises(AgreementsError) as caught:
        parse(text)
    assert len(caught.value.problems) == 5
    assert list(caught.value.problems) == sorted(caught.value.problems)
    assert (
        str(caught.value).splitlines()[0].startswith("agreements.yaml:3:90: calendar office has no 'holiday'; did you")
    )


def test_a_missing_section_is_not_followed_by_complaints_about_what_it_would_hold(replace: Replace) -> None:
    with pytest.raises(AgreementsError) as caught:
        parse("municipality: {code: GM9999, name: Voorbeeldstad, oin: '00000099000000001000'}\n")
    assert [problem.message for problem in caught.value.problems] == [
        "the file needs calendars, promises, departments, teams and default"
    ]


@pytest.mark.parametrize("text", ["", "   \n# nothing\n"])
def test_an_empty_file_says_where_to_begin(text: str) -> None:
    with pytest.raises(AgreementsError, match=r"the file is empty; .* shows what it holds"):
        parse(text)


@pytest.mark.parametrize("text", ["[]", "x", "42", "- a\n- b", "a: &x [*x]\n", "[" * 10_000])
def test_what_is_no_mapping_of_sections_is_refused(text: str) -> None:
    with pytest.raises(AgreementsError):
        parse(text)


def test_a_file_is_named_in_its_problems(tmp_path: Path, text: str) -> None:
    file = tmp_path / "town.yaml"
    file.write_text(text.replace("default: concern-control", "default: nobody"))
    with pytest.raises(AgreementsError) as caught:
        load(file)
    assert str(caught.value.problems[0]).startswith(f"{file}:27:10: there is no department 'nobody'")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgreementsError, match=r"none\.yaml:1:1: cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_bytes_that_are_no_utf_8_are_shown_their_place(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("# één\nname: caf".encode() + b"\xe9")
    with pytest.raises(AgreementsError, match=r"latin\.yaml:2:10: this byte is no UTF-8"):
        load(file)


@given(st.text(max_size=60))
def test_whatever_text_it_is_only_the_one_error_is_raised(text: str) -> None:
    with pytest.raises(AgreementsError):
        parse(text)
