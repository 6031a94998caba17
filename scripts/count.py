#!/usr/bin/env python3
"""count.py KIND FILE: reads what a test runner left and prints `passed failed skipped`.

KIND is `cargo` (the log of cargo test or cargo nextest), `vitest` or `playwright` (their JSON
reports). Prints `0 0 0` for a report that is missing or cut: the caller knows the exit code.
"""
import json
import re
import sys


def cargo(text):
    """cargo test closes each binary with a `test result:` line; nextest prints one summary."""
    passed = failed = skipped = 0
    for line in text.splitlines():
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
    return passed, failed, skipped


def vitest(text):
    report = json.loads(text)
    # A file that can't be loaded has no tests to fail: count it by itself.
    broken = sum(1 for f in report["testResults"] if f["status"] == "failed" and not f["assertionResults"])
    return (
        report["numPassedTests"],
        report["numFailedTests"] + broken,
        report["numPendingTests"] + report["numTodoTests"],
    )


def playwright(text):
    stats = json.loads(text)["stats"]
    # A test that only passes when repeated has failed.
    return stats["expected"], stats["unexpected"] + stats["flaky"], stats["skipped"]


def main():
    kind, path = sys.argv[1:]
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = re.sub(r"\x1b\[[0-9;]*m", "", file.read())
        counts = {"cargo": cargo, "vitest": vitest, "playwright": playwright}[kind](text)
    except (OSError, ValueError, KeyError):
        counts = (0, 0, 0)
    print(*counts)


main()
