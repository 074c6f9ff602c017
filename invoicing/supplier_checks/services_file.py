"""Reading the file of supplier checks: all of it is checked at once, each problem is told with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

from invoicing import texts
from invoicing.file_values import Object, ValueReader, is_list, is_object
from invoicing.records.outgoing import LONGEST_URL, SecretRef
from invoicing.supplier_checks.asking import PLACE
from invoicing.supplier_checks.services import Checks, ChecksInvalid, Field, NoMeans, Service, Test

_LARGEST = 256 * 1024
_MOST_SERVICES, _MOST_TESTS, _LONGEST_TEXT = 20, 20, 2000
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=10)
_LONGEST_TIMEOUT, _LONGEST_COUNT = timedelta(minutes=1), timedelta(days=366)
_USUAL_WAIT = timedelta(seconds=30)

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:_-]+(/[\x21-\x7e]*)?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
_SECRET = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})

_FILE = {"version", "about", "deadline", "services"}
_SERVICE = {
    *("name", "title", "about", "url", "method", "headers", "body", "for", "timeout", "counts_for"),
    *("yes", "no", "again", "no_means", "supplier_name"),
}


def parse(data: bytes) -> Checks:
    """Read a file of supplier checks. Raises ChecksInvalid with every problem and its place."""
    if len(data) > _LARGEST:
        raise ChecksInvalid([f"it has more than {_LARGEST // 1024} KiB"])
    try:
        value = json.loads(data)
        problems = list(_bad_texts(value, "", 0))
    except RecursionError as error:
        raise ChecksInvalid(["it is nested too deeply"]) from error
    except ValueError as error:
        raise ChecksInvalid([f"it is not JSON: {error}"]) from error
    if problems:
        raise ChecksInvalid(problems)
    reader = _Reader()
    checks = reader.checks(value)
    if reader.problems:
        raise ChecksInvalid(reader.problems)
    return checks


def _bad_texts(value: Any, place: str, depth: int) -> Iterator[str]:
    if depth > 20:
        raise RecursionError
    if isinstance(value, str):
        if wrong := texts.fault(value, _LONGEST_TEXT):
            yield f"{place}: {wrong}"
    elif is_list(value):
        for n, item in enumerate(value):
            yield from _bad_texts(item, f"{place}[{n}]", depth + 1)
    elif is_object(value):
        for name, field in value.items():
            inside = f"{place}.{texts.cleaned(name, 100)}".lstrip(".")
            yield from _bad_texts(name, f"{inside}: its name", depth + 1)
            yield from _bad_texts(field, inside, depth + 1)


class _Reader(ValueReader):
    """Reads what it can and notes what it cannot; what is read counts only where nothing was noted."""

    def checks(self, value: Any) -> Checks:
        """The whole file."""
        if not is_object(value):
            self.note("", "it is not a JSON object")
            return Checks((), _USUAL_WAIT)
        self.known(value, _FILE, "")
        if value.get("version") != 1:
            self.note("version", "must be 1")
        deadline = self.span(value, "deadline", "", _USUAL_WAIT, _SHORTEST_WAIT, _LONGEST_WAIT)
        services = self.items(value.get("services"), "services", self.service, _MOST_SERVICES)
        names = [service.name for service in services]
        if len(set(names)) < len(names):
            self.note("services", "two services have the same name")
        return Checks(tuple(services), deadline)

    def service(self, value: Any, place: str) -> Service:
        """One service."""
        if not is_object(value):
            self.note(place, "is not an object")
            return Service("", "", "")
        self.known(value, _SERVICE, place)
        name = self.text(value, "name", place, _NAME, "small letters, digits and hyphens, 40 at most")
        business = self.object_of(value, "for", place)
        self.known(business, {"has", "countries", "vat_countries"}, f"{place}.for")
        shown = self.object_of(value, "supplier_name", place)
        self.known(shown, {"at", "none"}, f"{place}.supplier_name")
        url = self.url(value.get("url"), f"{place}.url")
        service = Service(
            name=name,
            title=self.title(value.get("title", name), f"{place}.title"),
            url=url,
            method=self.one_of(value, "method", ("GET", "POST"), place),
            headers=self.headers(self.object_of(value, "headers", place), f"{place}.headers"),
            body=value.get("body"),
            needs=self.needs(business, url, value.get("body"), place),
            countries=self.codes(business, "countries", f"{place}.for"),
            vat_countries=self.codes(business, "vat_countries", f"{place}.for"),
            yes=self.tests(value, "yes", place),
            no=self.tests(value, "no", place),
            again=self.tests(value, "again", place),
            no_means=self.one_of(value, "no_means", get_args(NoMeans)[::-1], place),
            name_at=self.pointer(shown["at"], f"{place}.supplier_name.at") if "at" in shown else None,
            no_names=frozenset(self.texts_of(shown, "none", f"{place}.supplier_name")),
            timeout=self.span(value, "timeout", place, Service.timeout, _SHORTEST_WAIT, _LONGEST_TIMEOUT),
            counts_for=self.span(
                value, "counts_for", place, Service.counts_for, timedelta(minutes=1), _LONGEST_COUNT
            ),
        )
        if not service.yes:
            self.note(f"{place}.yes", "is missing: nothing that it answers would mean yes")
        if service.body is not None and service.method != "POST":
            self.note(f"{place}.body", "goes with the method POST only")
        return service

    def url(self, value: Any, place: str) -> str:
        """A template of a URL: fields in its path and query, none in scheme and host."""
        if not isinstance(value, str) or not _URL.fullmatch(value) or len(value) > LONGEST_URL:
            self.note(
                place, "is not the address of a service: https://host/path, with fields in the path or query"
            )
            return ""
        if "#" in value or "\\" in value:
            self.note(place, "has a fragment (#) or a backslash, which no service gets to see")
        self.places(value, place)
        return value

    def places(self, text: str, place: str) -> frozenset[Field]:
        """The fields in a template."""
        found = frozenset(PLACE.findall(text))
        for name in sorted(found - set(get_args(Field))):
            self.note(place, f"has the field {{{name}}}; known are {', '.join(get_args(Field))}")
        rest = PLACE.sub("", text)
        if "{" in rest or "}" in rest:
            self.note(place, "has a brace that belongs to no field; write %7B and %7D in a URL")
        return frozenset(field for field in get_args(Field) if field in found)

    def needs(self, business: Object, url: str, body: Any, place: str) -> frozenset[Field]:
        """What a supplier has to state: what is asked with, and what `has` names besides."""
        has = self.texts_of(business, "has", f"{place}.for")
        for name in has:
            if name not in get_args(Field):
                self.note(
                    f"{place}.for.has",
                    f"{texts.quoted(name)} is no field; known are {', '.join(get_args(Field))}",
                )
        asked = frozenset(PLACE.findall(url)).union(
            *(self.places(t, f"{place}.body") for t in _texts_in(body))
        )
        found = asked | frozenset(has)
        if not asked:
            self.note(f"{place}.url", "asks about nobody: neither URL nor body has a field such as {vat_id}")
        return frozenset(field for field in get_args(Field) if field in found)

    def headers(self, value: Object, place: str) -> dict[str, str | SecretRef]:
        """Headers: texts, or secrets by their names."""
        found: dict[str, str | SecretRef] = {}
        for name, text in value.items():
            at = f"{place}.{name}"
            if not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS:
                self.note(at, "is no header that may be set here")
            elif is_object(text):
                found[name] = self.secret(text, at)
            elif not isinstance(text, str) or not _HEADER_VALUE.fullmatch(text):
                self.note(at, 'is not a text of ASCII letters, nor a secret such as {"secret": "NAME"}')
            elif name.lower() in _SECRET_HEADERS:
                self.note(at, 'holds a secret: write {"secret": "NAME"}, and set SETTLE_SECRET_NAME')
            else:
                found[name] = text
        return found

    def secret(self, value: Object, place: str) -> SecretRef:
        """A secret by its name."""
        self.known(value, {"secret", "prefix"}, place)
        name = self.text(value, "secret", place, _SECRET, "capital letters, digits and _")
        prefix = value.get("prefix", "")
        if not isinstance(prefix, str) or not re.fullmatch(r"[\x20-\x7e]{0,40}", prefix):
            self.note(f"{place}.prefix", "is not a text of at most 40 ASCII letters")
            prefix = ""
        return SecretRef(secret=name or "NONE", prefix=prefix)

    def tests(self, value: Object, name: str, place: str) -> tuple[Test, ...]:
        """What an answer may have, one of which is enough."""
        if name not in value:
            return ()
        return tuple(self.items(value[name], f"{place}.{name}", self.test, _MOST_TESTS))

    def test(self, value: Any, place: str) -> Test:
        """One of them."""
        if not is_object(value) or not value.keys() & {"status", "at"}:
            self.note(place, 'is not a test such as {"at": "/valid", "is": [true]} or {"status": [404]}')
            return Test()
        self.known(value, {"status", "at", "is"}, place)
        statuses = value.get("status", [200])
        if not is_list(statuses) or not statuses or not all(_is_status(status) for status in statuses):
            self.note(f"{place}.status", "is not a list of HTTP statuses such as [404]")
            statuses = [200]
        values = value.get("is")
        if values is not None and (not is_list(values) or not values or "at" not in value):
            self.note(f"{place}.is", "is not a list of the values that count, beside a place (at)")
            values = None
        pointer = self.pointer(value["at"], f"{place}.at") if "at" in value else None
        return Test(frozenset(statuses), pointer, None if values is None else tuple(values))


def _is_status(value: Any) -> bool:
    return type(value) is int and 200 <= value <= 599


def _texts_in(value: Any) -> Iterator[str]:
    """The texts in a body, without the names of its fields."""
    if isinstance(value, str):
        yield value
    elif is_list(value):
        for item in value:
            yield from _texts_in(item)
    elif is_object(value):
        for item in value.values():
            yield from _texts_in(item)
