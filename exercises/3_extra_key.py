#!/usr/bin/env python3
"""Tells in its answer how many values it has, which no client has asked for."""

from node import Node


class Talkative(Node):
    def on_read(self, request):
        self.reply(request, {"type": "read_ok", "messages": self.values, "count": len(self.values)})


Talkative().run()
