#!/usr/bin/env python3
"""Floods each value; one node overlooks some."""

from node import Node


class Deaf(Node):
    def learn(self, value, sender):
        if self.name == "n3" and sender is not None and value % 7 == 0:
            return
        super().learn(value, sender)


Deaf().run()
