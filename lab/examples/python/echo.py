#!/usr/bin/env python3
"""Gossip Glomers 1: every text comes back."""

from node import Node

node = Node()


@node.on("echo")
def echo(body, _):
    return {"type": "echo_ok", "echo": body["echo"]}


node.run()
