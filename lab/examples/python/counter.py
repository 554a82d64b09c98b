#!/usr/bin/env python3
"""A counter without a service, for g-counter and pn-counter: two sums per node, of what was added
there and of what was taken away. Each only grows, so the larger of two reports is the later."""

from node import Node

node = Node()
added, taken = {}, {}


@node.on("add")
def add(body, _):
    delta = body["delta"]
    sums = added if delta >= 0 else taken
    sums[node.id] = sums.get(node.id, 0) + abs(delta)
    return {"type": "add_ok"}


@node.on("read")
def read(_, __):
    return {"type": "read_ok", "value": sum(added.values()) - sum(taken.values())}


@node.on("sums")
def merge(body, _):
    for mine, theirs in (added, body["added"]), (taken, body["taken"]):
        for name, value in theirs.items():
            mine[name] = max(mine.get(name, 0), value)


@node.every(0.2)
def gossip():
    for other in node.others:
        node.send(other, {"type": "sums", "added": added, "taken": taken})


node.run()
