// Package report turns run folders into a page that can be read, printed and
// sent: figures, tables, CSV.
//
// Invariants: the page is one file and refers to nothing outside itself; every
// number in a figure is in a table; no meaning is carried by colour alone; the
// same folders give the same bytes; a run that is still going can be reported.
package report
