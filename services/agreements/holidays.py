"""The recognised holidays of the Algemene termijnenwet, article 3."""

from datetime import date

from holidays.countries import Netherlands

_NOT_IN_THE_LAW = 6
"""A Sunday: Easter and Whit Sunday stand in the library's list; the law has no need to name them."""


def recognised(year: int) -> frozenset[date]:
    """The recognised holidays of a year that are no Sunday by themselves.

    The library's list of days off (`public`) has Good Friday, which the law equates, and the King's birthday on 26 April
    when the 27th is a Sunday. Liberation Day it has only once in five years, as a day off; the law knows 5 May every
    year, and the library lists that as `optional`.
    """
    days = Netherlands(years=year, categories=("public", "optional"))
    return frozenset(day for day in days if day.year == year and day.weekday() != _NOT_IN_THE_LAW)
