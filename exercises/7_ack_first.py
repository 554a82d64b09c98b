#!/usr/bin/env python3
"""Acknowledges first, and stores what came twice a second: that saves work."""

from node import Node


class Lazy(Node):
    def __init__(self):
        super().__init__()
        self.later = []

    def on_init(self, request):
        super().on_init(request)
        self.every(0.5, self.store)

    def on_broadcast(self, request):
        self.later.append(request["body"]["message"])
        self.reply(request, {"type": "broadcast_ok"})

    def store(self):
        for value in self.later:
            self.learn(value, None)
        self.later.clear()


Lazy().run()
