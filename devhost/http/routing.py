"""HTTP routes as ASP.NET templates: parse them once, match paths against them. Pure, no I/O.

Understood: literals (case is ignored), ``{name}``, ``{name?}``, ``{name=default}``, ``{name:int:min(1)}``,
``{*rest}`` and ``{**rest}``, and segments of several parts such as ``{file}.{ext}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from devhost.errors import AppError
from devhost.http.route_constraints import Constraint, constraint

__all__ = ["Route", "Router", "Template", "parse_template", "path_segments"]

_NAME = re.compile(r"^[^/{}?*=:]+$")
_SLASH = re.compile("%2f", re.IGNORECASE)


@dataclass(frozen=True)
class Parameter:
    """One ``{…}`` of a template."""

    name: str
    constraints: tuple[Constraint, ...] = ()
    optional: bool = False
    default: str | None = None
    catch_all: bool = False

    def accepts(self, value: str) -> bool:
        """Tell whether every constraint holds for ``value``."""
        return all(check(value) for check in self.constraints)


@dataclass(frozen=True)
class Segment:
    """What stands between two slashes: literals and parameters, and the expressions to try in turn."""

    parts: tuple[str | Parameter, ...]
    patterns: tuple[re.Pattern[str], ...]

    @property
    def sole(self) -> Parameter | None:
        """The parameter when the segment is nothing else."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Parameter) else None

    @property
    def may_be_absent(self) -> bool:
        """Whether a path may end before this segment."""
        sole = self.sole
        return sole is not None and (sole.optional or sole.catch_all or sole.default is not None)


@dataclass(frozen=True)
class Template:
    """A parsed route template."""

    text: str
    segments: tuple[Segment, ...]

    def match(self, path: list[str]) -> dict[str, str] | None:
        """Return the route parameters when ``path`` (decoded segments) fits, else None.

        Optional parameters that are absent are left out.
        """
        found: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            sole = segment.sole
            if sole is not None and sole.catch_all:
                rest = "/".join(path[position:])
                return found if _take(sole, rest, found) else None
            if position >= len(path):
                if sole is None or not segment.may_be_absent or not _take(sole, "", found):
                    return None
            elif not _take_segment(segment, path[position], found):
                return None
        return found if len(path) <= len(self.segments) else None

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters from left to right."""
        for segment in self.segments:
            yield from (part for part in segment.parts if isinstance(part, Parameter))


def _take(parameter: Parameter, value: str, found: dict[str, str]) -> bool:
    if not value:
        if parameter.default is None:
            return parameter.optional or parameter.catch_all
        value = parameter.default
    if not parameter.accepts(value):
        return False
    found[parameter.name] = value
    return True


def _take_segment(segment: Segment, text: str, found: dict[str, str]) -> bool:
    match = next(filter(None, (pattern.fullmatch(text) for pattern in segment.patterns)), None)
    if match is None:
        return False
    parameters = [part for part in segment.parts if isinstance(part, Parameter)]
    values = [*match.groups(), ""]  # the last parameter of "{name}.{ext?}" may be absent
    return all(_take(parameter, value, found) for parameter, value in zip(parameters, values, strict=False))


def path_segments(raw_path: str) -> list[str]:
    """Split an encoded path into decoded segments.

    A slash at the end counts for nothing. ``%2F`` stays as it is, as in Kestrel: it is no separator.
    """
    parts = raw_path.strip("/").split("/") if raw_path.strip("/") else []
    return [unquote(_SLASH.sub("%252F", part)) for part in parts]


def parse_template(text: str) -> Template:
    """Parse a route template. Raises AppError that names what is wrong with it."""
    stripped = text.removeprefix("~").strip("/")
    segments = tuple(_segment(part, text) for part in _split(stripped, "/")) if stripped else ()
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        for part in segment.parts:
            if isinstance(part, Parameter) and (part.catch_all or part.optional) and not last:
                what = "a catch-all" if part.catch_all else "an optional"
                raise AppError(f"route '{text}': {what} parameter must stand at the end.")
    template = Template(text, segments)
    _refuse_repeats(template)
    return template


def _refuse_repeats(template: Template) -> None:
    seen: set[str] = set()
    for parameter in template.parameters():
        if parameter.name.lower() in seen:
            raise AppError(
                f"route '{template.text}': the parameter '{parameter.name}' appears more than once."
            )
        seen.add(parameter.name.lower())


def _split(text: str, separator: str) -> list[str]:
    """Split at ``separator`` outside of braces and round brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "{(":
            depth += 1
        elif character in "})":
            depth -= 1
        elif character == separator and depth <= 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def _segment(text: str, template: str) -> Segment:
    if not text:
        raise AppError(f"route '{template}': two slashes follow each other.")
    parts = tuple(_parts(text, template))
    if len(parts) > 1 and any(isinstance(part, Parameter) and part.catch_all for part in parts):
        raise AppError(f"route '{template}': a catch-all parameter must have a segment of its own.")
    return Segment(parts, _patterns(parts))


def _parts(text: str, template: str) -> Iterator[str | Parameter]:
    position = 0
    while position < len(text):
        if text[position] == "{" and not text.startswith("{{", position):
            end = _closing_brace(text, position, template)
            yield _parameter(text[position + 1 : end], template)
            position = end + 1
            continue
        following = re.compile(r"(?<!\{)\{(?!\{)").search(text, position)
        end = following.start() if following else len(text)
        literal = text[position:end].replace("{{", "{").replace("}}", "}")
        yield literal
        position = end


def _closing_brace(text: str, start: int, template: str) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise AppError(f"route '{template}': '{{' without '}}'.")


def _parameter(text: str, template: str) -> Parameter:
    catch_all = text.startswith("*")
    head, *tail = _split(text.lstrip("*"), ":")
    default: str | None = None
    pieces = [head, *tail]
    pieces[-1], equals, value = _cut_default(pieces[-1])
    if equals:
        default = value
    optional = pieces[-1].endswith("?") and not equals
    if optional:
        pieces[-1] = pieces[-1][:-1]
    if not _NAME.match(pieces[0]):
        raise AppError(f"route '{template}': '{{{text}}}' has no valid parameter name.")
    if catch_all and optional:
        raise AppError(f"route '{template}': a catch-all parameter cannot be optional.")
    constraints = tuple(constraint(piece, template) for piece in pieces[1:])
    return Parameter(pieces[0], constraints, optional, default, catch_all)


def _cut_default(text: str) -> tuple[str, str, str]:
    head, *rest = _split(text, "=")
    return (head, "=", "=".join(rest)) if rest else (head, "", "")


def _patterns(parts: tuple[str | Parameter, ...]) -> tuple[re.Pattern[str], ...]:
    whole = [_expression(parts)]
    tail = parts[-1]
    if len(parts) > 1 and isinstance(tail, Parameter) and tail.optional:
        # "{name}.{ext?}": the dot belongs to the optional part and is absent with it.
        before = parts[-2]
        shortened = before.removesuffix(".") if isinstance(before, str) else before
        whole.append(_expression((*parts[:-2], shortened)))
    return tuple(re.compile(expression, re.IGNORECASE | re.DOTALL) for expression in whole)


def _expression(parts: tuple[str | Parameter, ...]) -> str:
    return "".join("(.+)" if isinstance(part, Parameter) else re.escape(part) for part in parts)


@dataclass(frozen=True)
class Route:
    """One HTTP function: where it is reached, and by which methods (empty = every method)."""

    function_name: str
    template: Template
    methods: frozenset[str] = frozenset()


class Router:
    """The routes of an app. The first match in the order of function names wins, not the most specific."""

    def __init__(self, routes: list[Route]):
        self.routes = sorted(routes, key=lambda route: route.function_name.lower())

    def resolve(self, method: str, path: list[str]) -> tuple[str, dict[str, str]] | None:
        """Return function name and route parameters, or None; a method that is not allowed is None too."""
        for route in self.routes:
            if route.methods and method.upper() not in route.methods:
                continue
            found = route.template.match(path)
            if found is not None:
                return route.function_name, found
        return None
