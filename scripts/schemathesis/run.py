"""Starts the real binary with the scripted model behind it, lets Schemathesis at it, and sees that the
same process still serves afterwards. Called by scripts/schemathesis.sh; the arguments are handed on
to `schemathesis run`."""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

TOOL = """
[[tools]]
name = "order"
description = "Orders goods."
schema = { type = "object" }
method = "POST"
url = "http://127.0.0.1:9/orders"
policy = "ask"
"""

# Nobody ever knows what became of its calls.
DOUBT = """
[[tools]]
name = "doubt"
description = "Orders goods."
schema = { type = "object" }
method = "POST"
url = "%s/doubts"
policy = "allow"
"""


def silent_service():
    """Takes a request and goes without a word."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return "http://127.0.0.1:%d" % listener.getsockname()[1]


def program(variable, name):
    return os.environ.get(variable) or str(ROOT / "target" / "debug" / name)


def start(command, **kwargs):
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **kwargs)
    line = child.stdout.readline()
    if not line.startswith("listening on "):
        child.kill()
        log = kwargs.get("stderr")
        why = pathlib.Path(log.name).read_text() if log else ""
        raise SystemExit(f"{command[0]} did not start: {line!r} {why}")
    return child, line.split()[-1].rstrip("/")


def main(arguments):
    with tempfile.TemporaryDirectory(prefix="rejoinder-schema.") as folder:
        folder = pathlib.Path(folder)
        (folder / "rejoinder.toml").write_text("send_rate_per_minute = 100000\n" + TOOL + DOUBT % silent_service())
        model, model_url = start([program("SCRIPTED_MODEL_BIN", "scripted-model")])
        log = open(folder / "server.log", "w")
        command = [program("REJOINDER_BIN", "rejoinder"), "serve", "--listen", "127.0.0.1:0"]
        command += ["--data-dir", str(folder / "data"), "--config", str(folder / "rejoinder.toml")]
        command += ["--registration", "open", "--model", "openai/scripted"]
        if os.environ.get("SCHEMATHESIS_DATABASE_URL"):
            command += ["--database-url", os.environ["SCHEMATHESIS_DATABASE_URL"]]
        # Nothing of the machine's own settings.
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        environment |= {"OPENAI_BASE_URL": f"{model_url}/v1", "OPENAI_API_KEY": "sk-test"}
        try:
            server, url = start(command, env=environment, stderr=log)
            try:
                code = attack(url, arguments)
                problems = survived(server, url, folder / "server.log")
            finally:
                server.terminate()
                if server.wait(timeout=60) != 0:
                    code, problems = 1, ["the server did not stop in good order"]
        finally:
            model.kill()
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return code or bool(problems)


def attack(url, arguments):
    environment = {
        **os.environ,
        "SCHEMATHESIS_URL": url,
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"{url}/openapi.json", *arguments]
    return subprocess.call(command, env=environment, cwd=os.environ["SCHEMATHESIS_REPORTS"])


def survived(server, url, log):
    """What is wrong with the server now."""
    import api

    api.no_proxy(url)
    if server.poll() is not None:
        return [f"the server ended with {server.returncode}: {log.read_text()[-3000:]}"]
    problems = []
    text = log.read_text()
    for word in ("internal error", "panicked"):
        lines = [line for line in text.splitlines() if word in line]
        problems += [f"in the log: {line}" for line in lines[:5]]
    user = api.Account(url, "afterwards@example.org")
    sent = user.call("POST", "/chat/messages", {"content": "[[script: tokens=3]]"}, 200)
    if sent["ai_message"]["content"].strip() != "tok0 tok1 tok2":
        problems.append(f"a normal user is no longer answered: {sent}")
    print(f"process {server.pid} served from the first request to the last, on {url}")
    return problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
