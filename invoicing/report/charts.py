"""Bar charts as inline SVG, readable at any width and described for those who cannot see them.

Lengths are percentages and text keeps its size, so a chart needs no second version for a narrow page.
"""

from collections.abc import Sequence
from decimal import Decimal

from markupsafe import Markup, escape

_ROW = 40  # pixels of a bar with its label
_LABEL_LENGTH = 26


def stacked_bar(chart_id: str, title: str, parts: Sequence[tuple[str, str, int]]) -> Markup:
    """Draw one bar of parts (css class, label, count), each as wide as its share."""
    total = sum(count for _, _, count in parts) or 1
    rectangles = Markup("")
    x = 0.0
    for css_class, label, count in parts:
        width = 100 * count / total
        rectangles += Markup(
            '<rect class="{}" x="{}%" y="0" width="{}%" height="100%"><title>{}</title></rect>'
        ).format(css_class, _percent(x), _percent(width), f"{label}: {count:,}")
        x += width
    description = ", ".join(f"{label}: {count:,}" for _, label, count in parts)
    return _svg(chart_id, title, description, 22, rectangles)


def bars(chart_id: str, title: str, values: Sequence[tuple[str, Decimal, str]]) -> Markup:
    """Draw a bar for each (label, value, value as text); a negative one has a class of its own."""
    most = max((abs(value) for _, value, _ in values), default=Decimal(0)) or Decimal(1)
    shapes = Markup("")
    for at, (label, value, text) in enumerate(values):
        y = at * _ROW
        shapes += Markup(
            '<text x="0" y="{}">{}</text><text class="end" x="100%" y="{}">{}</text>'
            '<rect class="track" x="0" y="{}" width="100%" height="10" rx="2"/>'
            '<rect class="{}" x="0" y="{}" width="{}%" height="10" rx="2"/>'
        ).format(
            y + 14,
            _shortened(label),
            y + 14,
            text,
            y + 20,
            "bar minus" if value < 0 else "bar",
            y + 20,
            _percent(float(100 * abs(value) / most)),
        )
    description = ", ".join(f"{label}: {text}" for label, _, text in values)
    return _svg(chart_id, title, description, _ROW * len(values), shapes)


def _svg(chart_id: str, title: str, description: str, height: int, content: Markup) -> Markup:
    return Markup(
        '<svg role="img" aria-labelledby="{0}-title {0}-desc" width="100%" height="{1}">'
        '<title id="{0}-title">{2}</title><desc id="{0}-desc">{3}</desc>{4}</svg>'
    ).format(chart_id, height, escape(title), escape(description), content)


def _percent(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _shortened(label: str) -> str:
    return label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 1].rstrip() + "…"
