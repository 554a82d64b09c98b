#!/usr/bin/env python3
"""A set that only grows: every node tells every other all that it holds, again and again."""

from node import Node

node = Node()
elements = set()


@node.on("add")
def add(body, _):
    elements.add(body["element"])
    return {"type": "add_ok"}


@node.on("read")
def read(_, __):
    return {"type": "read_ok", "value": sorted(elements)}


@node.on("elements")
def merge(body, _):
    elements.update(body["elements"])


@node.every(0.2)
def gossip():
    for other in node.others:
        node.send(other, {"type": "elements", "elements": sorted(elements)})


node.run()
