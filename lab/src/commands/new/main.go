// A Maelstrom node for the broadcast workload. It works while no message is lost.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"time"
)

const tick = 100 * time.Millisecond

type body struct {
	Type      string              `json:"type"`
	MsgID     *int                `json:"msg_id,omitempty"`
	InReplyTo *int                `json:"in_reply_to,omitempty"`
	NodeID    string              `json:"node_id,omitempty"`
	NodeIDs   []string            `json:"node_ids,omitempty"`
	Topology  map[string][]string `json:"topology,omitempty"`
	Message   *int                `json:"message,omitempty"`
	Messages  *[]int              `json:"messages,omitempty"`
	Value     *int                `json:"value,omitempty"`
}

type message struct {
	Src  string `json:"src"`
	Dest string `json:"dest"`
	Body body   `json:"body"`
}

type node struct {
	name       string
	neighbours []string
	values     map[int]bool
	// Values sent to a neighbour that has not acknowledged them.
	unacked map[string]map[int]bool
}

func (n *node) send(dest string, b body) {
	line, err := json.Marshal(message{n.name, dest, b})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func (n *node) reply(request message, b body) {
	b.InReplyTo = request.Body.MsgID
	n.send(request.Src, b)
}

func (n *node) onMessage(m message) {
	switch m.Body.Type {
	// Requests of clients.
	case "init":
		n.name = m.Body.NodeID
		for _, other := range m.Body.NodeIDs {
			if other != n.name {
				n.neighbours = append(n.neighbours, other)
			}
		}
		n.reply(m, body{Type: "init_ok"})
	case "topology":
		n.neighbours = m.Body.Topology[n.name]
		n.reply(m, body{Type: "topology_ok"})
	case "broadcast":
		n.learn(*m.Body.Message, "")
		n.reply(m, body{Type: "broadcast_ok"})
	case "read":
		values := []int{}
		for value := range n.values {
			values = append(values, value)
		}
		sort.Ints(values)
		n.reply(m, body{Type: "read_ok", Messages: &values})
	// Messages of other nodes.
	case "gossip":
		n.learn(*m.Body.Value, m.Src)
		n.send(m.Src, body{Type: "gossip_ok", Value: m.Body.Value})
	case "gossip_ok":
		delete(n.unacked[m.Src], *m.Body.Value)
	default:
		fmt.Fprintf(os.Stderr, "a message of type %q, which this node does not know\n", m.Body.Type)
	}
}

// learn keeps a value and passes it on, the first time that it comes.
func (n *node) learn(value int, sender string) {
	if n.values[value] {
		return
	}
	n.values[value] = true
	for _, neighbour := range n.neighbours {
		if neighbour == sender {
			continue
		}
		if n.unacked[neighbour] == nil {
			n.unacked[neighbour] = map[int]bool{}
		}
		n.unacked[neighbour][value] = true
		n.send(neighbour, body{Type: "gossip", Value: &value})
	}
}

// onTick runs every tick.
func (n *node) onTick() {
	// Your part: whatever is in n.unacked may have been lost. Send it again.
}

func main() {
	n := &node{values: map[int]bool{}, unacked: map[string]map[int]bool{}}
	messages := make(chan message)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var m message
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				panic(err)
			}
			messages <- m
		}
		close(messages)
	}()
	ticker := time.NewTicker(tick)
	for {
		select {
		case m, open := <-messages:
			if !open {
				return
			}
			n.onMessage(m)
		case <-ticker.C:
			n.onTick()
		}
	}
}
