#!/usr/bin/env python3
"""Gossip Glomers 2: the node's name and a counter make an id that no other node gives out."""

from node import Node

node = Node()
count = 0


@node.on("generate")
def generate(_, __):
    global count
    count += 1
    return {"type": "generate_ok", "id": f"{node.id}-{count}"}


node.run()
