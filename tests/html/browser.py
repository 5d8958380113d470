"""A headless Chromium, driven by chromedriver in the words of the W3C's WebDriver; no library needed."""

import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

TIMEOUT = 120  # seconds that anything may take


def available():
    """What is missing, or None."""
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            return f"no {program}"
    return None


class Browser:
    """Use as `with Browser() as browser`. The window has WIDTH x HEIGHT pixels."""

    def __init__(self, width=1360, height=900):
        self.directory = tempfile.TemporaryDirectory(prefix="heapdelta-browser-")
        place = pathlib.Path(self.directory.name)
        environment = dict(os.environ, HOME=str(place), TMPDIR=str(place), XDG_CONFIG_HOME=str(place),
                           XDG_CACHE_HOME=str(place))
        self.log = open(place / "chromedriver.log", "w+")
        # A group of its own, so that the end of it takes the browser along.
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=self.log,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                       env=environment, start_new_session=True)
        self.base = None
        try:
            self.base = f"http://127.0.0.1:{self.wait_for_port()}"
            self.begin_session(place, width, height)
        except BaseException:
            self.close()
            raise

    def wait_for_port(self):
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            self.log.seek(0)
            found = re.search(r"successfully on port (\d+)", self.log.read())
            if found:
                return int(found[1])
            if self.driver.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("chromedriver does not start")

    def begin_session(self, place, width, height):
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--disable-dev-shm-usage", "--disable-extensions",
                     "--force-color-profile=srgb", "--hide-scrollbars",
                     f"--user-data-dir={place}/profile", f"--window-size={width},{height}"]
        answer = self.request("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {
                "binary": shutil.which("chromium"), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.base += "/session/" + answer["sessionId"]

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, path):
        """Load the page at PATH on disk, and wait until it says that it is ready."""
        self.request("POST", "/url", {"url": pathlib.Path(path).resolve().as_uri()})
        self.wait("return 'ready' in document.documentElement.dataset")
        if self.run("return document.documentElement.dataset.ready") != "true":
            raise RuntimeError(f"the page failed: {self.console()}")

    def run(self, script, *arguments):
        """What SCRIPT, a body of a function, returns."""
        return self.request("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, *arguments):
        end = time.monotonic() + TIMEOUT
        while not self.run(script, *arguments):
            if time.monotonic() > end:
                raise RuntimeError(f"never true: {script}; console: {self.console()}")
            time.sleep(0.02)

    def find(self, selector):
        return next(iter(self.request("POST", "/element",
                                      {"using": "css selector", "value": selector}).values()))

    def click(self, selector):
        self.request("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector, text):
        self.request("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def press(self, *keys):
        """Press keys: characters, or those of WebDriver's private range."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.request("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]})

    def click_at(self, x, y):
        self.request("POST", "/actions", {"actions": [
            {"type": "pointer", "id": "p", "parameters": {"pointerType": "mouse"}, "actions": [
                {"type": "pointerMove", "duration": 0, "x": int(x), "y": int(y)},
                {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]}]})

    def resize(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride",
                 width=width, height=height, deviceScaleFactor=1, mobile=False)

    def cdp(self, command, **parameters):
        return self.request("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self, path, whole=False):
        """Write a PNG of the window, or of the WHOLE page, to PATH."""
        picture = self.cdp("Page.captureScreenshot", captureBeyondViewport=True) if whole else None
        if whole:
            size = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
            picture = self.cdp("Page.captureScreenshot", captureBeyondViewport=True,
                               clip={"x": 0, "y": 0, "scale": 1, **{
                                   key: size[key] for key in ("width", "height")}})
        data = picture["data"] if whole else self.request("GET", "/screenshot")
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def console(self):
        """What was written to the console since the last call, warnings and errors only."""
        return [entry["message"] for entry in self.request("POST", "/se/log", {"type": "browser"})
                if entry["level"] in ("WARNING", "SEVERE")]

    def close(self):
        if self.base and "/session/" in self.base:
            try:
                self.request("DELETE", "")
            except (RuntimeError, OSError):
                pass
        try:
            os.killpg(self.driver.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.driver.wait()
        self.log.close()
        for _ in range(100):  # the browser's processes may still be writing there
            try:
                self.directory.cleanup()
                return
            except OSError:
                time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
