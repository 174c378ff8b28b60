"""Autobahn's cases, but for compression, against an echo over the server's own reader of frames: run.py [case or glob such as 9.*]"""
import collections
import json
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACE = ROOT / "target" / "conformance"
REPORT = PLACE / "report"
# 12 and 13 are compression, which the server never negotiates.
LEFT_OUT = ["12.*", "13.*"]
# What the suite has without them; fewer means that something did not run.
CASES = 301
# Correct in a way that RFC 6455 leaves open, or a measurement. Everything else is a failure.
PASSED = ["OK", "NON-STRICT", "INFORMATIONAL"]
LIMIT_S = 300


def build():
    """The echo's path."""
    subprocess.run(["cargo", "build", "--quiet", "--example", "echo"], cwd=ROOT, check=True)
    return ROOT / "target" / "debug" / "examples" / "echo"


def drive(address, wanted):
    shutil.rmtree(REPORT, ignore_errors=True)
    command = [PLACE / "venv" / "bin" / "kosoku", "--parallelism", "4", "--outdir", REPORT]
    command += [word for case in wanted for word in ("--include", case)]
    command += [word for case in LEFT_OUT for word in ("--exclude", case)]
    with open(PLACE / "output", "w") as output:
        subprocess.run([*command, address], stdout=output, stderr=output, timeout=LIMIT_S)


def results():
    """How each case ended: its behaviour and that of its close."""
    index = json.loads((REPORT / "index.json").read_text())
    (cases,) = index.values()
    return {case: (result["behavior"], result["behaviorClose"]) for case, result in cases.items()}


def judge(found, least):
    """The exit code; prints what failed and how many did what."""
    failed = {case: result for case, result in found.items() if not set(result) <= set(PASSED)}
    for case, (behaviour, close) in failed.items():
        print(f"case {case}: {behaviour}, its close {close}; see {REPORT}")
    counts = collections.Counter(behaviour for behaviour, _ in found.values())
    print("Autobahn:", ", ".join(f"{counts[name]} {name}" for name in PASSED), f"and {len(failed)} failed of {len(found)} cases", flush=True)
    if len(found) < least:
        print(f"fewer than {least} cases ran; kosoku's words are in {PLACE / 'output'}")
    return int(bool(failed) or len(found) < least)


def main():
    subprocess.run([pathlib.Path(__file__).with_name("setup.sh")], check=True)
    wanted, begun = sys.argv[1:], time.monotonic()
    with subprocess.Popen([build(), "127.0.0.1:0"], stdout=subprocess.PIPE, text=True) as echo:
        try:
            drive(echo.stdout.readline().strip(), wanted)
        finally:
            echo.kill()
    code = judge(results(), 1 if wanted else CASES)
    print(f"in {time.monotonic() - begun:.0f} s")
    sys.exit(code)


if __name__ == "__main__":
    main()
