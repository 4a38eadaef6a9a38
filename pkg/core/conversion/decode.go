package conversion

import (
	"slices"
	"time"

	"crm-connector/pkg/core/scan"
)

// MaxBody is the size of the largest body of an event, in bytes.
const MaxBody = 64 << 10

// maxText is how many characters a text of the metadata has at most.
const maxText = 200

// limits bound what is looked at. Numbers and strings are bounded by the body here and by their own rules where their path
// is known.
var limits = scan.Limits{Depth: 4, Number: MaxBody, String: MaxBody}

// Decode reads an event that was received at now. What is not exactly one event is a *Refusal that tells every fault; no
// part of it is an event then. Read again later with the same instant, which may have been cut to milliseconds, it is the
// same event. It accepts what a validator of Schema with formats asserted accepts, but for Codes with
// Beyond. It reads each byte a few times at most, and none of a body that is too large.
func Decode(body []byte, now time.Time) (Event, error) {
	if len(body) > MaxBody {
		return Event{}, refuse(TooLarge, Problem{"", CodeSize})
	}
	if err := scan.JSON(body, limits); err != nil {
		return Event{}, unreadable(body, err)
	}
	d := decoder{reader: reader{body: body}, now: now}
	if e := d.event(); len(d.problems) == 0 {
		return e, nil
	}
	return Event{}, refuse(Invalid, d.problems...)
}

type decoder struct {
	reader
	now      time.Time
	problems []Problem
}

// The required properties, in the order of the schema, and the bit that stands for each of them.
var required = [...]string{"/id_cliente", "/evento", "/timestamp", "/valore", "/canale", "/stato"}

const (
	seenClient = 1 << iota
	seenType
	seenAt
	seenValue
	seenChannel
	seenState
)

func (d *decoder) problem(path string, code Code) {
	if len(d.problems) < MaxProblems {
		d.problems = append(d.problems, Problem{path, code})
	}
}

func (d *decoder) event() Event {
	e := Event{Currency: EUR}
	if d.peek() != '{' {
		d.problem("", CodeType)
		return e
	}
	seen := 0
	for more := d.next(true); more; more = d.next(false) {
		raw := d.key()
		key, _ := plain(raw)
		seen |= d.member(&e, key)
	}
	for i, path := range required {
		if seen&(1<<i) == 0 {
			d.problem(path, CodeRequired)
		}
	}
	return e
}

// member reads the value of one property and returns its bit.
func (d *decoder) member(e *Event, key []byte) int {
	switch string(key) {
	case "id_evento":
		e.ID = string(d.matching("/id_evento", eventID))
	case "id_cliente":
		e.Client = string(d.matching("/id_cliente", clientID))
		return seenClient
	case "evento":
		e.Type = oneOf(d, "/evento", types)
		return seenType
	case "timestamp":
		e.At = d.instant("/timestamp")
		return seenAt
	case "valore":
		e.Value = d.cents("/valore")
		return seenValue
	case "valuta":
		e.Currency = Currency(d.matching("/valuta", currency))
	case "canale":
		e.Channel = oneOf(d, "/canale", channels)
		return seenChannel
	case "stato":
		e.State = oneOf(d, "/stato", states)
		return seenState
	case "metadati":
		e.Metadata = d.metadata("/metadati")
	default:
		d.unknown("", key)
	}
	return 0
}

func (d *decoder) metadata(path string) (m Metadata) {
	if d.peek() != '{' {
		d.problem(path, CodeType)
		d.skip()
		return m
	}
	for more := d.next(true); more; more = d.next(false) {
		key, _ := plain(d.key())
		switch string(key) {
		case "campagna":
			m.Campaign = d.short("/metadati/campagna")
		case "dispositivo":
			m.Device = d.short("/metadati/dispositivo")
		case "localita":
			m.Place = d.short("/metadati/localita")
		default:
			d.unknown(path, key)
		}
	}
	return m
}

func (d *decoder) unknown(path string, key []byte) {
	if identifier(key) {
		path += "/" + string(key)
	}
	d.problem(path, CodeUnknown)
	d.skip()
}

// string reads a text; a value of another type is a problem.
func (d *decoder) string(path string) ([]byte, bool) {
	if d.peek() != '"' {
		d.problem(path, CodeType)
		d.skip()
		return nil, false
	}
	s, ok := plain(d.text())
	if !ok {
		d.problem(path, CodeUnicode)
	}
	return s, ok
}

func (d *decoder) matching(path string, ok func([]byte) bool) []byte {
	s, is := d.string(path)
	if is && !ok(s) {
		d.problem(path, CodeFormat)
	}
	return s
}

func (d *decoder) short(path string) string {
	s, is := d.string(path)
	if is && !within(s, maxText) {
		d.problem(path, CodeLength)
	}
	return string(s)
}

func (d *decoder) instant(path string) time.Time {
	s, is := d.string(path)
	if !is {
		return time.Time{}
	}
	t, ok := parseInstant(s)
	if !ok {
		d.problem(path, CodeFormat)
	} else if code := timely(t, d.now); code != "" {
		d.problem(path, code)
	}
	return t
}

func (d *decoder) cents(path string) Cents {
	if c := d.peek(); c != '-' && !digit(c) {
		d.problem(path, CodeType)
		d.skip()
		return 0
	}
	c, code := parseCents(d.number())
	if code != "" {
		d.problem(path, code)
	}
	return c
}

// oneOf reads one of the words of an enumeration. A value of another type is none of them.
func oneOf[T ~string](d *decoder, path string, words []T) (zero T) {
	if d.peek() == '"' {
		s, _ := plain(d.text())
		if i := slices.IndexFunc(words, func(w T) bool { return string(w) == string(s) }); i >= 0 {
			return words[i]
		}
	} else {
		d.skip()
	}
	d.problem(path, CodeEnum)
	return zero
}

// eventID reports whether s is of the form [A-Za-z0-9._:-]{8,64}.
func eventID(s []byte) bool {
	for _, c := range s {
		if !letter(c) && !digit(c) && c != '.' && c != '_' && c != ':' && c != '-' {
			return false
		}
	}
	return 8 <= len(s) && len(s) <= 64
}

// clientID reports whether s is of the form CLIENTE-[A-Z]{2,10}-[0-9]{6}.
func clientID(s []byte) bool {
	const head, tail = "CLIENTE-", "-000000"
	n := len(s) - len(head) - len(tail)
	if n < 2 || n > 10 || string(s[:len(head)]) != head || s[len(head)+n] != '-' {
		return false
	}
	for _, c := range s[len(head) : len(head)+n] {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	for _, c := range s[len(head)+n+1:] {
		if !digit(c) {
			return false
		}
	}
	return true
}

// currency reports whether s is of the form [A-Z]{3}.
func currency(s []byte) bool {
	for _, c := range s {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(s) == 3
}

// identifier reports whether a property's name can be repeated to its sender: a short word, which can hardly be a value or
// anybody's code.
func identifier(s []byte) bool {
	for i, c := range s {
		if !letter(c) && c != '_' && (i == 0 || !digit(c)) && (i > 0 || c != '@') {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 40
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
