"""A headless browser that can reach this machine only, and what tests of a page ask of it."""
import re

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from support import programs

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps",
         "--disable-extensions", "--no-default-browser-check", "--no-proxy-server",
         # Any other name or address leads nowhere.
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


class Browser:
    def __init__(self, folder):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in [*FLAGS, f"--user-data-dir={folder}/profile"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def close(self):
        self.driver.quit()

    # Where it looks from.

    def size(self, width, height=900):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 600)

    def scheme(self, name):
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": name},
            {"name": "prefers-reduced-motion", "value": "reduce"}])

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def complaints(self):
        """
        What the browser has to complain about since the last time, but for answers that tests
        ask for: a token refused, a user unknown, a service that is gone.
        """
        expected = re.compile(r"status of 40[14] |net::ERR_CONNECTION")
        return [entry["message"] for entry in self.driver.get_log("browser")
                if not expected.search(entry["message"])]

    def picture(self, path, width, height=None):
        """The whole page, or its top."""
        self.size(width)
        whole = self.run("return document.documentElement.scrollHeight")
        self.size(width, height or whole)
        self.cdp("Emulation.setScrollbarsHidden", hidden=True)
        self.run("scrollTo(0, 0)")
        self.driver.save_screenshot(str(path))
        self.size(1200)

    def picture_of(self, selector, path, width):
        """One part of the page."""
        self.size(width)
        self.cdp("Emulation.setScrollbarsHidden", hidden=True)
        self.find(selector).screenshot(str(path))
        self.size(1200)

    # The page.

    def open(self, users):
        self.size(1200)
        self.scheme("light")
        self.driver.get(f"http://127.0.0.1:{users.private_port}/")
        return self

    def sign_in(self, token):
        self.type("token", token)
        self.click("sign-in button")
        self.wait(lambda: self.is_shown("content"), "the numbers")
        return self

    def find(self, selector):
        """An element by its id, or by a selector that begins with one."""
        return self.driver.find_element(By.CSS_SELECTOR, f"#{selector}")

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).innerText.trim()",
                        f"#{selector}")

    def is_shown(self, selector):
        return self.find(selector).is_displayed()

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})",
                 f"#{selector}")
        self.find(selector).click()

    def press(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def press_back_tab(self):
        (webdriver.ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(Keys.TAB)
         .key_up(Keys.SHIFT).perform())

    def type(self, selector, text):
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def choose(self, selector, value):
        Select(self.find(selector)).select_by_value(value)

    def keys(self):
        """The keys in the list, in its order."""
        return self.run("return [...document.querySelectorAll('#rows tr')].map(r => r.dataset.key)")

    def wait(self, question, what="it", timeout=15):
        return programs.wait_for(question, timeout, what, every=0.05)

    def wait_text(self, selector, words, timeout=15):
        seen = []

        def says():
            seen[:] = [self.text(selector)]
            return words in seen[0]
        self.wait(says, [f"#{selector} to say {words!r}; it says", seen], timeout)


TAB, ENTER, SPACE = Keys.TAB, Keys.ENTER, Keys.SPACE
