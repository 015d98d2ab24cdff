package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/sampler"
)

// refusal is an error that is the client's to mend, or to wait out.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// wrong refuses a request for what stands in it.
func wrong(err error) error {
	if err == nil || errors.As(err, new(*refusal)) {
		return err
	}
	return &refusal{http.StatusBadRequest, err.Error()}
}

// statusOf is the status of an error, and OpenAI's name of its kind.
func statusOf(err error) (status int, kind string) {
	r := (*refusal)(nil)
	switch {
	case errors.Is(err, sampler.ErrNothingLeft):
		return http.StatusBadRequest, "invalid_request_error"
	case errors.Is(err, engine.ErrSessionEnded), errors.Is(err, context.Canceled): // or nobody waits any more
		return http.StatusServiceUnavailable, "server_error"
	case !errors.As(err, &r):
		return http.StatusInternalServerError, "server_error"
	case r.status >= 500:
		return r.status, "server_error"
	case r.status == http.StatusUnauthorized:
		return r.status, "authentication_error"
	}
	return r.status, "invalid_request_error"
}

// errorBody is an error in OpenAI's form.
func errorBody(err error) map[string]any {
	status, kind := statusOf(err)
	return map[string]any{"error": map[string]any{"message": err.Error(), "type": kind, "code": status, "param": nil}}
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	status, _ := statusOf(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(errorBody(err)) // a client that has gone needs none
}

func writeJSON(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(data, '\n'))
}
