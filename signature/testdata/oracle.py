"""An independent implementation of what package signature computes, with numpy and scipy, and with scikit-fda where that is there. It shares no code with the Go package.

    python3 -m venv DIR && DIR/bin/pip install numpy==2.4.6 scipy==1.17.1 scikit-fda==0.10.1 'multimethod<2'
    DIR/bin/python oracle.py goldens    # writes goldens.json
    DIR/bin/python oracle.py check      # makes it anew and compares, and compares depths with scikit-fda's

goldens.json has inputs and results as decimal numbers that read back to the bit; a gap is null.
"""
import itertools
import json
import math
import os
import sys

import numpy as np
import scipy.stats

HERE = os.path.dirname(os.path.abspath(__file__))
NAN = float("nan")
POINTS = [10, 5, 10, 40, 15]
STARTS = [0, 10, 15, 25, 65, 80]


def plain(x):
    """JSON without NaN."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)):
        return [plain(v) for v in x]
    if isinstance(x, (float, np.floating)):
        return None if math.isnan(x) else float(x)
    return int(x) if isinstance(x, np.integer) else x


def interval(n):
    """The largest lower with P(lower <= B <= n-lower) >= 0.95; 0 where there is none."""
    for lower in range(n // 2, 0, -1):
        coverage = scipy.stats.binom.cdf(n - lower, n, 0.5) - scipy.stats.binom.cdf(lower - 1, n, 0.5)
        if coverage >= 0.95:
            return lower, coverage
    return 0, NAN


def band(rows):
    rows = np.array(rows, dtype=float)
    out = {k: [] for k in ("median", "p25", "p75", "mean", "low", "high", "n")}
    for column in rows.T:
        v = np.sort(column[~np.isnan(column)])
        lower, _ = interval(len(v)) if len(v) else (0, NAN)
        none = len(v) == 0
        out["n"].append(len(v))
        out["median"].append(NAN if none else np.median(v))
        out["p25"].append(NAN if none else np.quantile(v, 0.25))
        out["p75"].append(NAN if none else np.quantile(v, 0.75))
        out["mean"].append(NAN if none else math.fsum(v) / len(v))
        out["low"].append(v[lower - 1] if lower else NAN)
        out["high"].append(v[len(v) - lower] if lower else NAN)
    return out


def levels(row):
    out = []
    for a, b in zip(STARTS, STARTS[1:]):
        known = sorted((v for v in row[a:b] if not math.isnan(v)), reverse=True)
        n = b - a
        # the empirical quantile function at the middles of n equal parts, exactly
        out += [NAN] * n if not known else [known[((2 * k + 1) * len(known)) // (2 * n)] for k in range(n)]
    return out


def activity(values, seconds):
    values = np.array(values, dtype=float)
    known = ~np.isnan(values)
    if not known.any() or not seconds > 0:
        return NAN, NAN, NAN, NAN
    width = seconds / len(values)
    top = max(0.0, np.nanmax(values))
    high = np.where(known, values, -np.inf) > top / 2
    runs = [[i for i, _ in run] for on, run in itertools.groupby(enumerate(high), key=lambda x: x[1]) if on]
    lengths = [len(run) * width for run in runs]
    heights = [values[run].max() for run in runs]
    return (len(runs) * 60 / (known.sum() * width), np.median(lengths) if runs else NAN, np.median(heights) if runs else NAN,
            math.fsum(values[known] * width))


def median_of(values):
    v = [x for x in values if not math.isnan(x)]
    return float(np.median(v)) if v else NAN


def phases(rows, seconds):
    slices = [[activity(row[a:b], s[i]) for i, (a, b) in enumerate(zip(STARTS, STARTS[1:]))] for row, s in zip(rows, seconds)]
    out = []
    for i in range(5):
        shares = []
        for e in slices:
            total = math.fsum(x[3] for x in e if not math.isnan(x[3]))
            shares.append(e[i][3] / total if total else NAN)
        out.append([median_of([e[i][k] for e in slices]) for k in range(4)] + [median_of(shares)])
    return out


def depths(rows):
    """By the definition: of all bands between two curves, the part that holds the point, in the mean over points."""
    out = []
    for row in rows:
        parts = []
        for at, x in enumerate(row):
            column = [r[at] for r in rows if not math.isnan(r[at])]
            if math.isnan(x) or len(column) < 2:
                continue
            bands = list(itertools.combinations(column, 2))
            parts.append(sum(min(b) <= x <= max(b) for b in bands) / len(bands))
        out.append(math.fsum(parts) / len(parts) if parts else NAN)
    return out


def boxplot(rows):
    """Indices outside the fence, with the number of points and the farthest, and the index of the deepest."""
    d = depths(rows)
    order = sorted((i for i in range(len(rows)) if not math.isnan(d[i])), key=lambda i: (-round(d[i], 12), i))
    if not order:
        return {"deepest": -1, "outliers": []}
    half = (len(order) + 1) // 2
    last = d[order[half - 1]]
    central = np.array([rows[i] for i in order if d[i] >= last - 1e-12])
    with np.errstate(all="ignore"):
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            low, high = np.nanmin(central, axis=0), np.nanmax(central, axis=0)
    low, high = low - 1.5 * (high - low), high + 1.5 * (high - low)
    outliers = []
    for i in order:
        row = np.array(rows[i])
        by = np.fmax(low - row, row - high)
        outside = np.flatnonzero(np.nan_to_num(by) > 0)
        if len(outside):
            at = outside[np.argmax(by[outside])]
            outliers.append([i, len(outside), int(at), row[at], low[at], high[at]])
    outliers.sort(key=lambda o: (-o[1], o[0]))
    return {"deepest": order[0], "outliers": outliers}


def holm(ps):
    order = sorted((i for i, p in enumerate(ps) if not math.isnan(p)), key=lambda i: ps[i])
    out, least = list(ps), 0.0
    for k, i in enumerate(order):
        least = max(least, min(1.0, (len(order) - k) * ps[i]))
        out[i] = least
    return out


def sample(rng, n, kind):
    """Rows of 80 float32 values: continuous, of few different ones, or mostly 0; some with gaps, some twice."""
    rows = rng.gamma(0.7, 100, size=(n, 80))
    if kind == "ties":
        rows = rng.integers(0, 4, size=(n, 80)).astype(float)
    if kind in ("quiet", "gaps"):
        rows[rng.random((n, 80)) < 0.8] = 0
    if kind == "gaps":
        rows[rng.random((n, 80)) < 0.2] = NAN
        rows[:, 70:][rng.random(n) < 0.5] = NAN
        rows[0, 10:15] = NAN
        if n > 3:
            rows[3] = NAN
    if kind == "twice" and n > 1:
        rows[n // 2:] = rows[:n - n // 2]
    return np.float32(rows).astype(float)


def goldens():
    rng = np.random.default_rng(20)
    out = {"intervals": [], "samples": [], "tests": [], "holm": []}
    for n in list(range(1, 130)) + [200, 257, 1000, 1001]:
        out["intervals"].append([n, *interval(n)])
    for kind in ("continuous", "ties", "quiet", "gaps", "twice"):
        for n in (1, 2, 3, 4, 7, 12, 25):
            rows = sample(rng, n, kind)
            seconds = np.float32(rng.uniform(0.05, 30, size=(n, 5))).astype(float)
            if kind == "gaps":
                seconds[0, 1] = 0
            out["samples"].append({
                "kind": kind, "n": n, "rows": rows, "seconds": seconds, "band": band(rows), "levels": [levels(r) for r in rows],
                "phases": phases(rows, seconds), "depths": depths(rows), "boxplot": boxplot(rows)})
    for sizes in ([5, 5], [5, 6, 7], [20, 9, 14, 5], [6, 6, 6]):
        for ties in (False, True):
            groups = [list(rng.integers(0, 5, k).astype(float) if ties else rng.normal(i / 2, 1, k)) for i, k in enumerate(sizes)]
            h, p = scipy.stats.kruskal(*groups)
            out["tests"].append({"groups": groups, "h": h, "p": p})
    for n in (1, 2, 5, 35):
        ps = list(rng.random(n) ** 3)
        if n > 2:
            ps[1] = NAN
            ps[2] = ps[0]
        out["holm"].append([ps, holm(ps)])
    return plain(out)


def text():
    g = goldens()
    lines = []
    for key, cases in g.items():
        lines.append('"%s":[\n%s\n]' % (key, ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)))
    return "{" + ",\n".join(lines) + "}\n"


def libraries():
    """What scikit-fda says of the same depths, where it defines the same: no gaps, no ties."""
    try:
        import skfda
        from skfda.exploratory.depth import ModifiedBandDepth
    except ImportError as err:
        print("scikit-fda is not there (%s): depths are compared with their definition only" % err)
        return
    rng = np.random.default_rng(5)
    for n in (3, 8, 21):
        rows = sample(rng, n, "continuous")
        want = ModifiedBandDepth()(skfda.FDataGrid(rows, np.arange(80.0)))
        # Its mean over the grid is an integral by trapezoids: with equal weights it is compared point by point.
        single = np.array([ModifiedBandDepth()(skfda.FDataGrid(np.repeat(rows[:, [at]], 2, axis=1), [0.0, 1.0])) for at in range(80)]).mean(axis=0)
        assert np.allclose(depths(rows), single, rtol=0, atol=1e-12), (n, depths(rows), single)
        assert np.allclose(want, single, rtol=0, atol=0.05)


def alike(a, b):
    """What is drawn with powers hangs, in its last bit, on the processor that numpy finds."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-14)
    return type(a) is type(b) and a == b


def main(verb):
    path = os.path.join(HERE, "goldens.json")
    if verb == "goldens":
        with open(path, "w", encoding="ascii") as f:
            f.write(text())
        return 0
    libraries()
    with open(path, encoding="ascii") as f:
        same = alike(json.load(f), json.loads(text()))
    print("goldens", "ok" if same else "DIFFER")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
