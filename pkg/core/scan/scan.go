// Package scan looks through foreign JSON before any decoder does: it bounds depth, numbers, strings and the count of values, and
// refuses what Go's decoder would silently repair or overwrite. It decodes nothing and knows no vendor.
package scan

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits bounds a body. A limit of 0 or less means Webhook's.
type Limits struct {
	Depth  int // of nested arrays and objects
	Number int // characters of a number literal
	Key    int // bytes between the quotes of a key, as written
	String int // bytes between the quotes of a string that is a value, as written
	Values int // in the whole body: members of objects and elements of arrays
}

// Webhook holds the limits of everything that arrives at the door. A sender whose texts are dropped unused may write them longer.
var Webhook = Limits{Depth: 32, Number: 24, Key: 64 << 10, String: 64 << 10, Values: 250_000}

// What JSON refuses.
var (
	ErrSyntax    = errors.New("not one JSON value")
	ErrUTF8      = errors.New("not valid UTF-8")
	ErrDepth     = errors.New("nested too deep")
	ErrNumber    = errors.New("a number is too long")
	ErrString    = errors.New("a string is too long")
	ErrValues    = errors.New("too many values")
	ErrDuplicate = errors.New("an object has a key twice")
)

// JSON returns nil if body is exactly one JSON value (RFC 8259) in valid UTF-8 within the limits, in which no object has
// two keys that Go's decoder takes for one (it ignores case). Otherwise it returns one of the errors above with the byte
// at which it was seen; the text repeats nothing of the body. It works in one pass, in memory bounded by the body's size.
func JSON(body []byte, lim Limits) error {
	if !utf8.Valid(body) {
		return ErrUTF8
	}
	s := scanner{body: body, lim: lim.filled()}
	s.space()
	if err := s.value(0); err != nil {
		return fmt.Errorf("%w (byte %d)", err, s.at)
	}
	s.space()
	if s.at != len(body) {
		return fmt.Errorf("%w (byte %d)", ErrSyntax, s.at)
	}
	return nil
}

func (l Limits) filled() Limits {
	if l.Depth <= 0 {
		l.Depth = Webhook.Depth
	}
	if l.Number <= 0 {
		l.Number = Webhook.Number
	}
	if l.Key <= 0 {
		l.Key = Webhook.Key
	}
	if l.String <= 0 {
		l.String = Webhook.String
	}
	if l.Values <= 0 {
		l.Values = Webhook.Values
	}
	return l
}

type scanner struct {
	body   []byte
	at     int
	lim    Limits
	values int // so far
	keys   keys
}

// peek returns the next byte, 0 at the end (a 0 byte is no part of any JSON outside strings).
func (s *scanner) peek() byte {
	if s.at < len(s.body) {
		return s.body[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.body) && strings.IndexByte(" \t\r\n", s.body[s.at]) >= 0 {
		s.at++
	}
}

// take steps over c, or reports that something else is there.
func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.at >= len(s.body) {
		return false
	}
	s.at++
	return true
}

// inner steps over a value inside an array or an object.
func (s *scanner) inner(depth int) error {
	if s.values++; s.values > s.lim.Values {
		return ErrValues
	}
	return s.value(depth)
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '{' || c == '[':
		if depth >= s.lim.Depth {
			return ErrDepth
		}
		if c == '{' {
			return s.object(depth + 1)
		}
		return s.array(depth + 1)
	case c == '"':
		_, err := s.text(s.lim.String)
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(s.body[s.at:], []byte(word)) {
			s.at += len(word)
			return nil
		}
	}
	return ErrSyntax
}

func (s *scanner) array(depth int) error {
	s.at++
	s.space()
	if s.take(']') {
		return nil
	}
	for {
		s.space()
		if err := s.inner(depth); err != nil {
			return err
		}
		s.space()
		switch {
		case s.take(','):
		case s.take(']'):
			return nil
		default:
			return ErrSyntax
		}
	}
}

func (s *scanner) object(depth int) error {
	s.at++
	s.space()
	if s.take('}') {
		return nil
	}
	outer := s.keys.enter()
	for {
		s.space()
		if err := s.key(); err != nil {
			return err
		}
		s.space()
		if err := s.inner(depth); err != nil {
			return err
		}
		s.space()
		switch {
		case s.take(','):
		case s.take('}'):
			s.keys.leave(outer)
			return nil
		default:
			return ErrSyntax
		}
	}
}

func (s *scanner) key() error {
	if s.peek() != '"' {
		return ErrSyntax
	}
	raw, err := s.text(s.lim.Key)
	if err != nil {
		return err
	}
	if !s.keys.add(raw) {
		return ErrDuplicate
	}
	s.space()
	if !s.take(':') {
		return ErrSyntax
	}
	return nil
}

// text steps over a string of at most so many bytes and returns it with its quotes.
func (s *scanner) text(most int) ([]byte, error) {
	from := s.at
	s.at++
	for s.at < len(s.body) {
		switch c := s.body[s.at]; {
		case c == '"':
			s.at++
			return s.body[from:s.at], nil
		case c < ' ':
			return nil, ErrSyntax
		case c == '\\':
			if !s.escape() {
				return nil, ErrSyntax
			}
		default:
			s.at++
		}
		if s.at-from-1 > most {
			return nil, ErrString
		}
	}
	return nil, ErrSyntax
}

func (s *scanner) escape() bool {
	s.at++
	c := s.peek()
	if c == 'u' {
		for i := 1; i <= 4; i++ {
			if s.at+i >= len(s.body) || strings.IndexByte("0123456789abcdefABCDEF", s.body[s.at+i]) < 0 {
				return false
			}
		}
		s.at += 5
		return true
	}
	if c == 0 || strings.IndexByte(`"\/bfnrt`, c) < 0 {
		return false
	}
	s.at++
	return true
}

func (s *scanner) number() error {
	from := s.at
	s.take('-')
	if !s.take('0') && !s.digits() {
		return ErrSyntax
	}
	if s.take('.') && !s.digits() {
		return ErrSyntax
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return ErrSyntax
		}
	}
	if s.at-from > s.lim.Number {
		return ErrNumber
	}
	return nil
}

// digits steps over one or more digits.
func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.body) && s.body[s.at] >= '0' && s.body[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}
