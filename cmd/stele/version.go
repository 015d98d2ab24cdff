package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/third_party/notices"
)

func newVersionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if g.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(map[string]string{"version": buildVersion()})
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "stele", buildVersion())
			return err
		},
	}
}

func newNoticesCommand(*globals) *cobra.Command {
	return &cobra.Command{
		Use:   "notices",
		Short: "Print the licences of third-party software in this program",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), notices.Text)
			return err
		},
	}
}

// commit is set by make build: the commit, and whether files differ from it.
var commit string

// buildVersion is the commit the program was built from, and the Go it was
// built with.
func buildVersion() string {
	if langid.Models {
		return builtFrom()
	}
	return builtFrom() + ", without models of languages"
}

func builtFrom() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if commit != "" {
		return commit + " " + info.GoVersion
	}
	version := "devel"
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v // of a release, or of a commit by its date
	}
	modified := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			if version == "devel" || strings.HasPrefix(version, "v0.0.0-") {
				version = s.Value
			}
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	return version + modified + " " + info.GoVersion
}
