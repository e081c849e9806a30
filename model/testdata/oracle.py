#!/usr/bin/env python3
"""An independent oracle for package model: numpy, scipy and scikit-learn.

    oracle.py goldens    # print golden.json
    oracle.py check      # compare it with golden.json beside this file
"""
import json
import os
import sys
import warnings

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, cross_val_predict
from sklearn.neighbors import NearestCentroid, NearestNeighbors

warnings.simplefilter("ignore")  # medians of nothing but gaps
SLICES = [2, 1, 3, 4, 2]
rng = np.random.default_rng(7)


def plain(a):
    """Lists with null for NaN."""
    a = np.asarray(a, float)
    return [plain(x) for x in a] if a.ndim else (None if np.isnan(a) else float(a))


def signature(channels, gaps):
    s = np.exp(rng.normal(2, 3, (channels, sum(SLICES)))).astype(np.float32)
    s[rng.random(s.shape) < 0.2] = 0
    s[rng.random(s.shape) < gaps] = np.nan
    return s


def vector(s, features):
    v = s.astype(np.float64)
    if features != "raw":
        v = np.log1p(v).astype(np.float32).astype(np.float64)
    if features == "levels":
        for row in v:
            at = 0
            for n in SLICES:
                part = row[at:at + n]
                have = -np.sort(-part[~np.isnan(part)])
                if len(have):
                    part[:] = have[(2 * np.arange(n) + 1) * len(have) // (2 * n)]
                at += n
    return v.astype(np.float32).ravel()


def vectors():
    for features in ("levels", "means", "raw"):
        for gaps in (0, 0.3, 0.8):
            s = signature(3, gaps)
            yield {"features": features, "signature": plain(s), "vector": plain(vector(s, features))}


def distances():
    for gaps in (0, 0.4):
        x, y = rng.normal(3, 2, (2, 5, 12)).astype(np.float32)
        for a in (x, y):
            a[rng.random(a.shape) < gaps] = np.nan
        x, y = x.astype(float), y.astype(float)
        manhattan = np.nanmean(np.abs(x[:, None] - y[None]), -1)
        yield {"x": plain(x), "y": plain(y), "manhattan": plain(manhattan), "euclidean": plain(nan_euclidean_distances(x, y) / np.sqrt(12))}


def neighbours():
    x, q = rng.normal(3, 2, (50, 12)).astype(np.float32), rng.normal(3, 2, (6, 12)).astype(np.float32)
    for metric, size in (("manhattan", 12), ("euclidean", np.sqrt(12))):
        for k in (1, 3, 50):
            far, numbers = NearestNeighbors(n_neighbors=k, algorithm="brute", metric=metric).fit(x.astype(float)).kneighbors(q.astype(float))
            yield {"metric": metric, "k": k, "vectors": plain(x), "queries": plain(q), "numbers": numbers.tolist(), "distances": plain(far / size)}


def fence(distances):
    q1, q3 = np.quantile(distances, [0.25, 0.75])
    return q3 + 3 * (q3 - q1)


def models():
    names, hosts = ["a", "b", "c"], ["h1", "h2", "h3"]
    for spread in (0.5, 3):
        y = np.array([names[i % 3] for i in range(36)])
        h = np.array([hosts[i // 3 % 3] for i in range(36)])
        x = (np.array([[3 * names.index(p) for p in y]]).T + rng.normal(0, spread, (36, 12))).astype(np.float32)
        d = x.astype(float)
        own = {}
        for p in names:
            m = d[y == p]
            to_median = [np.mean(np.abs(m[i] - np.median(np.delete(m, i, 0), 0).astype(np.float32))) for i in range(len(m))]
            to_member = [np.mean(np.abs(m[i] - np.delete(m, i, 0)), 1).min() for i in range(len(m))]
            own[p] = {"median": plain(np.median(m, 0).astype(np.float32)), "median_fence": fence(to_median), "member_fence": fence(to_member)}
        nearest = NearestCentroid(metric="manhattan")  # its centroids are medians
        right = lambda cv, groups=None: int(np.sum(cross_val_predict(nearest, d, y, cv=cv, groups=groups) == y))
        yield {"vectors": plain(x), "profiles": y.tolist(), "hosts": h.tolist(), "classes": own,
               "right_leaving_episodes_out": right(LeaveOneOut()), "right_leaving_hosts_out": right(LeaveOneGroupOut(), h)}


def intervals():
    for n in (1, 2, 3, 42, 84, 1000):
        for right in sorted({0, 1, n // 2, n - 1, n}):
            low, high = binomtest(right, n).proportion_ci(0.95, "wilson")
            yield {"right": right, "n": n, "low": low, "high": high}


def same(a, b):
    """Equal to 1e-12: how a library orders its sums is its own affair."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-12 * max(1, abs(a))
    return a == b


def main(verb):
    made = {f.__name__: list(f()) for f in (vectors, distances, neighbours, models, intervals)}
    if verb == "goldens":
        print(json.dumps(made))
        return 0
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json")) as f:
        equal = same(json.load(f), json.loads(json.dumps(made)))
    print("same" if equal else "golden.json is not what this makes")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
