"""HTML as a tree: text is escaped when it is written, so no name or text can become markup."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, tostring

Child = Element | str | None


def element(tag: str, *children: Child | Iterable[Child], **attributes: str) -> Element:
    """An element; `class_` and `aria_label` become `class` and `aria-label`, and a child that is None is left out."""
    made = Element(tag, {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()})
    for child in _flat(children):
        _append(made, child)
    return made


def document(root: Element) -> str:
    """The whole page."""
    return f"<!doctype html>\n{tostring(root, encoding='unicode', method='html')}\n"


def _flat(children: Iterable[Child | Iterable[Child]]) -> Iterable[Element | str]:
    for child in children:
        if isinstance(child, str | Element):
            yield child
        elif child is not None:
            yield from (one for one in child if one is not None)


def _append(made: Element, child: Element | str) -> None:
    if isinstance(child, Element):
        made.append(child)
    elif len(made):
        made[-1].tail = (made[-1].tail or "") + child
    else:
        made.text = (made.text or "") + child
