package api

import (
	"io"
	"iter"
	"strings"
)

// writeCSV writes a table as comma-separated values (RFC 4180): the headings,
// then a row a line. Lines end in a line feed alone, which every reader takes;
// text is what it is in the graph, and a spreadsheet that takes a cell which
// begins with = for a formula has to be told not to.
func writeCSV(out io.Writer, columns []string, rows iter.Seq[[]string]) error {
	b := appendCSV(make([]byte, 0, 4<<10), columns)
	for row := range rows {
		b = appendCSV(b, row)
		if len(b) >= 32<<10 {
			if _, err := out.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err := out.Write(b)
	return err
}

// appendCSV appends one row. A lone empty cell is written in quotes: an empty
// line is no row.
func appendCSV(b []byte, cells []string) []byte {
	if len(cells) == 1 && cells[0] == "" {
		return append(b, '"', '"', '\n')
	}
	for i, s := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCell(b, s)
	}
	return append(b, '\n')
}

// appendCell appends one cell, in quotes where it could be read as anything
// else.
func appendCell(b []byte, s string) []byte {
	if s == "" || !strings.ContainsAny(s, ",\"\r\n") && s[0] > ' ' && s[0] < 0x80 && s[len(s)-1] > ' ' {
		return append(b, s...)
	}
	b = append(b, '"')
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		b = append(append(b, s[:i+1]...), '"')
		s = s[i+1:]
	}
	return append(append(b, s...), '"')
}
