"""A Maelstrom node in Python: it reads messages, hands them to handlers, and sends messages.

    node = Node()

    @node.on("echo")
    def echo(body):
        return {"type": "echo_ok", "echo": body["echo"]}

    node.run()

A handler gets the body of a message and its sender. What it returns is the reply; None is none.
"""

import json
import sys
import threading
import time


class Node:
    def __init__(self):
        self.id = None
        self.others = []
        self.handlers = {}
        self.lock = threading.RLock()
        self.last_msg_id = 0
        self.waiting = {}
        self.tasks = []

    def on(self, kind):
        """Makes a function the handler of messages of this type. One runs at a time."""
        def register(handler):
            self.handlers[kind] = handler
            return handler
        return register

    def every(self, seconds):
        """Runs a function every so many seconds, once the node knows its name."""
        def register(task):
            self.tasks.append((seconds, task))
            return task
        return register

    def send(self, dest, body):
        line = json.dumps({"src": self.id, "dest": dest, "body": body})
        with self.lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def ask(self, dest, body, timeout=1.0):
        """Sends a request and waits for the reply; None if there is none in time. Not for handlers
        that hold the lock: see `later`."""
        with self.lock:
            self.last_msg_id += 1
            msg_id = self.last_msg_id
            done = self.waiting[msg_id] = threading.Event()
        self.send(dest, {**body, "msg_id": msg_id})
        done.wait(timeout)
        reply = self.waiting.pop(msg_id, None)
        return reply if isinstance(reply, dict) else None

    def run(self):
        for line in sys.stdin:
            message = json.loads(line)
            body = message["body"]
            waiting = self.waiting.get(body.get("in_reply_to"))
            if waiting:
                self.waiting[body["in_reply_to"]] = body
                waiting.set()
            elif body["type"] == "init":
                self.id = body["node_id"]
                self.others = [other for other in body["node_ids"] if other != self.id]
                self.reply(message, {"type": "init_ok"})
                for seconds, task in self.tasks:
                    threading.Thread(target=self.repeat, args=(seconds, task), daemon=True).start()
            elif body["type"] in self.handlers:
                self.handle(message, self.handlers[body["type"]])

    def handle(self, message, handler):
        if getattr(handler, "is_slow", False):
            threading.Thread(target=self.answer, args=(message, handler), daemon=True).start()
        else:
            with self.lock:
                self.answer(message, handler)

    def answer(self, message, handler):
        reply = handler(message["body"], message["src"])
        if reply:
            self.reply(message, reply)

    def reply(self, message, body):
        self.send(message["src"], {**body, "in_reply_to": message["body"]["msg_id"]})

    def repeat(self, seconds, task):
        while True:
            time.sleep(seconds)
            with self.lock:
                task()


def slow(handler):
    """Marks a handler that waits for replies: it runs beside the others, without the lock."""
    handler.is_slow = True
    return handler
