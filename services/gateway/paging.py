"""What every list takes: `after` and `limit`, and nothing that it does not know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

LIMIT_MAX = 500
CURSOR_LENGTH_MAX = 500

Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX, description="How many items at most.")]
After = Annotated[
    str | None, Field(max_length=CURSOR_LENGTH_MAX, description="The `next` of the page before; leave it out to begin.")
]


class ListQuery(BaseModel):
    """The query of a list; a parameter that is not known is refused, for a misspelt filter would show too much."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid")

    after: After = None
    limit: Limit = 50
