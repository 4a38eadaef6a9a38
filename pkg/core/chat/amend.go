package chat

import "strings"

// Amendment is the one line of a logged message that says something about it: what became of it, or of its file.
type Amendment struct {
	Line  string
	Heads []string // what such a line begins with, in every language: one of before is known by it
	Mark  string   // stands in the entry behind what was written; nothing before it is such a line
}

// Delivery returns the amendment that says how far a message of the business has come. See StatusLine.
func Delivery(line, mark string) Amendment {
	const sign = "» "
	a := Amendment{Line: sign + line, Mark: mark}
	for _, w := range []*words{&italian, &english} {
		a.Heads = append(a.Heads, sign+w.state+": ")
	}
	return a
}

// With returns the amendment in another spelling, as a system that shows markup keeps it.
func (a Amendment) With(spelling func(string) string) Amendment {
	out := Amendment{Line: spelling(a.Line), Mark: spelling(a.Mark)}
	for _, h := range a.Heads {
		out.Heads = append(out.Heads, spelling(h))
	}
	return out
}

// In returns the text of an entry with the line: in the place of the one of before, else at the end. All else stays as it is,
// whoever wrote it. end ends a line of the text: "\n", or a tag, and then every other tag does too.
func (a Amendment) In(text, end string) string {
	from := 0
	if i := strings.Index(text, a.Mark); i >= 0 {
		from = i + len(a.Mark)
	}
	begins, ends := "\r\n"+end[len(end)-1:], "\r\n"+end[:1]
	for i := from; i < len(text); i++ {
		if i == 0 || !strings.Contains(begins, text[i-1:i]) || !a.heads(text[i:]) {
			continue
		}
		rest := ""
		if n := strings.IndexAny(text[i:], ends); n >= 0 {
			rest = text[i+n:]
		}
		return text[:i] + a.Line + rest
	}
	return text + end + a.Line
}

func (a Amendment) heads(text string) bool {
	for _, h := range a.Heads {
		if strings.HasPrefix(text, h) {
			return true
		}
	}
	return false
}
