"""From text to YAML nodes; a mistake in the YAML itself is the one problem that hides all others."""

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node
from ruamel.yaml.reader import ReaderError

from services.agreements.problems import AgreementsError, Problem


def compose(text: str) -> Node:
    """The root node of the one document in `text`; nodes keep their place, and repeated keys, unlike values."""
    try:
        root: Node | None = YAML().compose(text)
    except MarkedYAMLError as error:
        raise AgreementsError([_marked(error)]) from None
    except ReaderError as error:
        before = text[: error.position]
        column = len(before) - before.rfind("\n")
        message = f"the character U+{error.character:04X} may not stand in YAML; remove it"
        raise AgreementsError([Problem(before.count("\n") + 1, column, message)]) from None
    except (YAMLError, RecursionError) as error:
        raise AgreementsError([Problem(1, 1, f"this is no YAML that can be read: {type(error).__name__}")]) from None
    if root is None:
        raise AgreementsError([Problem(1, 1, "the file is empty; deploy/agreements.yaml shows what it holds")])
    return root


def _marked(error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = " ".join(part for part in (error.context, error.problem) if part)
    hint = "; indent with spaces, not with tabs" if "'\\t'" in said else ""
    return Problem(line, column, f"this is no YAML: {said}{hint}")
