#!/usr/bin/env python3
"""Gossip Glomers 3: every node tells every other all that it holds, again and again."""

from node import Node

node = Node()
values = set()


@node.on("topology")
def topology(_, __):
    return {"type": "topology_ok"}


@node.on("broadcast")
def broadcast(body, _):
    values.add(body["message"])
    return {"type": "broadcast_ok"}


@node.on("read")
def read(_, __):
    return {"type": "read_ok", "messages": sorted(values)}


@node.on("values")
def merge(body, _):
    values.update(body["values"])


@node.every(0.2)
def gossip():
    for other in node.others:
        node.send(other, {"type": "values", "values": sorted(values)})


node.run()
