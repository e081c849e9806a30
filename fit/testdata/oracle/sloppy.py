"""Sloppy recordings: cases for edge/, and episodes made at random for sloppy.tar.zst.

Of the random ones nobody says what must come out; the oracle and the Go packages must agree.
"""
import math
import random

from edge import DURATION, END, NONE, RSS, T0, USER, WALK, Raw, case, changed, duration, files, labels, lines, member, ns, put, rows, tar_of, text, zst

USUAL = rows()
N = len(USUAL)


def timed(values, step=0.25, start=-0.25, **more):
    """Rows a step apart whose counter has these values; NONE takes the field away."""
    out = []
    for i, value in enumerate(values):
        row = {"t_wall_ns": ns(start + i * step)}
        if value is not NONE:
            row["cpu_user_jiffies"] = value
        out.append(dict(row, **more))
    return out


def grown(n=60, by=3, base=1000):
    return [base + by * i for i in range(n)]


def with_counts(values, n=60, by=3, base=1000):
    """Rows whose counter grows evenly, with some counts replaced."""
    out = grown(n, by, base)
    for i, value in values.items():
        out[i] = value
    return timed(out)


def shifted(places, by):
    """The usual rows, some of them later by nanoseconds."""
    return changed(lambda i, r: r.update(t_wall_ns=r["t_wall_ns"] + by) if i in places else None)


HOUR = 3600 * 10**9


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

def row_cases():
    both = (USER, RSS)
    case("rows-far-middle", "one row is an hour ahead, in the middle", channels=both, proc=shifted({20}, HOUR))
    case("rows-far-first", "the first row is an hour ahead", channels=both, proc=shifted({0}, HOUR))
    case("rows-far-first-back", "the first row is an hour back: it is in order, but far", channels=both, proc=shifted({0}, -HOUR))
    case("rows-far-last", "the last row is an hour ahead: it is in order, but far", channels=both, proc=shifted({N - 1}, HOUR))
    case("rows-far-last-back", "the last row is an hour back", channels=both, proc=shifted({N - 1}, -HOUR))
    case("rows-far-end", "the last nine are an hour ahead", proc=shifted(set(range(N - 9, N)), HOUR))
    case("rows-far-start", "the first nine are an hour back", proc=shifted(set(range(9)), -HOUR))
    case("rows-far-both", "the first four and the last four are far", proc=changed(lambda i, r: r.update(t_wall_ns=r["t_wall_ns"] + (-HOUR if i < 4 else HOUR if i >= N - 4 else 0))))
    case("rows-far-half", "of two halves the later is dropped: over a quarter", "unusable bad clock", proc=shifted(set(range(N // 2, N)), HOUR))
    case("rows-far-three", "three parts far from each other: from the first gap on the side with fewer rows",
         proc=changed(lambda i, r: r.update(t_wall_ns=r["t_wall_ns"] + (0 if i < 3 else HOUR if i < N - 5 else 2 * HOUR)), of=[dict(r, t_wall_ns=r["t_wall_ns"] - HOUR) for r in USUAL]))
    case("rows-far-enough", "a gap that is as long as the labels is not far", labels=labels([(0, "clean"), (1, "armed"), (2, "infecting"), (3, "infected_running"), (8, "clean")]), meta=duration(12),
         proc=[{"t_wall_ns": ns(t), "cpu_user_jiffies": 10 * i} for i, t in enumerate([-8, 0, 0.5, 1, 1.5, 2, 2.5, 3, 11])])
    case("rows-far-just", "a gap that is a nanosecond longer is far", labels=labels([(0, "clean"), (1, "armed"), (2, "infecting"), (3, "infected_running"), (8, "clean")]), meta=duration(12),
         proc=[{"t_wall_ns": ns(t), "cpu_user_jiffies": 10 * i} for i, t in enumerate([-8.000000001, 0, 0.5, 1, 1.5, 2, 2.5, 3, 11.000000002])])
    case("rows-step-back", "the clock is set back by 2 s near the end", channels=both, proc=shifted(set(range(33, N)), -2 * 10**9))
    case("rows-step-ahead", "the clock is set ahead by 2 s: nothing is dropped", channels=both, proc=shifted(set(range(30, N)), 2 * 10**9))
    case("rows-saw-tooth", "every eighth row is back by 1 s", channels=both, proc=shifted(set(range(4, N, 8)), -10**9))
    case("rows-saw-tooth-long", "six rows on, one back: a saw with long teeth",
         proc=[dict(r, t_wall_ns=ns(i // 6 * 1.9 + i % 6 * 0.4)) for i, r in enumerate(USUAL)])
    case("rows-reversed", "the rows stand in reverse", "unusable bad clock", proc=USUAL[::-1])
    case("rows-shuffled", "the rows are shuffled", "unusable bad clock", proc=random.Random("shuffled").sample(USUAL, N))
    swapped = list(USUAL)
    for i in (6, 15, 27):
        swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
    case("rows-swapped", "three times two rows are swapped", channels=both, proc=swapped)
    case("rows-late", "one row comes five rows late", channels=both, proc=USUAL[:10] + USUAL[11:16] + USUAL[10:11] + USUAL[16:])
    case("rows-early", "one row comes five rows early", channels=both, proc=USUAL[:10] + USUAL[15:16] + USUAL[10:15] + USUAL[16:])
    case("rows-quarter", "just a quarter of 40 rows is dropped", proc=timed(grown(30), 0.5) + timed([5] * 10, 0.01, 3.003)[::-1])
    case("rows-over-quarter", "11 of 41 rows are dropped", "unusable bad clock", proc=timed(grown(30), 0.5) + timed([5] * 11, 0.01, 3.003)[::-1])
    case("rows-twice", "each row is there twice", channels=both, proc=[r for r in USUAL for _ in "ab"])
    case("rows-twice-later", "ten rows come again at the end", channels=both, proc=USUAL + USUAL[5:15])
    case("rows-twice-all-later", "all rows come again at the end", channels=both, proc=USUAL * 2)
    case("rows-twice-out-of-order", "rows come again in between: no row leads astray", channels=both, proc=[x for i, r in enumerate(USUAL) for x in ([r] + ([USUAL[i - 7]] if i % 9 == 8 else []))])
    plain = [text(r) for r in USUAL]
    case("rows-twice-spaces", "a repeat with other white space around it is one", proc=lines([Raw(x) for r in plain for x in (r, "  " + r + "\t \r")]))
    case("rows-twice-spaces-inside", "with other white space in it it is none", "unusable bad clock", proc=lines([Raw(x) for r in plain for x in (r, r.replace(": ", ":"))]))
    case("rows-twice-keys", "nor with its keys in another order", "unusable bad clock", proc=[x for r in USUAL for x in (r, dict(list(r.items())[::-1]))])
    case("rows-equal-times", "rows of one time with other counts are dropped, and lead nothing astray", channels=both,
         proc=[x for i, r in enumerate(USUAL) for x in [r] + ([dict(r, cpu_user_jiffies=r["cpu_user_jiffies"] + 1)] if i % 5 == 0 else [])])
    case("rows-equal-times-all", "all rows have one time", "unusable bad clock", proc=[dict(r, t_wall_ns=ns(3)) for r in USUAL])
    case("rows-equal-mixed", "an integer and a float of one value are one time", channels=both,
         proc=[x for i, r in enumerate(USUAL) for x in [dict(r, t_wall_ns=r["t_wall_ns"] // 256 * 256)] +
               ([dict(r, t_wall_ns=Raw("%d.0" % (r["t_wall_ns"] // 256 * 256)), cpu_user_jiffies=0)] if i % 5 == 0 else [])])
    case("rows-float-between", "a float between integers",
         proc=[x for i, r in enumerate(USUAL) for x in [dict(r, t_wall_ns=r["t_wall_ns"] // 256 * 256)] +
               ([dict(r, t_wall_ns=r["t_wall_ns"] // 256 * 256 + 256 - 1), dict(r, t_wall_ns=Raw("%d.5" % (r["t_wall_ns"] // 256 * 256 + 256)))] if i % 9 == 0 else [])])
    case("rows-without-time", "rows without a time lead nothing astray", channels=both,
         proc=[x for i, r in enumerate(USUAL) for x in [r] + [{"cpu_user_jiffies": 0}, {"t_wall_ns": None}, {"t_wall_ns": Raw("NaN")}][:i % 4]])
    case("rows-astray-gap", "the step across the wrong row has a gap in it, too", proc=changed(lambda i, r: r.update(
        {"t_wall_ns": r["t_wall_ns"] - 10**9} if i == 20 else {"cpu_user_jiffies": None} if i in (18, 19, 21, 22) else {})))
    case("rows-dropped-last", "a dropped row after the last kept one, and before the first", proc=[dict(USUAL[0], t_wall_ns=ns(9))] + USUAL + [dict(USUAL[0], t_wall_ns=ns(5))])


# ── clocks and limits ─────────────────────────────────────────────────────────────────────────────────────────────────────

def clock_cases():
    def short(scale):
        return dict(labels=[{"t_wall_ns": T0 + round((l["t_wall_ns"] - T0) * scale), "phase": l["phase"]} for l in labels(WALK)], meta=duration(DURATION * scale),
                    proc=[dict(r, t_wall_ns=T0 + round((r["t_wall_ns"] - T0) * scale)) for r in USUAL])

    case("clock-span-1s", "the labels span just a second", **short(1 / 11.25))
    case("clock-span-under-1s", "the labels span less than a second", "unusable bad clock", **short(0.999999 / 11.25))
    case("clock-ms", "times in milliseconds", "unusable bad clock", **short(1e-6))
    case("clock-us", "times in microseconds", "unusable bad clock", **short(1e-3))
    case("clock-hour-off", "the telemetry is an hour ahead of the labels", "unusable no data", channels=(USER, RSS), proc=shifted(set(range(N)), HOUR))
    case("clock-last-before-first", "the last label lies before the first", "unusable bad clock",
         labels=labels([(0, "clean"), (1, "armed"), (2, "infecting"), (3, "infected_running"), (4, "x"), (-1, "clean")]))
    many = labels(WALK) + [{"t_wall_ns": ns(11.25 + i * 1e-4), "phase": "x%d" % (i % 2)} for i in range(1, 9996)]
    case("labels-limit", "10,000 labels", labels=many)
    case("labels-over", "10,001 labels", "too_large", labels=many + labels([(13, "clean")]))
    case("labels-blank", "10,000 labels and blank lines", labels=lines(many) + b"\n" * 9)


# ── counters ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

def counter_cases():
    def counter(name, note, values, expect="ok", **more):
        case("counter-" + name, note, expect, proc=with_counts(values, **more))

    big = 5_000_000
    counter("zero", "one reading of 0", {30: 0}, base=big)
    counter("minus-one", "one reading of -1 is a gap", {30: -1}, base=big)
    counter("one-less", "one reading of one less than the one before", {30: big + 3 * 29 - 1}, base=big)
    counter("too-high", "one reading is a billion too high", {30: 10**9}, base=big)
    counter("too-high-second", "the second reading is too high", {1: 10**9}, base=big)
    counter("too-high-first", "the first reading is too high: nobody can tell", {0: 10**9}, base=big)
    counter("too-high-last", "the last reading is too high: nobody can tell", {59: 10**9}, base=big)
    counter("too-high-two", "two readings of one height are too high: the rise is no peak", {30: 10**9, 31: 10**9}, base=big)
    counter("too-high-growing", "two readings are too high, the second more", {30: 10**9, 31: 10**9 + 5}, base=big)
    counter("too-high-falling", "two readings are too high, the first more", {30: 10**9 + 5, 31: 10**9}, base=big)
    counter("too-high-apart", "two peaks with a reading between", {30: 10**9, 32: 10**9}, base=big)
    counter("too-high-back-below", "after a high reading one below that before it", {30: 10**9, 31: big + 3 * 29 - 2}, base=big)
    counter("high-but-slow", "a peak that is no faster than the counter", {30: 1000 + 3 * 29 + 2, 31: 1000 + 3 * 29 + 1})
    counter("first-zero", "the first reading is 0", {0: 0}, base=big)
    counter("first-zero-slow", "the first reading is 0, and the counter starts", {}, base=0)
    counter("first-zero-fast-peak", "the first reading is 0, the second a peak", {0: 0, 1: 10**9}, base=big)
    counter("first-zero-two", "the first two readings are 0", {0: 0, 1: 0}, base=big)
    counter("first-zero-only-two", "two readings, the first is 0", {i: None for i in range(60) if i not in (10, 40)} | {10: 0}, "unusable no data", base=big)
    counter("dip-3", "three readings are low", {30: 5, 31: 6, 32: 7}, base=big)
    counter("dip-zeros", "three readings of 0", {30: 0, 31: 0, 32: 0}, base=big)
    counter("dip-long", "twenty readings are low: one dip", {i: i for i in range(25, 45)}, base=big)
    counter("dip-end", "the last three readings are low: they look like a restart", {57: 0, 58: 1, 59: 2}, base=big)
    counter("dip-end-high", "the last reading is lower by much, but not near 0: unknown", {59: big // 2}, base=big)
    counter("dip-peak", "at the return the reading is too high", {30: 0, 31: 10**9}, base=big)
    counter("dip-then-peak", "a dip, and a peak later", {20: 0, 30: 10**9}, base=big)
    counter("dip-in-dip", "it falls further in a dip", {30: 4000, 31: 100, 32: 5000}, base=big)
    counter("dip-two-levels", "it comes back in two steps of which the second is the smaller", {30: 0, 31: big - 1000}, base=big)
    counter("dip-half", "the step to the return is just half of the depth", {30: big - 100, 31: big - 100 + (3 * 29 + 100) // 2}, base=big, by=4)
    counter("dip-float", "the low reading is a float", {30: Raw("0.0")}, base=big)
    counter("dip-2-63", "a dip of counts beyond 2^63", {30: 2**63 + 5}, base=2**63 + 10**6)
    counter("dip-one-2-63", "one less, beyond 2^63", {30: 2**63 + 3 * 29 - 1}, base=2**63)
    counter("restart", "it restarts at 2 and grows on", {i: 2 + 3 * (i - 30) for i in range(30, 60)}, base=big)
    counter("restart-zero", "it restarts at 0", {i: 3 * (i - 30) for i in range(30, 60)}, base=big)
    counter("restart-fast", "after the restart the count is too high to have grown: unknown", {i: 4000 + 3 * (i - 30) for i in range(30, 60)}, base=big)
    counter("restart-past", "after the restart it grows past the count before", {i: 3 * (i - 5) for i in range(5, 60)}, base=20)
    counter("restart-past-step", "it grows past it in one large step: a dip", {i: 3 * (i - 5) + (0 if i < 9 else 100) for i in range(5, 60)}, base=60)
    counter("restart-twice", "two restarts", {i: 3 * (i % 20) for i in range(20, 60)}, base=big)
    counter("restart-three", "three restarts of 60 samples are just a twentieth", {i: 3 * (i % 15) for i in range(15, 60)}, base=big)
    counter("restart-three-of-59", "three of 59 are more", {i: 3 * (i % 15) for i in range(15, 60)} | {58: None}, "unusable bad counter", base=big)
    counter("two-of-four", "two events are never too many", {i: None for i in range(60) if i not in (8, 18, 28, 38, 48, 55)} | {18: 0, 38: 0}, base=big)
    counter("four-dips", "four dips of 60 samples", {9: 0, 19: 0, 29: 0, 39: 0}, "unusable bad counter", base=big)
    counter("idle-restart", "an idle counter falls to 0: H is 0, and so is the count", {i: 0 for i in range(30, 60)}, by=0)
    counter("idle-restart-one", "an idle counter falls to 1: faster than H", {i: 1 for i in range(30, 60)}, by=0)
    counter("idle-one-step", "one step alone: ten times the second highest, which is 0", {i: 1007 for i in range(30, 60)}, by=0)
    counter("idle-one-step-fall", "the same, and a fall to 1", {i: 1007 if i < 40 else 1 for i in range(30, 60)}, by=0)
    counter("step-ten-times", "one step just ten times as fast: H is its rate", {i: 1000 + 3 * i + 27 for i in range(30, 60)} | {i: 30 + 3 * (i - 45) for i in range(45, 60)})
    counter("step-over-ten-times", "one step more than ten times as fast: H is the second highest", {i: 1000 + 3 * i + 28 for i in range(30, 60)} | {i: 30 + 3 * (i - 45) for i in range(45, 60)})
    case("counter-none", "no H: there is no step but a fall and its return", proc=timed([NONE] * 10 + [50, 10, 60] + [NONE] * 30), expect="unusable no data")
    case("counter-none-fall", "no H: the only step is a fall", expect="unusable no data", proc=timed([NONE] * 10 + [50] + [NONE] * 10 + [0] + [NONE] * 30))
    case("counter-none-zero", "no H: the only step is from a first zero", expect="unusable no data", proc=timed([NONE] * 10 + [0] + [NONE] * 20 + [9000] + [NONE] * 20))
    close = [x for i, t in enumerate(range(0, 60)) for x in ([(0.25 * t, 1000 + 3 * i)] + ([(0.25 * t + 0.001, 1000 + 3 * i + 2)] if i % 20 == 10 else []))]
    case("counter-short-steps", "steps of a millisecond count as the median step: they make no H",
         proc=[{"t_wall_ns": ns(t), "cpu_user_jiffies": c} for t, c in close] + [{"t_wall_ns": ns(15.1), "cpu_user_jiffies": 20}, {"t_wall_ns": ns(15.3), "cpu_user_jiffies": 23}])
    case("counter-short-peak", "a peak a millisecond after the reading before", proc=[{"t_wall_ns": ns(0.25 * i + (0.001 - 0.25) * (i in (30, 31)) + 0.001 * (i == 31)),
         "cpu_user_jiffies": 1000 + 3 * i + 3 * (i == 30)} for i in range(60)])
    case("counter-even-median", "of four steps the longer of the middle two is the median",
         proc=[{"t_wall_ns": ns(t), "cpu_user_jiffies": c} for t, c in [(0, 100), (1, 110), (3, 130), (6, 160), (6.5, 18)]])
    case("counter-floats-dip", "counts with fractions, one low, one high, one restart", proc=with_counts(
        {i: Raw("%.2f" % (0.7 * (i - 40) if i >= 40 else 900 + 0.7 * i)) for i in range(60)} | {10: Raw("0.5"), 20: Raw("1e9")}))
    case("counter-float-late", "mean: the sum is exact up to the first count that is no integer", proc=with_counts({45: Raw("%d.0" % (2**60 + 45 * (2**50 + 3)))}, base=2**60, by=2**50 + 3))
    case("counter-float-left-out", "mean: a float that is left out changes nothing", proc=with_counts({25: Raw("0.5")}, base=2**60, by=2**50 + 3))
    case("counter-mixed-equal", "an integer beyond 2^53 and the float before it: equal as floats, no fall", proc=timed(grown(30, 300, 2**53) + [2**53 + 9001, Raw("9007199254750000.0")] + grown(28, 300, 2**53 + 9300)))
    case("counter-astray-fall", "a fall where the clock went astray is unknown, and does not count against the counter",
         proc=[dict(r, t_wall_ns=r["t_wall_ns"] - (5 * 10**9 if i in (20, 30, 40) else 0), cpu_user_jiffies=r["cpu_user_jiffies"] % (15 * 3)) for i, r in enumerate(with_counts({}, base=0))])
    case("counter-astray-dip", "a dip where the clock went astray", proc=[dict(r, t_wall_ns=r["t_wall_ns"] - (5 * 10**9 if i == 31 else 0)) for i, r in enumerate(with_counts({30: 0}, base=big))])
    case("counter-astray-peak", "a peak where the clock went astray", proc=[dict(r, t_wall_ns=r["t_wall_ns"] - (5 * 10**9 if i == 31 else 0)) for i, r in enumerate(with_counts({30: 10**9}, base=big))])
    case("counter-astray-first-zero", "a first zero where the clock went astray", proc=[dict(r, t_wall_ns=r["t_wall_ns"] - (5 * 10**9 if i == 1 else 0)) for i, r in enumerate(with_counts({0: 0}, base=big))])
    case("counter-two-processes", "rows of two processes", "unusable bad counter", proc=[x for a, b in zip(timed(grown()), timed(grown(base=77, by=1), start=-0.1)) for x in (a, b)])
    case("counter-two-processes-equal", "rows of two processes with equal times: those of one", "unusable bad clock", proc=[x for a, b in zip(timed(grown()), timed(grown(base=77, by=1))) for x in (a, b)])
    case("counter-two-processes-few", "some rows of a slower process between", proc=[x for i, r in enumerate(timed(grown())) for x in ([r] + ([dict(r, t_wall_ns=r["t_wall_ns"] + 10**8, cpu_user_jiffies=77 + i)] if i in (12, 31) else []))])
    strings = [dict(r, cpu_user_jiffies=str(r["cpu_user_jiffies"]), t_wall_ns=str(r["t_wall_ns"])) for r in USUAL]
    case("counter-strings", "numbers and times as strings, as protobuf writes them", proc=strings)
    case("counter-strings-big", "strings of 64-bit integers", proc=with_counts({i: str(2**64 - 1000 + 3 * i) for i in range(60)}))
    for name, value in [("space", " 1090"), ("plus", "+1090"), ("zero-first", "01090"), ("hex", "0x442"), ("point-first", ".5"), ("line", "1090\n"), ("quotes", '"1090"'), ("arabic", "\u0661\u0660")]:
        case("counter-string-" + name, "a string that is no JSON number is a gap", proc=with_counts({30: value}))
    case("counter-string-decimal", "strings with points and exponents", proc=with_counts({i: ["%d.5", "%de0", "%d"][i % 3] % (1000 + 3 * i) for i in range(60)}))
    case("gauge-sloppy", "a gauge takes what comes: negative, falling, high", channels=[RSS], proc=put("rss_bytes", {10: -5, 20: 10**12, 30: 0}))


row_cases()
clock_cases()
counter_cases()


# ── at random ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

EPISODES = 240


def episode(rng):
    """(labels, rows as lines) of one sloppy episode."""
    step = rng.choice([0.2, 0.3, 0.45])
    at, out = rng.uniform(-0.5, 0.4), []
    count = rng.choice([0, 0, rng.randrange(50), 10**6 + rng.randrange(10**6), 2**53 + 1, 2**63 - 20])
    busy, even = rng.choice([1, 5, 40, 3000]), rng.random() < 0.3
    while at < rng.uniform(13, 15):
        out.append({"t_wall_ns": ns(at), "cpu_user_jiffies": count})
        at += step * (1 if even else rng.choice([1, rng.uniform(0.5, 1.5), rng.uniform(0.01, 1)]))
        count += busy if even else rng.randrange(busy + 1) * (4 if 4 < at < 11 else 1)
    for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4, 6])):
        rng.choice([wrong_time, wrong_time, wrong_count, wrong_count, wrong_count, restart, dip, peaks, repeats, gaps, floats, block_moved, first_zero, other_process, saw])(rng, out)
    return lines(out)


def some(rng, out):
    return rng.randrange(len(out))


def value_of(row):
    try:
        value = float(row.get("cpu_user_jiffies"))
    except (TypeError, ValueError):
        return 0.0
    return value if math.isfinite(value) else 0.0


def wrong_time(rng, out):
    i = some(rng, out)
    t = out[i]["t_wall_ns"]
    if type(t) is int:
        out[i] = dict(out[i], t_wall_ns=rng.choice([
            t + HOUR, t - HOUR, t + rng.randrange(3 * 10**9), t - rng.randrange(3 * 10**9), t + 1, out[i - 1]["t_wall_ns"], None, "soon", str(t), Raw("%d.5" % t), Raw("NaN"), Raw("1e31")]))


def wrong_count(rng, out):
    i = some(rng, out)
    was = int(value_of(out[i - 1]))
    out[i] = dict(out[i], cpu_user_jiffies=rng.choice([0, 0, 1, -1, was - 1, was // 2, was + 10**9, was + 7, was * 20, None, Raw("NaN"), str(was), "x", Raw("%d.5" % was), Raw("%d.0" % was)]))


def restart(rng, out):
    i = some(rng, out)
    base, start = int(value_of(out[i])), rng.choice([0, 1, 3, rng.randrange(200)])
    for k in range(i, len(out)):
        out[k] = dict(out[k], cpu_user_jiffies=max(0, int(value_of(out[k])) - base + start))


def dip(rng, out):
    i = some(rng, out)
    low = rng.choice([0, 0, 5, int(value_of(out[i])) // 2, int(value_of(out[i])) - 2])
    for k in range(i, min(len(out), i + rng.choice([1, 2, 3, 8]))):
        out[k] = dict(out[k], cpu_user_jiffies=low)
        low += rng.choice([0, 1, 3])


def peaks(rng, out):
    i = some(rng, out)
    for k in range(i, min(len(out), i + rng.choice([1, 1, 2, 3]))):
        out[k] = dict(out[k], cpu_user_jiffies=int(value_of(out[k])) + rng.choice([10, 500, 10**9, 10**9 + 3]))


def repeats(rng, out):
    i, how = some(rng, out), rng.randrange(4)
    n = rng.choice([1, 3, 10])
    if how == 0:
        out[i:i + n] = [x for r in out[i:i + n] for x in (r, dict(r))]
    elif how == 1:
        out[some(rng, out):0] = out[i:i + n]
    elif how == 2:
        out.extend(dict(r) for r in out[i:i + n])
    else:
        out[i:i + n] = [x for r in out[i:i + n] for x in (r, dict(r, note=1))]


def gaps(rng, out):
    i = some(rng, out)
    for k in range(i, min(len(out), i + rng.choice([1, 2, 5]))):
        out[k] = {"t_wall_ns": out[k]["t_wall_ns"]}


def floats(rng, out):
    i = some(rng, out)
    for k in range(i, len(out), rng.choice([1, 2, 5])):
        v = out[k].get("cpu_user_jiffies")
        if type(v) is int:
            out[k] = dict(out[k], cpu_user_jiffies=Raw("%d.%d" % (v, rng.randrange(10))))


def block_moved(rng, out):
    i, n = some(rng, out), rng.choice([1, 2, 5])
    block = out[i:i + n]
    del out[i:i + n]
    j = max(0, min(len(out), i + rng.choice([-4, -1, 1, 2, 6])))
    out[j:j] = block


def first_zero(rng, out):
    out[0] = dict(out[0], cpu_user_jiffies=0)


def other_process(rng, out):
    i, n = some(rng, out), rng.choice([1, 2, 6])
    low = rng.randrange(100)
    out[i:i + n] = [x for k, r in enumerate(out[i:i + n]) for x in
                    (r, {"t_wall_ns": r["t_wall_ns"] + 10**7 if type(r["t_wall_ns"]) is int else None, "cpu_user_jiffies": low + k})]


def saw(rng, out):
    back = rng.randrange(2 * 10**9)
    for k in range(some(rng, out), len(out), rng.choice([7, 11])):
        if type(out[k]["t_wall_ns"]) is int:
            out[k] = dict(out[k], t_wall_ns=out[k]["t_wall_ns"] - back)


def random_archives():
    """{name: a plain tar} of EPISODES episodes."""
    return {"%03d" % i: tar_of(files(proc=episode(random.Random("sloppy %d" % i)))) for i in range(EPISODES)}


def write_random(path):
    """Write random_archives as members of one tar, in one file."""
    with open(path, "wb") as f:
        f.write(zst(b"".join(member(name, data) for name, data in random_archives().items()) + END, level=22))
