"""What is read off the runs, and the most (or least) that it may be."""

import collections

# What a number is held to: its value, its ratio to the floor's, or how much it is above the floor's.
Goal = collections.namedtuple("Goal", "of sign limit")

# The scenario, what the number is, where it is in a run's figures (a name, or a function of them), and the goal, if there is one.
Row = collections.namedtuple("Row", "scenario what find goal", defaults=(None,))


def most(limit, of="value"):
    return Goal(of, "<=", limit)


def least(limit, of="value"):
    return Goal(of, ">=", limit)


def quotient(above_line, below_line):
    return above_line / below_line if above_line is not None and below_line else None


def counted(field):
    """A saturated run counts if every change arrived by itself and in time; what it brought else says nothing."""
    return lambda run: run.get(field) if run.get("saturated") else None


def one_by_other(above_line, below_line):
    return lambda run: quotient(run.get(above_line), run.get(below_line))


def faults(run):
    return sum(run.get(field, 0) for field in ("missing", "gaps", "rejects", "errors", "closed"))


def not_level(run):
    return run["stalled"] - run["caught_up"] if "stalled" in run else None


def not_arrived(run):
    return run["not_logged_in"] + run["do_not_see_all"] + run["friends_missing"] if "not_logged_in" in run else None


def without_writer(run):
    """Every write is read, judged and answered, whoever follows: none of that is in the 20 changes/s that it is compared with."""
    if "cpu_percent_writer" not in run:
        return None
    return quotient(run["cpu_percent_latest"] - run["cpu_percent_writer"], run["cpu_percent_all"])


def idle(scenario, idle_goal):
    return [
        Row(scenario, "bytes of RSS per idle follower", "rss_bytes_per_connection", most(1536)),
        Row(scenario, "the same after each has said something", "rss_bytes_per_connection_after_traffic", most(1536)),
        Row(scenario, "CPU µs per connect with hello and use", "cpu_us_per_connect", most(45)),
        Row(scenario, "idle CPU, percent of a core", "idle_cpu_percent", idle_goal),
    ]


def by_themselves(run):
    """As many changes as wanted, and the writers of the others."""
    return run["cpu_percent_all"] + run["cpu_percent_writer"] if "cpu_percent_writer" in run else None


def with_writer(run):
    """What it would be if nothing else were done for the writes beyond those that are wanted: the least that the floor could have."""
    return quotient(by_themselves(run), run.get("cpu_percent_all"))


def of_its_parts(run):
    return quotient(run.get("cpu_percent_latest"), by_themselves(run))


def held_back(scenario):
    times = one_by_other("cpu_percent_latest", "cpu_percent_all")
    return [
        Row(scenario, "CPU, times that of as many changes as wanted", times, most(1.2)),
        Row(scenario, "CPU, times that of its parts by themselves", of_its_parts, most(1)),
        Row(scenario, "the first without what the writers alone cost", without_writer),
        Row(scenario, "its parts by themselves, times the first of them", with_writer),
        Row(scenario, "as many changes as wanted, percent of a core", "cpu_percent_all"),
        Row(scenario, "the writers alone, percent of a core", "cpu_percent_writer"),
        Row(scenario, "frames per second of who got most", "frames_per_s_max", most(21)),
        Row(scenario, "frames per second of who got fewest", "frames_per_s_min", least(19)),
        Row(scenario, "followers without the latest value in the end", "behind_in_the_end", most(0)),
    ]


def herd(scenario):
    return [
        Row(scenario, "seconds until the last is back", "all_back_s", most(5)),
        Row(scenario, "p99 of those not cut, ms", "p99_ms_during", most(100)),
        Row(scenario, "CPU µs per return", "cpu_us_per_return"),
        Row(scenario, "back by a snapshot", "by_snapshot"),
        Row(scenario, "turned away and come again", "turned_away"),
        Row(scenario, "of the herd without the latest value in the end", "behind_in_the_end", most(0)),
    ]


ROWS = [
    Row("w1-40", "CPU µs per delivery", "cpu_us_per_delivery", most(1.15, "ratio")),
    Row("w1-40", "p99, ms", "p99_ms", most(2, "above")),
    Row("w1-100", "CPU µs per delivery", "cpu_us_per_delivery", most(1.15, "ratio")),
    Row("w1-100", "p99, ms", "p99_ms", most(2, "above")),
    Row("w1-1000", "CPU µs per delivery", "cpu_us_per_delivery"),
    Row("w1-saturated", "deliveries per second", counted("deliveries_per_s"), least(8_000_000)),
    Row("w1-saturated", "the same, of the floor's", counted("deliveries_per_s"), least(0.6, "ratio")),
    Row("w1-saturated", "CPU µs per delivery", counted("cpu_us_per_delivery"), most(0.125)),
    Row("w2-1", "CPU µs per delivery", "cpu_us_per_delivery", most(1.3, "ratio")),
    Row("w2-saturated", "deliveries per second", counted("deliveries_per_s"), least(700_000)),
    Row("w2-saturated", "CPU µs per delivery", counted("cpu_us_per_delivery"), most(1.4)),
    *idle("w3", most(1)),
    *idle("w3-18000", None),
    Row("w4", "CPU ms of the first join", "cpu_ms_first_join"),
    Row("w4", "CPU ms of a later join", "cpu_ms_later_join", most(0.2)),
    Row("w4", "CPU ms of a write and a join", "cpu_ms_join_after_write", most(0.2)),
    Row("w4", "bytes per join", "bytes_per_join"),
    Row("w5", "p99 of the others, times that before", one_by_other("p99_ms_during", "p99_ms_before"), most(1.2)),
    Row("w5", "KiB by which the server grew", "rss_grown_kib", most(2048)),
    Row("w5", "ms until the slowest stalled one was level", "caught_up_ms_max", most(200)),
    Row("w5", "stalled ones that were not level in the end", not_level, most(0)),
    Row("w5", "connections that the server ended", "ended", most(0)),
    *held_back("w6"),
    *held_back("w6-frames"),
    *held_back("w6-2"),
    *held_back("w6-4"),
    *herd("w7"),
    *herd("w7-17500"),
    *herd("w7-cursors"),
    *herd("w7-tokens"),
    Row("r1", "CPU µs per message", "cpu_us_per_message", most(3, "ratio")),
    Row("r1", "p99 from due to delivered, ms", "p99_ms_delivered"),
    Row("r1-saturated", "messages per second", "messages_per_s"),
    Row("r1-saturated", "CPU µs per message", "cpu_us_per_message", most(3, "ratio")),
    Row("r1-batched", "messages per second", "messages_per_s"),
    Row("r1-batched", "CPU µs per message", "cpu_us_per_message"),
    Row("r3", "p99 of the messages meanwhile, ms", "p99_ms_during", most(100)),
    # One for each friend.
    Row("r3", "presence frames of one session within a second", "presence_frames_per_s_max", most(100)),
    Row("r3", "seconds until the last is logged in", "logged_in_s"),
    Row("r3", "seconds until all see all their friends", "see_all_s"),
    Row("r3", "who did not, and friends not on a list", not_arrived, most(0)),
    Row("r3", "CPU µs per log-in", "cpu_us_per_login"),
    Row("r4", "messages", "messages", least(1_000_000)),
    Row("r4", "of 100,000, those that waited for a list", "waited_per_100000", most(1)),
    Row("r4", "messages per second", "messages_per_s"),
    Row("r4", "CPU µs per message", "cpu_us_per_message"),
]


def compare(medians):
    """A line for each row whose scenario was run: floor, value, ratio, goal, and whether that is met."""
    sound = [Row(name, "lost, out of order, refused, or cut off", faults, most(0)) for name in medians if name != "w5"]
    order = list(medians)
    rows = sorted((row for row in ROWS + sound if row.scenario in order), key=lambda row: order.index(row.scenario))
    lines = (line(row, medians[row.scenario].get("server"), medians[row.scenario].get("floor")) for row in rows)
    return [found for found in lines if found]


def line(row, server, floor):
    value = read(row, server)
    if value is None:
        return None
    beside = read(row, floor)
    ratio = quotient(value, beside)
    found = {"scenario": row.scenario, "what": row.what, "floor": beside, "value": round(value, 4), "ratio": ratio and round(ratio, 4)}
    if row.goal is None:
        return {**found, "of": None, "sign": None, "goal": None, "met": None}
    held = {"value": value, "ratio": ratio, "above": None if beside is None else value - beside}[row.goal.of]
    return {**found, "of": row.goal.of, "sign": row.goal.sign, "goal": row.goal.limit, "met": is_met(row.goal, held)}


def read(row, run):
    if not run:
        return None
    return run.get(row.find) if isinstance(row.find, str) else row.find(run)


def is_met(goal, held):
    """None: there is nothing to hold to it, as the floor was not run."""
    if held is None:
        return None
    return held <= goal.limit if goal.sign == "<=" else held >= goal.limit


OF = {"value": "", "ratio": "ratio ", "above": "floor + ", None: ""}


def print_comparison(lines):
    """Floor, ours, ratio, goal."""
    print(f"\n{'':14} {'':47} {'floor':>12} {'ours':>12} {'ratio':>8}   goal")
    for found in lines:
        goal = f"{OF[found.get('of')]}{found['sign']} {found['goal']:,}" if found["sign"] else ""
        verdict = {True: "met", False: "MISSED", None: ""}[found["met"]]
        numbers = f"{shown(found.get('floor')):>12} {shown(found['value']):>12} {shown(found.get('ratio')):>8}"
        print(f"{found['scenario']:14} {found['what']:47} {numbers}   {goal:17} {verdict}")


def shown(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
