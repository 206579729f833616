package s3

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// LimitConnections has the server hold at most so many connections open. For one
// more, the one that has waited longest is closed: idle, or its request's header not
// yet whole. So whoever collects connections pushes out their own, and whoever works
// is never cut off; where all are at work, the new one is closed.
func LimitConnections(s *http.Server, most int) {
	c := &crowd{most: most, all: map[net.Conn]*list.Element{}}
	s.ConnState = c.changed
}

// crowd knows the open connections, and which of them wait for their client.
type crowd struct {
	most int

	mu      sync.Mutex
	all     map[net.Conn]*list.Element // nil where a request is under way
	waiting list.List                  // of net.Conn, longest first
}

func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	if over := c.note(conn, state); over != nil {
		if t, ok := over.(*tls.Conn); ok {
			over = t.NetConn() // says no farewell, which could wait for a client that does not read
		}
		over.Close()
	}
}

// note keeps count, and answers the connection that is one too many.
func (c *crowd) note(conn net.Conn, state http.ConnState) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, old := c.all[conn]
	if known != nil {
		c.waiting.Remove(known)
	}
	switch state {
	case http.StateNew, http.StateIdle:
		if state == http.StateIdle && !old {
			return nil // it has been sent away
		}
		c.all[conn] = c.waiting.PushBack(conn)
	case http.StateActive:
		if old {
			c.all[conn] = nil
		}
	default:
		delete(c.all, conn)
	}
	if len(c.all) <= c.most {
		return nil
	}
	first := c.waiting.Front() // there is one: the newcomer waits
	c.waiting.Remove(first)
	over := first.Value.(net.Conn)
	delete(c.all, over)
	return over
}
