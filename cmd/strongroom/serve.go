package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"strongroom"
	"strongroom/door/api"
	"strongroom/door/console"
	"strongroom/door/s3"
	"strongroom/door/scim"
	"strongroom/door/sts"
	"strongroom/internal/house"
	"strongroom/internal/oidc"
	"strongroom/vault"
)

type serveCommand struct {
	Data        string        `default:"strongroom-data" env:"STRONGROOM_DATA" help:"Data folder." placeholder:"DIR"`
	S3          string        `name:"s3" default:"127.0.0.1:7480" help:"Address of the S3 endpoint." placeholder:"ADDR"`
	Console     string        `default:"127.0.0.1:7400" help:"Address of the console, the API, SCIM, /healthz, /readyz and /metrics." placeholder:"ADDR"`
	TLSCert     string        `help:"Certificate chain, PEM; both addresses then speak TLS." placeholder:"FILE"`
	TLSKey      string        `help:"Private key, PEM." placeholder:"FILE"`
	Plain       bool          `help:"Speak plain HTTP on an address that is not loopback too. Purposes, content and metadata then cross the network readable."`
	Domain      string        `help:"Base domain of virtual-host style bucket addresses." placeholder:"DOMAIN"`
	MaxPresign  time.Duration `default:"15m" help:"Longest life of a presigned URL."`
	Concurrent  int           `default:"256" help:"Requests at once, for each room."`
	Classify    time.Duration `name:"classify-every" default:"24h" help:"How often texts that these detectors have not looked at are looked through for labels; 0 for never. The first time is two minutes after the start."`
	Lifecycle   time.Duration `name:"lifecycle-every" default:"1h" help:"How often what lifecycle and retention rules say is due is deleted; 0 for never. The first time is a minute after the start."`
	Connections int           `default:"8192" help:"Connections to the S3 endpoint held open at once; for one more, the one that has waited longest is closed."`

	consoleFlags

	clock func() time.Time // of the rooms; the real time where nil
}

func (serveCommand) Help() string {
	return `Serves every room of the folder; an access key says which room a request is for. SIGTERM or Ctrl-C ends it gracefully.

Examples:
  strongroom serve --data /srv/strongroom
  strongroom serve --data /srv/strongroom --s3 0.0.0.0:7480 --tls-cert chain.pem --tls-key key.pem --public-url https://strongroom.example.com`
}

// shutdownTime bounds a graceful stop.
const shutdownTime = 20 * time.Second

func (c serveCommand) Run(ctx context.Context, out output) error {
	log := slog.New(slog.NewTextHandler(out.errors, nil))
	s, err := c.start(ctx, log)
	if err != nil {
		return err
	}
	for _, h := range s.houses {
		out.printf("serving room %s (%s)\n", h.Name, h.ID)
	}
	out.printf("S3       %s\nconsole  %s\nlog on   %s\n", s.s3URL, s.consoleURL, s.pagesURL)
	runtime.GC() // what starting took goes back: once out of use, once out of the pools
	debug.FreeOSMemory()
	return s.wait(ctx)
}

// server is a running strongroom.
type server struct {
	houses            []*house.House
	s3URL, consoleURL string
	pagesURL          string // where browsers reach the console

	log     *slog.Logger
	http    []*http.Server
	failed  chan error
	closing sync.Once
}

func (c serveCommand) start(ctx context.Context, log *slog.Logger) (_ *server, err error) {
	tlsConfig, err := c.tls()
	if err != nil {
		return nil, err
	}
	rooms, err := house.Rooms(c.Data)
	if err != nil {
		return nil, err
	}
	if len(rooms) == 0 {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s holds no room", c.Data), Hint: fmt.Sprintf("make one with `strongroom init --data %s`", c.Data)}
	}
	s := &server{log: log, failed: make(chan error, 2)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	s3Listener, err := c.listen(c.S3, tlsConfig)
	if err != nil {
		return nil, err
	}
	consoleListener, err := c.listen(c.Console, tlsConfig)
	if err != nil {
		s3Listener.Close()
		return nil, err
	}
	for _, info := range rooms {
		h, err := house.Open(ctx, c.Data, info, house.Options{Serve: true, Log: log, Concurrent: c.Concurrent, Lifecycle: c.Lifecycle, Classify: c.Classify, Clock: c.clock, PublicURL: strings.TrimRight(c.PublicURL, "/")})
		if err != nil {
			return nil, errors.Join(err, s3Listener.Close(), consoleListener.Close())
		}
		s.houses = append(s.houses, h)
		silent, err := unspoken(ctx, h)
		if err != nil {
			log.Warn("the policies in force cannot be read", "room", h.ID, "error", err)
		}
		for _, one := range silent {
			log.Warn("no policy speaks of an action that a new room's policies permit, so nobody may do it", "room", h.ID, "action", one.Action, "to_permit", "strongroom limit policy add "+string(one.Action))
		}
	}
	scheme := "http"
	if tlsConfig != nil {
		scheme = "https"
	}
	s.s3URL, s.consoleURL = scheme+"://"+s3Listener.Addr().String(), scheme+"://"+consoleListener.Addr().String()
	metrics, registry := newMetrics(s.houses)
	noise := func(kind string) {
		metrics.noise.WithLabelValues(kind).Inc()
		for _, h := range s.houses { // it was at the door of all of them
			h.Room.Noise(kind)
		}
	}
	door := s3.New(s3.Config{
		Rooms: rooms3(s.houses), Domain: c.Domain, MaxPresign: c.MaxPresign, Log: log,
		Noise: noise,
	})
	identities := oidc.New(time.Now)
	sessions := sts.New(sts.Config{Rooms: roomsSTS(s.houses), Verifier: identities, Log: log, Noise: noise})
	c.notReachable(log, consoleListener.Addr())
	var page http.Handler
	proxies, err := c.proxies()
	if err == nil {
		if s.pagesURL, err = c.url(scheme, consoleListener.Addr()); err == nil {
			page, err = c.pages(s, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), s.pagesURL, c.clock, noise, identities)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s3Listener.Close(), consoleListener.Close())
	}
	faces := http.NewServeMux() // at the console's address
	faces.Handle("/", page)
	faces.Handle(scim.Root+"/", provisioning(s.houses, log, noise))
	faces.Handle(api.Prefix+"/", programs(s.houses, log, noise))
	s.http = []*http.Server{
		s3.Server(c.S3, console.Behind(proxies, metrics.observe(withSessions(door, sessions))), tlsConfig),
		{Handler: console.Behind(proxies, faces), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10},
	}
	for i, most := range []int{c.connections(log), 1024} {
		s3.LimitConnections(s.http[i], most)
	}
	for i, l := range []net.Listener{s3Listener, consoleListener} {
		go func() {
			if err := s.http[i].Serve(l); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("serving %s: %w", l.Addr(), err)
			}
		}()
	}
	return s, nil
}

// connections is how many may be held open: half of the files that this process may
// open at most, since requests need some too.
func (c serveCommand) connections(log *slog.Logger) int {
	most := max(1, c.Connections)
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && files.Cur/2 < uint64(most) {
		most = int(files.Cur / 2)
		log.Warn("fewer connections than asked for, since this process may open few files", "connections", most, "files", files.Cur)
	}
	return most
}

func (c serveCommand) tls() (*tls.Config, error) {
	if c.TLSCert == "" && c.TLSKey == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "--tls-cert and --tls-key: " + err.Error(), Hint: "give both, as PEM files that belong together"}
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

func (c serveCommand) listen(addr string, config *tls.Config) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "cannot listen on " + addr + ": " + err.Error(), Hint: "give another address with --s3 or --console"}
	}
	if config != nil {
		return tls.NewListener(l, config), nil
	}
	if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() && !c.Plain {
		l.Close()
		return nil, &strongroom.Error{
			Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%s can be reached from other machines, and plain HTTP would show them everything", addr),
			Hint: "give --tls-cert and --tls-key, or --plain if something in front of it speaks TLS",
		}
	}
	return l, nil
}

// wait serves until the context ends or a listener fails, then closes.
func (s *server) wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	return errors.Join(err, s.close())
}

// close lets requests under way end, then ends leases and closes the rooms.
func (s *server) close() (err error) {
	s.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		var errs []error
		for _, h := range s.http {
			if e := h.Shutdown(ctx); e != nil {
				s.log.Warn("requests were cut off", "error", e)
				errs = append(errs, h.Close())
			}
		}
		for _, h := range s.houses {
			errs = append(errs, h.Close(ctx))
		}
		err = errors.Join(errs...)
	})
	return err
}

// checks are what /readyz asks.
func (s *server) checks() []console.Check {
	var out []console.Check
	for _, h := range s.houses {
		if h.InBucket() {
			out = append(out, console.Check{Name: "blobs " + h.ID.String(), Ask: atMostEvery(10*time.Second, h.MayErase)})
		}
		out = append(out,
			console.Check{Name: "ledger " + h.ID.String(), Ask: func(ctx context.Context) error { return h.Book.Probe(ctx) }},
			console.Check{Name: "disk " + h.ID.String(), Ask: func(context.Context) error {
				free, err := h.Free()
				if err == nil && free < 256<<20 {
					err = fmt.Errorf("%d MiB are free", free>>20)
				}
				return err
			}},
			console.Check{Name: "custodian " + h.ID.String(), Ask: atMostEvery(10*time.Second, h.Room.Witness)})
	}
	return out
}

// atMostEvery asks again only after a while, since whoever knocks at /readyz is nobody
// known and an answer may cost a record.
func atMostEvery(pause time.Duration, ask func(context.Context) error) func(context.Context) error {
	var mu sync.Mutex
	var last time.Time
	var answer error
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) >= pause {
			answer = ask(ctx)
			last = time.Now()
		}
		return answer
	}
}

// rooms3 is the rooms as the S3 door asks for them.
type rooms3 []*house.House

func (r rooms3) ByAccessKey(_ context.Context, keyID string) (s3.Room, vault.Credential, error) {
	for _, h := range r {
		c, err := h.Room.Credential(keyID)
		if c.KeyID != "" {
			return room3{h.Room, keyID}, c, err
		}
	}
	return nil, vault.Credential{}, &strongroom.Error{Kind: strongroom.KindDenied, Message: "this access key does not exist, or is no longer valid"}
}

func (r rooms3) Sole(context.Context) s3.Room {
	if len(r) != 1 {
		return nil
	}
	return room3{Room: r[0].Room}
}

// room3 is one room as one access key meets it.
type room3 struct {
	*vault.Room
	session string
}

func (r room3) ID() strongroom.ID { return r.Room.Config.ID }

func (r room3) Enter(ctx context.Context) (func(), error) { return r.Room.Enter(ctx, r.session) }

// metrics are figures about the server, and about no object, person or right.
type metrics struct {
	requests *prometheus.HistogramVec
	noise    *prometheus.CounterVec
}

func newMetrics(houses []*house.House) (*metrics, *prometheus.Registry) {
	m := &metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "strongroom_s3_request_seconds", Help: "Time to answer S3 requests.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"method", "code"}),
		noise: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "strongroom_s3_noise_total", Help: "Requests that proved nobody and named no room.",
		}, []string{"kind"}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.noise, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, h := range houses {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "strongroom_ledger_records", Help: "Records in the ledger.", ConstLabels: prometheus.Labels{"room": h.ID.String()},
		}, func() float64 { return float64(h.Book.Head().Size) }))
	}
	return m, registry
}

// observe measures requests.
func (m *metrics) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s := &statusWriter{ResponseWriter: w}
		defer func() {
			method := r.Method
			switch method {
			case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
			default:
				method = "other"
			}
			m.requests.WithLabelValues(method, fmt.Sprint(s.code/100)+"xx").Observe(time.Since(start).Seconds())
		}()
		next.ServeHTTP(s, r)
	})
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	if w.code == 0 && code >= 200 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the deadlines.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
