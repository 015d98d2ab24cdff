// Package report turns run folders into a page that can be read, printed and
// sent: figures, tables, CSV.
//
// Invariants: the page is one file and needs nothing outside itself; that of samples needs the folder beside
// it, and no server; every number in a figure is in a table; no meaning is carried by colour alone; the same
// folders give the same bytes; a run that is still going can be reported; what a model or a folder is called or
// says is text on a page, and nothing else.
package report
