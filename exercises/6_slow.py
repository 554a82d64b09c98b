#!/usr/bin/env python3
"""Takes its time."""

import time

from node import Node


class Slow(Node):
    def learn(self, value, sender):
        if self.name == "n2":
            time.sleep(0.03)
        super().learn(value, sender)


Slow().run()
