"""A sheet to draw on, and what is drawn as an SVG that stands in a page: no script, no style of its own, unique ids.

The colours are written as the page's own variables, so that print and dark mode are the page's affair.
"""

import re
from io import StringIO
from xml.etree.ElementTree import Element, fromstring

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

WIDTH_INCHES = 4.2
"""As wide as a phone's page, so that letters of 10 points can be read there."""
TEXT_POINTS, SMALL_POINTS = 10, 8.5

INK, MUTED, GRID, PAPER = "#1a1a1b", "#55555a", "#c8c8cc", "#fffffe"
CALM, LATE = "#00568f", "#b03a02"
"""Blue and vermilion: told apart by those who do not tell red from green, and never by colour alone."""

_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper", CALM: "calm", LATE: "late"}
_DROPPED = {"metadata", "style"}
_NAMESPACE = re.compile(r"\{[^}]*\}")
_COLOUR = re.compile("|".join(_VARIABLES))
_REFERENCE = re.compile(r"#(?=[\w.-])")


def sheet(height_inches: float) -> Figure:
    """An empty sheet."""
    figure = Figure(figsize=(WIDTH_INCHES, height_inches))
    FigureCanvasSVG(figure)
    return figure


def bare(axes: Axes) -> None:
    """Leave of an axis the line below and its marks."""
    axes.patch.set_visible(False)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.tick_params(axis="x", length=3, color=MUTED, labelcolor=INK, labelsize=SMALL_POINTS)
    axes.yaxis.set_visible(False)


def svg(figure: Figure, name: str, says: str) -> Element:
    """The drawing as an element of the page; `name` is its own among all drawings, `says` is what it shows in words."""
    stream = StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "hatch.linewidth": 1.2}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    root = fromstring(stream.getvalue())  # noqa: S314 - what matplotlib has just drawn, and nobody else's text is markup
    box = root.attrib["viewBox"]
    _clean(root, name)
    root.attrib = {"viewBox": box, "role": "img", "aria-label": says}
    return root


def _clean(element: Element, name: str) -> None:
    element.tag = _NAMESPACE.sub("", element.tag)
    for child in list(element):
        if not isinstance(child.tag, str) or _NAMESPACE.sub("", child.tag) in _DROPPED:
            element.remove(child)
        else:
            _clean(child, name)
    element.attrib = {
        _NAMESPACE.sub("", key): _cleaned(_NAMESPACE.sub("", key), value, name) for key, value in element.attrib.items()
    }
    if element.tag == "g":
        element.attrib.pop("id", None)  # nothing refers to a group
    if element.tag != "text":
        element.text = (element.text or "").strip() or None
    element.tail = None


def _cleaned(key: str, value: str, name: str) -> str:
    """Ids of this drawing only, and colours by the page's names."""
    if key == "id":
        return f"{name}-{value}"
    if key == "href" or "url(" in value:
        value = re.sub(r"#(?=[A-Za-z])(?![0-9a-f]{6}\b)", f"#{name}-", value)
    if key in {"style", "fill", "stroke"}:
        return _COLOUR.sub(lambda found: f"var(--{_VARIABLES[found[0]]})", value)
    return value
