package conversion

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// reader steps over JSON that was scanned already and is known to be one value: it looks for nothing but where things end.
type reader struct {
	body []byte
	at   int
}

// peek skips space and returns the next byte.
func (r *reader) peek() byte {
	for ; ; r.at++ {
		switch c := r.body[r.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
}

// next steps into an object, or on to its next member, and reports whether there is one. first is true for the first call.
func (r *reader) next(first bool) bool {
	if first {
		r.peek()
		r.at++
		if r.peek() != '}' {
			return true
		}
	} else if c := r.peek(); c == ',' {
		r.at++
		return true
	}
	r.at++
	return false
}

// key returns the next member's name as written, without quotes, and stands before its value.
func (r *reader) key() []byte {
	r.peek()
	k := r.text()
	r.peek()
	r.at++ // the colon
	return k
}

// text steps over a string and returns what is between its quotes, as written.
func (r *reader) text() []byte {
	r.at++
	from := r.at
	for ; r.body[r.at] != '"'; r.at++ {
		if r.body[r.at] == '\\' {
			r.at++
		}
	}
	r.at++
	return r.body[from : r.at-1]
}

// number steps over a number and returns it as written.
func (r *reader) number() []byte {
	from := r.at
	for r.at < len(r.body) && strings.IndexByte("+-.0123456789eE", r.body[r.at]) >= 0 {
		r.at++
	}
	return r.body[from:r.at]
}

// skip steps over a value of any kind.
func (r *reader) skip() {
	depth := 0
	for {
		switch c := r.peek(); {
		case c == '"':
			r.text()
		case c == '{' || c == '[':
			depth++
			r.at++
		case c == '}' || c == ']':
			depth--
			r.at++
		case c == ',' || c == ':':
			r.at++
		case c == '-' || digit(c):
			r.number()
		default: // true, false, null
			for r.at < len(r.body) && 'a' <= r.body[r.at] && r.body[r.at] <= 'z' {
				r.at++
			}
		}
		if depth == 0 {
			return
		}
	}
}

// plain returns the characters of a string as written, and whether all of them are characters: an escape may be half of a
// surrogate pair.
func plain(raw []byte) ([]byte, bool) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw, true
	}
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	var s string
	_ = json.Unmarshal(quoted, &s) // a string that was scanned always decodes
	return []byte(s), !halves(raw)
}

// halves reports whether an escape of the string is half of a surrogate pair.
func halves(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		unit := hex4(raw[i+1:])
		i += 4
		switch {
		case unit < 0xd800 || unit > 0xdfff:
		case unit >= 0xdc00, len(raw) < i+7, raw[i+1] != '\\', raw[i+2] != 'u':
			return true
		default:
			if low := hex4(raw[i+3:]); low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 6
		}
	}
	return false
}

// hex4 returns the number of four hexadecimal digits.
func hex4(s []byte) (n rune) {
	for _, c := range s[:4] {
		n <<= 4
		switch {
		case digit(c):
			n |= rune(c - '0')
		default:
			n |= rune(c|0x20-'a') + 10
		}
	}
	return n
}

// within reports whether the text has at most n characters.
func within(s []byte, n int) bool { return len(s) <= n || utf8.RuneCount(s) <= n }
