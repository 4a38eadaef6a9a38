package zohotest

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A stored value is a string (text, lookup and owner: the id), a bool, a json.Number or a []string; nil is empty. It is
// never changed in place.

// take turns a value as it came over the wire into the stored one, or returns the details of the refusal: which rule
// it broke (Zoho docs: Fields Metadata). A null clears.
func (s *Server) take(f *Field, raw any) (any, map[string]any) {
	wrong := map[string]any{"expected_data_type": f.Type}
	if raw == nil {
		if f.Type == "boolean" {
			return nil, wrong // a boolean cannot be empty
		}
		return nil, nil
	}
	switch f.Type {
	case "boolean":
		if b, ok := raw.(bool); ok {
			return b, nil
		}
	case "integer", "double", "currency":
		if n, ok := raw.(json.Number); ok {
			return f.number(n)
		}
	case "multiselectpicklist":
		if list, ok := raw.([]any); ok {
			return s.takeMany(f, list)
		}
	case "lookup", "ownerlookup":
		if o, ok := raw.(map[string]any); ok {
			return s.takeReference(f, o)
		}
	default:
		if text, ok := raw.(string); ok {
			return s.takeText(f, text)
		}
	}
	return nil, wrong
}

func (s *Server) takeText(f *Field, text string) (any, map[string]any) {
	wrong := map[string]any{"expected_data_type": f.Type}
	if s.opt.Trim {
		text = strings.TrimSpace(text)
	}
	if !utf8.ValidString(text) {
		return nil, wrong
	}
	switch f.Type {
	case "date":
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, wrong
		}
		return text, nil
	case "datetime":
		at, ok := parseOffset(text)
		if !ok {
			return nil, wrong
		}
		return s.zoned(at), nil
	}
	if text == "" {
		return nil, nil
	}
	if len(text) > f.Length && utf8.RuneCountInString(text) > f.Length {
		if !s.opt.Cut {
			return nil, map[string]any{"maximum_length": f.Length}
		}
		text = string([]rune(text)[:f.Length])
	}
	switch {
	case f.Type == "email" && !isEmail(text), f.Type == "phone" && !isPhone(text), f.Type == "website" && !isWebsite(text), f.Type == "bigint" && !digits(text):
		return nil, wrong
	case f.Type == "picklist" && !s.offers(f, text):
		return nil, map[string]any{"supported_values": f.Options}
	}
	return text, nil
}

func (s *Server) offers(f *Field, text string) bool {
	return s.opt.OpenPicklists || slices.Contains(f.Options, text)
}

func (s *Server) takeMany(f *Field, list []any) (any, map[string]any) {
	out := make([]string, 0, len(list))
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, map[string]any{"expected_data_type": "jsonarray"}
		}
		if !s.offers(f, text) {
			return nil, map[string]any{"supported_values": f.Options}
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// takeReference wants an id: setting a lookup by name is a legacy of v2 (Zoho docs: Insert Records).
func (s *Server) takeReference(f *Field, o map[string]any) (any, map[string]any) {
	id, ok := o["id"].(string)
	if !ok {
		return nil, map[string]any{"expected_data_type": "jsonobject"}
	}
	if f.Type == "ownerlookup" {
		if u := s.user(id); u == nil || u.Inactive {
			return nil, map[string]any{"id": id}
		}
		return id, nil
	}
	if s.dangles(f, id) {
		return nil, map[string]any{"id": id}
	}
	return id, nil
}

// number keeps the digits as sent: at most Length of them before the point, nine after it (Zoho docs: Fields Metadata).
func (f *Field) number(n json.Number) (any, map[string]any) {
	if len(n) > 64 || strings.ContainsAny(n.String(), "eE/") {
		return nil, map[string]any{"expected_data_type": f.Type}
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil, map[string]any{"expected_data_type": f.Type}
	}
	whole := new(big.Int).Abs(new(big.Int).Quo(r.Num(), r.Denom())).String()
	if len(whole) > f.Length {
		return nil, map[string]any{"maximum_length": f.Length}
	}
	if f.Type == "integer" {
		if !r.IsInt() {
			return nil, map[string]any{"expected_data_type": f.Type}
		}
		return json.Number(r.Num().String()), nil
	}
	places := 9
	if f.Decimals > 0 {
		places = f.Decimals
	}
	text := r.FloatString(places)
	return json.Number(strings.TrimSuffix(strings.TrimRight(text, "0"), ".")), nil
}

// parseOffset reads yyyy-MM-ddTHH:mm:ss±HH:mm, without a fraction and without Z (Zoho docs: Fields Metadata; whether Z is taken is not
// documented, so it is not).
func parseOffset(text string) (time.Time, bool) {
	if len(text) != len("2006-01-02T15:04:05-07:00") {
		return time.Time{}, false
	}
	t, err := time.Parse("2006-01-02T15:04:05-07:00", text)
	return t, err == nil
}

func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || strings.Count(s, "@") != 1 {
		return false
	}
	host := s[at+1:]
	return !strings.ContainsAny(s, " \t\r\n<>(),;:\"[]") && strings.Contains(host, ".") &&
		!strings.HasPrefix(host, ".") && !strings.HasSuffix(host, ".") && !strings.Contains(s, "..")
}

// isPhone holds the characters that a phone may have (Zoho docs: Fields Metadata).
func isPhone(s string) bool {
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', strings.ContainsRune("+ .-();#,", r):
		default:
			return false
		}
	}
	return true
}

func isWebsite(s string) bool {
	return !strings.ContainsAny(s, " \t\r\n<>\"") && strings.Contains(s, ".")
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// fromText reads the raw text of a value as the suite's adapters and the desk write it: true/false, decimals, members
// joined by ";", an owner's e-mail address or id, the id of a lookup.
func (s *Server) fromText(f *Field, text string) any {
	if text == "" && f.Type != "boolean" {
		return nil
	}
	switch f.Type {
	case "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case "integer", "double", "currency":
		return json.Number(text)
	case "multiselectpicklist":
		var list []any
		for part := range strings.SplitSeq(text, ";") {
			list = append(list, strings.TrimSpace(part))
		}
		return list
	case "datetime":
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return s.zoned(t)
		}
	case "lookup":
		return map[string]any{"id": text}
	case "ownerlookup":
		for _, u := range s.users {
			if u.Email == text {
				text = u.ID
			}
		}
		return map[string]any{"id": text}
	}
	return text
}

// same reports whether two stored values are the same.
func same(a, b any) bool {
	if x, ok := a.([]string); ok {
		y, ok := b.([]string)
		return ok && slices.Equal(x, y)
	}
	if _, ok := b.([]string); ok {
		return false
	}
	return a == b
}
