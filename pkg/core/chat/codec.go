package chat

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"crm-connector/pkg/core/crm"
)

// coder writes a JSON object, or reads one: the same list of fields serves both ways, so that they cannot part. A field that
// is empty is not written.
type coder struct {
	out  []byte                     // the object so far, open, while writing
	in   map[string]json.RawMessage // the object, while reading; nil while writing
	fail error                      // the first fault of reading
}

func (c *coder) writes() bool { return c.in == nil }

// key begins a field.
func (c *coder) key(name string) {
	if c.out[len(c.out)-1] != '{' {
		c.out = append(c.out, ',')
	}
	c.out = append(append(append(c.out, '"'), name...), '"', ':')
}

// value reads a field into what p points to; one that is absent leaves it as it is.
func (c *coder) value(name string, p any) {
	raw, ok := c.in[name]
	if !ok || c.fail != nil {
		return
	}
	c.fail = json.Unmarshal(raw, p)
}

func (c *coder) word(name string, s *string) {
	if !c.writes() {
		c.value(name, s)
	} else if *s != "" {
		c.key(name)
		c.out = appendText(c.out, *s)
	}
}

func (c *coder) text(name string, v *crm.Value) {
	if !c.writes() {
		var s string
		if c.value(name, &s); s != "" {
			*v = crm.Text(s)
		}
	} else if v.Filled() {
		c.key(name)
		c.out = appendText(c.out, v.Text())
	}
}

func (c *coder) texts(name string, all *[]crm.Value) {
	list(c, name, all, func(v *crm.Value, c *coder) { c.text("x", v) })
}

func (c *coder) number(name string, n *int) {
	if !c.writes() {
		c.value(name, n)
	} else if *n != 0 {
		c.key(name)
		c.out = strconv.AppendInt(c.out, int64(*n), 10)
	}
}

func (c *coder) flag(name string, b *bool) {
	if !c.writes() {
		c.value(name, b)
	} else if *b {
		c.key(name)
		c.out = append(c.out, "true"...)
	}
}

// time keeps milliseconds; the zero time is absent.
func (c *coder) time(name string, t *time.Time) {
	if !c.writes() {
		var ms int64
		if c.value(name, &ms); ms != 0 {
			*t = time.UnixMilli(ms).UTC()
		}
	} else if !t.IsZero() {
		c.key(name)
		c.out = strconv.AppendInt(c.out, t.UnixMilli(), 10)
	}
}

// part codes a struct inside; an empty one is not written.
func part[T any](c *coder, name string, p *T, fields func(*T, *coder)) {
	if !c.writes() {
		read(c, c.in[name], p, fields)
		return
	}
	before := len(c.out)
	c.key(name)
	from := len(c.out)
	c.object(func(c *coder) { fields(p, c) })
	if len(c.out) == from+len("{}") {
		c.out = c.out[:before]
	}
}

// pointer codes a struct that may be absent.
func pointer[T any](c *coder, name string, p **T, fields func(*T, *coder)) {
	if c.writes() {
		if *p != nil {
			c.key(name)
			c.object(func(c *coder) { fields(*p, c) })
		}
		return
	}
	if raw, ok := c.in[name]; ok {
		*p = new(T)
		read(c, raw, *p, fields)
	}
}

// list codes a list of structs; an empty one is not written.
func list[T any](c *coder, name string, all *[]T, fields func(*T, *coder)) {
	if !c.writes() {
		var raws []json.RawMessage
		c.value(name, &raws)
		for _, raw := range raws {
			var one T
			read(c, raw, &one, fields)
			*all = append(*all, one)
		}
		return
	}
	if len(*all) == 0 {
		return
	}
	c.key(name)
	c.out = append(c.out, '[')
	for i := range *all {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.object(func(c *coder) { fields(&(*all)[i], c) })
	}
	c.out = append(c.out, ']')
}

func (c *coder) object(fields func(*coder)) {
	c.out = append(c.out, '{')
	fields(c)
	c.out = append(c.out, '}')
}

func read[T any](c *coder, raw json.RawMessage, p *T, fields func(*T, *coder)) {
	if raw == nil || c.fail != nil {
		return
	}
	inner := &coder{in: map[string]json.RawMessage{}}
	if inner.fail = json.Unmarshal(raw, &inner.in); inner.fail == nil && inner.in != nil {
		fields(p, inner)
	}
	c.fail = inner.fail
}

// encode returns the JSON object of a struct.
func encode[T any](p *T, fields func(*T, *coder)) []byte {
	c := &coder{out: make([]byte, 0, 512)}
	c.object(func(c *coder) { fields(p, c) })
	return c.out
}

// decode reads what encode wrote. Fields that it does not know are ignored.
func decode[T any](text []byte, fields func(*T, *coder)) (T, error) {
	var out T
	c := &coder{}
	read(c, text, &out, fields)
	return out, c.fail
}

const hexDigits = "0123456789abcdef"

// appendText writes a JSON string in characters that SQS carries: it refuses most controls, U+FFFE and U+FFFF. What is not
// UTF-8 becomes U+FFFD.
func appendText(to []byte, s string) []byte {
	to = append(to, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			to = append(to, '\\', byte(r))
		case r == '\n':
			to = append(to, '\\', 'n')
		case r < ' ' || r == 0xFFFE || r == 0xFFFF:
			to = append(to, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		default:
			to = utf8.AppendRune(to, r)
		}
	}
	return append(to, '"')
}
