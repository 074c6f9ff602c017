"""Services that know suppliers: the file that describes them, the request, and what an answer means."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.records.outgoing import OutgoingAnswer, OutgoingRequest, SecretRef
from invoicing.records.supplier_checks import SupplierIdentity
from invoicing.supplier_checks.asking import CannotBeAsked, request_for
from invoicing.supplier_checks.hearing import heard, names_fit
from invoicing.supplier_checks.services import Checks, ChecksInvalid, Service
from invoicing.supplier_checks.services_file import parse

EXAMPLE = Path(__file__).resolve().parents[2] / "supplier-checks.example.json"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ACME = SupplierIdentity(vat_id="DE 123.456.789", legal_id="HRB 4711", name="ACME GmbH", country="DE")


def _example() -> Checks:
    return parse(EXAMPLE.read_bytes())


def _service(name: str) -> Service:
    found = _example().named(name)
    assert found
    return found


def _file(**changes: Any) -> dict[str, Any]:
    """A file of one service, with whatever is to be different in it."""
    service = {
        "name": "erp",
        "url": "https://erp.example/suppliers/{vat_id}?name={name}",
        "yes": [{"at": "/found", "is": [True]}],
    }
    return {"version": 1, "services": [service | changes]}


def _of(**changes: Any) -> Service:
    return parse(json.dumps(_file(**changes)).encode()).services[0]


# ---------------------------------------------------------------- the file


def test_example_of_the_repository_can_be_used() -> None:
    """A VAT service, a company register and an ERP; their secrets stand there by name."""
    checks = _example()
    assert [service.name for service in checks.services] == ["vies", "companies-house", "erp"]
    assert checks.deadline == timedelta(seconds=30)
    assert checks.services[1].headers == {
        "Authorization": SecretRef(secret="COMPANIES_HOUSE", prefix="Basic ")
    }


def test_supplier_is_asked_about_where_it_is_the_services_business() -> None:
    """It has to state what is asked with, and to be of a country of the service."""
    checks = _example()

    def asked(**supplier: str) -> list[str]:
        return [service.name for service in checks.asked_about(SupplierIdentity(**supplier))]

    assert asked(name="A", vat_id="DE123456789") == ["vies", "erp"]
    assert asked(name="A", vat_id="123456789", country="DE") == ["vies", "erp"]
    assert asked(name="A", vat_id="CHE123", country="CH") == ["erp"]
    assert asked(name="A", legal_id="01234567", country="GB") == ["companies-house"]
    assert asked(name="A") == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "ERP 1"}, "services[0].name: is missing, or not of small letters"),
        ({"url": "ftp://erp.example/{vat_id}"}, "services[0].url: is not the address"),
        ({"url": "https://{country}.example/{vat_id}"}, "services[0].url: is not the address"),
        ({"url": "https://user:pw@erp.example/{vat_id}"}, "services[0].url: is not the address"),
        ({"url": "https://erp.example:{vat_id}/"}, "services[0].url: is not the address"),
        ({"url": "https://erp.example/{vat}"}, "has the field {vat}; known are vat_id"),
        ({"url": "https://erp.example/{vat_id"}, "a brace that belongs to no field"),
        ({"url": "https://erp.example/{vat_id}#a"}, "has a fragment"),
        ({"url": "https://erp.example/all"}, "asks about nobody"),
        ({"url": 5}, "services[0].url: is not the address"),
        ({"method": "DELETE"}, "services[0].method: is GET or POST"),
        ({"body": {"a": "{name}"}}, "services[0].body: goes with the method POST only"),
        ({"method": "POST", "body": {"a": ["{nmae}"]}}, "services[0].body: has the field {nmae}"),
        ({"headers": {"Host": "a"}}, "services[0].headers.Host: is no header that may be set"),
        ({"headers": {"A b": "a"}}, "is no header that may be set"),
        ({"headers": {"X-A": "ä"}}, "services[0].headers.X-A: is not a text"),
        ({"headers": {"authorization": "Bearer x"}}, "services[0].headers.authorization: holds a secret"),
        (
            {"headers": {"X-A": {"secret": "erp"}}},
            "services[0].headers.X-A.secret: is missing",
        ),
        ({"headers": {"X-A": {"secret": "ERP", "x": 1}}}, "services[0].headers.X-A.x: is unknown"),
        ({"yes": []}, "services[0].yes: is empty or missing"),
        ({"yes": [{}]}, "services[0].yes[0]: is not a test"),
        ({"yes": [{"at": "found"}]}, "services[0].yes[0].at: is not a JSON pointer"),
        ({"yes": [{"status": 200}]}, "services[0].yes[0].status: is not a list"),
        ({"yes": [{"status": [True]}]}, "services[0].yes[0].status: is not a list"),
        ({"no": [{"status": [404], "is": [1]}]}, "services[0].no[0].is: is not a list of the values"),
        ({"no_means": "SETTLE-IBAN"}, "services[0].no_means: is SETTLE-"),
        ({"for": {"countries": ["Germany"]}}, "services[0].for.countries: is not a list of codes"),
        ({"for": {"has": ["iban"]}}, "services[0].for.has: “iban” is no field"),
        ({"for": []}, "services[0].for: is not an object"),
        ({"supplier_name": {"at": 5}}, "services[0].supplier_name.at: is not a JSON pointer"),
        ({"timeout": "PT5M"}, "services[0].timeout: is not from PT1S to PT1M"),
        ({"counts_for": "1 day"}, "services[0].counts_for: '1 day' is not a duration"),
        ({"titel": "ERP"}, "services[0].titel: is unknown"),
        ({"title": "a\u202eb"}, "services[0].title: is not a short text"),
        ({"about": "a\nb"}, "services[0].about: has a tab or a line break"),
    ],
)
def test_file_that_cannot_be_used_is_told_with_the_place(changes: dict[str, Any], problem: str) -> None:
    """Mostly a mistyped name; and what could make a stranger's words a host, a header or a secret."""
    with pytest.raises(ChecksInvalid) as error:
        parse(json.dumps(_file(**changes)).encode())
    assert any(problem in one for one in error.value.problems), error.value.problems


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"{" + b" " * 300_000 + b"}", "more than 256 KiB"),
        (json.dumps({"version": 2, "services": []}).encode(), "version: must be 1"),
        (json.dumps({**_file(), "deadline": "PT1H"}).encode(), "deadline: is not from PT1S to PT10M"),
        (json.dumps({"version": 1, "services": _file()["services"] * 2}).encode(), "have the same name"),
        (json.dumps({"version": 1, "services": _file()["services"] * 21}).encode(), "more than 20 items"),
        (json.dumps({"version": 1, "services": [5]}).encode(), "services[0]: is not an object"),
    ],
)
def test_file_as_a_whole_is_bounded(data: bytes, problem: str) -> None:
    """In bytes, depth and count."""
    with pytest.raises(ChecksInvalid) as error:
        parse(data)
    assert any(problem in one for one in error.value.problems), error.value.problems


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("https://a.example/{name}"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["version", "services", "name", "url", "yes", "at", "for", "headers", "body"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(value: Any) -> None:
    """Nothing else is raised, wherever a person's hand slipped."""
    for data in (value, {"version": 1, "services": [value]}, {"version": 1, "services": value}):
        try:
            parse(json.dumps(data).encode())
        except ChecksInvalid:
            continue


# ---------------------------------------------------------------- the request


def test_fields_fill_their_places_and_nothing_else() -> None:
    """Percent-encoded in path and query; the VAT id without dots and blanks, in its two parts."""
    assert request_for(_service("vies"), ACME).url == (
        "https://ec.europa.eu/taxation_customs/vies/rest-api/ms/DE/vat/123456789"
    )
    tricky = ACME.model_copy(update={"name": "A & B?x=1#/../ä\u00a0{vat_id}"})
    assert request_for(_of(), tricky).url == (
        "https://erp.example/suppliers/DE123456789?name=A%20%26%20B%3Fx%3D1%23%2F..%2F%C3%A4%20%7Bvat_id%7D"
    )
    request = request_for(_service("erp"), tricky)
    assert json.loads(request.body)["query"] == {
        "name": "A & B?x=1#/../ä {vat_id}",
        "taxNumber": "DE123456789",
    }
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == SecretRef(secret="ERP", prefix="Bearer ")


def test_vat_id_without_its_letters_gets_those_of_the_country() -> None:
    """Greece has EL."""
    greek = SupplierIdentity(vat_id="094259216", country="GR")
    assert request_for(_service("vies"), greek).url.endswith("/ms/EL/vat/094259216")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("legal_id", ".."),
        ("legal_id", "."),
        ("legal_id", "HRB 12/34"),
        ("legal_id", "a\\..\\b"),
        ("legal_id", "a\x00b"),
        ("legal_id", "\ud800"),
        ("legal_id", "x" * 201),
        ("vat_id", "unknown!"),
        ("vat_id", "DE" + "1" * 40),
    ],
)
def test_value_that_cannot_be_part_of_an_address_is_not_sent(field: str, value: str) -> None:
    """It would lead to another path, or is no id at all."""
    service = _of(url=f"https://erp.example/a/{{{field}}}/b")
    supplier = SupplierIdentity(**{field: value})
    with pytest.raises(CannotBeAsked):
        request_for(service, supplier)


@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.text(max_size=30),
    st.sampled_from(
        ["https://erp.example/a/{name}/{legal_id}?v={vat_id}&n={name}", "https://erp.example/.{name}/x"]
    ),
)
def test_no_supplier_changes_host_or_form_of_a_request(name: str, legal: str, vat: str, url: str) -> None:
    """Whatever stands on an invoice."""
    supplier = SupplierIdentity(name=name, legal_id=legal, vat_id=vat, country="DE")
    template = urlsplit(url)
    try:
        request: OutgoingRequest = request_for(_of(url=url), supplier)
    except CannotBeAsked:
        return
    found = urlsplit(request.url)
    assert (found.scheme, found.netloc, found.fragment) == ("https", "erp.example", "")
    assert found.path.count("/") == template.path.count("/")
    assert found.query.count("&") == template.query.count("&")
    assert not {".", ".."} & set(found.path.split("/"))
    assert request.url.isascii()
    assert request.url.isprintable()


# ---------------------------------------------------------------- the answer


def _answered(body: Any, status: int = 200, **headers: str) -> OutgoingAnswer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OutgoingAnswer(outcome="answered", status=status, body=content, headers=headers)


VALID = {"isValid": True, "userError": "VALID", "name": "ACME HANDELS GMBH"}


@pytest.mark.parametrize(
    ("answer", "said", "again"),
    [
        (_answered(VALID), "yes", False),
        (_answered({"isValid": False, "userError": "INVALID"}), "no", False),
        (_answered({"isValid": False, "userError": "MS_UNAVAILABLE"}), "away", True),
        (_answered({"errorWrappers": [{"error": "MS_MAX_CONCURRENT_REQ"}]}, 500), "away", True),
        (_answered({"isValid": 1}), "unknown", False),
        (_answered({"isValid": "true"}), "unknown", False),
        (_answered([]), "unknown", False),
        (_answered({}), "unknown", False),
        (_answered(b"<html>Maintenance</html>"), "away", True),
        (_answered(b'{"isValid": tr'), "away", True),
        (_answered(b"[" * 60_000), "away", True),
        (_answered(b"1" * 60_000), "away", True),
        (_answered(VALID, 503), "away", True),
        (_answered(VALID, 429), "away", True),
        (_answered(b"", 404), "away", False),
        (_answered(VALID, 302), "away", False),
        (OutgoingAnswer(outcome="timed_out", error="too slow"), "away", True),
        (OutgoingAnswer(outcome="failed", error="too large"), "away", True),
        (OutgoingAnswer(outcome="refused", error="not allowed"), "away", False),
    ],
)
def test_answer_of_a_vat_service_means_one_thing(answer: OutgoingAnswer, said: str, again: bool) -> None:
    """What is no clear yes or no is neither; trying again is for what may get better."""
    found = heard(_service("vies"), ACME, answer, NOON)
    assert (found.said, found.again) == (said, again)
    assert bool(found.why) == (said not in ("yes", "no"))


def test_answer_of_a_register_may_be_a_status_alone() -> None:
    """404 means that it does not know the company."""
    register = _service("companies-house")
    assert heard(register, ACME, _answered(b"", 404), NOON).said == "no"
    assert heard(register, ACME, _answered({"company_status": "dissolved"}), NOON).said == "no"
    assert heard(register, ACME, _answered({"company_status": "active"}), NOON).said == "yes"
    assert heard(register, ACME, _answered({"company_status": "new word"}), NOON).said == "unknown"


def test_pointer_leads_through_lists_and_escaped_names() -> None:
    """RFC 6901."""
    service = _of(yes=[{"at": "/a~1b/0/m~0n", "is": [5]}])
    assert heard(service, ACME, _answered({"a/b": [{"m~n": 5}]}), NOON).said == "yes"
    for other in ({"a/b": [{"m~n": 5.0}]}, {"a/b": {"0": {"m~n": 6}}}, {"a/b": []}, "x", None):
        assert heard(service, ACME, _answered(other), NOON).said == "unknown"
    whatever = _of(yes=[{"at": "/id"}])
    assert heard(whatever, ACME, _answered({"id": None}), NOON).said == "yes"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("999999", 3600),
        ("Mon, 04 May 2026 12:00:30 GMT", 30),
        ("Mon, 04 May 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Mon, 99 May 2026 12:00:30 GMT", None),
    ],
)
def test_wish_for_a_pause_is_heard(text: str, seconds: int | None) -> None:
    """Seconds or a date; an hour at most."""
    answer = _answered(b"", 429, **{"retry-after": text})
    assert heard(_service("vies"), ACME, answer, NOON).after == seconds


@pytest.mark.parametrize(
    ("stated", "known", "fits"),
    [
        ("ACME GmbH", "Acme Gesellschaft mbH", True),
        ("ACME GmbH", "ACME GMBH & Co. KG", True),
        ("ACME GmbH", "ACME HANDELS GMBH", True),
        ("Müller & Söhne OHG", "MULLER SOHNE", True),
        ("Straße 7 GmbH", "STRASSE 7", True),
        ("S.A.R.L. Dubois", "DUBOIS SARL", True),
        ("Wisła Sp. z o.o.", "WISŁA SPÓŁKA Z O.O.", False),
        ("ACME GmbH", "ACNE GmbH", False),
        ("Acme Ltd", "Other Ltd", False),
        ("", "Acme", False),
        ("GmbH", "GmbH", True),
        ("Ελληνική ΑΕ", "ΕΛΛΗΝΙΚΗ ΑΕ", True),
    ],
)
def test_names_are_compared_by_their_words(stated: str, known: str, fits: bool) -> None:
    """A name that does not fit is a hint for a person, nothing more."""
    assert names_fit(stated, known) == fits


def test_name_that_a_service_has_is_kept_and_compared() -> None:
    """Short and harmless; a placeholder is none."""
    vies = _service("vies")
    assert heard(vies, ACME, _answered(VALID), NOON).name_fits is True
    other = heard(vies, ACME, _answered(VALID | {"name": "Evil\n\u202eLtd " + "x" * 500}), NOON)
    assert other.name_fits is False
    assert other.name
    assert len(other.name) <= 200
    assert "\u202e" not in other.name
    for none in ("---", "", "  ", None, 5):
        found = heard(vies, ACME, _answered(VALID | {"name": none}), NOON)
        assert (found.said, found.name, found.name_fits) == ("yes", None, None)


def test_suppliers_that_would_be_asked_about_in_another_way_have_other_keys() -> None:
    """The same id under another name is another question; case, dots and blanks are not."""
    same = SupplierIdentity(vat_id="de123456789", legal_id="hrb4711", name="  acme   gmbh ", country="de")
    assert same.key == ACME.key
    for field in ("vat_id", "legal_id", "name", "country"):
        assert ACME.model_copy(update={field: "other"}).key != ACME.key
    assert copy.deepcopy(ACME).key == ACME.key
