"""Loading an app and checking its functions, with small apps written to a folder."""

import sys
import textwrap

import pytest

from devhost.app.index import import_app, load_app
from devhost.app.settings import load_settings
from devhost.errors import AppError

HEAD = """
import azure.functions as func
import azure.durable_functions as df
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write an app and index it."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def load(source, head=HEAD, **values):
        (tmp_path / "function_app.py").write_text(head + textwrap.dedent(source))
        sys.modules.pop("function_app", None)
        return load_app(load_settings(tmp_path, values))

    yield load
    sys.modules.pop("function_app", None)


def refused(load, source, **values):
    """Return the text with which an app is refused."""
    with pytest.raises(AppError) as caught:
        load(source, **values)
    return str(caught.value)


def test_functions_are_listed_with_their_bindings(load):
    """The trigger is found whatever the order of the decorators; the client is an input."""
    index = load(
        """
        @app.route(route="go/{id:int}", methods=["GET", "POST"])
        @app.durable_client_input(client_name="client")
        async def go(req: func.HttpRequest, client, context: func.Context): ...
        """
    )
    go = index.functions["go"]
    assert go.trigger.type == "httpTrigger"
    assert go.trigger.properties["route"] == "go/{id:int}"
    assert [binding.name for binding in go.inputs] == ["client"]
    assert go.returned is not None
    assert go.is_async
    assert go.wants_context


def test_durable_names_are_found_whatever_their_case(load):
    """A renamed activity is found by its durable name only."""
    index = load(
        """
        @app.activity_trigger(input_name="x", activity="Renamed")
        def act(x): ...
        @app.orchestration_trigger(context_name="context")
        def Orch(context): yield
        @app.entity_trigger(context_name="context", entity_name="Counter")
        def ent(context): ...
        """
    )
    assert (index.activity("RENAMED"), index.activity("act")) == ("act", None)
    assert (index.orchestrator("orch"), index.entity("counter")) == ("Orch", "ent")
    assert (index.known_activities(), index.known_orchestrators()) == (["Renamed"], ["Orch"])


def test_disabled_function_is_unknown(load):
    """It is listed as disabled and found by nobody."""
    index = load(
        '@app.activity_trigger(input_name="x")\ndef act(x): ...', **{"AzureWebJobs.act.Disabled": "true"}
    )
    assert index.activity("act") is None
    assert index.find("act") is None
    assert index.disabled == {"act"}


def test_percent_names_in_trigger_properties_are_expanded(load):
    """Schedules and queue names may come from settings."""
    source = """
    @app.timer_trigger(arg_name="t", schedule="%CRON%")
    def tick(t: func.TimerRequest): ...
    """
    assert load(source, CRON="0 0 * * * *").functions["tick"].trigger.properties["schedule"] == "0 0 * * * *"
    text = refused(load, source)
    assert "function 'tick', schedule: '%CRON%' does not resolve" in text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            '@app.activity_trigger(input_name="my_input")\ndef act(my_input): ...',
            "function 'act': the binding name 'my_input' is not allowed; use letters and digits only, "
            "e.g. 'myInput'",
        ),
        (
            '@app.function_name("host")\n@app.activity_trigger(input_name="x")\ndef act(x): ...',
            "function 'host': the name is not allowed",
        ),
        (
            '@app.activity_trigger(input_name="x")\ndef act(x, extra): ...',
            "function 'act': the parameter 'extra' has no binding",
        ),
        (
            '@app.activity_trigger(input_name="x")\ndef act(y): ...',
            "function 'act': the binding 'x' has no parameter",
        ),
        (
            '@app.route(route="a/{x:wrong}")\ndef f(req: func.HttpRequest): ...',
            "function 'f': route 'a/{x:wrong}': the constraint 'wrong' could not be resolved",
        ),
        (
            '@app.route(route="admin/x")\ndef f(req: func.HttpRequest): ...',
            "function 'f': the route 'admin/x' begins with a reserved word",
        ),
        (
            '@app.route(route="x")\ndef f(req): ...\n@app.route(route="X")\ndef g(req): ...',
            "function 'g': the route 'X' with the method * is taken by the function 'f'",
        ),
        (
            '@app.activity_trigger(input_name="x", activity="A")\ndef f(x): ...\n'
            '@app.activity_trigger(input_name="x", activity="a")\ndef g(x): ...',
            "function 'g': the durable name 'a' is taken by the function 'f'",
        ),
        (
            '@app.orchestration_trigger(context_name="context", orchestration="@o")\ndef f(context): ...',
            "function 'f': the name of an orchestrator cannot begin with '@'",
        ),
        (
            '@app.function_name("f")\n@app.activity_trigger(input_name="x")\ndef a(x): ...\n'
            '@app.function_name("f")\n@app.activity_trigger(input_name="x")\ndef b(x): ...',
            "Function f does not have a unique function name",
        ),
    ],
)
def test_what_the_real_host_refuses_is_refused_at_start(load, source, text):
    """The message names the function and how to mend it."""
    assert text in refused(load, source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("def f(x: dict | None): ...", "the annotation 'dict | None' of 'x' is none that Azure takes"),
        ("def f(x: dict[str, int]): ...", "the annotation 'dict[str, int]' of 'x' is none that Azure takes"),
        ("def f(x: 'Missing'): ...", "its annotations cannot be resolved (name 'Missing' is not defined)"),
        ("def f(x, context: str): ...", "the parameter 'context' must be annotated func.Context"),
        ("def f(x: func.Out[str]): ...", "the parameter 'x' must be annotated with a type other"),
    ],
)
def test_annotation_that_the_real_worker_refuses_is_refused(load, source, text):
    """On Azure such an app has no functions at all, and the reason is hard to find."""
    assert f"function 'f': {text}" in refused(load, f'@app.activity_trigger(input_name="x")\n{source}')


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("def f(req: dict): ...", "'req' of type httpTrigger cannot be annotated 'dict'"),
        ("def f(req) -> dict: ...", "the return annotation 'dict' does not fit the binding http"),
        ("def f(req) -> func.HttpResponse | None: ...", "must be one class, e.g. func.HttpResponse"),
    ],
)
def test_annotation_that_does_not_fit_the_binding_is_refused(load, source, text):
    """Request and response have types of their own."""
    assert text in refused(load, f'@app.route(route="x")\n{source}')


def test_annotations_that_the_real_worker_takes_are_taken(load):
    """Plain classes, aliases of typing, strings in their place, and none."""
    index = load(
        """
        import typing
        @app.route(route="x")
        @app.queue_output(arg_name="out", queue_name="q", connection="C")
        def f(req: "func.HttpRequest", out: func.Out[typing.List[str]], context: func.Context) -> str: ...
        @app.activity_trigger(input_name="x")
        def g(x: typing.Dict[str, int]) -> list[int]: ...
        @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
        def h(m: str) -> None: ...
        @app.activity_trigger(input_name="x")
        def i(x): ...
        """
    )
    assert len(index.functions) == 4


def test_all_problems_are_told_at_once(load):
    """One start is enough to see every function that needs mending."""
    text = refused(
        load,
        '@app.activity_trigger(input_name="a_b")\ndef f(a_b): ...\n'
        '@app.activity_trigger(input_name="x")\ndef g(): ...',
    )
    assert "'f'" in text
    assert "'g'" in text


def test_what_differs_from_azure_is_warned_about(load):
    """A context with another name works here; a plain function with a client works nowhere."""
    index = load(
        """
        @app.orchestration_trigger(context_name="ctx")
        def orch(ctx): yield
        @app.route(route="x")
        @app.durable_client_input(client_name="client")
        def start(req: func.HttpRequest, client): ...
        """
    )
    assert any("'orch'" in one and "context_name" in one for one in index.warnings)
    assert any("'start'" in one and "async def" in one for one in index.warnings)


def test_import_error_shows_the_line_of_the_app(load, tmp_path):
    """The traceback begins in the app, not in the machinery of the import."""
    text = refused(load, "value = 1 / 0")
    assert "ZeroDivisionError" in text
    assert f'File "{tmp_path / "function_app.py"}", line 5' in text
    assert "importlib" not in text


def test_syntax_error_shows_file_and_line(load):
    """Python's own words, with the line."""
    text = refused(load, "def broken(:\n    pass")
    assert "SyntaxError" in text
    assert "def broken(:" in text


def test_app_without_an_app_object_is_refused(load):
    """The words of the real worker, with the mend."""
    with pytest.raises(
        AppError, match=r"Could not find top level function app instances in function_app\.py"
    ):
        load("x = 1", head="")


def test_two_names_for_one_app_are_refused(load):
    """The real worker counts attributes, not objects."""
    assert "More than one DFApp" in refused(load, "other = app")


def test_folder_without_an_app_is_refused(tmp_path):
    """The message says which file is missing where."""
    with pytest.raises(AppError, match=r"no function_app\.py in"):
        import_app(tmp_path)


def test_script_may_have_another_name(load, tmp_path):
    """PYTHON_SCRIPT_FILE_NAME names it."""
    (tmp_path / "main_app.py").write_text(HEAD + '@app.activity_trigger(input_name="x")\ndef other(x): ...')
    index = load("", PYTHON_SCRIPT_FILE_NAME="main_app.py")
    assert list(index.functions) == ["other"]


def test_second_index_of_the_same_app_works(load, tmp_path):
    """get_functions() works once per app; the list is kept for a host that is started again."""
    load('@app.activity_trigger(input_name="x")\ndef act(x): ...')
    settings = load_settings(tmp_path, {})
    assert list(load_app(settings).functions) == ["act"]
