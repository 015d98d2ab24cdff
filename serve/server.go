// Package serve gives a loaded model OpenAI's interface over HTTP, for programs on this machine.
//
// Invariants: what a request with a seed gets depends on the request and the model, and on nothing else that runs
// beside it, bit for bit on host kernels and up to rounding on graphs; requests of all connections share the engine's
// batches; a client that is slow, gone or wrong costs the others nothing but its tokens; a field that would change what
// is generated is obeyed or refused, and one that is not read is named.
package serve

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stele-lm/stele/engine"
)

// Options say what a server allows.
type Options struct {
	Model string // the name that clients call the model by
	// Token must be in every request's Authorization, as in "Bearer TOKEN"; "" asks for none.
	Token string
	// PoolTokens is the size of the key-value pool in tokens; 0 is the engine's choice.
	PoolTokens int
	// MaxRequests under way or waiting; one more is refused with status 503.
	MaxRequests int
	MaxBody     int64 // bytes of a request
	MaxSamples  int   // completions that one request may ask for
	// ReadTimeout is how long a client may take to send its request, WriteTimeout how long to read what it is sent.
	ReadTimeout, WriteTimeout time.Duration
	Log                       io.Writer // a line for what everybody should know; nil is silent
}

// Defaults are the limits of a server that is asked for nothing else.
func Defaults() Options {
	return Options{MaxRequests: 1024, MaxBody: 8 << 20, MaxSamples: 128, ReadTimeout: time.Minute,
		WriteTimeout: 30 * time.Second}
}

// Server answers requests with completions of a model.
type Server struct {
	engine  *engine.Engine
	session *engine.Session
	options Options
	started time.Time
	slots   chan struct{} // one for each request under way or waiting

	active sync.WaitGroup // requests that are being answered

	mu   sync.Mutex
	told map[string]bool // what was said
}

// New makes the engine's key-value pool; nothing else may use the engine until Serve has returned.
func New(e *engine.Engine, o Options) (*Server, error) {
	session, err := e.NewSession(o.PoolTokens)
	if err != nil {
		return nil, err
	}
	return &Server{engine: e, session: session, options: o, started: time.Now(),
		slots: make(chan struct{}, o.MaxRequests), told: map[string]bool{}}, nil
}

// MaxLen is the most tokens that a prompt and its completion may have together.
func (s *Server) MaxLen() int { return s.session.MaxLen }

// Serve answers until ctx is done, then ends what is under way.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ran := make(chan error, 1)
	go func() {
		err := s.session.Run(ctx)
		stop(err)
		ran <- err
	}()
	shut := make(chan struct{})
	go func() {
		defer close(shut)
		<-ctx.Done()
		last, done := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer done()
		if server.Shutdown(last) != nil {
			server.Close()
		}
	}()
	err := server.Serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	stop(err)
	<-shut
	failed := <-ran
	s.active.Wait() // what they use is closed next
	if !errors.Is(failed, context.Canceled) {
		return failed
	}
	return err
}

// Handler is the interface without its server.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]string{
			"status": "ok"})
	})
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("GET /v1/models/{model...}", s.model)
	mux.HandleFunc("POST /v1/completions", s.generating(completions))
	mux.HandleFunc("POST /v1/chat/completions", s.generating(chat))
	mux.HandleFunc("POST /tokenize", s.tokenize)
	mux.HandleFunc("POST /detokenize", s.detokenize)
	mux.HandleFunc("GET /tokenizer_info", s.tokenizerInfo)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		for _, path := range []string{"/v1/models", "/v1/completions", "/v1/chat/completions"} {
			if r.URL.Path == path {
				fail(w, refuse(http.StatusMethodNotAllowed, "%s %s: expected %s", r.Method, path,
					map[bool]string{true: "GET", false: "POST"}[path == "/v1/models"]))
				return
			}
		}
		fail(w, refuse(http.StatusNotFound,
			"%s is not here: there are /v1/models, /v1/completions, /v1/chat/completions, /tokenize, /detokenize, "+
				"/tokenizer_info and /health", r.URL.Path))
	})
	return s.admitted(mux)
}

// admitted lets requests through that bear the token. Without one, only programs on this machine may ask: not a page
// of the web in its browser, which can name this machine by a name of its own but cannot hide that.
func (s *Server) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(1)
		defer s.active.Done()
		given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case s.options.Token != "":
			if !bearer || subtle.ConstantTimeCompare([]byte(given), []byte(s.options.Token)) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				fail(w, refuse(http.StatusUnauthorized, "the token is missing or another: expected "+
					"the header Authorization: Bearer TOKEN"))
				return
			}
		case !local(r.Host):
			fail(w, refuse(http.StatusForbidden, "host %q is none of this machine's own names, and the server has no "+
				"token: ask for 127.0.0.1 or localhost", r.Host))
			return
		case r.Header.Get("Origin") != "" && !local(strings.TrimPrefix(strings.TrimPrefix(r.Header.Get("Origin"),
			"http://"), "https://")):
			fail(w, refuse(http.StatusForbidden, "pages of %s may not ask a server that has no token",
				r.Header.Get("Origin")))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// local reports whether a host, its port aside, is a name of this machine for itself.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// describedModel is an entry of /v1/models.
type describedModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	MaxLen  int    `json:"max_model_len"` // as vLLM has it
}

func (s *Server) described() describedModel {
	return describedModel{s.options.Model, "model", s.started.Unix(), "stele", s.MaxLen()}
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{"object": "list", "data": []describedModel{s.described()}})
}

func (s *Server) model(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("model"); name != s.options.Model {
		fail(w, s.noModel(name))
		return
	}
	writeJSON(w, s.described())
}

func (s *Server) noModel(name string) error {
	return refuse(http.StatusNotFound, "model %q is not served here: %q is", name, s.options.Model)
}

// mostSaid bounds what clients can make a server say.
const mostSaid = 100

// say tells whoever runs the server, once.
func (s *Server) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told[line] || len(s.told) == mostSaid || s.options.Log == nil {
		return
	}
	s.told[line] = true
	fmt.Fprintln(s.options.Log, line)
}
