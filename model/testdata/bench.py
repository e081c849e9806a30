#!/usr/bin/env python3
"""Print the milliseconds a query of scikit-learn's brute force: of one, of a batch. METRIC ROWS FEATURES BATCH K."""
import sys
import time

import numpy as np
from sklearn.neighbors import NearestNeighbors

metric, (rows, features, batch, k) = sys.argv[1], map(int, sys.argv[2:])
rng = np.random.default_rng(1)
x, q = rng.random((rows, features), dtype=np.float32), rng.random((batch, features), dtype=np.float32)
near = NearestNeighbors(n_neighbors=k, algorithm="brute", metric=metric, n_jobs=-1).fit(x)


def least(queries, times):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        near.kneighbors(queries)
        took.append(time.perf_counter() - began)
    return 1000 * min(took) / len(queries)


least(q[:1], 1)  # warm
print(least(q[:1], 5), least(q, 2))
