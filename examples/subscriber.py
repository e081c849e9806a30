#!/usr/bin/env python3
"""Print each profile's envelope: first the last event of each, then live events.

    pip install nats-py
    python subscriber.py

docs/MESSAGES.md is the contract. NATS_URL is the address of NATS (default
nats://127.0.0.1:4222).
"""

import asyncio
import json
import os
import ssl
import sys

import nats

SUBJECTS = "dashboard.attack_profile.*"
BARS = "▁▂▃▄▅▆▇█"

shown = {}  # the last printed event of each profile


def order(event):
    """Return the place of an event in the order of events."""
    spec, envelope = event.get("revision", (0, 0))
    return spec, event.get("turn", 0), event.get("epoch", 0), envelope


def outdated(event):
    """Return whether a later event was printed. Subscribers also get events that
    DASHBOARD does not store because another streamer has stored a later one."""
    last = shown.get(event["name"])
    if last is None:
        return False
    if last.get("life") != event.get("life"):
        return not event.get("life")
    return order(event) < order(last)


def show(event):
    if event.get("removed"):  # the spec no longer names the profile
        shown.pop(event["name"], None)
        return
    if outdated(event):
        return
    shown[event["name"]] = event
    curve = "".join(BARS[round(x * (len(BARS) - 1))] for x in event["curve"][::2])
    state = "complete" if event.get("complete") else "partial"
    print(f"{event['name']:16} {event['n_used']:3}/{event.get('target', '?')} {state:8} {curve} {event.get('unit', '')}", flush=True)


async def print_error(err):
    print("NATS:", err, file=sys.stderr)


def connection():
    """Return the options of the connection. Servers with roles need TLS and a key:
    NATS_CA is the file of the authority's certificate, NATS_NKEY the file with the
    seed of the role, NATS_INBOX_PREFIX the role's prefix, such as _INBOX_viewer."""
    options = {"servers": os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), "error_cb": print_error, "max_reconnect_attempts": -1}
    if ca := os.environ.get("NATS_CA"):
        options["tls"] = ssl.create_default_context(cafile=ca)
    if seed := os.environ.get("NATS_NKEY"):  # needs pip install 'nats-py[nkeys]'
        options["nkeys_seed"] = seed
    if inbox := os.environ.get("NATS_INBOX_PREFIX"):
        options["inbox_prefix"] = inbox.encode()
    return options


async def main():
    nc = await nats.connect(**connection())
    live = await nc.subscribe(SUBJECTS)  # subscribe before reading the last events, so that none is missed
    # Stream DASHBOARD keeps the last event of each subject.
    js = nc.jetstream()
    info = await js.stream_info("DASHBOARD", subjects_filter=SUBJECTS)
    for subject in info.state.subjects or {}:
        show(json.loads((await js.get_last_msg("DASHBOARD", subject)).data))
    async for msg in live.messages:
        show(json.loads(msg.data))


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
