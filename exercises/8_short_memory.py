#!/usr/bin/env python3
"""Sends values until they are acknowledged, and knows the last ten that have arrived."""

from collections import deque

from node import Node


class Forgetful(Node):
    def __init__(self):
        super().__init__()
        self.recent = deque(maxlen=10)
        self.sent = set()
        self.unacknowledged = set()

    def on_init(self, request):
        super().on_init(request)
        self.every(0.3, self.retry)

    def learn(self, value, sender):
        if value in self.recent:
            return
        self.recent.append(value)
        self.values.append(value)
        for neighbour in self.neighbours:
            if neighbour != sender and (neighbour, value) not in self.sent:
                self.sent.add((neighbour, value))
                self.unacknowledged.add((neighbour, value))
                self.send(neighbour, {"type": "gossip", "message": value})

    def on_gossip(self, message):
        super().on_gossip(message)
        self.send(message["src"], {"type": "gossip_ok", "message": message["body"]["message"]})

    def on_gossip_ok(self, message):
        self.unacknowledged.discard((message["src"], message["body"]["message"]))

    def retry(self):
        for neighbour, value in self.unacknowledged:
            self.send(neighbour, {"type": "gossip", "message": value})


Forgetful().run()
