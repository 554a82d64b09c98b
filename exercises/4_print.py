#!/usr/bin/env python3
"""Prints what it is doing."""

from node import Node


class Chatty(Node):
    def on_topology(self, request):
        super().on_topology(request)
        print("my neighbours are", *self.neighbours, flush=True)


Chatty().run()
