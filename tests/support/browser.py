"""Pages in a headless Chromium of the system, by selenium; tests that use it skip where there is none."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage")
HEIGHT = 900
WHOLE_HEIGHT = 6000
"""The largest height of a screenshot, in pixels."""


class Page:
    """A page that is open in the browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(
        self, path: Path, *, width: int = 1280, dark: bool = False, touch: bool = False, still: bool = False
    ) -> None:
        """Open a file in a window of a width; earlier messages and requests are forgotten.

        `still` asks for reduced motion.
        """
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.resize(width, HEIGHT, touch=touch)
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(path.absolute().as_uri())

    def resize(self, width: int, height: int, *, touch: bool = False) -> None:
        """Change the size of the window."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page, and return its result."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """Return the text of the first element of a CSS selector."""
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def count(self, selector: str) -> int:
        """Return the number of elements of a CSS selector."""
        return int(self.run("return document.querySelectorAll(arguments[0]).length", selector))

    def element(self, selector: str) -> Any:
        """Return the first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def point_at(self, selector: str, number: int = 0) -> str:
        """Move the pointer over an element of a CSS selector, and return the text of the tooltip."""
        from selenium.webdriver import ActionChains

        element = self.driver.find_elements("css selector", selector)[number]
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver, duration=0).move_to_element(element).perform()
        return self.text("#tooltip")

    def set_value(self, selector: str, value: object) -> None:
        """Set the value of a control as a user does, with its events."""
        self.run(
            "const control = document.querySelector(arguments[0]); control.value = arguments[1];"
            "for (const name of ['input', 'change']) control.dispatchEvent(new Event(name, {bubbles: true}))",
            selector,
            value,
        )

    @property
    def errors(self) -> list[str]:
        """The messages in the console, those of the content security policy included."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    @property
    def requests(self) -> list[str]:
        """The addresses that were requested."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]


@contextmanager
def browser() -> Iterator[Page]:
    """Start the browser, and end it afterwards.  Skips the test where there is none."""
    binary = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver_binary = shutil.which("chromedriver")
    if binary is None or driver_binary is None:
        pytest.skip("needs Chromium and its driver (Debian: apt-get install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium (pip install selenium)")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for switch in SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_binary))
    try:
        yield Page(driver)
    finally:
        driver.quit()
