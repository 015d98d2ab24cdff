package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/prompt"
)

// chatFlags are the flags of stele chat.
type chatFlags struct {
	samplingFlags
	model, adapter, system string
	templateArgs           []string
}

func newChatCommand(g *globals) *cobra.Command {
	f := &chatFlags{}
	c := &cobra.Command{
		Use:   "chat -m MODEL",
		Short: "Chat with a model",
		Long: `Chat with a model: each line is a message, and the answer appears token by token.
Ctrl-C ends an answer; at the prompt it ends the conversation, as Ctrl-D does.

  /reset   forget the conversation
  /again   draw the last answer again
  /exit    leave

Lines may also come from a file or a pipe; then only the answers are printed.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return runChat(c, g, f) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", modelUsage)
	flags.StringVar(&f.adapter, "adapter", "", adapterUsage)
	g.quantizeFlag(c)
	flags.StringVar(&f.system, "system", "", "system message")
	flags.StringArrayVar(&f.templateArgs, "template-arg", nil, templateArgUsage)
	f.samplingFlags.add(c)
	must(flags.Set("max-tokens", "4096"))
	flags.Lookup("max-tokens").DefValue, flags.Lookup("max-tokens").Changed = "4096", false
	must(c.MarkFlagRequired("model"))
	return c
}

func runChat(c *cobra.Command, g *globals, f *chatFlags) error {
	base, err := f.samplingFlags.request()
	if err != nil {
		return err
	}
	variables, err := prompt.ParseArguments(f.templateArgs)
	if err != nil {
		return usageError{err}
	}
	options := g.engineOptions(1)
	options.NoDrafts = f.noDrafts
	e, err := loadAdapted(c, f.model, f.adapter, options)
	if err != nil {
		return err
	}
	defer e.Close()
	sayUnsampled(c.ErrOrStderr(), e, f.model)
	if e.Template == nil {
		return usagef("%s has no chat template: stele generate --raw completes text", f.model)
	}
	if err := e.Template.Err(); err != nil {
		return err
	}
	if err := setTemplate(e, variables, f.model); err != nil {
		return err
	}
	sayDate(c.ErrOrStderr(), e.Template)
	talk := &talk{engine: e, base: base, out: c.OutOrStdout(), say: c.ErrOrStderr()}
	if f.system != "" {
		talk.messages = []text.Message{{Role: "system", Content: f.system}}
	}
	talk.begin = len(talk.messages)
	in, ok := c.InOrStdin().(*os.File)
	if ok && term.IsTerminal(int(in.Fd())) {
		talk.prompt = "> "
	}
	return talk.run(c.Context(), c.InOrStdin(), g.verbose)
}

// talk is a conversation.
type talk struct {
	engine   *engine.Engine
	base     engine.Request
	out, say io.Writer
	prompt   string // before each line; empty where no person types

	messages []text.Message
	begin    int // messages that /reset leaves
	answers  int // so far, of the same conversation or others: each has randomness of its own
	reserved int // tokens that the key-value pool is made for: it grows by doubling, and keeps what is known
}

// lines reads in line by line until it ends; a line may be of any length.
func lines(in io.Reader) <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		r := bufio.NewReader(in)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				out <- strings.TrimRight(line, "\r\n")
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

func (t *talk) run(ctx context.Context, in io.Reader, verbose bool) error {
	input := lines(in)
	interrupted := make(chan struct{}, 1)
	defer onInterrupt(ctx, func() {
		select {
		case interrupted <- struct{}{}:
		default:
		}
	})()
	for {
		select {
		case <-interrupted: // after an answer had ended by itself
		default:
		}
		fmt.Fprint(t.say, t.prompt)
		var line string
		var ok bool
		select {
		case line, ok = <-input:
		case <-interrupted:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !ok {
			if t.prompt != "" {
				fmt.Fprintln(t.say)
			}
			return nil
		}
		last := len(t.messages) - 1
		switch command := strings.TrimSpace(line); {
		case command == "":
			continue
		case command == "/exit", command == "/bye":
			return nil
		case command == "/reset":
			t.messages = t.messages[:t.begin]
			continue
		case command == "/again" && last > t.begin:
			t.messages = t.messages[:last]
		case strings.HasPrefix(command, "/") && !strings.Contains(command, " "):
			fmt.Fprintf(t.say, "%s is not a command, or nothing has been asked yet: expected /reset, /again or /exit\n",
				command)
			continue
		default:
			t.messages = append(t.messages, text.Message{Role: "user", Content: line})
		}
		if err := t.answer(ctx, interrupted, verbose); err != nil {
			return err
		}
	}
}

// answer completes the conversation and adds what was said to it, also where it was interrupted.
func (t *talk) answer(ctx context.Context, interrupted <-chan struct{}, verbose bool) error {
	c := text.Conversation{}
	var err error
	if c.Messages, err = json.Marshal(t.messages); err != nil {
		return err
	}
	rendered, err := t.engine.Template.RenderConversation(c, true)
	if err != nil {
		return err
	}
	r := t.base
	r.ID = strconv.Itoa(t.answers)
	t.answers++
	if r.Prompt, err = t.engine.Tokenizer.Encode(rendered, false); err != nil {
		return err
	}
	if err := t.engine.CheckRequest(&r); err != nil { // it has become too long
		fmt.Fprintf(t.say, "%v: the message was removed; /reset forgets the conversation\n", err)
		t.messages = t.messages[:len(t.messages)-1]
		return nil
	}
	positions := t.engine.Weights.Config.MaxPositions
	if need := min(len(r.Prompt)+r.MaxTokens, positions); need > t.reserved {
		t.reserved = min(2*need, positions)
	}
	if err := t.engine.Reserve(t.reserved, 1); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	answered := make(chan struct{})
	defer close(answered)
	go func() {
		select {
		case <-interrupted:
			stop()
		case <-answered:
		}
	}()
	var said strings.Builder
	tokens := 0
	began := time.Now()
	r.Piece = func(p engine.Piece) error {
		tokens++
		said.WriteString(p.Text)
		_, err := io.WriteString(t.out, p.Text)
		return err
	}
	err = t.engine.Generate(ctx, []engine.Request{r}, func(done engine.Completion) error {
		if done.FinishReason == engine.FinishLength {
			fmt.Fprintf(t.say, "\ncut off: %d tokens after a conversation of %d", len(done.Tokens), len(r.Prompt))
		}
		return nil
	})
	fmt.Fprintln(t.out)
	if verbose {
		fmt.Fprintf(t.say, "%d + %d tokens, %.1f tok/s\n", len(r.Prompt), tokens,
			float64(tokens)/time.Since(began).Seconds())
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	t.messages = append(t.messages, text.Message{Role: "assistant", Content: said.String()})
	return err
}
