#!/usr/bin/env python3
"""Publish that an episode was accepted, or retract it.

    pip install nats-py
    python receiver.py accept  HOST EPISODE PROFILE
    python receiver.py retract HOST EPISODE PROFILE

A receiver calls publish() last: when the archive is in the store under its name
and the row in validation.parquet is written. docs/MESSAGES.md is the contract.
NATS_URL is the address of NATS (default nats://127.0.0.1:4222).
"""

import asyncio
import datetime
import json
import os
import re
import ssl
import sys
import time

import nats
from nats.errors import NoRespondersError, TimeoutError
from nats.js.errors import APIError, NoStreamResponseError

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")

PATIENCE = 20.0  # seconds; electing the leader of a stream takes 4 to 9


async def publish(js, what, host, episode, profile):
    """Store one message in the log and return its sequence.

    All tries have the same message id, so a message whose answer was lost is not
    stored twice. Call publish() again to store another message on purpose.
    """
    if not (ID.fullmatch(host) and ID.fullmatch(episode) and PROFILE.fullmatch(profile)):
        raise ValueError(f"malformed host, episode or profile: {host!r} {episode!r} {profile!r}")
    now = time.time_ns()
    text = datetime.datetime.fromtimestamp(now / 1e9, datetime.timezone.utc).isoformat()
    notice = {"host_id": host, "episode_id": episode, "profile": profile, f"{what}_at": text}
    headers = {"Nats-Msg-Id": f"{what[0]}/{host}/{episode}/{now}"}
    deadline = time.monotonic() + PATIENCE
    pause = 0.1
    while True:
        try:
            ack = await js.publish(f"episode.{what}", json.dumps(notice).encode(), timeout=5, headers=headers)
            return ack.seq
        except (TimeoutError, NoRespondersError, NoStreamResponseError, APIError) as err:
            refused = isinstance(err, APIError) and (err.code or 500) < 500
            if refused or time.monotonic() + pause > deadline:
                raise  # after a time-out the message may have been stored
        await asyncio.sleep(pause)
        pause = min(2 * pause, 1.0)


async def print_error(err):
    print("NATS:", err, file=sys.stderr)


def connection():
    """Return the options of the connection. Servers with roles need TLS and a key:
    NATS_CA is the file of the authority's certificate, NATS_NKEY the file with the
    seed of the role, NATS_INBOX_PREFIX the role's prefix, such as _INBOX_receiver."""
    options = {"servers": os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), "error_cb": print_error, "max_reconnect_attempts": -1}
    if ca := os.environ.get("NATS_CA"):
        options["tls"] = ssl.create_default_context(cafile=ca)
    if seed := os.environ.get("NATS_NKEY"):  # needs pip install 'nats-py[nkeys]'
        options["nkeys_seed"] = seed
    if inbox := os.environ.get("NATS_INBOX_PREFIX"):
        options["inbox_prefix"] = inbox.encode()
    return options


async def main(verb, host, episode, profile):
    what = {"accept": "accepted", "retract": "retracted"}[verb]
    nc = await nats.connect(**connection())
    try:
        print("stored as message", await publish(nc.jetstream(), what, host, episode, profile))
    finally:
        await nc.close()


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in ("accept", "retract"):
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
