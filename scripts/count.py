#!/usr/bin/env python3
"""count.py KIND FILE: reads what a test runner left and prints `passed failed skipped`, then the
names of the tests that failed, a line each.

KIND is `cargo` (the log of cargo test or cargo nextest), `vitest` or `playwright` (their JSON
reports). Prints `0 0 0` for a report that is missing or cut: the caller knows the exit code.
"""
import json
import re
import sys


def cargo(text):
    """cargo test closes each binary with a `test result:` line; nextest prints one summary."""
    passed = failed = skipped = 0
    names = {}
    for line in text.splitlines():
        # A test that could not be tried here says so in its output, and then passes.
        if "SKIPPED: " in line:
            passed -= 1
            skipped += 1
        if found := re.match(r"test (\S.*) \.\.\. FAILED", line):
            names[found[1]] = None
        elif found := re.match(r"\s*(?:FAIL|TIMEOUT|SIG\w+|ABORT) \[.*?\] (?:\(.*?\) )?(.+)", line):
            names[found[1]] = None
        if found := re.match(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", line):
            passed += int(found[1])
            failed += int(found[2])
            skipped += int(found[3])
        elif re.match(r"\s*Summary \[.*\] .*tests? run:", line):
            for number, word in re.findall(r"(\d+) (passed|failed|timed out|exec failed|skipped)", line):
                if word == "passed":
                    passed += int(number)
                elif word == "skipped":
                    skipped += int(number)
                else:
                    failed += int(number)
    return (passed, failed, skipped), list(names)


def vitest(text):
    report = json.loads(text)
    # A file that can't be loaded has no tests to fail: count it by itself.
    broken = sum(1 for f in report["testResults"] if f["status"] == "failed" and not f["assertionResults"])
    names = [
        test["fullName"]
        for file in report["testResults"]
        for test in file["assertionResults"]
        if test["status"] == "failed"
    ]
    counts = (
        report["numPassedTests"],
        report["numFailedTests"] + broken,
        report["numPendingTests"] + report["numTodoTests"],
    )
    return counts, names


def playwright(text):
    report = json.loads(text)
    stats = report["stats"]

    def failed(suite):
        for spec in suite.get("specs", []):
            if not spec["ok"]:
                yield f"{spec['file']}:{spec['line']} {spec['title']}"
        for inner in suite.get("suites", []):
            yield from failed(inner)

    names = [name for suite in report["suites"] for name in failed(suite)]
    # A test that only passes when repeated has failed.
    return (stats["expected"], stats["unexpected"] + stats["flaky"], stats["skipped"]), names


def main():
    kind, path = sys.argv[1:]
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = re.sub(r"\x1b\[[0-9;]*m", "", file.read())
        counts, names = {"cargo": cargo, "vitest": vitest, "playwright": playwright}[kind](text)
    except (OSError, ValueError, KeyError):
        counts, names = (0, 0, 0), []
    print(*counts)
    for name in names:
        print(name)


main()
