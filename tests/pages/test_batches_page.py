"""Batches on pages: files in, live progress, the report, and stopping; runs can be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.documents import invoices, zipped
from tests.pages.conftest import Open, Page, picture


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two invoices as files."""
    paths = []
    for name, content in invoices(2):
        path = tmp_path / Path(name).name
        path.write_bytes(content)
        paths.append(str(path))
    return paths


def _report_of(page: Page) -> Page:
    """Wait until the batch of the page has its report, by what the page does of itself."""
    link = page.get_by_role("link", name="See the report")
    link.wait_for(timeout=120_000)
    return link


def test_files_become_a_batch_and_a_report(open_page: Open, files: list[str]) -> None:
    """The page renews itself until the report is there; the report opens with its documents."""
    page = open_page()
    page.goto("/batches")
    page.get_by_label("Files").set_input_files(files)
    page.get_by_role("button", name="Only check").click()
    page.wait_for_url("**/batches/b*")
    _report_of(page).click()
    assert "2 documents, all in order" in page.inner_text("main")
    with page.expect_download() as download:
        page.locator("main a[href^='documents/']").first.click()
    assert Path(download.value.path()).read_bytes() in [Path(file).read_bytes() for file in files]
    assert page.told == []


def test_a_running_batch_shows_its_progress_without_javascript(open_page: Open, tmp_path: Path) -> None:
    """A progress bar with its words, a way to hold the page still, and a way to stop the batch."""
    archive = tmp_path / "many.zip"
    archive.write_bytes(zipped(list(invoices(400))))
    page = open_page(java_script_enabled=False)
    page.goto("/batches")
    page.get_by_label("Files").set_input_files(str(archive))
    page.get_by_role("button", name="Only check").click()
    page.wait_for_url("**/batches/b*")
    page.get_by_role("progressbar").wait_for()
    picture(page, "flow-batch-running")
    page.get_by_role("link", name="Pause renewing").click()
    assert "This page stands still." in page.inner_text("main")
    page.get_by_role("button", name="Stop this batch").click()
    page.get_by_text("stopped", exact=True).wait_for(timeout=120_000)
    picture(page, "flow-batch-stopped")


def test_what_is_no_invoice_is_refused_on_the_page(open_page: Open, tmp_path: Path) -> None:
    """An empty archive: the form comes back and says why."""
    archive = tmp_path / "empty.zip"
    archive.write_bytes(zipped([]))
    page = open_page()
    page.goto("/batches")
    page.get_by_label("Files").set_input_files(str(archive))
    page.get_by_role("button", name="Check and send").click()
    assert page.get_by_role("alert").inner_text()
    assert page.get_by_label("Files").count() == 1


def test_runs_are_found_by_status_and_name(open_page: Open, files: list[str]) -> None:
    """The filter is a form; sub-orchestrations are listed when they are asked for."""
    page = open_page()
    page.goto("/batches")
    page.get_by_label("Files").set_input_files(files)
    page.get_by_role("button", name="Only check").click()
    page.wait_for_url("**/batches/b*")
    _report_of(page)
    page.goto("/runs")
    page.get_by_label("Status").select_option(label="Ended")
    page.get_by_label("Orchestration", exact=True).fill("process_batch")
    page.get_by_role("button", name="Show").click()
    names = page.locator("tbody th a").all_inner_texts()
    assert names
    assert {name.split()[0] for name in names} == {"Process"}
    page.get_by_label("Orchestration", exact=True).fill("batch")
    page.get_by_label("Sub-orchestrations too").check()
    page.get_by_role("button", name="Show").click()
    assert any(name.startswith("Batch chunk") for name in page.locator("tbody th a").all_inner_texts())
