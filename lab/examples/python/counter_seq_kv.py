#!/usr/bin/env python3
"""Gossip Glomers 4: a counter in the service seq-kv. Each node has a key of its own for the sum of
what was added there; a read adds up the keys of all."""

import threading

from node import Node, slow

node = Node()
mine = 0
writes = 0
turn = threading.Lock()


def write(key, value):
    reply = node.ask("seq-kv", {"type": "write", "key": key, "value": value})
    return reply is not None and reply["type"] == "write_ok"


@node.on("add")
@slow
def add(body, _):
    global mine
    with turn:
        if write(node.id, mine + body["delta"]):
            mine += body["delta"]
            return {"type": "add_ok"}
    return {"type": "error", "code": 0, "text": "seq-kv did not answer"}


@node.on("read")
@slow
def read(_, __):
    global writes
    with turn:
        # Who only reads may be shown an old state; who has written sees at least that write.
        writes += 1
        write(f"fresh-{node.id}", writes)
        total = mine
        for other in node.others:
            reply = node.ask("seq-kv", {"type": "read", "key": other})
            if reply is None:
                return {"type": "error", "code": 0, "text": "seq-kv did not answer"}
            total += reply.get("value", 0)
    return {"type": "read_ok", "value": total}


node.run()
