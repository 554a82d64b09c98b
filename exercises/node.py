"""A Maelstrom node in Python: reads JSON lines, answers them, and calls the exercise's handlers."""

import json
import sys
import threading
import time


class Node:
    """One node of a broadcast cluster. The exercises change one thing each."""

    def __init__(self):
        self.name = None
        self.nodes = []
        self.neighbours = []
        self.values = []
        self.msg_id = 0
        self.lock = threading.RLock()

    def send(self, dest, body):
        line = json.dumps({"src": self.name, "dest": dest, "body": body})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def reply(self, request, body):
        body["in_reply_to"] = request["body"]["msg_id"]
        self.send(request["src"], body)

    def every(self, seconds, action):
        """Calls an action again and again, from a thread of its own."""

        def loop():
            while True:
                time.sleep(seconds)
                with self.lock:
                    action()

        threading.Thread(target=loop, daemon=True).start()

    def on_init(self, request):
        self.name = request["body"]["node_id"]
        self.nodes = request["body"]["node_ids"]
        self.reply(request, {"type": "init_ok"})

    def on_topology(self, request):
        self.neighbours = request["body"]["topology"][self.name]
        self.reply(request, {"type": "topology_ok"})

    def on_read(self, request):
        self.reply(request, {"type": "read_ok", "messages": self.values})

    def on_broadcast(self, request):
        self.learn(request["body"]["message"], None)
        self.reply(request, {"type": "broadcast_ok"})

    def on_gossip(self, message):
        self.learn(message["body"]["message"], message["src"])

    def learn(self, value, sender):
        """Stores a value and floods it, the first time that it comes."""
        if value in self.values:
            return
        self.values.append(value)
        for neighbour in self.neighbours:
            if neighbour != sender:
                self.send(neighbour, {"type": "gossip", "message": value})

    def run(self):
        for line in sys.stdin:
            message = json.loads(line)
            with self.lock:
                getattr(self, "on_" + message["body"]["type"])(message)
