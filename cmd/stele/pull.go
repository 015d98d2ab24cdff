package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/dataset"
	"github.com/stele-lm/stele/internal/hub"
)

// pullFlags are the flags of stele pull.
type pullFlags struct {
	kind, revision string
	include        []string
	all            bool
	bench          bench.Options
}

func newPullCommand(g *globals) *cobra.Command {
	f := &pullFlags{}
	c := &cobra.Command{
		Use:   "pull NAME...",
		Short: "Fetch models, datasets and benchmarks from the hub into its local cache",
		Long: fmt.Sprintf(`Fetch models, datasets and benchmarks from the Hugging Face hub into its local cache,
where every command then finds them. The folder is printed.

NAME is a hub id such as Qwen/Qwen2.5-0.5B-Instruct or openai/gsm8k, with @REVISION if it
is not main, or one of your own registry's benchmarks, or one of
%s.
For a model only the files that Stele reads are fetched; --all also fetches the others.

Files that are already there are not fetched again, and interrupted transfers continue.
The hash of every file is checked. HF_HUB_CACHE or HF_HOME sets the cache's folder.
HF_ENDPOINT names a mirror. HF_TOKEN (or what "hf auth login" saved) is sent to it and to
no other host. HF_HUB_OFFLINE=1 forbids the network. For a gated repository, first accept
its terms on its page.`, strings.Join(pullable(), ", ")),
		ValidArgsFunction: func(_ *cobra.Command, _ []string, written string) ([]string,
			cobra.ShellCompDirective) {
			return goingOn(pullable(), "", written), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) == 0 {
				return usagef("nothing to pull: see %s --help", c.CommandPath())
			}
			return runPull(c, g, f, names)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.kind, "type", "auto",
		"what an id names: model, dataset, or auto (a model if there is one)")
	flags.StringVar(&f.revision, "revision", "", "branch, tag or commit; by default main")
	flags.StringArrayVar(&f.include, "include", nil,
		"fetch only files that match this pattern (*, ? and **); may be repeated")
	flags.BoolVar(&f.all, "all", false, "fetch all files of a model")
	flags.StringVar(&f.bench.Registry, "registry", "", "file of your own benchmarks")
	flags.StringVar(&f.bench.Dir, "data", "", "folder of benchmarks; its "+bench.RegistryFile+" is read")
	c.MarkFlagsMutuallyExclusive("include", "all")
	return c
}

// pullable lists the built-in benchmarks that the hub has.
func pullable() []string {
	return slices.DeleteFunc(bench.Names(),
		func(n string) bool { return len(bench.Registry[n].Repositories()) == 0 })
}

// pulledRow is a line of --json.
type pulledRow struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Commit     string `json:"commit"`
	Path       string `json:"path"`
	Files      int    `json:"files"`
	Downloaded int    `json:"downloaded"`
	Bytes      int64  `json:"bytes"`
}

func runPull(c *cobra.Command, g *globals, f *pullFlags, names []string) error {
	if f.kind != "auto" && f.kind != string(hub.Model) && f.kind != string(hub.Dataset) {
		return usagef("--type is %q: expected model, dataset or auto", f.kind)
	}
	client, err := hub.NewClient()
	if err != nil {
		return err
	}
	client.Log = os.Stderr
	for _, name := range names {
		var pulled []pulledRow
		if strings.Contains(name, "/") {
			row, err := f.repository(c.Context(), client, name)
			if err != nil {
				return err
			}
			pulled = append(pulled, row)
		} else if pulled, err = f.benchmark(c.Context(), client, name); err != nil {
			return err
		}
		for _, row := range pulled {
			if !g.json {
				fmt.Fprintln(c.OutOrStdout(), row.Path)
			} else if err := json.NewEncoder(c.OutOrStdout()).Encode(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// repository pulls a model or a dataset.
func (f *pullFlags) repository(ctx context.Context, client *hub.Client, name string) (pulledRow, error) {
	id, revision, _ := strings.Cut(name, "@")
	if revision == "" {
		revision = f.revision
	} else if f.revision != "" && f.revision != revision {
		return pulledRow{}, usagef("%s and --revision %s name two revisions", name, f.revision)
	}
	kinds := []hub.Kind{hub.Model, hub.Dataset}
	if f.kind != "auto" {
		kinds = []hub.Kind{hub.Kind(f.kind)}
	}
	if rest, ok := strings.CutPrefix(id, "datasets/"); ok {
		id, kinds = rest, []hub.Kind{hub.Dataset}
	}
	if !hub.IsID(id) {
		return pulledRow{}, usagef("%q is not a hub id of the form owner/name", id)
	}
	var failed error
	for i, kind := range kinds {
		repo := hub.Repo{Kind: kind, ID: id, Revision: revision}
		want, err := f.want(kind)
		if err != nil {
			return pulledRow{}, usageError{err}
		}
		row, err := pull(ctx, client, repo, want)
		if err == nil {
			return row, nil
		}
		// The hub says "unauthorized" of names that it does not know.
		refused := (*hub.StatusError)(nil)
		unknown := errors.Is(err, hub.ErrNotCached) ||
			errors.As(err, &refused) && (refused.Status == 404 || refused.Status == 401) &&
				refused.Code != hub.Gated
		if !unknown {
			return pulledRow{}, err
		}
		if i == 0 {
			failed = err
		}
	}
	if len(kinds) > 1 {
		failed = fmt.Errorf("%w; nor is there a dataset of that name", failed)
	}
	return pulledRow{}, failed
}

// benchmark pulls the repositories that a benchmark is read from.
func (f *pullFlags) benchmark(ctx context.Context, client *hub.Client, name string) ([]pulledRow, error) {
	entry, err := bench.Lookup(name, f.bench)
	if err != nil {
		return nil, usageError{err}
	}
	repositories := entry.Repositories()
	if len(repositories) == 0 {
		return nil, usagef("%s is not read from the hub: its registry entry names no hub source", name)
	}
	var rows []pulledRow
	var languages []string
	var failed error
	for _, r := range repositories {
		// Each language is read from the first source that has it.
		if !slices.ContainsFunc(r.Languages, func(l string) bool { return !slices.Contains(languages, l) }) {
			continue
		}
		want, err := matching(r.Paths)
		if err != nil {
			return nil, err
		}
		row, err := pull(ctx, client, hub.Repo{Kind: hub.Dataset, ID: r.ID, Revision: r.Revision}, want)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			failed = fmt.Errorf("%s: %w", name, err)
			continue
		}
		rows = append(rows, row)
		languages = append(languages, r.Languages...)
	}
	if len(rows) == 0 {
		return nil, failed
	}
	absent := slices.DeleteFunc(slices.Clone(entry.Languages),
		func(l string) bool { return slices.Contains(languages, l) })
	if len(absent) > 0 {
		fmt.Fprintf(os.Stderr, "%s: the hub has it in %s; for %s name a folder with --data\n",
			name, strings.Join(languages, " "), strings.Join(absent, " "))
	}
	return rows, nil
}

// want says which files of a repository are fetched.
func (f *pullFlags) want(kind hub.Kind) (func(string) bool, error) {
	switch {
	case len(f.include) > 0:
		return matching(f.include)
	case f.all || kind == hub.Dataset:
		return func(string) bool { return true }, nil
	}
	return modelFile, nil
}

// modelFile reports whether a file of a model's repository is one that Stele reads,
// or that says what the model is: the same weights in other forms are left out.
func modelFile(name string) bool {
	if strings.Contains(name, "/") {
		ok, _ := path.Match("additional_chat_templates/*.jinja", name)
		return ok
	}
	for _, pattern := range []string{"*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "*.md",
		"LICENSE*"} {
		if ok, _ := path.Match(pattern, name); ok {
			return !strings.HasPrefix(name, "consolidated")
		}
	}
	return false
}

// matching reports whether a file matches one of some patterns; none are all files.
func matching(patterns []string) (func(string) bool, error) {
	if len(patterns) == 0 {
		return func(string) bool { return true }, nil
	}
	var matchers []func(string) bool
	for _, p := range patterns {
		m, err := dataset.Match(p)
		if err != nil {
			return nil, err
		}
		matchers = append(matchers, m)
	}
	return func(name string) bool {
		return slices.ContainsFunc(matchers, func(m func(string) bool) bool { return m(name) })
	}, nil
}

func pull(ctx context.Context, client *hub.Client, repo hub.Repo, want func(string) bool) (pulledRow, error) {
	p, err := client.Pull(ctx, repo, want)
	if err != nil {
		return pulledRow{}, err
	}
	if client.Offline {
		fmt.Fprintf(os.Stderr, "%s: in the cache, not checked for changes (HF_HUB_OFFLINE)\n", repo)
	} else {
		fmt.Fprintf(os.Stderr, "%s: %d files at %.7s, %d of them fetched now", repo, p.Files, p.Commit,
			p.Downloaded)
		if p.LeftOut > 0 {
			fmt.Fprintf(os.Stderr, ", %d others left out", p.LeftOut)
		}
		fmt.Fprintln(os.Stderr)
	}
	return pulledRow{repo.ID, string(repo.Kind), p.Commit, p.Dir, p.Files, p.Downloaded, p.Bytes}, nil
}
