"""The curve of an episode: its phases, its channel, and both on a grid."""
import functools
import math

import numpy as np

from containers import REASONS, Corrupt, Limits, TooLarge, Unusable
from counters import Counter
from episode import Episode, Format, at, time_of
from jsontext import number
from rows import Rows

NAN = math.nan

# ── phases ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

def segments_of(labels, duration):
    """labels: [(seconds, phase)]; returns [(phase, start, end)] in label order, without those of no length."""
    out = []
    for i, (start, phase) in enumerate(labels):
        if phase is None:
            continue
        if i + 1 < len(labels):
            end = labels[i + 1][0]
        else:
            end = duration if duration > start else start + 1.0
        if end > start:
            out.append((phase, start, end))
    return out


def slices_of(segments, duration, points):
    """[(from, to)] of the five slices."""
    if len(segments) < sum(n > 0 for n in points) - 1:
        raise Unusable("few segments")

    def first(phase):
        return next((start for p, start, _ in segments if p == phase), None)

    def last(phase):
        return next((end for p, _, end in reversed(segments) if p == phase), None)

    armed, infecting, running, dormant = first("armed"), first("infecting"), first("infected_running"), last("dormant")
    if armed is None and points[1]:
        raise Unusable("no armed")
    if running is None:
        raise Unusable("no infected_running")
    lead_end = armed
    if not points[1]:
        lead_end = min(start for start in (armed, infecting, running) if start is not None)
    if infecting is not None:
        armed_end = infecting
    else:
        armed_end = armed + 0.1 if armed is not None else running
    running_end = last("infected_running")
    if dormant is not None and dormant > running_end:
        running_end = dormant
    tail_end = duration if duration > running_end else running_end + 0.1
    return [(0.0, lead_end), (armed, armed_end), (armed_end, running), (running, running_end), (running_end, tail_end)]


POINTS = [10, 5, 10, 40, 15]
SLICES = ["clean_lead", "armed", "infecting", "infected_running", "clean_tail"]


def points_for(n):
    """POINTS scaled to n points."""
    if n < 5:
        raise ValueError("fewer than 5 points")
    out = [p * n // 80 for p in POINTS]
    by_remainder = sorted(range(5), key=lambda i: (-(POINTS[i] * n % 80), i))
    for i in by_remainder[:n - sum(out)]:
        out[i] += 1
    for i in range(5):
        if out[i] == 0:
            out[out.index(max(out))] -= 1
            out[i] = 1
    return out


# ── resampling ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def interpolate(x, t, v):
    return np.interp(x, t, v, left=NAN, right=NAN)


def too_short(lo, hi):
    return not hi - lo >= 1e-9


def slice_linear(t, v, lo, hi, n):
    if len(t) < 2 or too_short(lo, hi):
        return [NAN] * n
    return [float(x) for x in interpolate(np.linspace(lo, hi, n), t, v)]


def slice_mean_counter(t, u, lo, hi, n, unknown=()):
    """t, u: times and unwrapped counts; unknown: indexes k of the steps from t[k-1] to t[k] of unknown increase."""
    if len(t) < 2 or too_short(lo, hi):
        return [NAN] * n
    edges = np.linspace(lo, hi, n + 1)
    with np.errstate(all="ignore"):
        out = [float(x) for x in np.diff(interpolate(edges, t, u)) / np.diff(edges)]
    return [NAN if any(edges[i] < t[k] and edges[i + 1] > t[k - 1] for k in unknown) else x for i, x in enumerate(out)]


def slice_mean_gauge(t, v, lo, hi, n):
    if len(t) < 2 or too_short(lo, hi):
        return [NAN] * n
    edges = [float(x) for x in np.linspace(lo, hi, n + 1)]
    at = [float(x) for x in interpolate(edges, t, v)]
    out = []
    for i in range(n):
        a, b = edges[i], edges[i + 1]
        if math.isnan(at[i]) or math.isnan(at[i + 1]) or not b > a:
            out.append(NAN)
            continue
        corners = [(a, at[i])] + [(x, y) for x, y in zip(t, v) if a < x < b] + [(b, at[i + 1])]
        area = 0.0
        for (t0, v0), (t1, v1) in zip(corners, corners[1:]):
            area += (v0 + v1) / 2 * (t1 - t0)
        out.append(area / (b - a))
    return out


# ── one archive ───────────────────────────────────────────────────────────────────────────────────────────────────────────

class Spec:
    """What a spec says about curves: a JSON object with `points`, `format`, `quality`, or a number of points."""

    def __init__(self, said=80):
        if type(said) is int:
            said = {"points": dict(zip(SLICES, points_for(said)))}
        self.points = [dict(zip(SLICES, POINTS), **said.get("points", {}))[name] for name in SLICES]
        self.format = Format(said.get("format"))
        quality = dict({"min_span": "1s", "max_duration": 100, "rows_dropped": 0.25, "counter_events": 0.05, "min_points": 1}, **said.get("quality", {}))
        self.min_span = duration_in(quality["min_span"])
        self.max_duration, self.rows_dropped, self.counter_events, self.min_points = (
            quality[k] for k in ("max_duration", "rows_dropped", "counter_events", "min_points"))


def duration_in(text):
    """"1s" or "500ms", in seconds."""
    return float(text[:-2]) / 1000 if text.endswith("ms") else float(text[:-1])


DEFAULT, LIMITS = Spec(), Limits()


class Channel:
    """t, v: the finite points (rates of a counter, values of a gauge). Of a counter, counter is the rest; else it is None."""

    def __init__(self, rows, field, kind, whole):
        having = []                         # (place among the kept rows, time, number)
        for place, (t, row) in enumerate(zip(rows.times, rows.rows)):
            x = number(at(row, field, whole))
            if x is not None and abs(x) <= 1e30:
                having.append((place, t, x))
        if not having:
            raise Unusable("no channel")
        if len(rows.rows) - (1 if kind == "counter" else 0) < 2:
            raise Unusable("few points")
        having = [(place, t, x) for place, t, x in having if kind == "gauge" or x >= 0]
        self.counter = None
        if kind == "gauge":
            self.t = [t for _, t, _ in having]
            self.v = [float(x) for _, _, x in having]
            return
        until = [0]
        for astray in rows.astray:
            until.append(until[-1] + astray)
        self.counter = Counter([t for _, t, _ in having], [x for _, _, x in having], lambda i, j: until[having[j][0] + 1] > until[having[i][0] + 1])
        self.t, self.v = self.counter.t, self.counter.rates


# The next channel of an archive is mostly wanted next.
episode_of = functools.lru_cache(maxsize=1)(Episode)


def curve_of(data, channel, resample="linear", spec=DEFAULT, limits=LIMITS):
    """(curve, quality) of an archive's bytes: floats, NaN for a gap; what is counted. Raises Corrupt, TooLarge or Unusable."""
    source = channel.split(".", 1)[0]
    episode = episode_of(data, source, spec.format, limits)
    if not episode.labels:
        raise Unusable("no labels")
    zero = episode.zero()
    labels = [(time.seconds(zero), phase) for time, phase in episode.labels]
    slices = slices_of(segments_of(labels, episode.duration), episode.duration, spec.points)
    span = labels[-1][0] - labels[0][0]
    if span < spec.min_span or episode.duration > spec.max_duration * span:
        raise Unusable("bad clock")
    if episode.rows is None:
        raise Unusable("no source")
    form = episode.source
    rows = Rows(episode.rows, lambda row: time_of(at(row, form["time"], episode.csv), form["unit"]), zero, span)
    if rows.dropped > spec.rows_dropped * rows.timed:
        raise Unusable("bad clock")
    how = spec.format.channel(channel)
    ch = Channel(rows, how["field"], how["kind"], episode.csv)
    quality = {"rows_dropped": rows.dropped + rows.untimed}
    if ch.counter:
        quality.update({k: getattr(ch.counter, k) for k in ("restarts", "dips", "peaks", "jumps")}, unknown=len(ch.counter.unknown))
        if ch.counter.events >= 3 and ch.counter.events > spec.counter_events * ch.counter.samples:
            raise Unusable("bad counter")
    out = []
    for (lo, hi), n in zip(slices, spec.points):
        if n == 0:
            continue
        if resample == "linear":
            out += slice_linear(ch.t, ch.v, lo, hi, n)
        elif ch.counter:
            out += slice_mean_counter(ch.counter.ct, ch.counter.cu, lo, hi, n, ch.counter.unknown)
        else:
            out += slice_mean_gauge(ch.t, ch.v, lo, hi, n)
    if sum(not math.isnan(x) for x in out) < spec.min_points:
        raise Unusable("no data")
    return [x * how["scale"] for x in out], quality


def outcome_of(data, channel, resample="linear", spec=DEFAULT, limits=LIMITS):
    """(outcome, reason, curve, quality); curve and quality are None but for "ok"."""
    try:
        return ("ok", "") + curve_of(data, channel, resample, spec, limits)
    except Corrupt:
        return "corrupt", "", None, None
    except TooLarge:
        return "too_large", "", None, None
    except Unusable as e:
        assert str(e) in REASONS
        return "unusable", str(e), None, None
