#!/usr/bin/env python3
"""A Maelstrom node for the broadcast workload. It works while no message is lost."""

import json
import os
import select
import sys
import time

TICK = 0.1  # seconds


class Node:
    def __init__(self):
        self.name = None
        self.neighbours = []
        self.values = set()
        # Values sent to a neighbour that has not acknowledged them: {neighbour: {value, …}}.
        self.unacked = {}

    def send(self, dest, body):
        sys.stdout.write(json.dumps({"src": self.name, "dest": dest, "body": body}) + "\n")
        sys.stdout.flush()

    def reply(self, request, body):
        body["in_reply_to"] = request["body"]["msg_id"]
        self.send(request["src"], body)

    # Requests of clients

    def on_init(self, request):
        self.name = request["body"]["node_id"]
        self.neighbours = [node for node in request["body"]["node_ids"] if node != self.name]
        self.reply(request, {"type": "init_ok"})

    def on_topology(self, request):
        self.neighbours = request["body"]["topology"][self.name]
        self.reply(request, {"type": "topology_ok"})

    def on_broadcast(self, request):
        self.learn(request["body"]["message"], None)
        self.reply(request, {"type": "broadcast_ok"})

    def on_read(self, request):
        self.reply(request, {"type": "read_ok", "messages": sorted(self.values)})

    # Messages of other nodes

    def on_gossip(self, message):
        value = message["body"]["value"]
        self.learn(value, message["src"])
        self.send(message["src"], {"type": "gossip_ok", "value": value})

    def on_gossip_ok(self, message):
        self.unacked.get(message["src"], set()).discard(message["body"]["value"])

    def learn(self, value, sender):
        """Keeps a value and passes it on, the first time that it comes."""
        if value in self.values:
            return
        self.values.add(value)
        for neighbour in self.neighbours:
            if neighbour != sender:
                self.unacked.setdefault(neighbour, set()).add(value)
                self.send(neighbour, {"type": "gossip", "value": value})

    def on_tick(self):
        """Runs every TICK seconds."""
        # Your part: whatever is in self.unacked may have been lost. Send it again.

    def run(self):
        handlers = {name[3:]: getattr(self, name) for name in dir(self) if name.startswith("on_")}
        pending = b""
        next_tick = time.monotonic() + TICK
        while True:
            wait = max(0.0, next_tick - time.monotonic())
            if select.select([0], [], [], wait)[0]:
                piece = os.read(0, 65536)
                if not piece:
                    return
                *lines, pending = (pending + piece).split(b"\n")
                for message in map(json.loads, lines):
                    handlers[message["body"]["type"]](message)
            if time.monotonic() >= next_tick:
                next_tick += TICK
                self.on_tick()


Node().run()
