package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/eval/prompt"
	"github.com/stele-lm/stele/serve"
)

// tokenVariable is the environment variable of --token, which others on the machine cannot see in a list of
// processes.
const tokenVariable = "STELE_TOKEN"

// serveFlags are the flags of stele serve.
type serveFlags struct {
	model, adapter, name, host, token string
	templateArgs                      []string
	noDrafts                          bool
	port, batch, context, requests    int
}

func newServeCommand(g *globals) *cobra.Command {
	f := &serveFlags{}
	c := &cobra.Command{
		Use:   "serve -m MODEL",
		Short: "Serve OpenAI's completions and chat completions over HTTP, on this machine",
		Long: `Answer HTTP requests in the form of OpenAI's API, for programs on this machine:

  /v1/completions, /v1/chat/completions   with n, stream, logprobs, seed, stop and more
  /v1/models, /health

Requests of all connections are generated together. The same seed gives the same tokens
whatever else is running; a request without a seed gets a new one each time. With --devices
each request goes to the GPU with the least to do; --batch and --context apply to each.
Log-probabilities are at the request's temperature (at 1 if that is 0).

Without --token only programs on this machine are answered. A server for others (--host)
needs a token, which clients send as their API key. The environment variable ` + tokenVariable + `
sets it without showing it in a list of processes. There is no encryption.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return runServe(c, g, f) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", modelUsage)
	flags.StringVar(&f.adapter, "adapter", "", adapterUsage)
	g.quantizeFlag(c)
	flags.StringArrayVar(&f.templateArgs, "template-arg", nil, templateArgUsage)
	flags.StringVar(&f.name, "name", "", "the model's name for clients; by default the last part of --model")
	flags.StringVar(&f.host, "host", "127.0.0.1", "address to listen on")
	flags.IntVar(&f.port, "port", 8000, "port to listen on; 0 takes a free one")
	flags.StringVar(&f.token, "token", "", "API key that clients must send")
	flags.IntVar(&f.batch, "batch", 32, "sequences decoded together")
	flags.IntVar(&f.context, "context", 0,
		"tokens that all sequences together can have in memory; 0 is what 2 GiB hold, on a GPU half of what is free")
	flags.BoolVar(&f.noDrafts, "no-drafts", false, noDraftsUsage)
	flags.IntVar(&f.requests, "max-requests", serve.Defaults().MaxRequests,
		"requests under way and waiting; more are refused")
	g.devicesFlag(c)
	must(c.MarkFlagRequired("model"))
	return c
}

func runServe(c *cobra.Command, g *globals, f *serveFlags) error {
	if f.batch < 1 || f.requests < 1 || f.context < 0 || f.port < 0 || f.port > 65535 {
		return usagef("--batch %d and --max-requests %d must be at least 1, --context %d at least 0, "+
			"--port %d 0 to 65535", f.batch, f.requests, f.context, f.port)
	}
	if f.token == "" {
		f.token = os.Getenv(tokenVariable)
	}
	ip := net.ParseIP(f.host)
	if loopback := strings.EqualFold(f.host, "localhost") || ip != nil && ip.IsLoopback(); !loopback && f.token == "" {
		return usagef("--host %s can be reached from elsewhere: give a --token, or %s in the environment", f.host,
			tokenVariable)
	}
	variables, err := prompt.ParseArguments(f.templateArgs)
	if err != nil {
		return usageError{err}
	}
	// Before the model is loaded, which takes long.
	listener, err := new(net.ListenConfig).Listen(c.Context(), "tcp", net.JoinHostPort(f.host, strconv.Itoa(f.port)))
	if err != nil {
		return fmt.Errorf("%w: another --port may be free", err)
	}
	defer listener.Close()
	options := g.engineOptions(f.batch)
	options.NoDrafts = f.noDrafts
	e, err := loadAdapted(c, f.model, f.adapter, options)
	if err != nil {
		return err
	}
	defer e.Close()
	sayUnsampled(c.ErrOrStderr(), e, f.model)
	if err := setTemplate(e, variables, f.model); err != nil {
		return err
	}
	sayDate(c.ErrOrStderr(), e.Template)
	o := serve.Defaults()
	o.Model, o.Token, o.PoolTokens, o.MaxRequests, o.Log = f.name, f.token, f.context, f.requests, g.stderr()
	if o.Model == "" {
		o.Model = servedName(f.model)
	}
	server, err := serve.New(e, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(g.stderr(), "serving %s at http://%s/v1: up to %d tokens per sequence, including the prompt\n", o.Model,
		listener.Addr(), server.MaxLen())
	if e.Template == nil {
		fmt.Fprintf(g.stderr(), "%s has no chat template: /v1/chat/completions refuses requests\n", f.model)
	}
	if err := server.Serve(c.Context(), listener); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// servedName is the last part of a folder's path, a hub id whole, and a built-in model as it is called.
func servedName(model string) string {
	if info, err := os.Stat(model); err == nil && info.IsDir() {
		if whole, err := filepath.Abs(model); err == nil {
			return filepath.Base(whole)
		}
	}
	return model
}
