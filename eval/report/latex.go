package report

import (
	"fmt"
	"strings"
	"unicode"
)

// wideTable is the number of columns from which a table is scaled to the page.
const wideTable = 8

// tallTable is the number of rows after which a table goes on in another: floats do
// not break over pages.
const tallTable = 32

// LaTeX returns the table for a paper: booktabs, with a caption and a label. It needs
// the packages booktabs and graphicx.
func (t *Table) LaTeX() string {
	var b strings.Builder
	for first := 0; first == 0 || first < len(t.Rows); first += tallTable {
		caption, label := latexText(t.Caption), "\\label{tab:"+t.Name+"}\n"
		if first > 0 {
			caption, label = "(continued)", "\\addtocounter{table}{-1}\n"
		}
		fmt.Fprintf(&b, "\\begin{table}[htbp]\n\\centering\n\\caption{%s}\n%s", caption, label)
		wide := len(t.Head) > wideTable
		if wide {
			b.WriteString("\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%\n")
		} else {
			b.WriteString("\\small\n")
		}
		fmt.Fprintf(&b, "\\begin{tabular}{%s%s}\n\\toprule\n", strings.Repeat("l", t.Labels),
			strings.Repeat("r", len(t.Head)-t.Labels))
		t.latexRow(&b, t.Head)
		b.WriteString("\\midrule\n")
		for i := first; i < min(len(t.Rows), first+tallTable); i++ {
			if i > first && t.Labels > 1 && t.Rows[i][0] != t.Rows[i-1][0] && t.repeats() {
				b.WriteString("\\addlinespace\n")
			}
			t.latexRow(&b, t.Rows[i])
		}
		b.WriteString("\\bottomrule\n\\end{tabular}")
		if wide {
			b.WriteString("}")
		}
		b.WriteString("\n\\end{table}\n")
	}
	return b.String()
}

func (t *Table) latexRow(b *strings.Builder, cells []string) {
	for i, c := range cells {
		if i > 0 {
			b.WriteString(" & ")
		}
		number, aside := c, ""
		if i >= t.Labels {
			number, aside = splitCell(c)
		}
		star := ""
		if i >= t.Labels && strings.HasSuffix(number, "*") {
			number, star = strings.TrimSuffix(number, "*"), "$^{*}$"
		}
		b.WriteString(latexText(number) + star)
		if aside != "" {
			b.WriteString(" {\\scriptsize " + latexText(aside) + "}")
		}
	}
	b.WriteString(" \\\\\n")
}

// repeats tells whether the first column groups rows.
func (t *Table) repeats() bool {
	for i := 1; i < len(t.Rows); i++ {
		if t.Rows[i][0] == t.Rows[i-1][0] {
			return true
		}
	}
	return false
}

// latexSigns replaces signs beyond ASCII that captions and cells use, and characters that
// TeX reads as commands.
var latexSigns = strings.NewReplacer(
	`\`, `\textbackslash{}`, "{", `\{`, "}", `\}`, "$", `\$`, "&", `\&`, "#", `\#`, "_", `\_`, "%", `\%`,
	"~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "<", `\textless{}`, ">", `\textgreater{}`, "|",
	`\textbar{}`, `"`, `''`,
	"−", `$-$`, "–", "--", "…", `\dots{}`, "±", `$\pm$`, "·", `$\cdot$`, "×", `$\times$`, "≥", `$\geq$`, "≤",
	`$\leq$`, "→", `$\rightarrow$`,
	"Δ", `$\Delta$`, "α", `$\alpha$`, "β", `$\beta$`, "λ", `$\lambda$`, "ε", `$\varepsilon$`, "π", `$\pi$`,
	"⁻", `$^{-}$`, "⁰", `$^{0}$`, "¹", `$^{1}$`, "²", `$^{2}$`, "³", `$^{3}$`, "⁴", `$^{4}$`, "⁵", `$^{5}$`,
	"⁶", `$^{6}$`, "⁷", `$^{7}$`, "⁸", `$^{8}$`, "⁹", `$^{9}$`)

// latexText escapes text. Characters that pdfTeX's Latin fonts lack are written as
// their code points: a table that does not compile is worth nothing.
func latexText(s string) string {
	var b strings.Builder
	for _, r := range latexSigns.Replace(s) {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r < 0x20 || r == 0x7f:
		case r < 0x80, r >= 0xa1 && r <= 0x17f && unicode.IsLetter(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "U+%04X", r)
		}
	}
	return b.String()
}

// latexHead begins a document that compiles with pdflatex.
const latexHead = `\documentclass[10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage[a4paper,landscape,margin=1.5cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\extrafloats{200}
\begin{document}
`

// latexNumber gives what follows a number of the paper's, until latexAfter.
func latexNumber(kind, number string) string {
	if number == "" {
		return ""
	}
	return fmt.Sprintf("\\begingroup\\renewcommand{\\the%s}{%s}\n", kind, number)
}

func latexAfter(kind, number string) string {
	if number == "" {
		return ""
	}
	return fmt.Sprintf("\\endgroup\\addtocounter{%s}{-1}\n", kind)
}

// LaTeX returns the report as a document: text, figures and tables.
func (r *Report) LaTeX() string {
	var b strings.Builder
	b.WriteString(latexHead)
	if r.study.paper {
		b.WriteString("\\renewcommand{\\thetable}{S\\arabic{table}}\n\\renewcommand{\\thefigure}{S\\arabic{figure}}\n")
	}
	fmt.Fprintf(&b, "\\title{%s}\n\\date{}\n\\author{}\n\\maketitle\n", latexText(r.Title))
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n\\section{%s}\n", latexText(s.Title))
		if len(s.Facts) > 0 {
			b.WriteString(latexText(strings.Join(s.Facts, " ")) + "\n")
		}
		if len(s.Points) > 0 {
			b.WriteString("\\begin{itemize}\n")
			for _, point := range s.Points {
				b.WriteString("\\item " + latexText(point) + "\n")
			}
			b.WriteString("\\end{itemize}\n")
		}
		for _, f := range s.Figures {
			b.WriteString(latexNumber("figure", f.Number))
			fmt.Fprintf(&b, "\\begin{figure}[htbp]\n\\centering\n"+
				"\\includegraphics[width=\\textwidth,height=0.8\\textheight,keepaspectratio]"+
				"{figures/%s.png}\n"+
				"\\caption{%s}\n\\label{fig:%s}\n\\end{figure}\n",
				f.Name, latexText(f.Caption), f.Name)
			b.WriteString(latexAfter("figure", f.Number))
		}
		for i := range s.Tables {
			t := &s.Tables[i]
			fmt.Fprintf(&b, "%s\\input{tables/%s.tex}\n%s", latexNumber("table", t.Number), t.Name,
				latexAfter("table", t.Number))
		}
		b.WriteString("\\clearpage\n")
	}
	b.WriteString("\\end{document}\n")
	return b.String()
}
