"""A browser before a host with Settle. Tests skip with a reason where there is no Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from devtools.project import Project
from tests.e2e.approvals import Api

# The host of the end-to-end tests, and what it needs.
from tests.e2e.conftest import app_container, base_url, inbox, storage  # noqa: F401

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ROOT = Project.here().root
#: Screenshots are kept here; the folder is not part of the repository.
ARTIFACTS = ROOT / ".state" / "pages"

ANN, BOB = "ann.roth@example.com", "bob.lang@example.com"
DAN, EVA = "dan.horn@example.com", "eva.stein@example.com"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

# WCAG 2.0 to 2.2, A and AA, and what axe calls best practice.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

Page = Any
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium of the system. No sandbox: it refuses to make one for root, and the pages are our own.

    One for each module: as long as Playwright is there, its event loop runs in the thread of the tests, and a
    test that is a coroutine could not run in it.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium here (dev.py test installs it where it can)")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def api(base_url: str) -> Api:  # noqa: F811 - the fixture, not the import
    """The API of the host; only local runs let anybody in by their word."""
    if requests.get(f"{base_url}/sign-in", timeout=30).status_code == 404:
        pytest.skip("the host has no development sign-in")
    return Api(base_url)


@pytest.fixture
def open_page(browser: Any, api: Api) -> Iterator[Open]:
    """Open a window: `open_page(person, **options of the browser context)`, signed in as that person.

    What the console says is in `page.told`: a page that its own policy hinders says so there.
    """
    contexts: list[Any] = []

    def opened(person: str | None = ANN, **options: Any) -> Page:
        context = browser.new_context(base_url=api.base, **{"viewport": DESKTOP, **options})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.told = []
        page.on("console", lambda message: page.told.append(message.text))
        page.on("pageerror", lambda error: page.told.append(str(error)))
        if person:
            sign_in(page, person)
        return page

    yield opened
    for context in contexts:
        context.close()


def sign_in(page: Page, person: str) -> None:
    """Say who one is."""
    page.goto("/sign-in")
    page.get_by_label("somebody else").fill(person)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/inbox")


def picture(page: Page, name: str) -> Path:
    """Keep a screenshot of the whole page."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    path = ARTIFACTS / f"{name}.png"
    page.screenshot(path=str(path), full_page=True)
    return path


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, from the project's npm packages."""
    path = Path(os.environ.get("SETTLE_AXE") or ROOT / "node_modules" / "axe-core" / "axe.min.js")
    if not path.is_file():
        pytest.skip("axe-core is not installed (npm ci)")
    return path.read_text(encoding="utf-8")


def violations(page: Page, axe: str) -> list[tuple[str, Any]]:
    """What axe finds on a page, by rule and place; the page's policy has to let axe in (`bypass_csp`)."""
    page.evaluate(axe)
    result = page.evaluate("tags => axe.run(document, {runOnly: tags})", _TAGS)
    assert result["passes"], "axe did not run"
    return [(one["id"], node["target"]) for one in result["violations"] for node in one["nodes"]]
