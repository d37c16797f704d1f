"""Headless Chromium over its own debugging pipe: the standard library is all that this needs.

Commands and events are JSON, each ended by a zero byte; the browser reads them from file descriptor
3 and writes to 4 (`--remote-debugging-pipe`).
"""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_S = 60

# Takes its pipe's ends to where the browser expects them, then becomes the browser.
_LAUNCHER = (
    "import os, sys, fcntl;"
    "r, w = (fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]);"
    "os.dup2(r, 3); os.dup2(w, 4);"
    "os.execv(sys.argv[3], sys.argv[3:])"
)


def chromium():
    """Where the browser is, or None."""
    named = os.environ.get("NNARCH_CHROMIUM", "")
    return next(filter(None, map(shutil.which, (named, *NAMES))), None)


class Page:
    """One tab, open at about:blank; a context manager that ends the browser."""

    def __init__(self, profile):
        """Starts a browser whose profile lies in the folder `profile`."""
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        flags = [
            "--headless=new",
            "--no-sandbox",  # root has none; what is opened is this project's own page
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-extensions",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
            "about:blank",
        ]
        launcher = [sys.executable, "-c", _LAUNCHER, str(theirs_in), str(theirs_out)]
        self._process = subprocess.Popen(
            [*launcher, chromium(), *flags],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._numbers, self._read, self._session = itertools.count(1), b"", None
        self.events = []  # what the page reported: errors, and what its policy forbade

    def __enter__(self):
        """Attaches to a tab."""
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def __call__(self, method, **params):
        """Sends one command and gives its result; events that come meanwhile are kept."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            came = self._next()
            if came.get("id") == number:
                if "error" in came:
                    raise RuntimeError(f"{method}: {came['error']}")
                return came["result"]
            self.events.append(came)

    def _next(self):
        until = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._read:
            if not select.select([self._in], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            came = os.read(self._in, 2**20)
            if not came:
                raise RuntimeError("the browser ended")
            self._read += came
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)

    def evaluate(self, expression):
        """What a JavaScript expression gives, as JSON; promises are waited for."""
        answer = self(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def until(self, expression):
        """Waits until an expression is true of the page."""
        end = time.monotonic() + TIMEOUT_S
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {expression}")
            time.sleep(0.05)

    def open(self, address):
        """Goes to an address, and waits for the page."""
        self("Page.navigate", url=address)
        self.until(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")

    def choose(self, selector, path):
        """Puts a file into a file input, as its dialogue would."""
        root = self("DOM.getDocument")["root"]["nodeId"]
        node = self("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def drop(self, path, x=200, y=300):
        """Drags a file from outside onto the page and lets it go."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def type(self, text):
        """Types where the focus is."""
        self("Input.insertText", text=text)

    def screenshot(self):
        """What is seen, as PNG."""
        return base64.b64decode(self("Page.captureScreenshot")["data"])

    def complaints(self):
        """Errors of the page so far: exceptions, and the log's errors (a broken policy is one)."""
        self.evaluate("0")
        return [
            event["params"]
            for event in self.events
            if event.get("method") == "Runtime.exceptionThrown"
            or (
                event.get("method") == "Log.entryAdded"
                and event["params"]["entry"]["level"] == "error"
            )
        ]
