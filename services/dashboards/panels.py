"""The few kinds of panels that the dashboards are made of; each must say what it shows, and in what unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, heatmap, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import common as builders
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from services.dashboards import palette
from services.dashboards.queries import UNKNOWN

SOURCE = common.DataSourceRef(type_val="prometheus", uid="koikarper-prometheus")

Panel = Builder[model.Panel]
Kind = TypeVar("Kind", stat.Panel, bargauge.Panel, timeseries.Panel, statetimeline.Panel, heatmap.Panel, table.Panel)


@dataclass(frozen=True, slots=True)
class Says:
    """What a panel tells its reader."""

    title: str
    description: str
    unit: str
    """Of Grafana's units: `none` for counts, `s` for durations."""
    empty: str = UNKNOWN
    """The words for no data; others than `onbekend` mean that this may be so on a normal day."""
    width: int = 6
    """Of 24."""
    height: int = 8
    """In rows of 30 pixels."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One query, and the name of what it gives."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How one series or column is shown."""

    text: str
    color: str | None = None
    downward: bool = False


def figure(says: Says, expr: str, steps: Sequence[model.Threshold], *words: model.ValueMap) -> stat.Panel:
    """One big figure on its colour, as things are now: over a range the last value may be days old."""
    return (
        _dressed(stat.Panel(), says, [_now(Ask(expr))])
        .thresholds(_limits(steps))
        .mappings(list(words))
        .color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE)
        .reduce_options(_last())
    )


def bars(
    says: Says, ask: Ask, steps: Sequence[model.Threshold], *words: model.ValueMap, most: float | None = None
) -> bargauge.Panel:
    """A bar for each series, as things are now; `most` is where a bar is full."""
    panel = (
        _dressed(bargauge.Panel(), says, [_now(ask)])
        .thresholds(_limits(steps))
        .mappings(list(words))
        .min(0)
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .value_mode(common.BarGaugeValueMode.TEXT)
        .reduce_options(_last())
    )
    return panel if most is None else panel.max(most)


def lines(says: Says, *asks: Ask, steps: Sequence[model.Threshold] = (), filled: int = 10) -> timeseries.Panel:
    """What went up and down; a limit in `steps` is drawn as a line."""
    panel = (
        _dressed(timeseries.Panel(), says, [_course(ask) for ask in asks])
        .line_width(2)
        .fill_opacity(filled)
        .show_points(common.VisibilityMode.AUTO)
        .axis_soft_min(0)
        .legend(
            builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )
    if steps:
        style = builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel.thresholds(_limits(steps)).thresholds_style(style)
    return panel


def timeline(says: Says, ask: Ask, words: model.ValueMap) -> statetimeline.Panel:
    """A bar in time for each series, whose colours and words are its states."""
    return (
        _dressed(statetimeline.Panel(), says, [_course(ask)])
        .mappings([words])
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(_limits(palette.PLAIN))
        .show_value(common.VisibilityMode.AUTO)
        .merge_values(True)
        .row_height(0.8)
        .fill_opacity(85)
        .line_width(0)
        .legend(
            builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )


def heat(says: Says, expr: str) -> heatmap.Panel:
    """How many stand in each bucket, moment by moment: the buckets of a gauge histogram, no rates."""
    query = _course(Ask(expr, "{{le}}")).format(PromQueryFormat.HEATMAP)
    color = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Cividis").steps(24)
    return (
        _dressed(heatmap.Panel(), says, [query])
        .calculate(False)
        .color(color)
        .y_axis(heatmap.YAxisConfig().unit(says.unit).axis_placement(common.AxisPlacement.LEFT))
        .cell_values(heatmap.CellValues().unit("none").decimals(0))
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .exemplars_color(palette.UNHEARD)
        .show_legend()
        .mode(common.TooltipDisplayMode.SINGLE)
    )


def listing(says: Says, *exprs: str, columns: Mapping[str, str], sort: str) -> table.Panel:
    """A table of what is so now: `columns` are the fields to show, in order, with their headings; the most first.

    Several queries become one row where all their labels are equal, so their results must not bear a metric's name.
    """
    panel = _dressed(table.Panel(), says, [_now(Ask(expr)).format(PromQueryFormat.TABLE) for expr in exprs])
    order = {"indexByName": {name: at for at, name in enumerate(columns)}, "renameByName": dict(columns)}
    kept = {"include": {"names": list(columns)}}
    return (
        panel.transformations(
            [
                model.DataTransformerConfig(id_val="merge", options={}),
                model.DataTransformerConfig(id_val="filterFieldsByName", options=kept),
                model.DataTransformerConfig(id_val="organize", options={"excludeByName": {}, **order}),
            ]
        )
        .sort_by([builders.TableSortByFieldState().display_name(columns[sort]).desc(True)])
        .show_header(True)
    )


def named(panel: Kind, looks: Mapping[str, Look]) -> Kind:
    """Series by their names, each with its text and colour."""
    for name, look in looks.items():
        properties = [model.DynamicConfigValue("displayName", look.text)]
        if look.color:
            properties.append(model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": look.color}))
        if look.downward:
            properties.append(model.DynamicConfigValue("custom.transform", "negative-Y"))
        panel.override_by_name(name, properties)
    return panel


def _dressed(panel: Kind, says: Says, asks: Sequence[prometheus.Dataquery]) -> Kind:
    panel.title(says.title).description(says.description).unit(says.unit).no_value(says.empty)
    panel.datasource(SOURCE).span(says.width).height(says.height)
    for at, ask in enumerate(asks):
        panel.with_target(ask.ref_id(chr(ord("A") + at)).datasource(SOURCE))
    return panel


def _now(ask: Ask) -> prometheus.Dataquery:
    return _asked(ask).instant()


def _course(ask: Ask) -> prometheus.Dataquery:
    return _asked(ask).range()


def _asked(ask: Ask) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(" ".join(ask.expr.split()))
    return query.legend_format(ask.legend) if ask.legend else query


def _limits(steps: Sequence[model.Threshold]) -> build.ThresholdsConfig:
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(list(steps))


def _last() -> builders.ReduceDataOptions:
    return builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
