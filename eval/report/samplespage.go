package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
)

// SamplesPage is the page on which a report's samples are read, beside the report.
const SamplesPage = "samples.html"

//go:embed samples.html
var samplesSource string

//go:embed samples.css
var samplesCSS string

//go:embed samples.js
var samplesScript string

var samplesTemplate = template.Must(template.New("samples").Parse(samplesSource))

// script is a page's own, fit for HTML and for XML.
func script(text string) template.JS { return template.JS("//<![CDATA[\n" + text + "//]]>\n") }

// policy is a page's: it runs its own script and, where it has any, those of files beside it, and loads nothing.
// What a model wrote could do nothing even if it came to be a part of the page.
func policy(s template.JS, beside string) string {
	sum := sha256.Sum256([]byte(s))
	return strings.TrimSpace(fmt.Sprintf("default-src 'none'; base-uri 'none'; form-action 'none'; "+
		"style-src 'unsafe-inline'; font-src data:; script-src 'sha256-%s' %s",
		base64.StdEncoding.EncodeToString(sum[:]), beside))
}

// samplesHTML returns the page of samples.
func (r *Report) samplesHTML() ([]byte, error) {
	var b strings.Builder
	code := script(samplesScript)
	err := samplesTemplate.Execute(&b, struct {
		Title, Policy string
		Style         template.CSS
		Script        template.JS
	}{r.Title, policy(code, "'self' file:"), template.CSS(pageStyle(r.study.known.fonts(false), samplesCSS)), code})
	return []byte(b.String()), err
}
