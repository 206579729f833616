package s3

import (
	"io"
	"net/http"
	"time"

	"strongroom"
)

// pace measures how long a client keeps one direction waiting, and cuts it off
// once it has taken a whole window without moving the amount. Time that this side
// needs does not count.
type pace struct {
	arm    func(time.Time) error // sets the connection's deadline for this direction
	window time.Duration
	amount int64
	disarm bool // HTTP/2 ends a stream whose deadline passes even while nobody waits

	left  time.Duration
	moved int64
	armed time.Time
}

func newPace(arm func(time.Time) error, window time.Duration, amount int64, disarm bool) *pace {
	return &pace{arm: arm, window: window, amount: amount, disarm: disarm, left: window}
}

// wait runs one read or write under the deadline that is left.
func (p *pace) wait(transfer func() (int, error)) (int, error) {
	start := time.Now()
	// A deadline that is only a little off is left alone: setting one is not free.
	if want := start.Add(p.left); want.Sub(p.armed).Abs() > p.window/16 {
		p.arm(want)
		p.armed = want
	}
	n, err := transfer()
	p.left -= time.Since(start)
	if p.moved += int64(n); p.moved >= p.amount {
		p.left, p.moved = p.window, 0
	}
	if p.disarm {
		p.release()
	}
	return n, err
}

// release takes the deadline away.
func (p *pace) release() {
	p.arm(time.Time{})
	p.armed = time.Time{}
}

// startClock sets the deadlines that a request begins with. While no body is to
// come nothing may be armed, since net/http takes a passed read deadline for a
// client that has gone.
func (x *exchange) startClock() {
	x.control.SetWriteDeadline(time.Time{})
	if x.r.ContentLength == 0 || x.r.Body == nil || x.r.Body == http.NoBody || x.r.ProtoMajor >= 2 {
		x.control.SetReadDeadline(time.Time{})
	} else {
		x.control.SetReadDeadline(time.Now().Add(x.PaceWindow))
	}
}

// stopReading bounds the time that net/http spends on the rest of a refused body
// before it sends the answer; the answer's own deadline is later.
func (x *exchange) stopReading() {
	if x.r.ContentLength != 0 && x.r.ProtoMajor < 2 {
		x.control.SetReadDeadline(time.Now().Add(min(x.PaceWindow/2, 5*time.Second)))
	}
}

// refusalStep is longer than it takes to decide whether somebody may know of a name.
const refusalStep = 10 * time.Millisecond

// evenOut lets what the room refuses leave a whole number of steps after the request
// came: else the time it took would tell whether the name that it was about is there,
// and whoever guesses would be told faster.
func (x *exchange) evenOut(err error, came time.Time) {
	if x.room == nil || strongroom.KindOf(err) != strongroom.KindDenied {
		return
	}
	wait := time.NewTimer(refusalStep - time.Since(came)%refusalStep)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-x.r.Context().Done():
	}
}

// pacedReader is a request's body under a pace.
type pacedReader struct {
	in   io.Reader
	pace *pace
}

func (p *pacedReader) Read(b []byte) (int, error) {
	n, err := p.pace.wait(func() (int, error) { return p.in.Read(b) })
	if err == io.EOF {
		p.pace.release()
	}
	return n, err
}

// pacedWriter is an answer's body under a pace.
type pacedWriter struct {
	out  io.Writer
	pace *pace
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	total := 0
	for len(b) > 0 {
		piece := b[:min(int64(len(b)), p.pace.amount)]
		n, err := p.pace.wait(func() (int, error) { return p.out.Write(piece) })
		total += n
		if err != nil {
			return total, err
		}
		b = b[n:]
	}
	return total, nil
}
