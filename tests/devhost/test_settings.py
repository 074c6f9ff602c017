"""host.json, local.settings.json and the environment: who wins, what is refused and with which words."""

import json

import pytest

from devhost.app.settings import expand, load_settings, timespan
from devhost.errors import SettingsError


@pytest.fixture
def write(tmp_path):
    """Write the two files and return their folder."""

    def write(host=None, local=None):
        if host is not None:
            (tmp_path / "host.json").write_text(json.dumps(host))
        if local is not None:
            (tmp_path / "local.settings.json").write_text(json.dumps(local))
        return tmp_path

    return write


def durable(**settings):
    """Return a host.json with these settings of durableTask."""
    return {"version": "2.0", "extensions": {"durableTask": settings}}


def test_without_any_file_everything_has_a_default(tmp_path):
    """No host.json and no local.settings.json is a legal app folder."""
    settings = load_settings(tmp_path, {})
    assert settings.durable.hub_name == "TestHubName"
    assert settings.durable.max_orchestration_actions == 100_000
    assert settings.http.route_prefix == "api"
    assert settings.function_timeout == 1800
    assert settings.worker_process_count == 1
    assert settings.warnings == ()


def test_environment_wins_over_local_settings(write):
    """As in Core Tools: a value of local.settings.json does not replace one of the environment."""
    folder = write(local={"Values": {"A": "file", "B": "file"}})
    settings = load_settings(folder, {"A": "process"})
    assert (settings.value("A"), settings.value("B"), settings.value("b"), settings.value("C")) == (
        "process",
        "file",
        "file",
        None,
    )


@pytest.mark.parametrize("separator", ["__", ":"])
def test_setting_of_the_job_host_overrides_host_json(write, separator):
    """AzureFunctionsJobHost__a__b replaces a.b whatever the case of the letters."""
    name = separator.join(["AzureFunctionsJobHost", "extensions", "DURABLETASK", "hubName"])
    folder = write(durable(hubName="FromFile", maxConcurrentActivityFunctions=3))
    settings = load_settings(folder, {name: "FromSetting"})
    assert settings.durable.hub_name == "FromSetting"
    assert settings.durable.max_concurrent_activity_functions == 3


def test_override_gives_texts_the_right_type(write):
    """Settings are texts; numbers and switches are read out of them."""
    at = "AzureFunctionsJobHost__extensions__durableTask__"
    values = {at + "maxConcurrentActivityFunctions": "7", at + "storeInputsInOrchestrationHistory": "True"}
    settings = load_settings(write({"version": "2.0"}), values).durable
    assert settings.max_concurrent_activity_functions == 7
    assert settings.store_inputs_in_orchestration_history is True


def test_hub_name_may_come_from_a_setting(write):
    """%NAME% is expanded in hubName."""
    folder = write(durable(hubName="Hub%PART%"), {"Values": {"PART": "One"}})
    assert load_settings(folder, {}).durable.hub_name == "HubOne"


def test_hub_name_defaults_to_the_site_name(tmp_path):
    """WEBSITE_SITE_NAME without its signs, when it makes a valid name."""
    assert load_settings(tmp_path, {"WEBSITE_SITE_NAME": "my-app.1"}).durable.hub_name == "myapp1"


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ({}, '"version" must be "2.0"'),
        ([], "a JSON object is expected"),
        (durable(hubName="1x"), "no valid task hub name"),
        (durable(hubName="%NO%"), "'%NO%' does not resolve"),
        (durable(extendedSessionsEnabled=True), "extendedSessionsEnabled"),
        (durable(maxConcurrentActivityFunctions="many"), "a whole number is expected"),
        (durable(maxConcurrentActivityFunctions=0), "must be at least 1"),
        (durable(useGracefulShutdown="maybe"), "true or false is expected"),
        (durable(overridableExistingInstanceStates="All"), "NonRunningStates, AnyState"),
        (durable(storageProvider={"controlQueueVisibilityTimeout": 45}), "is not a time span"),
        (durable(storageProvider={"controlQueueVisibilityTimeout": "00:00:00"}), "more than no time"),
        (durable(storageProvider={"workItemQueueVisibilityTimeout": "8.00:00:00"}), "at most 7.00:00:00"),
        ({"version": "2.0", "functionTimeout": "soon"}, "is not a time span"),
        ({"version": "2.0", "functionTimeout": "00:00:00"}, "too short"),
        ({"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}, "from 1 to 32"),
    ],
)
def test_wrong_host_json_is_refused_with_what_is_wrong(write, host, text):
    """The text names the key and what is expected."""
    with pytest.raises(SettingsError) as caught:
        load_settings(write(host), {})
    assert text in str(caught.value)


def test_broken_json_names_file_and_place(tmp_path):
    """The place of the mistake comes from the JSON parser."""
    (tmp_path / "host.json").write_text('{"version": "2.0",}')
    with pytest.raises(SettingsError, match=r"host.json is not valid JSON: .*line 1"):
        load_settings(tmp_path, {})


def test_misspelt_key_is_named_with_the_nearest_right_one(write):
    """A key that nobody reads has no effect on the real host, without a word; here it is a warning."""
    folder = write(
        {
            "version": "2.0",
            "extensions": {"durableTask": {"hubname": "Hub", "maxConcurentActivityFunctions": 1}},
        }
    )
    assert load_settings(folder, {}).warnings == (
        "host.json: 'extensions.durableTask.maxConcurentActivityFunctions' is not a known setting and has no "
        "effect. Did you mean 'maxConcurrentActivityFunctions'?",
    )


def test_misspelt_key_of_the_storage_provider_is_named(write):
    """Where it is Azure Storage, as it is unless another one is named."""
    provider = {"controlQueueVisibilityTimout": "00:00:45", "workItemQueueVisibilityTimeout": "00:00:45"}
    [warning] = load_settings(write(durable(storageProvider=provider)), {}).warnings
    assert "'extensions.durableTask.storageProvider.controlQueueVisibilityTimout' is not a known" in warning
    assert warning.endswith("Did you mean 'controlQueueVisibilityTimeout'?")
    assert load_settings(write(durable(storageProvider=provider | {"type": "mssql"})), {}).warnings == ()


def test_free_parts_of_host_json_are_not_warned_about(write):
    """Logging categories and storage providers have keys of their own."""
    host = durable(storageProvider={"type": "x", "anything": 1})
    host["logging"] = {"logLevel": {"default": "Warning", "My.Own": "Error"}}
    settings = load_settings(write(host), {})
    assert settings.warnings == ()
    assert settings.log_levels == {"default": "Warning", "My.Own": "Error"}


def test_value_that_is_no_string_is_left_out_with_a_warning(write):
    """Core Tools wants strings; a number is not silently turned into one."""
    settings = load_settings(write(local={"Values": {"N": 5, "S": "x"}}), {})
    assert settings.value("N") is None
    assert "Values.N" in settings.warnings[0]


@pytest.mark.parametrize(
    ("local", "text"),
    [
        ({"IsEncrypted": True, "Values": {}}, "encrypted"),
        ({"Values": []}, "an object with"),
        ({"Host": {"LocalHttpPort": "x"}}, "1 to 65535"),
    ],
)
def test_wrong_local_settings_are_refused(write, local, text):
    """Each refusal says what is expected."""
    with pytest.raises(SettingsError, match=text):
        load_settings(write(local=local), {})


def test_host_section_and_counts_are_read(write):
    """Port and CORS of local.settings.json, process and thread counts of the settings."""
    local = {
        "Values": {"FUNCTIONS_WORKER_PROCESS_COUNT": "3", "PYTHON_THREADPOOL_THREAD_COUNT": "4"},
        "Host": {"LocalHttpPort": 7171, "CORS": "http://a, http://b"},
    }
    settings = load_settings(write(local=local), {})
    assert settings.local_http_port == 7171
    assert settings.cors_origins == ("http://a", "http://b")
    assert (settings.worker_process_count, settings.thread_count) == (3, 4)


def test_process_count_out_of_range_is_refused(tmp_path):
    """The real host takes one to ten."""
    with pytest.raises(SettingsError, match="from 1 to 10"):
        load_settings(tmp_path, {"FUNCTIONS_WORKER_PROCESS_COUNT": "11"})


def test_connection_is_looked_up_in_the_order_of_the_real_host(write):
    """AzureWebJobs<name>, then <name>, then the section ConnectionStrings."""
    local = {
        "Values": {"Two": "plain", "AzureWebJobsOne": "prefixed", "One": "x"},
        "ConnectionStrings": {"Three": "cs"},
    }
    settings = load_settings(write(local=local), {})
    assert [settings.connection(name) for name in ("One", "Two", "Three")] == ["prefixed", "plain", "cs"]
    with pytest.raises(SettingsError, match="AzureWebJobsFour"):
        settings.connection("Four")


@pytest.mark.parametrize("name", ["AzureWebJobs.f.Disabled", "AzureWebJobs_f_Disabled"])
@pytest.mark.parametrize(("value", "disabled"), [("1", True), ("True", True), ("false", False), ("", False)])
def test_function_is_disabled_by_either_setting(tmp_path, name, value, disabled):
    """Both spellings count, and both ways to say yes."""
    assert load_settings(tmp_path, {name: value}).disabled("f") is disabled


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:05", 5), ("01:02:03.5", 3723.5), ("2.00:00:00", 172800), ("-00:01:00", -60), ("00:10", 600)],
)
def test_time_span_is_read_as_dotnet_does(text, seconds):
    """[-][d.]hh:mm[:ss[.fffffff]]."""
    assert timespan(text, "x") == seconds


def test_percent_names_are_expanded_and_the_missing_one_is_named():
    """Whole tokens only; a lone percent sign is a mistake."""
    assert expand("a-%X%-%y%", {"X": "1", "Y": "2"}, "here") == "a-1-2"
    with pytest.raises(SettingsError, match="here: '%Z%' does not resolve"):
        expand("%Z%", {}, "here")
    with pytest.raises(SettingsError, match="without a partner"):
        expand("50%", {}, "here")
