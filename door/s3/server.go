package s3

import (
	"crypto/tls"
	"net/http"
	"time"
)

// Server returns the HTTP server that handler (from New) stands behind, with a
// bound on everything that a client could otherwise draw out: the header's time and
// size, idle connections, HTTP/2 streams and their unacknowledged bytes. Bodies are
// bounded by the handler itself. With a TLS configuration it offers HTTP/2.
func Server(addr string, handler http.Handler, config *tls.Config) *http.Server {
	if config != nil && len(config.NextProtos) == 0 {
		config = config.Clone() // named here, so that a listener of the caller's own speaks HTTP/2 too
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(config != nil)
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		TLSConfig:         config,
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100,
			SendPingTimeout:      30 * time.Second,
			PingTimeout:          15 * time.Second,
			WriteByteTimeout:     30 * time.Second,
		},
	}
}
