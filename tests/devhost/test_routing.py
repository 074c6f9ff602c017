"""Route templates: what matches, what does not, and which of two routes wins."""

import pytest

from devhost.errors import AppError
from devhost.http.routing import Route, Router, parse_template, path_segments


def match(template, path):
    """Match an encoded path against a template."""
    return parse_template(template).match(path_segments(path))


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("a/b", "/A/B", {}),
        ("a/b", "/a/b/", {}),
        ("a/b", "/a", None),
        ("a/b", "/a/b/c", None),
        ("/a", "/a", {}),
        ("", "/", {}),
        ("{id}", "/x%20y", {"id": "x y"}),
        ("{id}", "/a%2Fb", {"id": "a%2Fb"}),
        ("{id?}", "/", {}),
        ("a/{id:int}/{name?}", "/a/7", {"id": "7"}),
        ("a/{id:int}/{name?}", "/a/7/bob", {"id": "7", "name": "bob"}),
        ("a/{id:int}/{name?}", "/a/7/bob/x", None),
        ("r/{*rest}", "/r", {}),
        ("r/{*rest}", "/r/a/b%20c/d", {"rest": "a/b c/d"}),
        ("r/{**rest}", "/r/a", {"rest": "a"}),
        ("{x=1}", "/", {"x": "1"}),
        ("{x=1}", "/2", {"x": "2"}),
        ("{x:int=5}", "/", {"x": "5"}),
        ("f/{name}.{ext}", "/f/a.b.c", {"name": "a.b", "ext": "c"}),
        ("f/{name}.{ext?}", "/f/a", {"name": "a"}),
        ("f/{name}.{ext?}", "/f/a.b", {"name": "a", "ext": "b"}),
        ("f/x-{n}", "/f/X-1", {"n": "1"}),
        ("f/x-{n}", "/f/y-1", None),
        ("{{x}}", "/{x}", {}),
    ],
)
def test_path_is_matched_as_aspnet_does(template, path, expected):
    """Literals ignore case, one slash at the end is nothing, absent optional parameters are left out."""
    assert match(template, path) == expected


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("int", ["7", "-7", "2147483647"], ["x", "2147483648", "1.5", "9" * 5000]),
        ("long", ["9223372036854775807"], ["9223372036854775808"]),
        ("bool", ["true", "FALSE"], ["1", "yes"]),
        ("guid", ["0f8fad5bd9cb469fa16570867728950e", "0F8FAD5B-D9CB-469F-A165-70867728950E"], ["0f8f"]),
        ("datetime", ["2024-02-29", "2024-02-29T10:00:00Z"], ["nonsense"]),
        ("decimal", ["1.5", "-3", "1,000.25"], ["1e5", "x"]),
        ("double", ["1e5", "-1.5"], ["x"]),
        ("float", ["1e5"], ["x"]),
        ("alpha", ["abcXYZ"], ["ab1", "é"]),
        ("required", ["x"], []),
        ("file", ["a.txt"], ["a"]),
        ("nonfile", ["a"], ["a.txt"]),
        ("min(18)", ["18", "19"], ["17", "x"]),
        ("max(9)", ["9", "-1"], ["10"]),
        ("range(1,9)", ["1", "9"], ["0", "10"]),
        ("length(3)", ["abc"], ["ab", "abcd"]),
        ("length(2,3)", ["ab", "abc"], ["a", "abcd"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["ab"], ["abc"]),
        (r"regex(^\d{{3}}-[a-z]$)", ["123-b", "123-B"], ["12-b"]),
        ("int:min(5)", ["5"], ["4", "x"]),
    ],
)
def test_constraint_decides_whether_a_route_matches(constraint, good, bad):
    """A value that a constraint refuses makes the whole route not match."""
    template = parse_template(f"x/{{v:{constraint}}}")
    assert [template.match(["x", value]) for value in good] == [{"v": value} for value in good]
    assert [template.match(["x", value]) for value in bad] == [None] * len(bad)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a//b", "two slashes"),
        ("{id", "'{' without '}'"),
        ("{id:nonsense}", "could not be resolved"),
        ("{id:range(1)}", "needs 2 whole number"),
        ("{*rest}/a", "must stand at the end"),
        ("{a?}/b", "must stand at the end"),
        ("x{*rest}", "a segment of its own"),
        ("{a}/{A}", "appears more than once"),
        ("{}", "no valid parameter name"),
        ("{*rest?}", "cannot be optional"),
        ("{x:regex([)}", "is not valid"),
    ],
)
def test_wrong_template_is_refused_with_its_reason(template, text):
    """A template that ASP.NET would refuse gives an error that quotes it."""
    with pytest.raises(AppError, match="route") as caught:
        parse_template(template)
    assert text in str(caught.value)


def test_first_route_in_the_order_of_function_names_wins():
    """Not the most specific one: `any` comes before `exact`."""
    router = Router([Route("exact", parse_template("a/b")), Route("Any", parse_template("a/{x}"))])
    assert router.resolve("GET", ["a", "b"]) == ("Any", {"x": "b"})


def test_method_that_is_not_allowed_is_no_match():
    """The caller answers 404, never 405; another route with the method is found."""
    routes = [
        Route("a", parse_template("x"), frozenset({"GET"})),
        Route("b", parse_template("x"), frozenset({"POST"})),
    ]
    router = Router(routes)
    assert router.resolve("post", ["x"]) == ("b", {})
    assert router.resolve("PUT", ["x"]) is None
