// Package hub finds repositories of the Hugging Face hub in its local cache, and
// downloads them into it.
//
// Invariants: a file is under its name only when it is whole and its hash is what
// the hub says; a revision has its ref only when all that was asked of it is there;
// a name from the network never leads out of the cache; the token goes to the
// endpoint's own host and to no other.
package hub

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stele-lm/stele/internal/jsonl"
)

// Client talks to a hub.
type Client struct {
	Endpoint string // https://huggingface.co, or a mirror
	Token    string // "" for none
	Cache    string // folder that downloads are kept in
	Offline  bool   // never go to the network
	// Log gets progress and remarks for a person; nil is silent.
	Log io.Writer
	// Tries are the attempts at a request that brings nothing, before it is given up.
	Tries int
	// Wait is the time before attempt n, counted from 1, when the server names none.
	Wait func(n int) time.Duration
	// Stall is the longest that a server may stay silent.
	Stall time.Duration

	web *http.Client
}

// maxWait bounds how long a server may ask to be left alone.
const maxWait = 5 * time.Minute

// NewClient makes a client by the environment: HF_ENDPOINT, HF_TOKEN (or the token
// that `hf auth login` saved), HF_HUB_OFFLINE and the cache's variables.
func NewClient() (*Client, error) {
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	token, err := savedToken()
	if err != nil {
		return nil, err
	}
	endpoint := strings.TrimRight(os.Getenv("HF_ENDPOINT"), "/")
	if endpoint == "" {
		endpoint = "https://huggingface.co"
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" ||
		u.Host == "" {
		return nil, fmt.Errorf("HF_ENDPOINT is %q: expected a URL such as https://huggingface.co", endpoint)
	}
	offline := slices.Contains([]string{"1", "ON", "YES", "TRUE"},
		strings.ToUpper(cmp.Or(os.Getenv("HF_HUB_OFFLINE"), os.Getenv("TRANSFORMERS_OFFLINE"))))
	return &Client{
		Endpoint: endpoint, Token: token, Cache: cache, Offline: offline,
		Tries: 6, Stall: time.Minute,
		Wait: func(n int) time.Duration {
			// Jittered, so that many that failed together do not come back together.
			return time.Duration(float64(time.Second<<min(n-1, 5)) * (0.5 + rand.Float64()))
		},
	}, nil
}

// savedToken is the token of HF_TOKEN, or of the older HUGGING_FACE_HUB_TOKEN, else
// the one in HF_TOKEN_PATH, which is the file token in HF_HOME unless it is set.
// Without any of these it is "".
func savedToken() (string, error) {
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if token := strings.TrimSpace(os.Getenv(name)); token != "" {
			return token, nil
		}
	}
	file := os.Getenv("HF_TOKEN_PATH")
	if file == "" {
		home, err := home()
		if err != nil {
			return "", err
		}
		file = filepath.Join(home, "token")
	}
	file, err := atHome(file)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

// client is the HTTP client, whose redirects leave the token behind.
func (c *Client) client() *http.Client {
	if c.web == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = c.Stall
		c.web = &http.Client{
			Transport: transport,
			CheckRedirect: func(r *http.Request, via []*http.Request) error {
				if len(via) >= 10 {
					return errRedirects
				}
				// Go itself would keep it for subdomains, which may be a CDN's.
				if !c.own(r.URL) {
					r.Header.Del("Authorization")
				}
				return nil
			},
		}
	}
	return c.web
}

// own reports whether a URL is the endpoint's: same scheme, host and port.
func (c *Client) own(u *url.URL) bool {
	e, err := url.Parse(c.Endpoint)
	return err == nil && e.Scheme == u.Scheme && strings.EqualFold(e.Host, u.Host)
}

// get requests a URL once. The response is an error unless its status is 200 or
// 206, or 416 of a request for a range.
func (c *Client) get(ctx context.Context, address string, from int64) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "stele")
	// A packed answer would have another length and other ranges than the file.
	r.Header.Set("Accept-Encoding", "identity")
	if c.Token != "" && c.own(r.URL) {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if from > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	response, err := c.client().Do(r)
	if err != nil {
		if lasting(err) {
			return nil, plain(err)
		}
		return nil, temporary{plain(err), 0}
	}
	if s := response.StatusCode; s == http.StatusOK || from > 0 &&
		(s == http.StatusPartialContent || s == http.StatusRequestedRangeNotSatisfiable) {
		return response, nil
	}
	defer response.Body.Close()
	return nil, c.refusal(response)
}

// errRedirects says that a server sends round in circles.
var errRedirects = errors.New("stopped after 10 redirects")

// lasting reports whether a request that failed would fail again: the host does not
// exist, is not who it should be, or sends round in circles.
func lasting(err error) bool {
	name := (*net.DNSError)(nil)
	return errors.As(err, &name) && name.IsNotFound ||
		errors.As(err, new(*tls.CertificateVerificationError)) || errors.Is(err, errRedirects)
}

// plain is an error of a request without its address, which may be a signed one.
func plain(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		if where, e := url.Parse(u.URL); e == nil && where.Host != "" {
			return fmt.Errorf("%s: %w", where.Host, u.Err)
		}
		return u.Err
	}
	return err
}

// temporary is a failure that another attempt may not have.
type temporary struct {
	error
	wait time.Duration // that the server asked for; 0 for none
}

func (t temporary) Unwrap() error { return t.error }

// Gated is the Code of a repository whose terms must be accepted first.
const Gated = "GatedRepo"

// StatusError is an answer of the hub that another attempt would not change.
type StatusError struct {
	Status  int
	Code    string // the hub's word for it, such as RepoNotFound or Gated; may be empty
	message string
}

// Error returns one line with the hub's host, its status and what it said.
func (e *StatusError) Error() string { return e.message }

// refusal turns an answer that is not 200 into an error.
func (c *Client) refusal(response *http.Response) error {
	status := response.StatusCode
	code := response.Header.Get("X-Error-Code")
	message := fmt.Sprintf("%s answered %d %s", response.Request.URL.Host, status, http.StatusText(status))
	if said := printable(response.Header.Get("X-Error-Message")); said != "" {
		message += ": " + said
	}
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout,
		status == http.StatusTooEarly,
		status == http.StatusInternalServerError, status == http.StatusBadGateway,
		status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return temporary{errors.New(message), askedToWait(response.Header)}
	case !c.own(response.Request.URL):
		// The hub has sent us to its storage by an address that is signed for a time:
		// another attempt gets another one.
		return temporary{errors.New(message), 0}
	case code == Gated && c.Token == "":
		message += " (gated: accept its terms on its page, then set HF_TOKEN)"
	case code == Gated:
		message += " (gated: accept its terms on its page, as the user of HF_TOKEN)"
	case status == http.StatusUnauthorized && c.Token == "":
		message += " (private, gated or no such name: set HF_TOKEN if it is yours)"
	case status == http.StatusUnauthorized:
		message += " (HF_TOKEN is not accepted, or there is no such name)"
	case status == http.StatusForbidden:
		message += " (HF_TOKEN has no right to it: accept its terms on its page, or use another token)"
	case status == http.StatusNotFound:
		message += " (no such name, revision or file)"
	}
	return &StatusError{status, code, message}
}

// printable is a server's message as one short line.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "")
	}
	return text
}

// rateLimit matches the header by which the hub says that nothing is left of an allowance, and
// for how many seconds: RateLimit: "api";r=0;t=55.
var rateLimit = regexp.MustCompile(`;\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,6})`)

// askedToWait is the time that an answer asks to be left alone for, or 0.
func askedToWait(h http.Header) time.Duration {
	if m := rateLimit.FindStringSubmatch(h.Get("RateLimit")); m != nil {
		seconds, _ := strconv.Atoi(m[1])
		return min(time.Duration(seconds+1)*time.Second, maxWait)
	}
	return retryAfter(h.Get("Retry-After"))
}

// retryAfter is the time that a Retry-After header names, in seconds or as a date.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 {
		return min(time.Duration(min(seconds, 3600))*time.Second, maxWait)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(at), 0), maxWait)
	}
	return 0
}

// retry calls f until it succeeds, fails for good, or fails Tries times in a row
// without progress; f says whether it made any.
func (c *Client) retry(ctx context.Context, what string, f func() (progress bool, err error)) error {
	for n := 1; ; n++ {
		progress, err := f()
		if err == nil {
			return nil
		}
		again := temporary{}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.As(err, &again) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if progress {
			n = 1
		}
		if n >= c.Tries {
			return fmt.Errorf("%s: given up after %d attempts: %w", what, n, err)
		}
		wait := again.wait
		if wait == 0 {
			wait = c.Wait(n)
		}
		c.logf("%s: %v; trying again in %v", what, err, wait.Round(100*time.Millisecond))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (c *Client) logf(format string, args ...any) {
	if c.Log != nil {
		fmt.Fprintf(c.Log, format+"\n", args...)
	}
}

// maxAnswer is the longest answer of the API that is read.
const maxAnswer = 64 << 20

// ask reads an answer of the API into v and returns the address of the next page,
// or "".
func (c *Client) ask(ctx context.Context, what, address string, v any) (next string, err error) {
	err = c.retry(ctx, what, func() (bool, error) {
		ctx, done := context.WithTimeout(ctx, 2*c.Stall)
		defer done()
		response, err := c.get(ctx, address, 0)
		if err != nil {
			return false, err
		}
		defer response.Body.Close()
		data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
		if err != nil {
			return false, temporary{plain(err), 0}
		}
		if len(data) > maxAnswer {
			return false, errors.New("the hub's answer is too long")
		}
		if err := jsonl.Unmarshal(data, v); err != nil {
			return false, fmt.Errorf("%s does not answer like a hub: %w", response.Request.URL.Host, err)
		}
		next, err = nextPage(response)
		return false, err
	})
	return next, err
}

// nextPage is the address of a list's next page by the Link header, or "". Only the
// query is taken from there: a mirror passes on the hub's own address.
func nextPage(response *http.Response) (string, error) {
	for link := range strings.SplitSeq(response.Header.Get("Link"), ",") {
		target, parameters, _ := strings.Cut(strings.TrimSpace(link), ";")
		if !strings.Contains(parameters, `rel="next"`) {
			continue
		}
		next, err := url.Parse(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(target), "<"), ">"))
		if err != nil {
			return "", fmt.Errorf("the next page of the list is no address: %.100q", target)
		}
		page := *response.Request.URL
		page.RawQuery = next.RawQuery
		return page.String(), nil
	}
	return "", nil
}
