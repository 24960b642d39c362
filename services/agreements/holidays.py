"""The recognised holidays of the Algemene termijnenwet, article 3."""

from datetime import date

from holidays import country_holidays


def recognised(year: int) -> frozenset[date]:
    """The recognised holidays of a year, with Easter Sunday and Whit Sunday: for a term they are Sundays anyway.

    The library's days off (`public`) have Good Friday, which the law equates, and the King's birthday on 26 April when
    the 27th is a Sunday. Liberation Day they have only once in five years; the law knows 5 May every year, and the
    library lists it as `optional`.
    """
    return frozenset(country_holidays("NL", years=year, categories=("public", "optional")))
