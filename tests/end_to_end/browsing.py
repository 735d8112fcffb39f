"""A browser for tests: Chromium as the machine has it, without a network, which tells everything it was asked for."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)

needs_browser = pytest.mark.skipif(
    BROWSER is None and not os.environ.get("CI"), reason="no Chromium here (continuous integration has one)"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, closed with everything it opened."""
    assert BROWSER is not None, "continuous integration must bring Chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=QUIET.split())
        try:
            yield browser
        finally:
            browser.close()


@dataclass(kw_only=True)
class Opened:
    """A file in the browser. `requests` went beyond the file; `errors` is what the browser complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def violations(self) -> list[str]:
        """What axe finds wrong with the page as it is now. Frames are the e-mails' own business."""
        found: Any = Axe().run(self.page, options={"resultTypes": ["violations"], "iframes": False}).response
        return [f"{each['id']}: {[node['html'][:200] for node in each['nodes'][:5]]}" for each in found["violations"]]


@contextmanager
def opened(
    browser: Browser,
    file: Path,
    *,
    scheme: Literal["light", "dark"] = "light",
    scripts: bool = True,
    width: int = 1280,
) -> Iterator[Opened]:
    """The file, opened without a network."""
    with browser.new_context(
        offline=True, color_scheme=scheme, java_script_enabled=scripts, viewport={"width": width, "height": 900}
    ) as context:
        shown = Opened(page=context.new_page())

        def only_the_file(route: Route) -> None:
            if route.request.url.partition("#")[0] == file.as_uri():
                route.continue_()
            else:
                shown.requests.append(route.request.url)
                route.abort()

        context.route("**/*", only_the_file)

        def complained(message: ConsoleMessage) -> None:
            if message.type == "error":
                shown.errors.append(message.text)

        shown.page.on("console", complained)
        shown.page.on("pageerror", lambda error: shown.errors.append(str(error)))
        shown.page.goto(file.as_uri())
        yield shown
