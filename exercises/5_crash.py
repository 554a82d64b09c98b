#!/usr/bin/env python3
"""Looks something up that is not always there."""

from node import Node


class Fragile(Node):
    def __init__(self):
        super().__init__()
        self.came_from = {}

    def learn(self, value, sender):
        if sender is not None:
            self.came_from[value] = sender
        super().learn(value, sender)
        if value % 10 == 9:
            self.send(self.came_from[value], {"type": "thanks"})

    def on_thanks(self, message):
        pass


Fragile().run()
