#!/usr/bin/env python3
"""An independent oracle for package model: numpy, scipy and scikit-learn.

    oracle.py goldens    # print golden.json
    oracle.py check      # compare it with golden.json beside this file

Each model is computed by plain numpy and by scikit-learn, which must agree to 1e-12.
"""
import json
import os
import sys

import numpy as np
from scipy.stats import binomtest, t as student
from sklearn.covariance import EmpiricalCovariance
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestNeighbors

SLICES = [2, 1, 3, 9, 2]
CHANNELS = ["proc.cpu_user_jiffies", "proc.cpu_sys_jiffies"]
T = np.log(1.5)
rng = np.random.default_rng(7)


def plain(a):
    """Lists with null for NaN."""
    a = np.asarray(a, float)
    return [plain(x) for x in a] if a.ndim else (None if np.isnan(a) else float(a))


def mean_of_first(v, n):
    """The integral of a step function from 0 to n, divided by n."""
    weights = np.clip(n - np.arange(len(v)), 0, 1)
    return np.sum(weights * v) / n


def features(signature):
    start = sum(SLICES[:3])
    made, means = [], []
    for row in signature.astype(float):
        v = row[start + 1:start + SLICES[3]]
        v = np.sort(v[~np.isnan(v)])[::-1]
        n = len(v)
        values = [v.mean(), mean_of_first(v, n / 8), mean_of_first(v[::-1], n / 2)] if n else [np.nan] * 3
        made += list(np.log(1 + np.array(values)))
        means.append(values[0])
    user, kernel = means
    return np.array(made + [np.log((kernel + 0.1) / (user + 0.1))])


def vectors():
    for gaps in (0, 0.3, 0.9):
        for _ in range(3):
            s = np.exp(rng.normal(2, 3, (2, sum(SLICES)))).astype(np.float32)
            s[rng.random(s.shape) < 0.2] = 0
            s[rng.random(s.shape) < gaps] = np.nan
            yield {"signature": plain(s), "vector": plain(features(s))}


class Fixed(EmpiricalCovariance):
    """The covariance that it is made with, whatever it is fitted on."""

    def __init__(self, covariance=None):
        self.covariance = covariance

    def fit(self, x, y=None):
        self.covariance_ = self.covariance
        return self


def agree(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert np.all(np.abs(a - b) <= 1e-12 * np.maximum(1, np.abs(a))), np.max(np.abs(a - b))


class Model:
    def __init__(self, x, y):
        self.names, self.p = np.unique(y), x.shape[1]
        self.means = np.array([x[y == c].mean(0) for c in self.names])
        r = x - self.means[np.searchsorted(self.names, y)]
        freedom = len(x) - len(self.names)
        self.covariance = (r.T @ r / freedom if freedom > 0 else 0) + T * T * np.eye(self.p)

    def squares(self, q):
        r = q - self.means
        return np.einsum("kf,fg,kg->k", r, np.linalg.inv(self.covariance), r) / self.p

    def parts(self, q, i):
        r = q - self.means[i]
        return r * (np.linalg.inv(self.covariance) @ r) / self.p


def own_distances(x, y, h):
    names, distances = np.unique(y), {}
    for c in names:
        distances[c] = []
        for i in sorted(np.flatnonzero(y == c), key=lambda i: (h[i], i)):
            rest = h != h[i]
            if not np.any(rest & (y == c)):
                rest = np.arange(len(x)) != i
            if np.any(rest & (y == c)):
                m = Model(x[rest], y[rest])
                distances[c].append(np.sqrt(m.squares(x[i])[list(m.names).index(c)]))
    return distances


def fences(distances, centre=np.mean, spread=None):
    logs = {c: np.log(np.maximum(d, 1e-6)) for c, d in distances.items() if len(d)}
    freedom = sum(map(len, logs.values())) - len(logs)
    if freedom <= 0:
        return {c: 0 for c in distances}
    if spread:
        s = spread(np.concatenate([u - centre(u) for u in logs.values()]))
    else:
        s = np.sqrt(sum(((u - u.mean()) ** 2).sum() for u in logs.values()) / freedom)
    return {c: float(np.exp(centre(logs[c]) + student.ppf(0.99, freedom) * s * np.sqrt(1 + 1 / len(d)))) if len(d) > 1 else 0
            for c, d in distances.items()}


def labels(x, y, h):
    """The distances of each example from all medians without it, and the fences."""
    names = np.unique(y)

    def measure(rest, q):
        have = [c for c in names if np.any(rest & (y == c))]
        med = {c: np.median(x[rest & (y == c)], 0) for c in have}
        freedom = rest.sum() - len(have)
        s = sum(np.abs(x[rest & (y == c)] - med[c]).sum(0) for c in have) / freedom if freedom > 0 else 0
        return [float(np.mean(np.abs(q - med[c]) / np.sqrt(s ** 2 + T * T))) if c in med else None for c in names]

    own = {c: [] for c in names}
    for i in range(len(x)):
        c = list(names).index(y[i])
        d = measure(h != h[i], x[i])[c]
        if d is None:
            d = measure(np.arange(len(x)) != i, x[i])[c]
        if d is not None:
            own[y[i]].append(d)
    limits = fences(own, np.median, lambda r: 1.4826 * np.median(np.abs(r)))
    return [measure(np.arange(len(x)) != i, q) for i, q in enumerate(x)], [limits[c] for c in names]


def models():
    names = ["a", "b", "c"]
    for title, n, hosts, constant in (("three hosts", 30, 3, False), ("one host", 12, 1, False), ("one example each", 3, 3, False),
                                      ("two hosts, one of them with one profile", 13, 2, False),
                                      ("a constant channel", 24, 4, True), ("p-values", 75, 9, False)):
        y = np.array([names[i % 3] for i in range(n)])
        h = np.array(["h%d" % (i // 3 % hosts) for i in range(n)])
        if title.startswith("two hosts"):
            h = np.array(["h0" if c != "a" else "h%d" % (i % 2) for i, c in enumerate(y)])
        shape = rng.normal(0, 1, (7, 7))
        x = np.array([[3 * names.index(c) for c in y]]).T + rng.normal(0, 0.5, (n, 7)) @ shape
        x += np.array([rng.normal(0, 0.4, 7) for _ in range(hosts + 1)])[[int(v[1:]) for v in h]]
        if constant:
            x[:, :3] = 2
        x = x.astype(np.float32)
        queries = np.vstack([x[:3].astype(float), rng.normal(3, 3, (5, 7))]).astype(np.float32)
        queries[6, [1, 4]] = np.nan
        queries[7, :5] = np.nan
        d, answers = x.astype(float), []
        for q in queries.astype(float):
            known = ~np.isnan(q)
            m = Model(d[:, known], y)
            limits = own_distances(d[:, known], y, h)
            fence = fences(limits)
            squares = m.squares(q[known])
            order = np.argsort(squares, kind="stable")
            # scikit-learn (which wants more examples than classes, so each comes twice): its decision function is p/2 times -d², up to a summand that is equal for all classes.
            lda = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Fixed(m.covariance), priors=np.ones(3) / 3)
            by_sklearn = lda.fit(np.vstack([d, d])[:, known], np.concatenate([y, y])).decision_function([q[known]])[0]
            agree(-squares * m.p / 2 - (-squares * m.p / 2).mean(), by_sklearn - by_sklearn.mean())
            answers.append({
                "distances": plain(np.sqrt(squares)), "order": [names[i] for i in order], "fences": [fence[c] for c in names],
                "p": [(1 + sum(np.array(limits[c]) >= np.sqrt(s))) / (1 + len(limits[c])) for c, s in zip(names, squares)],
                "parts": plain(m.parts(q[known], order[1]) - m.parts(q[known], order[0])),
            })
        m, whole = Model(d, y), queries[:6].astype(float)
        nearest = NearestNeighbors(n_neighbors=min(5, n), algorithm="brute", metric="mahalanobis", metric_params={"VI": np.linalg.inv(m.covariance)})
        far, numbers = nearest.fit(d).kneighbors(whole)
        r = whole[:, None] - d[None]
        mine = np.sqrt(np.einsum("qnf,fg,qng->qn", r, np.linalg.inv(m.covariance), r))
        agree(np.sort(mine, 1)[:, :far.shape[1]], far)
        medians, median_fences = labels(d, y, h)
        yield {"title": title, "vectors": plain(x), "profiles": y.tolist(), "hosts": h.tolist(), "queries": plain(queries), "answers": answers,
               "neighbours": numbers.tolist(), "neighbour_distances": plain(far / np.sqrt(7)),
               "whitened": plain(np.linalg.solve(np.linalg.cholesky(m.covariance), d[:6].T).T),
               "medians": medians, "median_fences": median_fences}


def intervals():
    for n in (1, 2, 3, 42, 84, 1000):
        for right in sorted({0, 1, n // 2, n - 1, n}):
            low, high = binomtest(right, n).proportion_ci(0.95, "wilson")
            yield {"right": right, "n": n, "low": low, "high": high}


def quantiles():
    for freedom in (1, 2, 3, 5, 10, 36, 100, 594, 5000):
        yield {"freedom": freedom, "quantile": float(student.ppf(0.99, freedom))}


def same(a, b):
    """Equal to 1e-12: the order of a library's sums may change."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-12 * max(1, abs(a))
    return a == b


def main(verb):
    made = {f.__name__: list(f()) for f in (vectors, models, intervals, quantiles)}
    if verb == "goldens":
        print(json.dumps(made))
        return 0
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json")) as f:
        equal = same(json.load(f), json.loads(json.dumps(made)))
    print("same" if equal else "golden.json is not what this makes")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
