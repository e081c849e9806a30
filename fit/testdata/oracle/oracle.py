#!/usr/bin/env python3
"""An independent reading of docs/EPISODES.md and docs/NUMERICS.md.

It shares no code with the Go packages. Where the docs describe numpy's own arithmetic, numpy itself is called; everything else
is plain Python. Needs Python 3.11 or newer, numpy and zstandard (and pyarrow to read a validation.parquet).

    oracle.py curve FILE --channel proc.cpu_user_jiffies [--resample linear|mean] [--n-points N | --spec JSON]
    oracle.py fit --store DIR --validation FILE [--n N] [--n-points N] [--seed S] [--sampler bottomk|numpy] [--resample linear|mean]
    oracle.py goldens      make the archives and goldens/ again
    oracle.py check        compute from the archives as they are, compare with goldens/; exit 1 on a difference
    oracle.py selftest     the docs' test vectors, and the docs' formulas against numpy
"""
import argparse
import hashlib
import io
import json
import math
import os
import random
import re
import struct
import sys
import tarfile

sys.dont_write_bytecode = True

import numpy as np
import zstandard

from containers import Corrupt
from curve import DEFAULT, NAN, POINTS, Spec, interpolate, outcome_of, points_for, slice_linear, slice_mean_counter, slice_mean_gauge
from jsontext import parse_json

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = os.path.normpath(os.path.join(HERE, "..", "..", "..", "examples", "recorded"))


# ── the envelope ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def envelope(curves):
    """(median, p25, p75) of curves of one length: lists of floats, NaN results are 0."""
    out = ([], [], [])
    for column in zip(*curves):
        finite = np.array([x for x in column if not math.isnan(x)])
        three = (np.median(finite), np.quantile(finite, 0.25), np.quantile(finite, 0.75)) if len(finite) else (0.0, 0.0, 0.0)
        for into, x in zip(out, three):
            into.append(float(x))
    return out


def normalised(values, low, high):
    """In the scale of the median: float64 values."""
    if high - low < 1e-9:
        return [0.0] * len(values)
    return [(x - low) / (high - low) for x in values]


def float32(x):
    return float(np.float32(x))


# ── samples ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

PROFILES = [("cpu-saturate", "proc.cpu_user_jiffies"), ("io-walk", "proc.cpu_sys_jiffies"), ("bursty-c2", "proc.cpu_user_jiffies"),
            ("low-and-slow", "proc.cpu_user_jiffies"), ("scan-and-dial", "proc.cpu_sys_jiffies"), ("shell-resident", "proc.cpu_sys_jiffies")]


def rank_of(seed, host, episode):
    return hashlib.sha256(b"%d\0%s\0%s" % (seed, host.encode(), episode.encode())).hexdigest()[:32]


def sample_bottomk(candidates, usable, seed, target):
    """(used, attempted): keys, lowest rank first, and a number. candidates: (host, episode); usable says which give a curve."""
    used, failed = [], 0
    for key in sorted(candidates, key=lambda key: rank_of(seed, *key)):
        if usable(key):
            used.append(key)
            if len(used) == target:
                break
        else:
            failed += 1
    return used, len(used) + failed


def sample_numpy(candidates, usable, seed, target):
    if len(candidates) > target:
        picked = np.random.default_rng(seed).choice(len(candidates), target, replace=False)
        candidates = [candidates[i] for i in picked]
    return [key for key in candidates if usable(key)], len(candidates)


def read_validation(path):
    """Rows as dicts, in the file's order."""
    if path.endswith(".parquet"):
        import pyarrow.parquet
        rows = pyarrow.parquet.read_table(path).to_pylist()
    else:
        with open(path, encoding="utf-8") as f:
            rows = [json.loads(line) for line in f if line.strip()]
    for i, row in enumerate(rows):
        for column in ("episode_id", "host_id", "profile", "status"):
            if type(row.get(column)) is not str:
                raise ValueError("row %d has no %s" % (i, column))
    return rows


class Store:
    """Curves of a folder of archives, each computed once."""

    def __init__(self, path, resample, n_points):
        self.path, self.resample, self.n_points, self.curves = path, resample, n_points, {}

    def curve(self, host, episode, channel):
        """None where there is no curve, for whatever reason."""
        key = host, episode, channel
        if key not in self.curves:
            try:
                with open(os.path.join(self.path, host, episode + ".tar.zst"), "rb") as f:
                    data = f.read()
                self.curves[key] = outcome_of(data, channel, self.resample, Spec(self.n_points))[2]
            except FileNotFoundError:
                self.curves[key] = None
        return self.curves[key]


def fit(store, rows, target, seed, sampler):
    """One dict a profile that had a usable episode."""
    last = {(row["host_id"], row["episode_id"]): row for row in rows}
    out = []
    for profile, channel in PROFILES:
        def usable(key):
            return store.curve(*key, channel) is not None

        def wanted(row):
            return row["profile"] == profile and row["status"] == "accepted"

        if sampler == "numpy":
            used, attempted = sample_numpy([(r["host_id"], r["episode_id"]) for r in rows if wanted(r)], usable, seed, target)
        else:
            used, attempted = sample_bottomk([key for key, row in last.items() if wanted(row)], usable, seed, target)
        if not used:
            continue
        median, p25, p75 = envelope([store.curve(*key, channel) for key in used])
        low, high = min(median), max(median)
        out.append({
            "profile": profile, "channel": channel, "used": len(used), "attempted": attempted,
            "sample": ["/".join(key) for key in used],
            "min": low.hex(), "max": high.hex(),
            "median": [float32(x).hex() for x in normalised(median, low, high)],
            "median_raw": hexes(median), "p25_raw": hexes(p25), "p75_raw": hexes(p75),
        })
    return out


# ── goldens ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

def hexes(values):
    return [None if math.isnan(x) else x.hex() for x in values]


def curve_id(curve):
    """The first 16 hex digits of SHA-256 over the float64 values, little-endian; a gap is 7ff8000000000000."""
    bits = b"".join(struct.pack("<Q", 0x7FF8000000000000) if math.isnan(x) else struct.pack("<d", x) for x in curve)
    return hashlib.sha256(bits).hexdigest()[:16]


def read_file(*parts):
    with open(os.path.join(HERE, *parts), "rb") as f:
        return f.read()


def result(data, channel, resample, curves, spec=DEFAULT):
    """One result as the goldens have it; its curve goes into curves."""
    outcome, reason, curve, quality = outcome_of(data, channel, resample, spec)
    if outcome != "ok":
        return {"outcome": outcome, "reason": reason} if reason else {"outcome": outcome}
    curves[curve_id(curve)] = hexes(curve)
    out = {"outcome": "ok", "curve": curve_id(curve)}
    if any(quality.values()):
        out["quality"] = {k: n for k, n in sorted(quality.items()) if n}
    return out


def results(data, channel, curves, spec=DEFAULT):
    """The linear and the mean result; where the archive can't be read they are one."""
    linear = result(data, channel, "linear", curves, spec)
    unread = linear["outcome"] in ("corrupt", "too_large")
    return {"linear": linear, "mean": linear if unread else result(data, channel, "mean", curves, spec)}


def all_cases():
    """All archives of edge/ and formats/."""
    import edge
    import formats
    import sloppy
    assert formats and sloppy               # they add theirs
    return edge.CASES


def golden_edge():
    return golden_cases("edge", [case for case in all_cases() if not case.spec])


def golden_formats():
    return golden_cases("formats", [case for case in all_cases() if case.spec])


def golden_cases(folder, cases):
    out, curves = [], {}
    for case in cases:
        data = read_file(folder, case.name + ".tar.zst")
        for channel in case.channels:
            entry = {"file": case.name + ".tar.zst", "channel": channel, "note": case.note}
            if case.open:
                entry["open"] = case.open
            if case.spec:
                entry["spec"] = case.spec
            entry.update(results(data, channel, curves, Spec(case.spec) if case.spec else DEFAULT))
            if case.expect not in (None, " ".join([entry["linear"]["outcome"], entry["linear"].get("reason", "")]).strip()):
                raise SystemExit("%s %s: wanted %s, got %s" % (case.name, channel, case.expect, entry["linear"]))
            out.append(entry)
    return {"cases": out, "curves": curves}


def golden_sloppy():
    out = []
    for name, data in tar_members(zstandard.ZstdDecompressor().decompressobj().decompress(read_file("sloppy.tar.zst"))):
        out.append(dict({"file": name, "channel": SIGNATURE[0]}, **results(data, SIGNATURE[0], {})))
    return {"cases": out}


def tar_members(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(entry.name, tar.extractfile(entry).read()) for entry in tar]


def check_quality():
    """Whether the archives of align/testdata/quality give what their expected.json says: neither implementation made it."""
    folder = os.path.join(HERE, "..", "..", "..", "align", "testdata", "quality")
    for name, want in json.loads(read_file(folder, "expected.json")).items():
        for resample, curve in ("linear", want["curve"]), ("mean", want["mean"]):
            outcome, reason, got, _ = outcome_of(read_file(folder, name), SIGNATURE[0], resample)
            if (outcome, reason) not in QUALITY_REASONS.get(want["reason"], [("unusable", (want["reason"] or "").replace("-", " "))]) if want["reason"] else outcome != "ok":
                raise SystemExit("quality %s: %s %s, wanted %s" % (name, outcome, reason, want["reason"]))
            if got is not None and [None if math.isnan(x) else x for x in got] != curve:
                raise SystemExit("quality %s: another curve (%s)" % (name, resample))


QUALITY_REASONS = {"ambiguous-member": [("corrupt", "")], "no-channel": [("unusable", "no source"), ("unusable", "no channel")], "no-infected-running": [("unusable", "no infected_running")]}


def golden_damage():
    import edge
    out, curves = [], {}
    for name, flips in edge.DAMAGE.items():
        data = read_file("damage", name + ".tar.zst")

        def short(damaged):
            r = result(damaged, edge.DAMAGE_CHANNEL, "linear", curves)
            return tuple(r.get(k, "") for k in ("outcome", "reason", "curve"))

        def entry(of):
            return {k: x for k, x in zip(("outcome", "reason", "curve"), of) if x}

        cuts = []                           # [first length, last length, what], each length from 0 to all
        for n in range(len(data) + 1):
            got = short(data[:n])
            if cuts and cuts[-1][2] == got:
                cuts[-1][1] = n
            else:
                cuts.append([n, n, got])
        bits = list(range(8 * len(data)))
        if len(bits) > flips:
            bits = sorted(random.Random("flips " + name).sample(bits, flips))
        groups = {}
        for bit in bits:
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            groups.setdefault(short(bytes(damaged)), []).append(bit)
        out.append({
            "file": name + ".tar.zst", "channel": edge.DAMAGE_CHANNEL, "resample": "linear", "size": len(data),
            "cuts": [dict(entry(of), first=a, last=b) for a, b, of in cuts],
            "flips": [dict(entry(of), bits=bits) for of, bits in groups.items()],
        })
    return {"cases": out, "curves": {k: v for k, v in curves.items() if curve_is_kept(k, out)}}


def curve_is_kept(key, cases):
    """Only the curves of cuts are kept in full; a flip has the id alone."""
    return any(cut.get("curve") == key for case in cases for cut in case["cuts"])


def recorded_files():
    store = os.path.join(RECORDED, "store")
    return [(host, name) for host in sorted(os.listdir(store)) for name in sorted(os.listdir(os.path.join(store, host)))]


def golden_recorded():
    cases, curves = [], {}
    for host, name in recorded_files():
        with open(os.path.join(RECORDED, "store", host, name), "rb") as f:
            data = f.read()
        for channel in ("proc.cpu_user_jiffies", "proc.cpu_sys_jiffies"):
            entry = {"file": host + "/" + name, "channel": channel}
            for resample in ("linear", "mean"):
                entry[resample] = result(data, channel, resample, curves)
                entry[resample].pop("quality", None)
            cases.append(entry)
    return {"cases": cases, "curves": curves}


SIGNATURE = ["proc." + field for field in ("cpu_user_jiffies", "cpu_sys_jiffies", "ctxt_voluntary", "minflt", "io_wchar", "io_write_bytes", "io_rchar")]


def row_id(curve):
    """As curve_id, over float32 values; a gap is 7fc00000."""
    bits = b"".join(struct.pack("<I", 0x7FC00000) if math.isnan(x) else struct.pack("<f", x) for x in curve)
    return hashlib.sha256(bits).hexdigest()[:16]


def signature_of(data, channel):
    """Outcome and signature of an episode that is read for a channel: the bin means of each of SIGNATURE, gaps where the episode lacks it."""
    outcome = outcome_of(data, channel)[0]
    if outcome != "ok":
        return outcome, []
    outcomes = []
    for name in SIGNATURE:
        outcomes.append(outcome_of(data, name, "mean"))
        if outcomes[-1][0] not in ("ok", "unusable"):
            return "corrupt", []
    return "ok", [row_id(curve if outcome == "ok" else [NAN] * 80) for outcome, _, curve, _ in outcomes]


def golden_signature():
    files = [("edge/" + case.name + ".tar.zst", channel, read_file("edge", case.name + ".tar.zst"))
             for case in all_cases() if not case.open and not case.spec for channel in case.channels]
    for host, name in recorded_files():
        with open(os.path.join(RECORDED, "store", host, name), "rb") as f:
            files.append((host + "/" + name, SIGNATURE[0], f.read()))
    cases = []
    for name, channel, data in files:
        outcome, rows = signature_of(data, channel)
        if outcome != "too_large":
            cases.append({"file": name, "channel": channel, "outcome": outcome, "signature": rows})
    return {"cases": cases}


def golden_fit():
    rows = read_validation(os.path.join(RECORDED, "validation.jsonl"))
    out = []
    for resample in ("linear", "mean"):
        store = Store(os.path.join(RECORDED, "store"), resample, 80)
        for target in (100, 3):
            for sampler in ("bottomk", "numpy"):
                out.append({"target": target, "seed": "0", "sampler": sampler, "resample": resample, "n_points": 80,
                            "profiles": fit(store, rows, target, 0, sampler)})
    # rows listed twice, with another seed and other point counts
    twice = [r for r in rows if r["profile"] in ("cpu-saturate", "io-walk")]
    twice += [dict(r) for r in twice[::2]] + [dict(r, status="rejected") for r in twice[1::5]] + [dict(r, profile="io-walk") for r in twice[3::7]]
    for target, seed, sampler, n_points in [(3, 7, "bottomk", 13), (100, 7, "bottomk", 13), (4, 7, "numpy", 13), (100, 7, "numpy", 13), (5, 2**64 + 5, "bottomk", 8),
                                            (5, 2**64 + 5, "numpy", 8)]:
        store = Store(os.path.join(RECORDED, "store"), "linear", n_points)
        out.append({"target": target, "seed": str(seed), "sampler": sampler, "resample": "linear", "n_points": n_points,
                    "rows": [[r[k] for k in ("host_id", "episode_id", "profile", "status")] for r in twice], "profiles": fit(store, twice, target, seed, sampler)})
    return {"cases": out}


def golden_rank():
    keys = [(0, "lab-01", "ep-0b339456b342"), (0, "lab-02", "ep-0b339456b342"), (1, "lab-01", "ep-0b339456b342"), (2**64 + 5, "a", "b"), (12, "3", "4"), (1, "23", "4"), (1, "2", "34"),
            (0, "A", "b.c_d-e")]
    return {"cases": [{"seed": str(s), "host": h, "episode": e, "rank": rank_of(s, h, e)} for s, h, e in keys]}


def golden_envelope():
    rng = random.Random("envelope")
    out = []
    for rows, columns, gaps in [(0, 4, 0), (1, 6, 0.3), (2, 8, 0.3), (3, 8, 0.2), (4, 8, 0.2), (5, 8, 0.2), (6, 8, 0.1), (7, 6, 0), (8, 6, 0.5),
                                (9, 6, 0.1), (10, 5, 0), (13, 5, 0.3), (25, 5, 0.1), (50, 4, 0.1), (99, 3, 0), (100, 4, 0.05)]:
        kinds = [lambda: rng.uniform(0, 100), lambda: rng.gauss(0, 1), lambda: 10 ** rng.uniform(-8, 30), lambda: float(rng.randrange(4)),
                 lambda: 0.1 * rng.randrange(30)]
        curves = [[NAN if rng.random() < gaps else kinds[c % len(kinds)]() for c in range(columns)] for _ in range(rows)]
        if rows:
            median, p25, p75 = envelope(curves)
        else:
            median = p25 = p75 = [0.0] * columns
        low, high = min(median), max(median)
        out.append({
            "columns": columns, "curves": [hexes(c) for c in curves],
            "median": hexes(median), "p25": hexes(p25), "p75": hexes(p75), "min": low.hex(), "max": high.hex(),
            "normalised": [hexes([float32(x) for x in normalised(v, low, high)]) for v in (median, p25, p75)],
        })
    for values in ([5.0, 5.0, 5.0], [1.0, 1.0 + 5e-10, 1.0], [1.0, 1.0 + 2e-9, 1.0]):     # a flat median, and nearly so
        median, p25, p75 = envelope([values])
        low, high = min(median), max(median)
        out.append({"columns": 3, "curves": [hexes(values)], "median": hexes(median), "p25": hexes(p25), "p75": hexes(p75),
                    "min": low.hex(), "max": high.hex(),
                    "normalised": [hexes([float32(x) for x in normalised(v, low, high)]) for v in (median, p25, p75)]})
    return {"cases": out}


def golden_resample():
    rng = random.Random("resample")
    out = []

    def series(kind):
        if kind == "doc":
            return [0, .5, 1, 1.5, 2, 2.5, 3], [.1, .7, .3, 1.9, 2.2, .4, 5.5]
        if kind == "empty":
            return [], []
        if kind == "one":
            return [1.25], [3.5]
        if kind == "two":
            return [0.3, 2.9], [1.7, -4.4]
        n = {"short": 5, "medium": 24, "long": 60}[kind.split()[0]]
        t, at = [], rng.uniform(-1, 0.5)
        for _ in range(n):
            at += rng.choice([0.05, rng.uniform(0.001, 0.4), rng.expovariate(8)]) + 1e-6
            t.append(at)
        v = [0.0]
        for _ in range(n - 1):
            v.append(v[-1] + rng.choice([0, 1, rng.randrange(50), rng.uniform(0, 3)]) if "count" in kind else rng.uniform(-5, 50))
        return t, v

    def add(kind, t, v, lo, hi, n):
        t, v, lo, hi = [float(x) for x in t], [float(x) for x in v], float(lo), float(hi)
        entry = {"t": hexes(t), "v": hexes(v), "lo": lo.hex(), "hi": hi.hex(), "n": n, "linear": hexes(slice_linear(t, v, lo, hi, n))}
        if v == sorted(v) and (not v or v[0] == 0):
            entry["mean_counter"] = hexes(slice_mean_counter(t, v, lo, hi, n))
        entry["mean_gauge"] = hexes(slice_mean_gauge(t, v, lo, hi, n))
        out.append(entry)

    t, v = series("doc")
    for lo, hi, n in [(.05, 2.95, 5), (.1, .7, 5), (0, 3, 1), (0, 3, 2), (0, 3, 7), (0, 3, 13), (-1, 4, 11), (1, 1, 3), (2, 1, 3), (1, 1 + 5e-10, 4),
                      (1, 1 + 2e-9, 4), (3, 4, 4), (-1, 0, 4), (4, 5, 3), (2.5, 3, 1), (3, 3.5, 1), (3.1, 3.5, 1)]:
        add("doc", t, v, lo, hi, n)
    for kind in ("empty", "one", "two"):
        for lo, hi, n in [(0.3, 2.9, 5), (1.25, 2.0, 1), (0, 3, 4)]:
            add(kind, *series(kind), lo, hi, n)
    for kind in ("short", "short count", "medium", "medium count", "medium count", "medium", "long", "long count"):
        t, v = series(kind)
        span = t[-1] - t[0]
        for n in rng.sample([1, 2, 3, 5, 10, 15, 40], 3):
            lo = t[0] + span * rng.uniform(-0.1, 0.5)
            add(kind, t, v, lo, lo + span * rng.uniform(0.05, 0.7), n)
        add(kind, t, v, t[1], t[-1], 9)                 # edges on samples
        add(kind, t, v, t[0], t[-1], 40)
    return {"cases": out}


def golden_points():
    return {"cases": [{"n": n, "points": points_for(n)} for n in list(range(5, 201)) + [255, 256, 400, 799, 800, 1000, 12345]]}


CHOICES = [(42, 1000, 10), (42, 5, 5), (0, 250, 100), (1, 20000, 500), (0, 1, 1), (0, 2, 1), (0, 2, 2), (7, 3, 2), (0, 101, 100), (0, 100, 99),
           (0, 100, 100), (3, 8, 3), (0, 8, 3), (0, 7, 3), (5, 1000, 100), (5, 1000, 999), (5, 1000, 1000), (9, 9999, 100), (9, 10000, 100),
           (9, 10000, 200), (9, 10000, 201), (9, 10000, 5000), (9, 10000, 10000), (9, 10001, 100), (9, 10001, 199), (9, 10001, 200),
           (9, 10001, 201), (9, 10001, 10000), (9, 10001, 10001), (9, 10049, 200), (9, 10049, 201), (9, 10050, 201), (9, 10050, 202),
           (1, 20000, 400), (1, 20000, 401), (1, 20000, 1), (2, 50000, 1000), (2, 50000, 1001), (2, 100000, 100), (2, 1000000, 100),
           (2, 4294967295, 5), (2**31, 500, 50), (2**32 - 1, 500, 50), (2**32, 500, 50), (2**32 + 1, 500, 50), (2**63, 500, 50), (2**64 - 1, 500, 50),
           (2**64, 500, 50), (2**64 + 12345, 500, 50), (2**96 + 7, 500, 50), (2**127 + 3, 500, 50), (2**128, 500, 50), (2**130 + 99, 500, 50),
           (2**200 + 12345678901234567890, 500, 50), (10**100, 12000, 300), (20260101, 12000, 100)]


def golden_choice():
    out = []
    for seed, n, k in CHOICES + [(seed, 40 + 13 * seed, 20) for seed in range(30)]:
        got = [int(x) for x in np.random.default_rng(seed).choice(n, k, replace=False)]
        digest = hashlib.sha256(b"".join(struct.pack("<Q", x) for x in got)).hexdigest()[:16]
        out.append({"seed": str(seed), "n": n, "k": k, "first": got[:5], "sum": sum(got), "hash": digest})
    return {"cases": out}


GOLDENS = {"points": golden_points, "rank": golden_rank, "choice": golden_choice, "envelope": golden_envelope, "resample": golden_resample, "recorded": golden_recorded,
           "signature": golden_signature, "fit": golden_fit, "edge": golden_edge, "formats": golden_formats, "sloppy": golden_sloppy, "damage": golden_damage}


def dump(golden):
    """JSON with one entry a line."""
    parts = []
    for key, entries in golden.items():
        if type(entries) is dict:
            lines = [json.dumps(k) + ":" + json.dumps(v, separators=(",", ":")) for k, v in sorted(entries.items())]
            parts.append('"%s":{\n%s\n}' % (key, ",\n".join(lines)) if lines else '"%s":{}' % key)
        else:
            lines = [json.dumps(e, separators=(",", ":")) for e in entries]
            parts.append('"%s":[\n%s\n]' % (key, ",\n".join(lines)))
    return "{" + ",\n".join(parts) + "}\n"


def write_goldens(names):
    all_cases()
    import edge
    import sloppy
    for name in names:
        if name in ("edge", "formats", "damage"):
            edge.write(HERE, name)
        if name == "sloppy":
            sloppy.write_random(os.path.join(HERE, "sloppy.tar.zst"))
    os.makedirs(os.path.join(HERE, "goldens"), exist_ok=True)
    for name in names:
        text = dump(GOLDENS[name]())
        with open(os.path.join(HERE, "goldens", name + ".json"), "w", encoding="ascii") as f:
            f.write(text)
        print("%-9s %8d bytes" % (name, len(text)))


def check(names):
    bad = 0
    check_quality()
    for name in names:
        same = read_file("goldens", name + ".json").decode() == dump(GOLDENS[name]())
        print("%-9s %s" % (name, "ok" if same else "DIFFERS"))
        bad += not same
    return 1 if bad else 0


# ── self-test: the docs' vectors, and the docs' words against numpy ────────────────────────────────────────────────────────

def doc_grid(lo, hi, n):
    if n == 1:
        return [lo]
    step = (hi - lo) / (n - 1)
    x = [i * step + lo if step else i / (n - 1) * (hi - lo) + lo for i in range(n)]
    x[-1] = hi
    return x


def doc_interpolate(x, t, v):
    if x < t[0] or x > t[-1]:
        return NAN
    j = max(i for i in range(len(t)) if t[i] <= x)
    if j == len(t) - 1 or t[j] == x:
        return v[j]
    s = (v[j + 1] - v[j]) / (t[j + 1] - t[j])
    r = s * (x - t[j]) + v[j]
    return s * (x - t[j + 1]) + v[j + 1] if math.isnan(r) else r


def doc_quantile(s, q):
    vi = (len(s) - 1) * q
    if vi >= len(s) - 1:
        return s[-1]
    i = math.floor(vi)
    g, a, b = vi - i, s[i], s[i + 1]
    d = b - a
    return a + d * g if g < 0.5 else b - d * (1 - g)


def doc_median(s):
    m = len(s)
    return s[m // 2] if m % 2 else (s[m // 2 - 1] + s[m // 2]) / 2


class DocGenerator:
    """The generator of docs/NUMERICS.md section 6, word by word."""

    def __init__(self, seed):
        m32 = 0xFFFFFFFF
        words = []
        while True:
            words.append(seed & m32)
            seed >>= 32
            if not seed:
                break
        h = [0x43B0D7E5]

        def hashmix(v):
            v ^= h[0]
            h[0] = h[0] * 0x931E8875 & m32
            v = v * h[0] & m32
            return v ^ v >> 16

        def mix(x, y):
            r = (0xCA01F9DD * x - 0x4973F715 * y) & m32
            return r ^ r >> 16

        pool = [hashmix(words[i] if i < len(words) else 0) for i in range(4)]
        for src in range(4):
            for dst in range(4):
                if src != dst:
                    pool[dst] = mix(pool[dst], hashmix(pool[src]))
        for word in words[4:]:
            for dst in range(4):
                pool[dst] = mix(pool[dst], hashmix(word))
        g, w = 0x8B51F9DD, []
        for i in range(8):
            v = pool[i % 4] ^ g
            g = g * 0x58F38DED & m32
            v = v * g & m32
            w.append(v ^ v >> 16)
        self.u64 = [w[2 * j] | w[2 * j + 1] << 32 for j in range(4)]
        self.inc = ((self.u64[2] << 64 | self.u64[3]) << 1 | 1) % 2**128
        self.state, self.half = 0, None
        self.step()
        self.state = (self.state + (self.u64[0] << 64 | self.u64[1])) % 2**128
        self.step()

    def step(self):
        self.state = (self.state * (2549297995355413924 << 64 | 4865540595714422341) + self.inc) % 2**128

    def next64(self):
        self.step()
        x, r = (self.state >> 64 ^ self.state) % 2**64, self.state >> 122
        return (x >> r | x << (64 - r)) % 2**64

    def next32(self):
        if self.half is not None:
            half, self.half = self.half, None
            return half
        x = self.next64()
        self.half = x >> 32
        return x % 2**32

    def bounded(self, r):
        if r == 0:
            return 0
        e = r + 1
        m = self.next32() * e
        low = m % 2**32
        if low < e:
            t = (2**32 - 1 - r) % e
            while low < t:
                m = self.next32() * e
                low = m % 2**32
        return m >> 32

    def choice(self, n, k):
        if n > 10000 and k > n // 50:
            idx = list(range(n))
            for i in range(n - 1, max(n - k, 1) - 1, -1):
                j = self.bounded(i)
                idx[i], idx[j] = idx[j], idx[i]
            return idx[n - k:]
        out, taken = [], set()
        for j in range(n - k, n):
            v = self.bounded(j)
            if v in taken:
                v = j
            taken.add(v)
            out.append(v)
        for i in range(k - 1, 0, -1):
            j = self.bounded(i)
            out[i], out[j] = out[j], out[i]
        return out


def selftest():
    eq = lambda a, b: list(a) == list(b) or sys.exit("selftest: %s is not %s" % (list(a), list(b)))
    # section 3
    t, v = [0, .5, 1, 1.5, 2, 2.5, 3], [.1, .7, .3, 1.9, 2.2, .4, 5.5]
    eq(hexes(slice_linear(t, v, .05, 2.95, 5)),
       ["0x1.47ae147ae147bp-3", "0x1.eb851eb851eb6p-2", "0x1.e666666666667p+0", "0x1.63d70a3d70a3cp+0", "0x1.3f5c28f5c28f8p+2"])
    eq(hexes(np.linspace(.1, .7, 5).tolist()),
       hexes([float.fromhex(x) for x in "0x1.999999999999ap-4 0x1.0p-2 0x1.999999999999ap-2 0x1.1999999999999p-1 0x1.6666666666666p-1".split()]))
    # section 5
    median, p25, p75 = envelope([[x] for x in [.1, .2, .7, 1.3, 2.9, 3.3]])
    eq([median[0], p25[0].hex(), p75[0]], [1.0, "0x1.4cccccccccccdp-2", 2.5])
    _, p25, p75 = envelope([[x] for x in [.1, .2, .7]])
    eq([p25[0], p75[0]], [0.15000000000000002, 0.44999999999999996])
    # section 6
    eq(DocGenerator(42).u64, [0x9F1E2E6DCD540AB7, 0xD57873DC79FB94B6, 0x7D282A1B64D420B7, 0x336579714692D5FF])
    eq(np.random.SeedSequence(42).generate_state(4, np.uint64).tolist(), DocGenerator(42).u64)
    g = DocGenerator(42)
    eq([g.next64() for _ in range(3)], [0xC621FBCD16D92688, 0x705A5661A791FFC1, 0xDBCD12C26EDA1624])
    choose = lambda seed, n, k: np.random.default_rng(seed).choice(n, k, replace=False).tolist()
    eq(choose(42, 1000, 10), [85, 767, 88, 649, 436, 430, 695, 94, 201, 855])
    eq(choose(42, 5, 5), [4, 1, 0, 3, 2])
    eq(choose(0, 250, 100)[:10] + [sum(choose(0, 250, 100))], [64, 4, 237, 169, 16, 115, 5, 136, 130, 90, 13004])
    eq(choose(1, 20000, 500)[:3] + [sum(choose(1, 20000, 500))], [12688, 10518, 14450, 5096808])
    for seed, n, k in CHOICES:
        eq(DocGenerator(seed).choice(n, k), choose(seed, n, k))
    # the docs' formulas and numpy's arithmetic
    rng = random.Random("selftest")
    for _ in range(3000):
        n = rng.randrange(2, 40)
        t = sorted({rng.uniform(0, 10) if rng.random() < .7 else rng.randrange(100) / 10 for _ in range(n)})
        if len(t) < 2:
            continue
        v = [rng.uniform(-1e3, 1e3) for _ in t]
        lo, k = rng.uniform(-1, 6), rng.randrange(1, 41)
        hi = lo + rng.uniform(0.001, 8)
        x = doc_grid(lo, hi, k)
        eq(x, np.linspace(lo, hi, k).tolist())
        eq(hexes([doc_interpolate(a, t, v) for a in x]), hexes(interpolate(x, t, v).tolist()))
        s = sorted(v)
        eq([doc_median(s), doc_quantile(s, .25), doc_quantile(s, .75)], [z[0] for z in envelope([[a] for a in v])])
    # this JSON reader and Python's
    good = ['{}', ' {"a" : [1, -0, 2.5, 1e3, -1E-2, true, false, null, "x\\u0041\\n\\ud83d\\ude00\\ud800"], "b": {"c": []}} ', '[]', '"x"', '-0.0', '[[[]]]', '[NaN, -Infinity]', '{"a":Infinity}']
    for text in good:
        eq([repr(parse_json(text, 1000))], [repr(json.loads(text))])
    for text in ['', ' ', '{', '{"a"}', '{"a":}', '{"a":1,}', '{,}', '[1,]', '01', '+1', '.5', '1.', '1e', '-', 'nan', '-NaN', '+Infinity', 'Inf', '-Inf', "{'a':1}",
                 '{} {}', '"\t"', '"\\x"', '"\\u12"', 'nul', 'truex', '\f{}', '{}\u00a0', '\ufeff{}', '"', '1\u0661', '\u0661', '[1 2]', '{"a" 1}', '{1:2}', '/**/{}']:
        try:
            parse_json(text, 1000)
        except Corrupt:
            continue
        sys.exit("selftest: %r was taken for JSON" % text)
    # point counts
    eq(points_for(80), POINTS)
    eq(points_for(5), [1] * 5)
    for n in range(5, 500):
        eq([sum(points_for(n)), min(points_for(n)) > 0], [n, True])
    print("ok")
    return 0


# ── command line ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest="command", required=True)
    p = sub.add_parser("curve")
    p.add_argument("file")
    p.add_argument("--channel", required=True)
    p.add_argument("--resample", choices=["linear", "mean"], default="linear")
    p.add_argument("--n-points", type=int, default=80)
    p.add_argument("--spec", metavar="JSON", help="an object with points, format or quality, as in a spec")
    p = sub.add_parser("fit")
    p.add_argument("--store", required=True)
    p.add_argument("--validation", required=True)
    p.add_argument("--n", type=int, default=100)
    p.add_argument("--n-points", type=int, default=80)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--sampler", choices=["bottomk", "numpy"], default="bottomk")
    p.add_argument("--resample", choices=["linear", "mean"], default="linear")
    for command in ("goldens", "check"):
        p = sub.add_parser(command)
        p.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(GOLDENS))
    sub.add_parser("selftest")
    args = parser.parse_args()
    if args.command == "curve":
        with open(args.file, "rb") as f:
            said = json.loads(args.spec) if args.spec else args.n_points
            outcome, reason, curve, quality = outcome_of(f.read(), args.channel, args.resample, Spec(said))
        out = {"outcome": outcome, "reason": reason}
        if curve is not None:
            out.update(id=curve_id(curve), points=Spec(said).points, curve=hexes(curve), quality=quality)
        print(json.dumps(out))
    elif args.command == "fit":
        store = Store(args.store, args.resample, args.n_points)
        print(json.dumps({"profiles": fit(store, read_validation(args.validation), args.n, args.seed, args.sampler)}))
    elif args.command == "goldens":
        write_goldens(args.names or GOLDENS)
    elif args.command == "check":
        return check(args.names or GOLDENS)
    else:
        return selftest()
    return 0


if __name__ == "__main__":
    sys.exit(main())

