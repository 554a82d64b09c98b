#!/usr/bin/env python3
"""Floods each value once."""

from node import Node

Node().run()
