"""A headless Chromium, driven through chromedriver (WebDriver over HTTP) with the standard library alone."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


class Browser:
    """One session. `with Browser() as b: b.open(path, 360, "dark")`"""

    def __init__(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       start_new_session=True)
        try:
            self._wait()
            arguments = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
            if os.getuid() == 0:
                arguments.append("--no-sandbox")  # which root cannot have
            options = {"args": arguments, "binary": shutil.which("chromium")}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            answer = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.session = f"/session/{answer['sessionId']}"
        except BaseException:
            self._end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._send("DELETE", self.session)
        finally:
            self._end()

    def _end(self):
        os.killpg(self.driver.pid, signal.SIGTERM)
        self.driver.wait(30)

    def _wait(self):
        for _ in range(300):
            try:
                if self._send("GET", "/status")["ready"]:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("chromedriver did not start")

    def _send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(json.load(e)["value"]["message"]) from e

    def devtools(self, command, **parameters):
        return self._send("POST", self.session + "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def run(self, script, *arguments):
        return self._send("POST", self.session + "/execute/sync", {"script": script, "args": arguments})

    def open(self, path, width, scheme, height=800, scripts=True):
        """Returns what was said on the console and which addresses were asked for."""
        self.log("browser"), self.log("performance")
        self.devtools("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": n, "value": v} for n, v in features.items()])
        self._send("POST", self.session + "/url", {"url": "file://" + os.path.abspath(path)})
        return self.log("browser"), self.addresses()

    def log(self, kind):
        return self._send("POST", self.session + "/se/log", {"type": kind})

    def addresses(self):
        asked = []
        for entry in self.log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        return asked

    def press(self, key):
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._send("POST", self.session + "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def point_at(self, x, y):
        move = {"type": "pointerMove", "duration": 0, "x": int(x), "y": int(y), "origin": "viewport"}
        self._send("POST", self.session + "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [move]}]})

    def screenshot(self, path):
        size = self.run("return [document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                             clip={"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1})
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))
