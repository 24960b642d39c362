"""All versions of the agreements: a promise goes by the version under which it was made."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.agreements.model import Agreements


@dataclass(frozen=True, slots=True)
class Book:
    """The agreements in force, and every earlier version that an assignment may name."""

    current: Agreements
    versions: Mapping[str, Agreements]

    @classmethod
    def only(cls, agreements: Agreements) -> "Book":
        """The book of a town that never changed its agreements."""
        return cls(agreements, {agreements.version: agreements})

    def of(self, version: str, department: str) -> Agreements:
        """The agreements of `version`; those in force where that version did not yet know the department."""
        agreements = self.versions[version]
        return agreements if department in agreements.departments else self.current
