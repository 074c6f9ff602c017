"""The report page in a browser: it renders whole, and its own security policy hinders nothing of it."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e import calls
from tests.e2e.documents import invoices, zipped

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium here (dev.py test installs it where it can)"
)


def _browse(url: str, profile: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    # No sandbox: Chromium refuses to make one for root, and the page is our own.
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    command += ["--enable-logging=stderr", *arguments, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.fixture(scope="module")
def page(base_url: str) -> str:
    """The address of the report of a finished batch: three invoices, and a file whose name is an attack."""
    documents = [*invoices(3), ("<img src=x onerror=alert(1)>.xml", b"no invoice")]
    answer = calls.post(
        f"{base_url}/api/batches",
        data=zipped(documents),
        headers={"Content-Type": "application/zip"},
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + 120
    while (status := calls.get(answer.headers["Location"], timeout=60)).status_code == 202:
        assert time.monotonic() < deadline, status.text
        time.sleep(0.2)
    return calls.with_key(status.json()["links"]["report_html"])


def test_page_is_shown_as_its_policy_allows(page: str, tmp_path: Path) -> None:
    """The console of the browser has no refusal: styles are inline, nothing is loaded from elsewhere."""
    shown = _browse(page, tmp_path, "--dump-dom")
    console = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
    assert console == []
    assert "Invoice report" in shown.stdout


def test_every_document_stands_on_the_page(page: str) -> None:
    """Those that are in order beside the one that is not."""
    links = re.findall(r'href="(documents/\d+)"', calls.get(page, timeout=60).text)
    assert set(links) == {f"documents/{n}" for n in (1, 2, 3, 4)}


def test_names_of_documents_stay_text(page: str, tmp_path: Path) -> None:
    """What a stranger wrote into a file name makes no element of the page."""
    shown = _browse(page, tmp_path, "--dump-dom").stdout
    assert "onerror=alert(1)" in shown
    assert not re.search(r"<img[^>]*onerror", shown)
