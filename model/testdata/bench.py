#!/usr/bin/env python3
"""Print the milliseconds that one query of scikit-learn's brute force takes. Arguments: ROWS FEATURES K QUERIES, which come in one
batch."""
import sys
import time

import numpy as np
from sklearn.neighbors import NearestNeighbors

rows, features, k, queries = map(int, sys.argv[1:])
rng = np.random.default_rng(1)
x, q = rng.random((rows, features), dtype=np.float32), rng.random((queries, features), dtype=np.float32)
near = NearestNeighbors(n_neighbors=k, algorithm="brute", metric="euclidean", n_jobs=-1).fit(x)


def least(times):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        near.kneighbors(q)
        took.append(time.perf_counter() - began)
    return 1000 * min(took) / queries


least(1)  # warm
print(least(5))
