#!/usr/bin/env python3
"""Make the parquet files of this folder with pyarrow, pandas and DuckDB.

    python3 make.py        # needs: pip install pyarrow pandas duckdb

validation-*.parquet hold the 300 rows of row(i) below, however they are encoded; bad-*.parquet hold what
must be refused; profiles-*.parquet hold the two attack profiles of PROFILES. The tests know these by formula.
recorded-validation.parquet is no file of this script: it lists the recorded episodes.
"""
import os
import struct

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = 300


def path(name):
    return os.path.join(HERE, name + ".parquet")


def row(i):
    status = "accepted" if i % 7 else ("rejected", "quarantined")[i // 7 % 2]
    return {"episode_id": "ep-%05d" % i, "host_id": "host-%d" % (i % 3), "profile": ("cpu-saturate", "io-walk")[i % 2],
            "status": status}


COLUMNS = {k: [row(i)[k] for i in range(ROWS)] for k in row(0)}


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def profile(name, channel, points, used, scale):
    raw = [f32(scale * k * k) for k in range(points)]
    return {"profile": name, "channel": channel, "n_episodes_used": used, "n_episodes_attempted": used + 3,
            "median": [f32(k * k / (points - 1) ** 2) for k in range(points)], "median_raw": raw,
            "p25_raw": [f32(v * 0.5) for v in raw], "p75_raw": [f32(v * 1.5) for v in raw],
            "median_min_raw": 0.0, "median_max_raw": scale * (points - 1) ** 2}


PROFILES = [profile("cpu-saturate", "proc.cpu_user_jiffies", 80, 100, 0.25), profile("io-walk", "proc.io_rchar", 80, 97, 4096.5)]
SCHEMA = pa.schema([("profile", pa.string()), ("channel", pa.string()), ("n_episodes_used", pa.int32()),
                    ("n_episodes_attempted", pa.int32())]
                   + [(n, pa.list_(pa.float32())) for n in ("median", "median_raw", "p25_raw", "p75_raw")]
                   + [(n, pa.float64()) for n in ("median_min_raw", "median_max_raw")])


def validation():
    t = pa.table(COLUMNS)
    for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        pq.write_table(t, path("validation-" + codec), compression=codec)
    plain = dict(use_dictionary=False, compression="zstd")
    pq.write_table(t, path("validation-plain"), **plain)
    pq.write_table(t, path("validation-v2-plain"), data_page_version="2.0", **plain)
    pq.write_table(t, path("validation-v2-dictionary"), data_page_version="2.0", compression="snappy")
    pq.write_table(t, path("validation-delta-length"), column_encoding={c: "DELTA_LENGTH_BYTE_ARRAY" for c in COLUMNS}, **plain)
    pq.write_table(t, path("validation-delta"), column_encoding={c: "DELTA_BYTE_ARRAY" for c in COLUMNS},
                   data_page_version="2.0", **plain)
    pq.write_table(t, path("validation-row-groups"), row_group_size=37, data_page_size=64, write_batch_size=8,
                   write_page_index=True, write_page_checksum=True, compression="gzip")
    pq.write_table(t, path("validation-checksum"), write_page_checksum=True, use_dictionary=False, compression="none")
    large = pa.table({k: pa.array(v, pa.large_string()) for k, v in COLUMNS.items()})
    pq.write_table(large, path("validation-large-string"))
    view = pa.table({k: pa.array(v, pa.string_view()) for k, v in COLUMNS.items()})
    pq.write_table(view, path("validation-string-view"))
    categorical = pa.table({k: pa.array(v).dictionary_encode() for k, v in COLUMNS.items()})
    pq.write_table(categorical, path("validation-categorical"), row_group_size=100)
    required = pa.schema([pa.field(k, pa.string(), nullable=False) for k in COLUMNS])
    pq.write_table(t.cast(required), path("validation-required"), data_page_version="2.0")
    more = {"score": [float(i) if i % 5 else None for i in range(ROWS)], "status": COLUMNS["status"],
            "tags": [["a"] * (i % 3) for i in range(ROWS)], "profile": COLUMNS["profile"],
            "meta": [{"status": None, "n": i} for i in range(ROWS)], "episode_id": COLUMNS["episode_id"],
            "when": pd.date_range("2026-01-01", periods=ROWS, freq="s"), "ok": [i % 2 == 0 for i in range(ROWS)],
            "host_id": COLUMNS["host_id"], "nothing": pa.nulls(ROWS)}
    pq.write_table(pa.table(more), path("validation-more-columns"), compression="zstd")
    frame = pd.DataFrame(COLUMNS)
    frame["status"] = frame["status"].astype("category")
    frame.to_parquet(path("validation-pandas"))
    con = duckdb.connect()
    con.register("t", t)
    con.execute("COPY t TO '%s' (FORMAT parquet, COMPRESSION zstd)" % path("validation-duckdb"))
    con.execute("COPY t TO '%s' (FORMAT parquet, COMPRESSION lz4_raw, PARQUET_VERSION v2, ROW_GROUP_SIZE 64)" % path("validation-duckdb-v2"))
    pq.write_table(t.slice(0, 0), path("validation-empty"))
    binary = pa.array([e.encode() for e in COLUMNS["episode_id"]])
    pq.write_table(pa.table({**COLUMNS, "episode_id": binary}), path("validation-binary"))


def bad():
    def with_column(name, values):
        return pa.table({**COLUMNS, name: values})

    pq.write_table(pa.table({k: v for k, v in COLUMNS.items() if k != "host_id"}), path("bad-no-host"))
    pq.write_table(with_column("status", pa.array(range(ROWS), pa.int64())), path("bad-status-int"))
    pq.write_table(with_column("profile", [[p] for p in COLUMNS["profile"]]), path("bad-profile-list"))
    pq.write_table(with_column("host_id", pa.nulls(ROWS)), path("bad-host-null-type"))
    for name, column in (("null", "profile"), ("null-plain", "host_id")):
        values = list(COLUMNS[column])
        values[123] = None
        pq.write_table(with_column(column, values), path("bad-" + name), row_group_size=50, use_dictionary=name == "null")
    pq.write_table(with_column("status", pa.array([None] * ROWS, pa.string())), path("bad-all-null"), data_page_version="2.0",
                   compression="snappy")


def profiles():
    t = pa.Table.from_pylist(PROFILES, SCHEMA)
    meta = {"generation": "abc0123456", "sampler": "rank"}
    pq.write_table(t.replace_schema_metadata(meta), path("profiles-pyarrow"), compression="zstd")
    fixed = pa.schema([f.with_type(pa.list_(pa.float32(), 80)) if pa.types.is_list(f.type) else f for f in SCHEMA])
    pq.write_table(pa.Table.from_pylist(PROFILES, fixed), path("profiles-fixed-size"), compression="snappy")
    double = pa.schema([f.with_type(pa.list_(pa.field("element", pa.float64(), nullable=False))) if pa.types.is_list(f.type)
                        else f.with_type(pa.int64()) if pa.types.is_integer(f.type)
                        else f.with_type(pa.large_string()) if pa.types.is_string(f.type) else f for f in SCHEMA])
    pq.write_table(pa.Table.from_pylist(PROFILES, double).select(list(reversed(SCHEMA.names))), path("profiles-double-reversed"),
                   compression="none", data_page_version="2.0", use_compliant_nested_type=False)
    encodings = {n + ".list.element": "BYTE_STREAM_SPLIT" for n in ("median", "median_raw", "p25_raw", "p75_raw")}
    encodings.update({"n_episodes_used": "DELTA_BINARY_PACKED", "n_episodes_attempted": "DELTA_BINARY_PACKED",
                      "median_max_raw": "BYTE_STREAM_SPLIT", "channel": "DELTA_BYTE_ARRAY"})
    pq.write_table(t, path("profiles-row-groups-split"), row_group_size=1, use_dictionary=False, column_encoding=encodings,
                   compression="gzip")
    pd.DataFrame(PROFILES).to_parquet(path("profiles-pandas"))
    con = duckdb.connect()
    con.register("t", t)
    con.execute("COPY t TO '%s' (FORMAT parquet, COMPRESSION zstd)" % path("profiles-duckdb"))

    def without(**changes):
        return pa.Table.from_pylist([{**PROFILES[0], **changes}, PROFILES[1]], SCHEMA)

    pq.write_table(without(median=None), path("bad-profiles-null-list"))
    pq.write_table(without(p25_raw=[None] * 80), path("bad-profiles-null-element"))
    pq.write_table(without(p75_raw=[1.0] * 79), path("bad-profiles-length"))
    pq.write_table(without(median_raw=[float("nan")] * 80), path("bad-profiles-nan"))
    pq.write_table(without(n_episodes_used=None), path("bad-profiles-null-count"))
    pq.write_table(without(profile="io-walk"), path("bad-profiles-twice"))
    pq.write_table(t.drop_columns(["p25_raw"]), path("bad-profiles-missing"))
    pq.write_table(t.set_column(4, "median", pa.array([0.5, 0.5], pa.float32())), path("bad-profiles-scalar"))
    nested = pa.array([[[0.5] * 80], [[0.5] * 80]], pa.list_(pa.list_(pa.float32())))
    pq.write_table(t.set_column(4, "median", nested), path("bad-profiles-nested"))


if __name__ == "__main__":
    validation()
    bad()
    profiles()
